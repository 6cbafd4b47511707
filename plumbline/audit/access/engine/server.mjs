// One batch of simulations a line, answered by one line. Policies travel once a batch, under a number.
import { createRequire } from 'node:module';
import readline from 'node:readline';

const require = createRequire(import.meta.url);

// To which type a resource belongs takes longer to find out than the decision itself, and is asked for every simulation:
// what is known of a resource is kept.
const utils = require('@cloud-copilot/iam-utils');
const types = new Map();
require.cache[require.resolve('@cloud-copilot/iam-utils')].exports = {
  ...utils,
  mostSpecificMatchingResourceTypePatterns(resource, patterns) {
    const key = `${resource} ${patterns.join(' ')}`;
    if (!types.has(key)) types.set(key, utils.mostSpecificMatchingResourceTypePatterns(resource, patterns));
    return types.get(key);
  },
};

const {
  createValidatedPolicy,
  validateEndpointPolicy,
  validateIdentityPolicy,
  validateResourcePolicy,
  validateServiceControlPolicy,
} = require('@cloud-copilot/iam-policy');
const { getDenialReasons, getGrantReasons, runSimulation } = require('@cloud-copilot/iam-simulate');

// A policy is judged once for each use that is made of it, not once a simulation.
function pool(policies) {
  const judged = new Map();
  return (id, validate) => {
    const key = `${validate.name} ${id}`;
    if (!judged.has(key)) judged.set(key, createValidatedPolicy(policies[id], validate));
    return judged.get(key);
  };
}

function simulation(s, judged) {
  const named = (ids, validate) => ids.map((id) => ({ name: String(id), policy: judged(id, validate) }));
  const one = (id, validate) => (id === null ? undefined : judged(id, validate));
  return {
    request: {
      principal: s.principal,
      action: s.action,
      resource: { resource: s.resource, accountId: s.account },
      contextVariables: s.context,
    },
    identityPolicies: named(s.identity, validateIdentityPolicy),
    permissionBoundaryPolicies: s.boundary === null ? undefined : named([s.boundary], validateIdentityPolicy),
    serviceControlPolicies: s.organization.map((ids, level) => ({
      orgIdentifier: `level ${level}`,
      policies: named(ids, validateServiceControlPolicy),
    })),
    resourceControlPolicies: [],
    resourcePolicy: one(s.resourcePolicy, validateResourcePolicy),
    sessionPolicy: one(s.session, validateIdentityPolicy),
    vpcEndpointPolicies: s.endpoint === null ? undefined : named([s.endpoint], validateEndpointPolicy),
  };
}

const reason = (kind) => (r) => ({
  kind,
  type: r.policyType,
  policy: r.policyIdentifier ?? null,
  statement: r.statementId ?? (r.statementIndex === undefined ? null : String(r.statementIndex)),
});

async function decide(s, judged) {
  const answer = await runSimulation(simulation(s, judged), {});
  if (answer.resultType === 'error') return { error: JSON.stringify(answer.errors) };
  if (answer.resultType === 'wildcard') {
    // An action that may name a resource, asked without one: only what is allowed on everything allows it.
    if (s.resource !== '*') return { error: 'the resource has a wildcard' };
    const all = answer.results.find((result) => result.resourcePattern === '*');
    const refused = { result: 'ImplicitlyDenied', ignored: [], reasons: [reason('denies')({ policyType: 'identity' })] };
    return all ? decision(all.analysis, all.ignoredContextKeys) : refused;
  }
  return decision(answer.result.analysis, answer.result.ignoredContextKeys);
}

function decision(analysis, ignored) {
  // The library's list of reasons leaves the session policy out.
  const session = analysis.sessionAnalysis?.result ?? 'Allowed';
  return {
    result: analysis.result,
    ignored: ignored ?? [],
    reasons: [
      ...(session === 'Allowed' ? [] : [reason('denies')({ policyType: 'session', denialType: session.slice(0, 8) })]),
      ...getDenialReasons(analysis).map(reason('denies')),
      ...getGrantReasons(analysis).map(reason('allows')),
    ],
  };
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { policies, simulations } = JSON.parse(line);
  const judged = pool(policies);
  const answers = [];
  for (const s of simulations) {
    try {
      answers.push(await decide(s, judged));
    } catch (error) {
      answers.push({ error: String(error.message ?? error) });
    }
  }
  process.stdout.write(`${JSON.stringify(answers)}\n`);
}

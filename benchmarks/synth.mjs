// Builds the constructs that a plan names, from JavaScript, and synthesizes them: what the same platform would cost without
// Python. The plan is the construct tree that the Python app wrote (tree.json). Level-2 constructs get the options that matter to
// their cost; level-1 constructs get the very properties of the original.
// Usage: node synth.mjs TREE_JSON OUTPUT_FOLDER CONTEXT_JSON
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const [tree, outdir, context] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const cdk = require('aws-cdk-lib');
const { Construct } = require('constructs');
const iam = cdk.aws_iam;

// A reference of the original, as a token: level-1 constructs want text where the template has an intrinsic function.
const tokens = (value) => {
  if (Array.isArray(value)) return value.map(tokens);
  if (value === null || typeof value !== 'object') return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && (keys[0] === 'Ref' || keys[0].startsWith('Fn::'))) return cdk.Token.asString(value);
  return Object.fromEntries(keys.map((key) => [key, tokens(value[key])]));
};
const propertiesOf = (node) => tokens(node.attributes?.['aws:cdk:cloudformation:props'] ?? {});

// The statements of a policy as they stand in the original, whatever construct holds them.
const statements = (node) => {
  const properties = propertiesOf(node);
  const document = properties.policyDocument ?? properties.keyPolicy ?? { Statement: [] };
  return (document.Statement ?? []).map((statement) => iam.PolicyStatement.fromJson(statement));
};
const level1 = (node) => Object.values(node.children ?? {});
const policyOf = (node) => level1(node).flatMap(statements);

const LEVEL2 = {
  'aws-cdk-lib.aws_kms.Key': (scope, id, node) =>
    new cdk.aws_kms.Key(scope, id, { enableKeyRotation: true, policy: new iam.PolicyDocument({ statements: policyOf(node) }) }),
  'aws-cdk-lib.aws_kms.Alias': (scope, id) =>
    new cdk.aws_kms.Alias(scope, id, { aliasName: `alias/${id}`, targetKey: firstKey(scope) }),
  'aws-cdk-lib.aws_s3.Bucket': (scope, id, node) => {
    const bucket = new cdk.aws_s3.Bucket(scope, id, { enforceSSL: true, versioned: true, blockPublicAccess: cdk.aws_s3.BlockPublicAccess.BLOCK_ALL });
    level1(node).flatMap(policyOf).forEach((statement) => bucket.addToResourcePolicy(statement));
    return bucket;
  },
  'aws-cdk-lib.aws_iam.Role': (scope, id, node) => {
    const inline = level1(node).flatMap((child) => propertiesOf(child).policies ?? []);
    return new iam.Role(scope, id, {
      assumedBy: new iam.ServicePrincipal('sagemaker.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': '111111111111' } } }),
      inlinePolicies: Object.fromEntries(inline.map((policy) => [policy.policyName, iam.PolicyDocument.fromJson(policy.policyDocument)])),
    });
  },
  'aws-cdk-lib.aws_iam.ManagedPolicy': (scope, id, node) => new iam.ManagedPolicy(scope, id, { statements: policyOf(node) }),
  'aws-cdk-lib.aws_logs.LogGroup': (scope, id) => new cdk.aws_logs.LogGroup(scope, id, { retention: 365 }),
  'aws-cdk-lib.aws_events.EventBus': (scope, id) => new cdk.aws_events.EventBus(scope, id),
  'aws-cdk-lib.aws_ecr.Repository': (scope, id) => new cdk.aws_ecr.Repository(scope, id, { imageScanOnPush: true }),
  'aws-cdk-lib.aws_s3_assets.Asset': (scope, id) => new cdk.aws_s3_assets.Asset(scope, id, { path: join(dirname(context), 'functions') }),
  'aws-cdk-lib.aws_s3.BucketBase': (scope, id) => cdk.aws_s3.Bucket.fromBucketName(scope, id, 'bucket'),
  'aws-cdk-lib.CfnParameter': (scope, id) => new cdk.CfnParameter(scope, id, { type: 'String' }),
  'aws-cdk-lib.CfnOutput': (scope, id) => new cdk.CfnOutput(scope, id, { value: 'value' }),
};
const firstKey = (scope) => cdk.aws_kms.Key.fromKeyArn(scope, 'Target', 'arn:aws:kms:eu-west-1:111111111111:key/1');

const TAGS = { application: 'benchmark', environment: 'benchmark' };

const counts = {};
// Composites of which only the parts are built: CDK Pipelines, to our disadvantage, whose own work JavaScript is spared here.
const COMPOSITE = /^aws-cdk-lib\.(pipelines\.CodePipeline|aws_codepipeline\.Pipeline|aws_codebuild\.PipelineProject)$/;
// What a stack adds by itself when it is synthesized.
const AUTOMATIC = new Set(['aws-cdk-lib.CfnRule', 'aws-cdk-lib.CfnCondition']);
function build(scope, node) {
  const fqn = node.constructInfo?.fqn ?? 'constructs.Construct';
  if (AUTOMATIC.has(fqn) || node.id === 'BootstrapVersion') return undefined;
  counts[fqn] = (counts[fqn] ?? 0) + 1;
  if (LEVEL2[fqn]) return LEVEL2[fqn](scope, node.id, node);
  const match = /^aws-cdk-lib\.(aws_\w+)\.(Cfn\w+)$/.exec(fqn);
  if (match) return new cdk[match[1]][match[2]](scope, node.id, propertiesOf(node));
  let parent;
  if (fqn === 'aws-cdk-lib.Stage') parent = new cdk.Stage(scope, node.id);
  else if (fqn === 'aws-cdk-lib.Stack') parent = new cdk.Stack(scope, node.id, { env: { account: '111111111111', region: 'eu-west-1' }, description: node.id, tags: TAGS });
  else if (/^constructs\.Construct$|^mlops|^stacks|Resource$/.test(fqn) || COMPOSITE.test(fqn)) parent = new Construct(scope, node.id);
  else throw new Error(`${node.path}: the benchmark does not know ${fqn}; add it to LEVEL2`);
  for (const child of Object.values(node.children ?? {})) build(parent, child);
  return parent;
}

const app = new cdk.App({ outdir, context: JSON.parse(readFileSync(context, 'utf8')).context });
for (const node of Object.values(JSON.parse(readFileSync(tree, 'utf8')).tree.children)) {
  if (node.constructInfo?.fqn === 'aws-cdk-lib.Stage') build(app, node);
}
app.synth();
console.log(JSON.stringify(counts));

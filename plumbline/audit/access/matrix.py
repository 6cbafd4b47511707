"""The matrix: every row of the table, decided over the policies of the synthesized templates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from plumbline.audit.access.callers import Caller, find_caller
from plumbline.audit.access.coverage import missing_rows
from plumbline.audit.access.landscape import Landscape, Policy
from plumbline.audit.access.managed_by_aws import FULL_ACCESS
from plumbline.audit.access.notation import Row, Table, expand, read_table
from plumbline.audit.access.reading import Parameters, read_landscape
from plumbline.audit.access.requests import AWS_ITSELF, Need, Requests
from plumbline.audit.access.simulation import Decision, Engine, Simulation
from plumbline.audit.access.vocabulary import STRANGER, UnknownWordError, Vocabulary
from plumbline.audit.templates import AuditedTemplate
from plumbline.configuration import Model, Platform
from plumbline.errors import PlumblineError

_STRANGERS_ORGANIZATION = "o-strangers00"
# What strangers, and AWS itself, say about their own resources: come in. Only our side decides then.
_OPEN = Policy(
    name="a stranger's policy",
    document={
        "Version": "2012-10-17",
        "Statement": [{"Sid": "Everybody", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
    },
)
_OPEN_TRUST = Policy(
    name="a stranger's trust",
    document={
        "Version": "2012-10-17",
        "Statement": [{"Sid": "Everybody", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    },
)


class Access(StrEnum):
    """What a row comes to."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A row and what came of it.

    Attributes:
        row: The row.
        expected: What the table says.
        decided: What the policies come to.
        decided_by: The statements that allow it, or what denies it; of an undecided row, why.
    """

    row: Row
    expected: Access
    decided: Access
    decided_by: str

    @property
    def holds(self) -> bool:
        """Whether the policies come to what the table says."""
        return self.decided is self.expected


@dataclass(frozen=True, kw_only=True)
class MatrixReport:
    """What came of the matrix.

    Attributes:
        verdicts: One a row, in the order of the table.
        problems: What could not be worked out of the templates, each with its path.
        missing: Roles, endpoints, keys and buckets that the table says too little about.
        left_out: Names of rules that do not apply to this configuration.
    """

    verdicts: tuple[Verdict, ...]
    problems: tuple[str, ...]
    missing: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def failures(self) -> tuple[Verdict, ...]:
        """The rows that do not hold."""
        return tuple(verdict for verdict in self.verdicts if not verdict.holds)

    @property
    def holds(self) -> bool:
        """Whether every row holds, nothing is unknown, and nothing is missing."""
        return not (self.failures or self.problems or self.missing)


def evaluate(
    *,
    templates: Sequence[AuditedTemplate],
    platform: Platform,
    models: Sequence[Model],
    engine: Engine,
    parameters: Parameters | None = None,
    table: Table | None = None,
) -> MatrixReport:
    """Decides every row of the table over the policies of the templates.

    Args:
        templates: Those of all accounts, with what `bootstrap_templates` adds.
        platform: The configuration.
        models: The models.
        engine: What decides as AWS would.
        parameters: Values of CloudFormation parameters by account and stack name; one that is left out has its default.
        table: The table; left out, the platform's own.

    Raises:
        PlumblineError: The table has a mistake; exit code 2.
    """
    landscape = read_landscape(templates, parameters=parameters)
    vocabulary = Vocabulary(platform=platform, models=models, landscape=landscape)
    expansion = expand(table or read_table(), vocabulary)
    matrix = _Matrix(landscape=landscape, vocabulary=vocabulary, platform=platform)
    verdicts = tuple(matrix.decide(expansion.rows, engine))
    return MatrixReport(
        verdicts=verdicts,
        problems=tuple(landscape.problems),
        missing=tuple(missing_rows(expansion.rows, landscape, denied_by_endpoint=matrix.denied_by_endpoint)),
        left_out=tuple(expansion.left_out),
    )


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One need of a row: a simulation, or a reason why no request gets that far."""

    need: Need
    simulation: Simulation | None
    vpc: str = ""
    refusal: str = ""


class _Matrix:
    """Rows on their way to simulations, and decisions on their way back."""

    def __init__(self, *, landscape: Landscape, vocabulary: Vocabulary, platform: Platform) -> None:
        self._landscape = landscape
        self._vocabulary = vocabulary
        self._partition = platform.partition
        self._region = platform.region
        self._requests = Requests(landscape=landscape, partition=platform.partition, region=platform.region)
        self._callers: dict[str, Caller] = {}
        # VPC and service of every endpoint whose policy denied something.
        self.denied_by_endpoint: set[tuple[str, str]] = set()

    def decide(self, rows: Sequence[Row], engine: Engine) -> Iterator[Verdict]:
        """Decides all rows in one batch."""
        parts = [self._parts(row) for row in rows]
        asked = [part.simulation for row_parts in parts for part in row_parts if part.simulation is not None]
        decisions = iter(engine.decide(asked))
        for row, row_parts in zip(rows, parts, strict=True):
            answers = [(part, next(decisions) if part.simulation is not None else None) for part in row_parts]
            decided, by = _combined(row, answers)
            self.denied_by_endpoint |= {
                (part.vpc, part.need.endpoint)
                for part, decision in answers
                if decision is not None and any(r.kind == "endpoint" and not r.allows for r in decision.reasons)
            }
            yield Verdict(
                row=row,
                expected=Access.ALLOWED if row.expected else Access.DENIED,
                decided=decided,
                decided_by=by,
            )

    def _parts(self, row: Row) -> list[_Part]:
        try:
            caller = self._caller(row.principal)
            # A service's own account is nobody's: what it does, it does where the resource is.
            needs = self._requests.needs(row.request, caller.account or "")
        except UnknownWordError as error:
            raise PlumblineError(f"{row.file}: rule {row.rule!r}: {error}.") from None
        return [self._part(row, caller, need) for need in needs]

    def _caller(self, text: str) -> Caller:
        if text not in self._callers:
            self._callers[text] = find_caller(text, self._landscape, partition=self._partition)
        return self._callers[text]

    def _part(self, row: Row, row_caller: Caller, need: Need) -> _Part:
        caller = Caller(principal=need.service) if need.service else row_caller
        account = need.account or row_caller.account or ""
        via = need.via or "kms:ViaService" in row.set
        first_hand = not via and need.service is None
        vpc = self._vpc(row.network, caller) if first_hand else None
        endpoint = self._landscape.endpoints.get(vpc or "", {}).get(need.endpoint)
        if vpc is not None and endpoint is None and not row.past_endpoints:
            where = f"no VPC endpoint of {need.endpoint} in {vpc or 'an account without a VPC'}"
            return _Part(need=need, simulation=None, refusal=where)
        context: dict[str, str | Sequence[str]] = {
            **self._supplied(caller, need, account, via=via),
            **need.context,
        }
        if endpoint is not None:
            context |= {
                "aws:SourceVpc": endpoint.vpc,
                "aws:SourceVpce": endpoint.id,
                "aws:VpceAccount": endpoint.account,
                **self._organization_of("aws:VpceOrgID", endpoint.account),
            }
        # What a service does on somebody's behalf comes from the service's network, whatever the caller's was.
        context |= {key: value for key, value in row.set.items() if first_hand or not key.startswith("aws:")}
        bound = caller.account in self._vocabulary.account_ids
        return _Part(
            need=need,
            vpc=vpc or "",
            simulation=Simulation(
                principal=caller.principal,
                action=need.action,
                resource=need.resource,
                account=account,
                context={key: value for key, value in context.items() if key not in row.unset},
                identity=caller.policies,
                boundary=caller.boundary,
                organization=self._organization_policies() if bound else (),
                resource_policy=self._resource_policy(need, account),
                endpoint=endpoint.policy if endpoint and not row.past_endpoints else None,
            ),
        )

    def _vpc(self, network: str, caller: Caller) -> str | None:
        """Id of the VPC that a request comes from: none from the internet, empty from an account without one."""
        if network == "internet":
            return None
        account, environment = caller.account or "", self._vocabulary.environment(network)
        if network == "own":
            role = (caller.role_arn or "").rpartition("/")[2]
            environment = self._vocabulary.environment_of(role, account)
        elif environment is not None and environment.account is not None:
            account = environment.account
        known = environment.parts("value.network/vpc") if environment else None
        return known or next(iter(self._landscape.vpcs_of(account)), "")

    def _supplied(self, caller: Caller, need: Need, account: str, *, via: bool) -> dict[str, str | Sequence[str]]:
        """What AWS supplies with every request (IAM user guide, "AWS global condition context keys")."""
        context: dict[str, str | Sequence[str]] = {
            "aws:RequestedRegion": self._region,
            "aws:ResourceAccount": account,
            "aws:SecureTransport": "true",
            "aws:ViaAWSService": "true" if via else "false",
            **self._organization_of("aws:ResourceOrgID", account),
        }
        if caller.is_service:
            context |= {"aws:PrincipalIsAWSService": "true", "aws:PrincipalServiceName": caller.principal}
        elif caller.account is not None and caller.role_arn is not None:
            context |= {
                "aws:PrincipalAccount": caller.account,
                "aws:PrincipalArn": caller.role_arn,
                "aws:PrincipalIsAWSService": "false",
                "aws:PrincipalType": "AssumedRole",
                **self._organization_of("aws:PrincipalOrgID", caller.account),
            }
        return context | self._supplied_by_service(caller, need, account)

    def _supplied_by_service(self, caller: Caller, need: Need, account: str) -> dict[str, str | Sequence[str]]:
        """What single services add (Service Authorization Reference, "Condition keys for ...")."""
        service = need.action.partition(":")[0]
        if service == "s3":
            return {"s3:ResourceAccount": account, "s3:TlsVersion": "1.3"}
        if service == "kms":
            aliases = self._landscape.aliases_of(need.resource)
            caller_account = {"kms:CallerAccount": caller.account} if caller.account else {}
            return {**caller_account, **({"kms:ResourceAliases": aliases} if aliases else {})}
        role = self._landscape.roles.get(need.resource)
        if service == "iam" and role is not None and role.boundary is not None:
            return {"iam:PermissionsBoundary": role.boundary}
        return {}

    def _organization_of(self, key: str, account: str) -> dict[str, str]:
        if account == STRANGER:
            return {key: _STRANGERS_ORGANIZATION}
        own = self._vocabulary.organization_id
        return {key: own} if own and account in self._vocabulary.account_ids else {}

    def _organization_policies(self) -> tuple[tuple[Policy, ...], ...]:
        policies = self._landscape.service_control_policies
        return ((FULL_ACCESS, *policies),) if policies else ()

    def _resource_policy(self, need: Need, account: str) -> Policy | None:
        if account in (STRANGER, AWS_ITSELF):
            return _OPEN_TRUST if need.action == "sts:AssumeRole" else _OPEN
        role = self._landscape.roles.get(need.resource)
        if role is not None:
            return role.trust if need.action.startswith("sts:") else None
        return self._landscape.resource_policies.get(_policy_holder(need.resource))


def _policy_holder(resource: str) -> str:
    """ARN of what has the policy of a resource: the bucket of an object, the group of a version."""
    if ":s3:::" in resource:
        return resource.partition("/")[0]
    if ":model-package/" in resource:
        return resource.replace(":model-package/", ":model-package-group/").rpartition("/")[0]
    return resource


def _combined(row: Row, answers: Sequence[tuple[_Part, Decision | None]]) -> tuple[Access, str]:
    """What a row comes to: allowed if each of its parts is."""
    unknown = next((f"{p.need.action}: {d.error}" for p, d in answers if d is not None and d.error), None)
    if unknown is not None:
        return Access.UNDECIDED, unknown
    unused = _unused(row, [d for _, d in answers if d is not None])
    if unused:
        return Access.UNDECIDED, f"{unused} is known to no action of the request"
    for part, decision in answers:
        if decision is None:
            return Access.DENIED, f"{part.need.action}: {part.refusal}"
        if not decision.allowed:
            reasons = [str(reason) for reason in decision.reasons if not reason.allows]
            return Access.DENIED, f"{part.need.action}: {'; '.join(dict.fromkeys(reasons))}"
    granted = [
        f"{part.need.action}: {'; '.join(dict.fromkeys(str(r) for r in decision.reasons if r.kind != 'organization'))}"
        for part, decision in answers
        if decision is not None
    ]
    return Access.ALLOWED, " · ".join(granted)


def _unused(row: Row, decisions: Sequence[Decision]) -> str:
    """A condition key that a row sets and that none of its actions knows; empty if there is none."""
    known = [set(row.set) - set(decision.ignored) for decision in decisions]
    return next((key for key in row.set if decisions and not any(key in keys for keys in known)), "")

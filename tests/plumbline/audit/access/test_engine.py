"""The simulator answers as AWS's documentation says that AWS does."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from plumbline.audit.access import engine as engine_module
from plumbline.audit.access.engine import EngineMissingError, SimulationEngine
from plumbline.audit.access.landscape import Policy
from plumbline.audit.access.simulation import Decision, RememberingEngine, Simulation
from plumbline.audit.json_value import Json
from plumbline.errors import PlumblineError

A, B = "111111111111", "222222222222"
ROLE = f"arn:aws:sts::{A}:assumed-role/reader/session"
OBJECT = "arn:aws:s3:::data/own/x"
KEY = f"arn:aws:kms:eu-west-1:{A}:key/1"
TARGET = f"arn:aws:iam::{B}:role/target"


def _statement(action: Json, on: Json = "*", *, effect: str = "Allow", **more: Json) -> dict[str, Json]:
    resource: dict[str, Json] = {} if on is None else {"Resource": on}
    return {"Sid": "S", "Effect": effect, "Action": action, **resource, **more}


def _policy(*statements: dict[str, Json]) -> Policy:
    listed: list[Json] = list(statements)
    return Policy(name="policy", document={"Version": "2012-10-17", "Statement": listed})


def _simulation(
    action: str = "s3:GetObject",
    resource: str = OBJECT,
    *,
    principal: str = ROLE,
    account: str = A,
    context: dict[str, str | Sequence[str]] | None = None,
    identity: Sequence[Policy] = (),
    boundary: Policy | None = None,
    organization: Sequence[Sequence[Policy]] = (),
    resource_policy: Policy | None = None,
    session: Policy | None = None,
    endpoint: Policy | None = None,
) -> Simulation:
    return Simulation(
        principal=principal,
        action=action,
        resource=resource,
        account=account,
        context=context or {},
        identity=identity,
        boundary=boundary,
        organization=organization,
        resource_policy=resource_policy,
        session=session,
        endpoint=endpoint,
    )


def _for(principal: Json, action: Json, on: Json = "*", *, effect: str = "Allow", condition: Json = None) -> Policy:
    more: dict[str, Json] = {"Condition": condition} if condition else {}
    return _policy(_statement(action, on, effect=effect, Principal=principal, **more))


READ = _policy(_statement("s3:GetObject", "arn:aws:s3:::data/own/*"))
EVERYTHING = _policy(_statement("*"))
OTHER = _policy(_statement("ec2:*"))
HTTPS_ONLY = _for("*", "s3:*", effect="Deny", condition={"Bool": {"aws:SecureTransport": "false"}})
OUR_ACCOUNTS = _for("*", "s3:*", condition={"StringEquals": {"aws:ResourceAccount": A}})
DECRYPT = _policy(_statement("kms:Decrypt", KEY))
ROOT_OF_KEY = _for({"AWS": f"arn:aws:iam::{A}:root"}, "kms:*")
THROUGH_S3 = _for(
    {"AWS": f"arn:aws:iam::{A}:root"},
    "kms:*",
    condition={"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}},
)
LOGS_KEY = _for(
    {"Service": "logs.eu-west-1.amazonaws.com"},
    "kms:Encrypt",
    condition={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:eu-west-1:{A}:log-group:/p/*"}},
)
ASSUME = _policy(_statement("sts:AssumeRole", TARGET))
TRUST_A = _for({"AWS": f"arn:aws:iam::{A}:root"}, "sts:AssumeRole", None)
TRUST_SERVICE = _for(
    {"Service": "sagemaker.amazonaws.com"},
    "sts:AssumeRole",
    None,
    condition={"StringEquals": {"aws:SourceAccount": B}},
)
SUBNETS = _policy(
    _statement(
        "sagemaker:CreateTrainingJob",
        Condition={
            "ForAllValues:StringEquals": {"sagemaker:VpcSubnets": ["subnet-a", "subnet-b"]},
            "Null": {"sagemaker:VpcSubnets": "false"},
        },
    )
)
JOB = f"arn:aws:sagemaker:eu-west-1:{A}:training-job/x"
PIPELINES = f"arn:aws:codepipeline:eu-west-1:{A}:plumbline-release-"


def _assume(**more: object) -> Simulation:
    return _simulation("sts:AssumeRole", TARGET, account=B, **more)  # type: ignore[arg-type]


def _by_service(source: str) -> Simulation:
    return _assume(
        principal="sagemaker.amazonaws.com", context={"aws:SourceAccount": source}, resource_policy=TRUST_SERVICE
    )


def _decrypt(key_policy: Policy | None, via: str | None = None) -> Simulation:
    context: dict[str, str | Sequence[str]] = {"kms:ViaService": via} if via else {}
    return _simulation("kms:Decrypt", KEY, identity=[DECRYPT], resource_policy=key_policy, context=context)


def _encrypt_logs(group: str) -> Simulation:
    return _simulation(
        "kms:Encrypt",
        KEY,
        principal="logs.eu-west-1.amazonaws.com",
        context={"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:eu-west-1:{A}:log-group:{group}"},
        resource_policy=LOGS_KEY,
    )


def _train(*subnets: str) -> Simulation:
    context: dict[str, str | Sequence[str]] = {"sagemaker:VpcSubnets": list(subnets)} if subnets else {}
    return _simulation("sagemaker:CreateTrainingJob", JOB, identity=[SUBNETS], context=context)


def _pass(service: str) -> Simulation:
    target = TARGET.replace(B, A)
    policy = _policy(
        _statement(
            "iam:PassRole", target, Condition={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
        )
    )
    return _simulation("iam:PassRole", target, identity=[policy], context={"iam:PassedToService": service})


# What the documentation says, the request, and whether AWS lets it through.
CASES = [
    # IAM user guide, "Policy evaluation logic"
    ("an identity policy allows", _simulation(identity=[READ]), True),
    ("nothing allows", _simulation(), False),
    ("a prefix ends with its slash", _simulation(resource="arn:aws:s3:::data/owner/x", identity=[READ]), False),
    (
        "an explicit deny wins",
        _simulation(identity=[EVERYTHING, _policy(_statement("s3:GetObject", effect="Deny"))]),
        False,
    ),
    ("a boundary limits", _simulation(identity=[EVERYTHING], boundary=OTHER), False),
    ("a boundary grants nothing", _simulation(boundary=EVERYTHING), False),
    ("a session policy limits", _simulation(identity=[EVERYTHING], session=OTHER), False),
    ("a service control policy limits", _simulation(identity=[EVERYTHING], organization=[[OTHER]]), False),
    ("every level of it has to allow", _simulation(identity=[READ], organization=[[EVERYTHING], [OTHER]]), False),
    ("policies of a level add up", _simulation(identity=[READ], organization=[[OTHER, EVERYTHING]]), True),
    (
        "a bucket policy denies plain http",
        _simulation(identity=[READ], resource_policy=HTTPS_ONLY, context={"aws:SecureTransport": "false"}),
        False,
    ),
    (
        "and lets https through",
        _simulation(identity=[READ], resource_policy=HTTPS_ONLY, context={"aws:SecureTransport": "true"}),
        True,
    ),
    # PrivateLink guide, "Control access to VPC endpoints using endpoint policies"
    (
        "an endpoint reaches the accounts that its policy names",
        _simulation(identity=[READ], endpoint=OUR_ACCOUNTS, context={"aws:ResourceAccount": A}),
        True,
    ),
    (
        "and no others",
        _simulation(identity=[READ], endpoint=OUR_ACCOUNTS, context={"aws:ResourceAccount": B}),
        False,
    ),
    # IAM user guide, "Cross-account policy evaluation logic"
    ("another account needs both sides", _simulation(identity=[READ], account=B), False),
    (
        "and is let in by both",
        _simulation(identity=[READ], account=B, resource_policy=_for({"AWS": f"arn:aws:iam::{A}:root"}, "s3:*")),
        True,
    ),
    # KMS developer guide, "Default key policy", "kms:ViaService"
    ("a key opens to identity policies if its policy says so", _decrypt(ROOT_OF_KEY), True),
    ("a key without such a statement does not", _decrypt(_for({"AWS": f"arn:aws:iam::{A}:role/x"}, "kms:*")), False),
    ("a key opens through S3", _decrypt(THROUGH_S3, "s3.eu-west-1.amazonaws.com"), True),
    ("and through nothing else", _decrypt(THROUGH_S3, "lambda.eu-west-1.amazonaws.com"), False),
    ("and not directly", _decrypt(THROUGH_S3), False),
    # CloudWatch Logs user guide, "Encrypt log data in CloudWatch Logs using AWS Key Management Service"
    ("an encryption context that the key's policy names", _encrypt_logs("/p/x"), True),
    ("another encryption context", _encrypt_logs("/q/x"), False),
    # IAM user guide, "Methods to assume a role", "The confused deputy problem"
    ("a role of another account is assumed when both allow", _assume(identity=[ASSUME], resource_policy=TRUST_A), True),
    ("not without the caller's policy", _assume(resource_policy=TRUST_A), False),
    ("not without trust", _assume(identity=[ASSUME], resource_policy=TRUST_SERVICE), False),
    ("a service assumes for the account that its trust names", _by_service(B), True),
    ("and for no other", _by_service(A), False),
    # IAM user guide, "Grant a user permissions to pass a role to an AWS service"
    ("a role is passed to the service", _pass("sagemaker.amazonaws.com"), True),
    ("and to no other", _pass("ec2.amazonaws.com"), False),
    # IAM user guide, "Set operators for multivalued context keys"
    ("all values are among those allowed", _train("subnet-a"), True),
    ("one value is not", _train("subnet-a", "subnet-c"), False),
    ("no value at all, where Null says that there is one", _train(), False),
    # IAM user guide, "IAM JSON policy elements: Resource": * stands for any characters, of a pipeline's parts as well
    (
        "wildcards in a pipeline's name",
        _simulation(
            "codepipeline:PutApprovalResult",
            f"{PIPELINES}x/Approve/Production",
            identity=[_policy(_statement("codepipeline:PutApprovalResult", f"{PIPELINES}*/*/*"))],
        ),
        True,
    ),
    # Service Authorization Reference: an action without a resource type needs "Resource": "*"
    (
        "an action that may name no resource, allowed on everything",
        _simulation("cloudwatch:PutMetricData", "*", identity=[_policy(_statement("cloudwatch:PutMetricData"))]),
        True,
    ),
    (
        "and allowed on one resource only",
        _simulation(
            "cloudwatch:PutMetricData",
            "*",
            identity=[_policy(_statement("cloudwatch:PutMetricData", f"arn:aws:cloudwatch:eu-west-1:{A}:dataset/x"))],
        ),
        False,
    ),
]


@pytest.mark.parametrize(("simulation", "allowed"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_simulator_answers_as_aws_does(simulator: SimulationEngine, simulation: Simulation, allowed: bool) -> None:
    (decision,) = simulator.decide([simulation])
    assert decision.error == ""
    assert decision.allowed is allowed


def test_many_simulations_are_answered_in_their_order(simulator: SimulationEngine) -> None:
    decisions = simulator.decide([simulation for _, simulation, _ in CASES] * 3)
    assert [decision.allowed for decision in decisions] == [allowed for _, _, allowed in CASES] * 3


@pytest.mark.parametrize(
    ("simulation", "reason"),
    [
        (_simulation(identity=[READ]), "policy: S"),
        (_simulation(), "no identity policy allows it"),
        (_simulation(identity=[EVERYTHING], boundary=OTHER), "no boundary policy allows it"),
        (_simulation(identity=[EVERYTHING], session=OTHER), "no session policy allows it"),
        (_simulation(identity=[EVERYTHING], organization=[[OTHER]]), "no organization policy allows it"),
        (_simulation(identity=[EVERYTHING], endpoint=OUR_ACCOUNTS), "no endpoint policy allows it"),
        (
            _simulation(identity=[READ], resource_policy=HTTPS_ONLY, context={"aws:SecureTransport": "false"}),
            "resource policy: S",
        ),
    ],
)
def test_the_simulator_says_what_decided(simulator: SimulationEngine, simulation: Simulation, reason: str) -> None:
    (decision,) = simulator.decide([simulation])
    assert reason in [str(one) for one in decision.reasons if one.allows is decision.allowed]


@pytest.mark.parametrize(
    "simulation",
    [
        _simulation("s3:GetObjekt", identity=[EVERYTHING]),
        _simulation("nobody:GetObject", identity=[EVERYTHING]),
        _simulation(resource="arn:aws:s3:::data/*", identity=[EVERYTHING]),
        _simulation(resource="arn:aws:sns:eu-west-1:1:x", identity=[EVERYTHING]),
        _simulation(identity=[Policy(name="broken", document={"Statement": [{"Effect": "Perhaps"}]})]),
    ],
)
def test_what_the_simulator_cannot_decide_is_neither_allowed_nor_denied(
    simulator: SimulationEngine, simulation: Simulation
) -> None:
    (decision,) = simulator.decide([simulation])
    assert decision.allowed is None
    assert decision.error


def test_a_condition_key_that_the_action_does_not_know_is_named(simulator: SimulationEngine) -> None:
    (decision,) = simulator.decide([_simulation(identity=[READ], context={"sagemaker:VpcSubnets": ["subnet-a"]})])
    assert decision.ignored == ("sagemaker:VpcSubnets",)


def test_a_remembering_engine_asks_only_what_is_new() -> None:
    asked: list[Simulation] = []

    class Counting:
        def decide(self, simulations: Sequence[Simulation]) -> list[Decision]:
            asked.extend(simulations)
            return [Decision(allowed=simulation.action == "s3:GetObject") for simulation in simulations]

    engine = RememberingEngine(Counting())
    put, changed = _simulation("s3:PutObject"), _simulation(identity=[OTHER])
    assert [d.allowed for d in engine.decide([_simulation(), put, _simulation()])] == [True, False, True]
    assert [d.allowed for d in engine.decide([put, changed])] == [False, True]
    assert asked == [_simulation(), put, changed]


def test_what_decides_is_what_a_policy_says_and_not_which_object_it_is() -> None:
    class Once:
        def decide(self, simulations: Sequence[Simulation]) -> list[Decision]:
            return [Decision(allowed=True)] * len(simulations)

    engine = RememberingEngine(Once())
    engine.decide([_simulation(identity=[_policy(_statement("s3:*"))])])
    assert engine.decide([_simulation(identity=[_policy(_statement("s3:*"))])]) == [Decision(allowed=True)]


def test_a_simulator_that_cannot_be_installed_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("package.json", "package-lock.json"):
        (tmp_path / name).write_text((Path(engine_module.__file__).parent / "engine" / name).read_text())
    monkeypatch.setattr(engine_module, "_FOLDER", tmp_path)
    monkeypatch.setattr(engine_module, "_PACKAGES", tmp_path / "node_modules")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(EngineMissingError) as error, SimulationEngine():
        pass
    assert str(error.value) == (
        "the access matrix is not evaluated: its simulator cannot be installed, npm says ECONNREFUSED; accepted: a "
        "network, once."
    )
    assert error.value.exit_code == 2


def test_a_simulator_that_ends_is_no_answer() -> None:
    with SimulationEngine() as engine:
        process = engine._process
        assert process is not None
        process.kill()
        process.wait()
        with pytest.raises(PlumblineError, match="ended without an answer"):
            engine.decide([_simulation()])


def test_nothing_of_the_simulator_is_in_the_repository() -> None:
    root = Path(engine_module.__file__).parents[3]
    lock = json.loads((root / "plumbline/audit/access/engine/package-lock.json").read_text())
    agpl = [name for name, package in lock["packages"].items() if "AGPL" in package.get("license", "")]
    assert len(agpl) == 3
    assert "node_modules" in (root / ".gitignore").read_text().splitlines()
    for name in ("package.json", "package-lock.json"):
        assert "cloud-copilot" not in (root / name).read_text()

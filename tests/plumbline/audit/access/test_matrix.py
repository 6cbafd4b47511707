"""A row comes to what all policies together say, and every row of the platform's holds."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from plumbline.audit.access.engine import SimulationEngine
from plumbline.audit.access.matrix import Access, MatrixReport, evaluate
from plumbline.audit.access.notation import read_table
from plumbline.audit.access.simulation import Decision, Reason, Simulation
from plumbline.audit.json_value import Json
from plumbline.audit.templates import AuditedTemplate
from plumbline.configuration import load_models, load_platform
from plumbline.errors import PlumblineError
from tests.plumbline.audit.access.small import ACCOUNT, REGION, allow, resource, template, trust
from tests.reference.configuration import REFERENCE

ROOT = Path(__file__).resolve().parents[4]
PLATFORM, MODELS = load_platform(REFERENCE), load_models(ROOT)
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"


class Recorder:
    """An engine that allows everything, or what it is told, and keeps what it was asked."""

    def __init__(self, *, answer: Decision = Decision(allowed=True)) -> None:  # noqa: B008 it is frozen
        self.asked: list[Simulation] = []
        self._answer = answer

    def decide(self, simulations: Sequence[Simulation]) -> list[Decision]:
        self.asked.extend(simulations)
        return [self._answer] * len(simulations)


def _small(*, extra: dict[str, Json] | None = None) -> list[AuditedTemplate]:
    key: Json = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]}}
    encryption: Json = [{"ServerSideEncryptionByDefault": key, "BucketKeyEnabled": True}]
    resources: dict[str, Json] = {
        "Role": resource(
            "AWS::IAM::Role",
            RoleName="reader",
            AssumeRolePolicyDocument=trust(),
            Policies=[{"PolicyName": "read", "PolicyDocument": allow("s3:GetObject")}],
            PermissionsBoundary={"Ref": "Boundary"},
        ),
        "Boundary": resource("AWS::IAM::ManagedPolicy", ManagedPolicyName="boundary", PolicyDocument=allow("s3:*")),
        "Key": resource("AWS::KMS::Key", KeyPolicy=allow("kms:*", principal="*")),
        "Alias": resource("AWS::KMS::Alias", AliasName="alias/data", TargetKeyId={"Ref": "Key"}),
        "Bucket": resource(
            "AWS::S3::Bucket", BucketName="data", BucketEncryption={"ServerSideEncryptionConfiguration": encryption}
        ),
        "BucketPolicy": resource("AWS::S3::BucketPolicy", Bucket="data", PolicyDocument=allow("s3:*", principal="*")),
        "S3": resource(
            "AWS::EC2::VPCEndpoint",
            ServiceName=f"com.amazonaws.{REGION}.s3",
            VpcId="vpc-1",
            PolicyDocument=allow("s3:*", principal="*"),
        ),
    }
    return [template(resources | (extra or {}))]


def _report(
    folder: Path, rules: str, engine: Recorder | SimulationEngine, templates: Sequence[AuditedTemplate] | None = None
) -> MatrixReport:
    (folder / "table.toml").write_text(
        "".join(
            f"[[rule]]\nname = '{number}'\nwhy = 'because somebody would'\n{rule}\n"
            for number, rule in enumerate(rules.split("---"))
        )
    )
    return evaluate(
        templates=_small() if templates is None else templates,
        platform=PLATFORM,
        models=MODELS,
        engine=engine,
        table=read_table(folder),
    )


def _asked(folder: Path, rule: str) -> list[Simulation]:
    engine = Recorder()
    _report(folder, rule, engine)
    return engine.asked


# ------------------------------------------------------------------------------------------------ what is asked
def test_a_roles_own_policies_boundary_and_the_resources_policy_come_together(tmp_path: Path) -> None:
    read, decrypt = _asked(tmp_path, "who = 'reader'\nmay = ['read data/x']")
    assert [policy.name for policy in read.identity] == ["reader/read"]
    assert read.boundary is not None
    assert read.boundary.name == "boundary"
    assert read.resource_policy is not None
    assert read.resource_policy.name == "policy of data"
    assert decrypt.resource_policy is not None
    assert decrypt.resource_policy.document == allow("kms:*", principal="*")
    assert read.endpoint is None


def test_aws_supplies_who_asks_where_and_for_what(tmp_path: Path) -> None:
    (read, decrypt) = _asked(tmp_path, "who = 'reader'\nmay = ['read data/x']")
    assert read.principal == f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/session"
    assert read.context == {
        "aws:PrincipalAccount": ACCOUNT,
        "aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/reader",
        "aws:PrincipalIsAWSService": "false",
        "aws:PrincipalType": "AssumedRole",
        "aws:RequestedRegion": REGION,
        "aws:ResourceAccount": ACCOUNT,
        "aws:SecureTransport": "true",
        "aws:ViaAWSService": "false",
        "s3:ResourceAccount": ACCOUNT,
        "s3:TlsVersion": "1.3",
    }
    supplied = {
        "aws:ViaAWSService": "true",
        "kms:CallerAccount": ACCOUNT,
        "kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::data",
        "kms:ResourceAliases": ["alias/data"],
        "kms:ViaService": "s3.eu-west-1.amazonaws.com",
    }
    assert supplied.items() <= decrypt.context.items()


def test_a_request_from_the_vpc_goes_through_the_endpoint_of_its_service(tmp_path: Path) -> None:
    read, decrypt = _asked(tmp_path, "who = 'reader'\nnetwork = 'own'\nmay = ['read data/x']")
    assert read.endpoint is not None
    assert read.context["aws:SourceVpc"] == "vpc-1"
    assert str(read.context["aws:SourceVpce"]).startswith("vpce-")
    assert read.context["aws:VpceAccount"] == ACCOUNT
    # S3 asks KMS from its own network.
    assert decrypt.endpoint is None
    assert "aws:SourceVpce" not in decrypt.context


def test_without_an_endpoint_nothing_leaves_the_vpc(tmp_path: Path) -> None:
    engine = Recorder()
    rule = "who = 'reader'\nnetwork = 'dev'\nmay_not = ['sts:AssumeRole arn:aws:iam::999999999999:role/x']"
    (verdict,) = _report(tmp_path, rule, engine).verdicts
    assert verdict.decided is Access.DENIED
    assert verdict.decided_by == "sts:AssumeRole: no VPC endpoint of sts in vpc-1"
    assert engine.asked == []


def test_what_is_denied_from_the_vpc_is_denied_past_the_endpoints_policy(tmp_path: Path) -> None:
    (read,) = _asked(tmp_path, "who = 'reader'\nnetwork = 'own'\nmay_not = ['s3:GetObject arn:aws:s3:::data/x']")
    assert read.endpoint is None
    assert read.context["aws:VpceAccount"] == ACCOUNT


def test_circumstances_hold_for_the_caller_and_not_for_what_a_service_does_in_its_name(tmp_path: Path) -> None:
    read, decrypt = _asked(
        tmp_path, "who = 'reader'\nwith = { 'aws:SecureTransport' = 'false' }\nmay_not = ['read data/x']"
    )
    assert read.context["aws:SecureTransport"] == "false"
    assert decrypt.context["aws:SecureTransport"] == "true"


def test_a_service_asks_as_itself(tmp_path: Path) -> None:
    source = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/x"
    (assume,) = _asked(tmp_path, f"who = 'sagemaker.amazonaws.com'\nmay = ['assume reader for {source}']")
    assert assume.principal == "sagemaker.amazonaws.com"
    assert assume.resource_policy is not None
    assert assume.resource_policy.document == trust()
    assert assume.context["aws:PrincipalIsAWSService"] == "true"
    assert assume.context["aws:SourceAccount"] == ACCOUNT
    assert assume.identity == ()


def test_a_stranger_opens_what_is_theirs_so_that_only_our_side_decides(tmp_path: Path) -> None:
    (put,) = _asked(tmp_path, "who = 'administrator of 999999999999'\nmay = ['s3:PutObject arn:aws:s3:::stranger-b/x']")
    assert put.account == "999999999999"
    assert put.resource_policy is not None
    assert put.resource_policy.name == "a stranger's policy"
    assert [policy.name for policy in put.identity] == ["AdministratorAccess"]


def test_a_target_roles_boundary_is_told_of_and_its_trust_is_no_resource_policy(tmp_path: Path) -> None:
    rule = f"who = 'reader'\nmay_not = ['iam:PutRolePolicy arn:aws:iam::{ACCOUNT}:role/reader']"
    (put,) = _asked(tmp_path, rule)
    assert put.context["iam:PermissionsBoundary"] == BOUNDARY
    assert put.resource_policy is None


def test_the_organisations_policies_bind_its_accounts_and_no_stranger(tmp_path: Path) -> None:
    policy = resource("AWS::Organizations::Policy", Name="rails", Type="SERVICE_CONTROL_POLICY", Content=allow("s3:*"))
    engine = Recorder()
    rule = "who = ['reader', 'administrator of 999999999999']\nmay = ['s3:GetObject arn:aws:s3:::data/x']"
    _report(tmp_path, rule, engine, _small(extra={"Policy": policy}))
    ours, strangers = engine.asked
    assert [[one.name for one in level] for level in ours.organization] == [["FullAWSAccess", "rails"]]
    assert strangers.organization == ()


# ------------------------------------------------------------------------------------------------ what rows come to
def test_a_row_is_allowed_if_each_of_its_parts_is(tmp_path: Path) -> None:
    rule = "who = 'reader'\nmay = ['read data/x']"
    allowed = _report(tmp_path, rule, Recorder()).verdicts[0]
    assert allowed.holds

    class NoKey(Recorder):
        def decide(self, simulations: Sequence[Simulation]) -> list[Decision]:
            reason = Reason(kind="resource", allows=False)
            return [
                Decision(allowed=simulation.action != "kms:Decrypt", reasons=(reason,)) for simulation in simulations
            ]

    denied = _report(tmp_path, rule, NoKey()).verdicts[0]
    assert not denied.holds
    assert denied.decided_by == "kms:Decrypt: no resource policy allows it"


@pytest.mark.parametrize("direction", ["may", "may_not"])
def test_a_row_that_cannot_be_decided_holds_in_no_direction(tmp_path: Path, direction: str) -> None:
    engine = Recorder(answer=Decision(allowed=None, error="no such action"))
    (verdict,) = _report(tmp_path, f"who = 'reader'\n{direction} = ['s3:Read arn:aws:s3:::data/x']", engine).verdicts
    assert verdict.decided is Access.UNDECIDED
    assert verdict.decided_by == "s3:Read: no such action"
    assert not verdict.holds


def test_a_circumstance_that_no_action_knows_decides_nothing(tmp_path: Path) -> None:
    engine = Recorder(answer=Decision(allowed=False, ignored=("s3:Colour",)))
    rule = "who = 'reader'\nwith = { 's3:Colour' = 'red' }\nmay_not = ['s3:GetObject arn:aws:s3:::data/x']"
    (verdict,) = _report(tmp_path, rule, engine).verdicts
    assert verdict.decided is Access.UNDECIDED
    assert verdict.decided_by == "s3:Colour is known to no action of the request"


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("who = 'reeder'\nmay = ['read data/x']", "rule '0': the role reeder is in no template; meant: reader."),
        ("who = 'reader'\nmay = ['read dat/x']", "rule '0': the bucket dat is in no template; meant: data."),
    ],
)
def test_a_rule_about_what_is_not_there_is_one_sentence(tmp_path: Path, rule: str, sentence: str) -> None:
    with pytest.raises(PlumblineError) as error:
        _report(tmp_path, rule, Recorder())
    assert str(error.value) == f"table.toml: {sentence}"


def test_what_the_table_says_nothing_about_is_missing(tmp_path: Path) -> None:
    place = "stack.template.json: Resources.Role: no rule says of the role reader"
    report = _report(tmp_path, "each = { role = 'roles' }\nwho = '{role}'\nmay_not = ['assume {role}']", Recorder())
    assert report.missing == (
        f"{place} what it may do",
        f"{place} what it may not do",
        f"{place} who assumes it",
        f"{place} who does not assume it",
        "no rule is denied by the policy of the endpoint s3 of vpc-1",
        f"no rule denies anybody the key alias/data of account {ACCOUNT}",
        "no rule denies anybody the bucket data",
    )
    assert not report.holds


def test_what_the_table_names_in_both_directions_is_not_missing(tmp_path: Path, simulator: SimulationEngine) -> None:
    key = "{env.key.data}"
    rules = "---".join(
        [
            "who = 'reader'\nmay = ['s3:GetObject arn:aws:s3:::data/x']\nmay_not = ['ec2:DescribeVpcs *']",
            "who = 'sagemaker.amazonaws.com'\nmay = ['assume reader']",
            "who = 'ec2.amazonaws.com'\nmay_not = ['assume reader']",
            f"each = {{ env = 'dev' }}\nwho = 'administrator of 999999999999'\nmay_not = ['kms:Decrypt {key}']",
            "who = 'administrator of 111111111111'\nnetwork = 'dev'\nmay_not = ['s3:GetObject arn:aws:s3:::data/x']",
        ]
    )
    templates = _small()
    resources = dict(templates[0].resources)
    resources["Key"] = {
        "Type": "AWS::KMS::Key",
        "Properties": {"KeyPolicy": allow("kms:*", principal={"AWS": ACCOUNT})},
    }
    resources["Alias"]["Properties"] = {"AliasName": "alias/plumbline-dev-data", "TargetKeyId": {"Ref": "Key"}}
    resources["S3"]["Properties"] = {
        "ServiceName": f"com.amazonaws.{REGION}.s3",
        "VpcId": "vpc-1",
        "PolicyDocument": allow("s3:PutObject", principal="*"),
    }
    report = _report(tmp_path, rules, simulator, [template(resources)])
    assert [verdict for verdict in report.verdicts if not verdict.holds] == []
    assert report.missing == ()
    assert report.holds


def test_what_cannot_be_resolved_fails_the_matrix(tmp_path: Path) -> None:
    broken = resource("AWS::KMS::Key", KeyPolicy=allow("kms:*", on={"Fn::ImportValue": "x"}))
    report = _report(tmp_path, "who = 'reader'\nmay = ['read data/x']", Recorder(), _small(extra={"Broken": broken}))
    path = "Resources.Broken.Properties.KeyPolicy.Statement[0].Resource"
    assert report.problems == (f"stack.template.json: {path}: Fn::ImportValue is not understood",)
    assert not report.holds

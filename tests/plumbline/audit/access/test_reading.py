"""Every policy of the templates is in the landscape, and what cannot be read is among its problems."""

import pytest

from plumbline.audit.access.landscape import NOTHING, Landscape
from plumbline.audit.access.reading import read_landscape
from plumbline.audit.json_value import Document, Json
from plumbline.audit.templates import AuditedTemplate
from tests.plumbline.audit.access.small import ACCOUNT, REGION, allow, resource, template, trust

HERE = f"arn:aws:{{}}:{REGION}:{ACCOUNT}:{{}}"
READ = allow("s3:GetObject")
KEY_POLICY = "stack.template.json: Resources.Key.Properties.KeyPolicy"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"


def _read(*templates: AuditedTemplate) -> Landscape:
    landscape = read_landscape(templates)
    assert landscape.problems == []
    return landscape


def _documents(landscape: Landscape, role: str) -> list[Document]:
    (found,) = landscape.roles_named(role)
    return [policy.document for policy in found.policies]


def test_a_role_has_its_inline_attached_and_managed_policies() -> None:
    landscape = _read(
        template(
            {
                "Role": resource(
                    "AWS::IAM::Role",
                    RoleName="reader",
                    AssumeRolePolicyDocument=trust(),
                    Policies=[{"PolicyName": "inline", "PolicyDocument": allow("s3:ListBucket")}],
                    ManagedPolicyArns=[{"Ref": "Managed"}],
                    PermissionsBoundary={"Ref": "Boundary"},
                ),
                "Managed": resource("AWS::IAM::ManagedPolicy", ManagedPolicyName="managed", PolicyDocument=READ),
                "Boundary": resource(
                    "AWS::IAM::ManagedPolicy", ManagedPolicyName="boundary", PolicyDocument=allow("s3:*")
                ),
                "Attached": resource(
                    "AWS::IAM::Policy",
                    PolicyName="attached",
                    PolicyDocument=allow("kms:Decrypt"),
                    Roles=[{"Ref": "Role"}],
                ),
            }
        )
    )
    (role,) = landscape.roles_named("reader")
    assert role.arn == f"arn:aws:iam::{ACCOUNT}:role/reader"
    assert role.trust.document == trust()
    assert [policy.name for policy in role.policies] == ["attached", "reader/inline", "managed"]
    boundary = landscape.boundary_of(role)
    assert boundary is not None
    assert boundary.document == allow("s3:*")


def test_a_policy_attaches_itself_to_a_role_of_another_stack() -> None:
    landscape = _read(
        template({"Role": resource("AWS::IAM::Role", RoleName="reader")}, stack_name="roles"),
        template(
            {"Policy": resource("AWS::IAM::Policy", PolicyDocument=READ, Roles=["reader"])}, stack_name="policies"
        ),
    )
    assert _documents(landscape, "reader") == [READ]


def test_a_policy_of_another_account_attaches_itself_to_nobody_here() -> None:
    policy = resource("AWS::IAM::Policy", PolicyDocument=READ, Roles=["reader"])
    landscape = _read(
        template({"Role": resource("AWS::IAM::Role", RoleName="reader")}),
        template({"Policy": policy}, account="222222222222"),
    )
    assert _documents(landscape, "reader") == []


def test_a_policy_of_awss_has_a_stand_in() -> None:
    arn = "arn:aws:iam::aws:policy/AdministratorAccess"
    landscape = _read(template({"Role": resource("AWS::IAM::Role", RoleName="admin", ManagedPolicyArns=[arn])}))
    assert _documents(landscape, "admin")[0]["Statement"] == [{"Effect": "Allow", "Action": ["*"], "Resource": "*"}]


@pytest.mark.parametrize(
    ("resources", "arn"),
    [
        ({"R": resource("AWS::KMS::Key", KeyPolicy=READ)}, "kms"),
        ({"R": resource("AWS::S3::BucketPolicy", Bucket="data", PolicyDocument=READ)}, "arn:aws:s3:::data"),
        (
            {"R": resource("AWS::SNS::TopicPolicy", Topics=[HERE.format("sns", "t")], PolicyDocument=READ)},
            HERE.format("sns", "t"),
        ),
        (
            {
                "Q": resource("AWS::SQS::Queue", QueueName="q"),
                "R": resource("AWS::SQS::QueuePolicy", Queues=[{"Ref": "Q"}], PolicyDocument=READ),
            },
            HERE.format("sqs", "q"),
        ),
        (
            {"R": resource("AWS::ECR::Repository", RepositoryName="r", RepositoryPolicyText=READ)},
            HERE.format("ecr", "repository/r"),
        ),
        (
            {
                "R": resource(
                    "AWS::SageMaker::ModelPackageGroup", ModelPackageGroupName="g", ModelPackageGroupPolicy=READ
                )
            },
            HERE.format("sagemaker", "model-package-group/g"),
        ),
    ],
)
def test_a_resource_has_its_policy(resources: dict[str, Json], arn: str) -> None:
    policies = _read(template(resources)).resource_policies
    ((found, policy),) = policies.items()
    assert found == arn or (arn == "kms" and found.startswith(HERE.format("kms", "key/")))
    assert policy.document == READ


def test_statements_about_one_bus_come_together() -> None:
    def statement(sid: str) -> Json:
        return {"Sid": sid, "Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": "*"}

    landscape = _read(
        template(
            {
                "One": resource(
                    "AWS::Events::EventBusPolicy", EventBusName="bus", StatementId="a", Statement=statement("a")
                ),
                "Other": resource(
                    "AWS::Events::EventBusPolicy",
                    EventBusName="bus",
                    StatementId="b",
                    Action="events:PutEvents",
                    Principal="222222222222",
                ),
            }
        )
    )
    document = landscape.resource_policies[HERE.format("events", "event-bus/bus")].document
    by_its_parts: Json = {
        "Sid": "b",
        "Effect": "Allow",
        "Principal": {"AWS": "222222222222"},
        "Action": "events:PutEvents",
        "Resource": HERE.format("events", "event-bus/bus"),
    }
    assert document["Statement"] == [statement("a"), by_its_parts]


def test_a_permission_of_a_function_is_a_statement_with_its_source() -> None:
    landscape = _read(
        template(
            {
                "Permission": resource(
                    "AWS::Lambda::Permission",
                    FunctionName="guard",
                    Action="lambda:InvokeFunction",
                    Principal="events.amazonaws.com",
                    SourceAccount=ACCOUNT,
                    SourceArn=HERE.format("events", "rule/r"),
                )
            }
        )
    )
    document = landscape.resource_policies[HERE.format("lambda", "function:guard")].document
    assert document["Statement"] == [
        {
            "Sid": "Permission",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": HERE.format("lambda", "function:guard"),
            "Condition": {
                "StringEquals": {"AWS:SourceAccount": ACCOUNT},
                "ArnLike": {"AWS:SourceArn": HERE.format("events", "rule/r")},
            },
        }
    ]


def test_a_bucket_names_its_key_and_an_alias_finds_it() -> None:
    by_default: Json = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]}}
    rule: Json = {"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": by_default}
    landscape = _read(
        template(
            {
                "Key": resource("AWS::KMS::Key", KeyPolicy=READ),
                "Alias": resource("AWS::KMS::Alias", AliasName="alias/data", TargetKeyId={"Ref": "Key"}),
                "Bucket": resource(
                    "AWS::S3::Bucket", BucketName="data", BucketEncryption={"ServerSideEncryptionConfiguration": [rule]}
                ),
                "Plain": resource("AWS::S3::Bucket", BucketName="plain"),
            }
        )
    )
    key = landscape.keys[(ACCOUNT, "alias/data")]
    assert landscape.buckets["data"].key == key
    assert landscape.buckets["data"].bucket_key
    assert landscape.buckets["plain"].key is None
    assert landscape.aliases_of(key) == ["alias/data"]


def test_an_endpoint_is_known_by_its_service_and_open_without_a_policy() -> None:
    landscape = _read(
        template(
            {
                "Ecr": resource("AWS::EC2::VPCEndpoint", ServiceName=f"com.amazonaws.{REGION}.ecr.api", VpcId="vpc-1"),
                "S3": resource(
                    "AWS::EC2::VPCEndpoint",
                    ServiceName={"Fn::Sub": "com.amazonaws.${AWS::Region}.s3"},
                    VpcId="vpc-1",
                    PolicyDocument=allow("s3:GetObject", principal={"AWS": "*"}),
                ),
            }
        )
    )
    endpoints = landscape.endpoints["vpc-1"]
    assert endpoints["ecr.api"].policy.document["Statement"] == [
        {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    ]
    assert endpoints["s3"].policy.document == allow("s3:GetObject", principal="*")
    assert endpoints["s3"].vpc == "vpc-1"


def test_a_service_control_policy_is_one_and_a_tag_policy_is_not() -> None:
    landscape = _read(
        template(
            {
                "Scp": resource(
                    "AWS::Organizations::Policy", Name="rails", Type="SERVICE_CONTROL_POLICY", Content=READ
                ),
                "Tags": resource("AWS::Organizations::Policy", Name="tags", Type="TAG_POLICY", Content={"tags": {}}),
            }
        )
    )
    assert [policy.name for policy in landscape.service_control_policies] == ["rails"]


def test_a_value_that_one_stack_writes_is_read_by_another() -> None:
    key: Json = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/keys/data"}
    landscape = _read(
        template(
            {
                "Policy": resource(
                    "AWS::IAM::ManagedPolicy",
                    ManagedPolicyName="p",
                    PolicyDocument=allow("kms:Decrypt", on={"Ref": "Key"}),
                )
            },
            parameters={"Key": key},
        ),
        template({"Value": resource("AWS::SSM::Parameter", Name="/keys/data", Value="arn:key")}, stack_name="first"),
    )
    assert landscape.managed_policies[f"arn:aws:iam::{ACCOUNT}:policy/p"].document == allow("kms:Decrypt", on="arn:key")


def test_given_parameters_are_an_accounts_and_a_stacks() -> None:
    named = template(
        {"Role": resource("AWS::IAM::Role", RoleName={"Ref": "Name"})},
        parameters={"Name": {"Type": "String", "Default": "nobody"}},
    )
    landscape = read_landscape([named], parameters={(ACCOUNT, "stack"): {"Name": "somebody"}})
    assert [role.name for role in landscape.roles.values()] == ["somebody"]


def test_a_resource_whose_condition_does_not_hold_is_not_there() -> None:
    role: Json = {"Type": "AWS::IAM::Role", "Condition": "No", "Properties": {"RoleName": "reader"}}
    landscape = _read(template({"Role": role}, conditions={"No": {"Fn::Equals": ["a", "b"]}}))
    assert landscape.roles == {}


@pytest.mark.parametrize(
    ("resources", "problem"),
    [
        (
            {"Key": resource("AWS::KMS::Key", KeyPolicy=allow("kms:*", on={"Fn::ImportValue": "x"}))},
            f"{KEY_POLICY}.Statement[0].Resource: Fn::ImportValue is not understood",
        ),
        (
            {"Role": resource("AWS::IAM::Role", RoleName="reader", ManagedPolicyArns=["arn:aws:iam::aws:policy/New"])},
            "stack.template.json: Resources.Role: the policy arn:aws:iam::aws:policy/New is in no template",
        ),
        (
            {"Role": resource("AWS::IAM::Role", RoleName="reader", PermissionsBoundary=BOUNDARY)},
            f"stack.template.json: Resources.Role: no template makes its permission boundary {BOUNDARY}",
        ),
        (
            {"Role": resource("AWS::IAM::Role", RoleName="reader", Path="/team/")},
            "stack.template.json: Resources.Role.Properties.Path: a role with a path is not understood",
        ),
        (
            {"User": resource("AWS::IAM::User", UserName="somebody")},
            "stack.template.json: Resources.User: an AWS::IAM::User is not understood",
        ),
        (
            {
                name: resource("AWS::EC2::VPCEndpoint", ServiceName=f"com.amazonaws.{REGION}.s3", VpcId="vpc-1")
                for name in ("One", "Two")
            },
            "stack.template.json: Resources.Two: a second endpoint of s3 in the VPC vpc-1 is not understood",
        ),
    ],
)
def test_what_cannot_be_read_is_a_problem_with_its_path(resources: dict[str, Json], problem: str) -> None:
    assert read_landscape([template(resources)]).problems == [problem]


def test_a_template_of_no_known_account_is_a_problem() -> None:
    problems = read_landscape([template({}, account=None)]).problems
    assert problems == ["stack.template.json: nothing says in which account and region it is deployed"]


def test_a_boundary_that_no_template_makes_allows_nothing() -> None:
    landscape = read_landscape(
        [template({"Role": resource("AWS::IAM::Role", RoleName="reader", PermissionsBoundary=BOUNDARY)})]
    )
    (role,) = landscape.roles_named("reader")
    assert landscape.boundary_of(role) is NOTHING

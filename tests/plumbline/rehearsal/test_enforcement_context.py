"""What AWS knows of a request beside its action: organisation, endpoint, services in between, second factor."""

import itertools
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Client, Session
from tests.plumbline.rehearsal.asking import (
    ORGANIZATION,
    OWNER,
    READER,
    REGION,
    allow,
    document,
    last,
    made,
    make_role,
    queue,
)

pytestmark = pytest.mark.rehearsal

Document = dict[str, Any]
LAMBDA = "lambda.amazonaws.com"
_numbers = itertools.count()


def _denied(call: Any, **request: object) -> str:
    """Why a call is not allowed; empty for one that is, whatever else comes of it."""
    try:
        call(**request)
    except ClientError as error:
        message = str(error.response["Error"]["Message"])
        return message if "not authorized to perform" in message else ""
    return ""


def _parameter(session: Session) -> str:
    return _denied(session.client("ssm").get_parameter, Name="/context")


@pytest.mark.parametrize("key", ["aws:PrincipalOrgID", "aws:ResourceOrgID"])
@pytest.mark.parametrize("organization", [ORGANIZATION, "o-another0001"])
def test_callers_and_resources_are_of_the_organisation(cloud: Cloud, key: str, organization: str) -> None:
    condition = {"StringEquals": {key: organization}}
    session = make_role(cloud, OWNER, f"context-{next(_numbers)}", allow("ssm:GetParameter", "*", **condition))
    assert bool(_parameter(session)) is (organization != ORGANIZATION)


@pytest.mark.parametrize("key", ["aws:PrincipalIsAWSService", "aws:ViaAWSService"])
@pytest.mark.parametrize("value", ["true", "false"])
def test_a_role_is_no_service_and_asks_without_one(cloud: Cloud, key: str, value: str) -> None:
    session = make_role(cloud, OWNER, f"context-{next(_numbers)}", allow("ssm:GetParameter", "*", Bool={key: value}))
    assert bool(_parameter(session)) is (value == "true")


def test_a_sessions_principal_arn_is_its_role(cloud: Cloud) -> None:
    name = f"context-{next(_numbers)}"
    arn = f"arn:aws:iam::{OWNER}:role/{name}"
    session = make_role(cloud, OWNER, name, allow("ssm:GetParameter", "*", ArnEquals={"aws:PrincipalArn": arn}))
    assert not _parameter(session)


def _encrypted_bucket(cloud: Cloud) -> tuple[str, str]:
    administrator, name = cloud.administrator(OWNER), f"context-{next(_numbers)}"
    key = str(administrator.client("kms").create_key()["KeyMetadata"]["Arn"])
    s3 = administrator.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rule = {"ApplyServerSideEncryptionByDefault": default}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_object(Bucket=name, Key="one", Body=b"1")
    return name, key


@pytest.mark.parametrize(("condition", "reads"), [
    ({"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}, True),
    ({"StringEquals": {"kms:ViaService": f"sns.{REGION}.amazonaws.com"}}, False),
    ({"ForAnyValue:StringEquals": {"aws:CalledVia": "s3.amazonaws.com"}}, True),
    ({"ForAnyValue:StringEquals": {"aws:CalledVia": "athena.amazonaws.com"}}, False),
    ({"StringEquals": {"aws:CalledViaFirst": "s3.amazonaws.com"}}, True),
    ({"StringEquals": {"aws:CalledViaLast": "s3.amazonaws.com"}}, True),
    ({"Bool": {"aws:ViaAWSService": "true"}}, True),
])  # fmt: skip
def test_a_key_behind_an_object_is_asked_for_by_way_of_s3(cloud: Cloud, condition: Document, reads: bool) -> None:
    bucket, key = _encrypted_bucket(cloud)
    session = make_role(
        cloud,
        OWNER,
        f"context-{next(_numbers)}",
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"),
        allow("kms:Decrypt", key, **condition),
    )
    assert bool(_denied(session.client("s3").get_object, Bucket=bucket, Key="one")) is not reads


class Vpc:
    """A VPC of an account, from which sessions ask.

    Args:
        cloud: The cloud.
        account: The account.
    """

    def __init__(self, cloud: Cloud, account: str) -> None:
        self._cloud, self._account = cloud, account
        self._ec2: Client = cloud.administrator(account).client("ec2")
        self.id = str(self._ec2.create_vpc(CidrBlock="10.88.0.0/20")["Vpc"]["VpcId"])

    def endpoint(self, service: str, *statements: Document) -> str:
        """An endpoint with a policy; without statements it has the one that allows everything."""
        kind = "Gateway" if service == "s3" else "Interface"
        policy = {"PolicyDocument": document(*statements)} if statements else {}
        made_endpoint = self._ec2.create_vpc_endpoint(
            VpcId=self.id, ServiceName=f"com.amazonaws.{REGION}.{service}", VpcEndpointType=kind, **policy
        )
        return str(made_endpoint["VpcEndpoint"]["VpcEndpointId"])

    def session(self, *statements: Document) -> Session:
        """A role of a function that runs in the VPC."""
        name = f"in-vpc-{next(_numbers)}"
        iam = self._cloud.administrator(self._account).client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": LAMBDA}, "Action": "sts:AssumeRole"}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=document(*statements))
        source = f"arn:aws:lambda:{REGION}:{self._account}:function:one"
        return self._cloud.assume_as_service(
            arn, service=LAMBDA, source_account=self._account, source_arn=source, vpc=self.id
        )


_ANYBODY: Document = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
# A call of each service that has an endpoint of its own.
_CALLS: dict[str, tuple[str, str, str, dict[str, object]]] = {
    "s3": ("s3", "list_objects_v2", "s3:ListBucket", {"Bucket": "context-nowhere"}),
    "kms": ("kms", "list_keys", "kms:ListKeys", {}),
    "logs": ("logs", "describe_log_groups", "logs:DescribeLogGroups", {}),
    "monitoring": ("cloudwatch", "list_dashboards", "cloudwatch:ListDashboards", {}),
    "events": ("events", "list_rules", "events:ListRules", {}),
    "ssm": ("ssm", "describe_parameters", "ssm:DescribeParameters", {}),
    "ecr.api": ("ecr", "describe_repositories", "ecr:DescribeRepositories", {}),
    "sagemaker.api": ("sagemaker", "list_models", "sagemaker:ListModels", {}),
    "sagemaker.runtime": (
        "sagemaker-runtime",
        "invoke_endpoint",
        "sagemaker:InvokeEndpoint",
        {"EndpointName": "none", "Body": b"1"},
    ),
}


@pytest.mark.parametrize("endpoint", _CALLS)
def test_a_request_takes_its_services_endpoint_and_is_held_to_its_policy(cloud: Cloud, endpoint: str) -> None:
    service, call, action, request = _CALLS[endpoint]
    vpc = Vpc(cloud, OWNER)
    session = vpc.session(allow(action, "*"))
    assert not _denied(getattr(session.client(service), call), **request)
    assert "aws:sourcevpce" not in last(cloud, action).context

    identity = vpc.endpoint(endpoint, _ANYBODY, {**_ANYBODY, "Effect": "Deny", "Action": action})
    message = _denied(getattr(session.client(service), call), **request)
    assert f"is not authorized to perform: {action}" in message
    assert f"because no VPC endpoint policy allows it: {identity}" in message
    assert last(cloud, action).reason == f"the policy of endpoint {identity}"


def test_an_endpoint_without_a_policy_of_its_own_lets_everything_through(cloud: Cloud) -> None:
    vpc = Vpc(cloud, OWNER)
    identity = vpc.endpoint("ssm")
    assert not _parameter(vpc.session(allow("ssm:GetParameter", "*")))
    context = last(cloud, "ssm:GetParameter").context
    assert (context["aws:sourcevpce"], context["aws:sourcevpc"]) == (identity, vpc.id)


def test_an_endpoint_lets_through_whom_its_policy_names_and_nobody_else(cloud: Cloud) -> None:
    vpc = Vpc(cloud, OWNER)
    own = {"StringEquals": {"aws:PrincipalAccount": OWNER}}
    vpc.endpoint("ssm", {**_ANYBODY, "Condition": own})
    assert not _parameter(vpc.session(allow("ssm:GetParameter", "*")))
    other = Vpc(cloud, OWNER)
    other.endpoint("ssm", {**_ANYBODY, "Condition": {"StringEquals": {"aws:PrincipalAccount": READER}}})
    assert "no VPC endpoint policy allows it" in _parameter(other.session(allow("ssm:GetParameter", "*")))


@pytest.mark.parametrize(("key", "value"), [("aws:VpceAccount", OWNER), ("aws:VpceOrgID", ORGANIZATION)])
def test_a_request_through_an_endpoint_says_whose_it_is(cloud: Cloud, key: str, value: str) -> None:
    vpc = Vpc(cloud, OWNER)
    session = vpc.session(allow("ssm:GetParameter", "*", StringEquals={key: value}))
    assert _parameter(session)
    vpc.endpoint("ssm")
    assert not _parameter(session)


def test_the_key_behind_an_object_is_not_asked_for_from_the_vpc(cloud: Cloud) -> None:
    bucket, key = _encrypted_bucket(cloud)
    vpc = Vpc(cloud, OWNER)
    vpc.endpoint("s3")
    vpc.endpoint("kms", {**_ANYBODY, "Effect": "Deny"})
    session = vpc.session(allow("s3:GetObject", "*"), allow("kms:Decrypt", key))
    assert not _denied(session.client("s3").get_object, Bucket=bucket, Key="one")
    asked = made(cloud, "kms:Decrypt")[-1]
    assert asked.resource == key
    assert not [name for name in asked.context if name.startswith(("aws:sourcevpc", "aws:vpce"))]


class Person:
    """A user of an account, with a second factor if it has one.

    Args:
        cloud: The cloud.
        name: The user's name.
        device: Whether it has one.
    """

    def __init__(self, cloud: Cloud, name: str, *, device: bool = True) -> None:
        self._cloud = cloud
        iam = cloud.administrator(OWNER).client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=document(allow("sts:AssumeRole", "*")))
        given = iam.create_access_key(UserName=name)["AccessKey"]
        administrator = cloud.administrator(OWNER)
        self.session = Session(
            endpoint=administrator.endpoint,
            certificate_authority=administrator.certificate_authority,
            region=REGION,
            access_key=given["AccessKeyId"],
            secret_key=given["SecretAccessKey"],
        )
        self.device = f"arn:aws:iam::{OWNER}:mfa/{name}"
        if device:
            iam.create_virtual_mfa_device(VirtualMFADeviceName=name)
            iam.enable_mfa_device(
                UserName=name, SerialNumber=self.device, AuthenticationCode1="123456", AuthenticationCode2="654321"
            )

    def assume(self, role: str, device: str | None) -> Session:
        return self._cloud.assume(role, caller=self.session, device=device)


@pytest.fixture(scope="module")
def guarded(cloud: Cloud) -> str:
    """A role that wants a second factor of whoever assumes it, and again in what it does."""
    shown = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OWNER}:root"}, "Action": "sts:AssumeRole"}
    iam = cloud.administrator(OWNER).client("iam")
    created = iam.create_role(RoleName="guarded", AssumeRolePolicyDocument=document(trust | {"Condition": shown}))
    iam.put_role_policy(
        RoleName="guarded", PolicyName="may", PolicyDocument=document(allow("ssm:GetParameter", "*", **shown))
    )
    return str(created["Role"]["Arn"])


def test_a_role_that_wants_a_second_factor_is_assumed_with_one(cloud: Cloud, guarded: str) -> None:
    person = Person(cloud, "with-a-device")
    assert not _parameter(person.assume(guarded, person.device))


@pytest.mark.parametrize("shown", ["none", "a-strangers", "one-that-is-not-there"])
def test_a_role_that_wants_a_second_factor_is_not_assumed_without_ones_own(
    cloud: Cloud, guarded: str, shown: str
) -> None:
    person = Person(cloud, f"asking-with-{shown}", device=False)
    devices = {
        "none": None,
        "a-strangers": Person(cloud, "another").device if shown == "a-strangers" else None,
        "one-that-is-not-there": f"arn:aws:iam::{OWNER}:mfa/none",
    }
    with pytest.raises(ClientError, match="is not authorized to perform: sts:AssumeRole"):
        person.assume(guarded, devices[shown])


def test_a_code_that_is_no_code_shows_nothing(cloud: Cloud, guarded: str) -> None:
    person = Person(cloud, "with-a-wrong-code")
    with pytest.raises(ClientError):
        person.session.client("sts").assume_role(
            RoleArn=guarded, RoleSessionName="one", SerialNumber=person.device, TokenCode="abcdef"
        )


def test_a_second_factor_is_of_one_request_and_its_session(cloud: Cloud, guarded: str) -> None:
    person = Person(cloud, "only-once")
    person.assume(guarded, person.device)
    with pytest.raises(ClientError, match="is not authorized to perform: sts:AssumeRole"):
        person.assume(guarded, None)


def _told(cloud: Cloud, account: str, name: str, state: str) -> tuple[Client, str]:
    """A queue of an account that gets what its trail tells of assumed roles."""
    told_to, events = queue(cloud, account, name), cloud.administrator(account).client("events")
    pattern = {"source": ["aws.sts"], "detail": {"eventName": ["AssumeRole"]}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern), State=state)
    events.put_targets(Rule=name, Targets=[{"Id": "one", "Arn": told_to.arn}])
    return told_to.client, told_to.url


def _roles(sqs: Client, url: str) -> list[tuple[str, str]]:
    found = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            detail = json.loads(message["Body"])["detail"]
            found.append((detail["requestParameters"]["roleArn"], detail["userIdentity"]["arn"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


@pytest.fixture
def recorded(cloud: Cloud) -> Any:
    """Two accounts whose trails log, until the test ends."""
    clients = [cloud.administrator(account).client("cloudtrail") for account in (OWNER, READER)]
    for client in clients:
        client.create_trail(Name="telling", S3BucketName="any")
        client.start_logging(Name="telling")
    yield clients
    for client in clients:
        client.delete_trail(Name="telling")


_ALL = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"


def test_both_accounts_are_told_of_an_assumed_role(cloud: Cloud, recorded: list[Client]) -> None:
    assert len(recorded) == 2
    queues = [_told(cloud, account, f"told-{next(_numbers)}", _ALL) for account in (OWNER, READER)]
    assumed = f"assumed-{next(_numbers)}"
    trust = {"Effect": "Allow", "Principal": {"AWS": READER}, "Action": "sts:AssumeRole"}
    iam = cloud.administrator(OWNER).client("iam")
    role = str(iam.create_role(RoleName=assumed, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"])
    caller = make_role(cloud, READER, f"caller-of-{assumed}", allow("sts:AssumeRole", role))
    cloud.assume(role, caller=caller)
    by = f"arn:aws:sts::{READER}:assumed-role/caller-of-{assumed}/test"
    for sqs, url in queues:
        assert (role, by) in _roles(sqs, url)


def test_a_rule_that_asks_for_no_read_only_events_is_not_told(cloud: Cloud, recorded: list[Client]) -> None:
    assert recorded
    sqs, url = _told(cloud, OWNER, f"told-{next(_numbers)}", "ENABLED")
    make_role(cloud, OWNER, f"unseen-{next(_numbers)}")
    assert _roles(sqs, url) == []


def test_an_account_whose_trail_does_not_log_is_told_nothing(cloud: Cloud, recorded: list[Client]) -> None:
    recorded[0].stop_logging(Name="telling")
    sqs, url = _told(cloud, OWNER, f"told-{next(_numbers)}", _ALL)
    make_role(cloud, OWNER, f"unseen-{next(_numbers)}")
    assert _roles(sqs, url) == []


def test_a_role_that_is_refused_is_not_told_as_assumed(cloud: Cloud, recorded: list[Client]) -> None:
    assert recorded
    sqs, url = _told(cloud, OWNER, f"told-{next(_numbers)}", _ALL)
    caller = make_role(cloud, OWNER, f"refused-{next(_numbers)}")
    _roles(sqs, url)
    with pytest.raises(ClientError):
        cloud.assume(f"arn:aws:iam::{OWNER}:role/nobody-at-all", caller=caller)
    assert _roles(sqs, url) == []


def test_who_creates_and_changes_roles_is_held_to_the_boundary_and_policies_they_name(cloud: Cloud) -> None:
    administrator = cloud.administrator(OWNER).client("iam")
    policy = document(allow("s3:ListAllMyBuckets", "*"))
    boundary, other = (
        str(administrator.create_policy(PolicyName=name, PolicyDocument=policy)["Policy"]["Arn"])
        for name in ("context-boundary", "context-other")
    )
    bounded = {"iam:PermissionsBoundary": boundary}
    iam = make_role(
        cloud,
        OWNER,
        "makes-roles",
        allow(["iam:CreateRole", "iam:PutRolePolicy"], "*", ArnEquals=bounded),
        allow("iam:AttachRolePolicy", "*", ArnEquals={**bounded, "iam:PolicyARN": other}),
    ).client("iam")
    trust = document({"Effect": "Allow", "Principal": {"AWS": OWNER}, "Action": "sts:AssumeRole"})
    wanted = {"AssumeRolePolicyDocument": trust}
    assert _denied(iam.create_role, RoleName="context-free", **wanted)
    assert _denied(iam.create_role, RoleName="context-free", PermissionsBoundary=other, **wanted)
    assert not _denied(iam.create_role, RoleName="context-bounded", PermissionsBoundary=boundary, **wanted)
    inline = {"PolicyName": "one", "PolicyDocument": policy}
    assert not _denied(iam.put_role_policy, RoleName="context-bounded", **inline)
    administrator.create_role(RoleName="context-free", **wanted)
    assert _denied(iam.put_role_policy, RoleName="context-free", **inline)
    assert not _denied(iam.attach_role_policy, RoleName="context-bounded", PolicyArn=other)
    assert _denied(iam.attach_role_policy, RoleName="context-bounded", PolicyArn=boundary)

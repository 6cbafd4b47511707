"""A request of the table comes to the actions that AWS has to allow."""

import pytest

from plumbline.audit.access.landscape import Bucket, Landscape, Policy, Role
from plumbline.audit.access.requests import Requests, endpoint_of
from plumbline.audit.access.vocabulary import STRANGER, UnknownWordError

A = "111111111111"
KEY = f"arn:aws:kms:eu-west-1:{A}:key/1"
ROLE = f"arn:aws:iam::{A}:role/reader"


def _requests() -> Requests:
    landscape = Landscape()
    landscape.buckets["data"] = Bucket(account=A, key=KEY, bucket_key=True)
    landscape.buckets["objects"] = Bucket(account=A, key=KEY, bucket_key=False)
    landscape.buckets["plain"] = Bucket(account=A, key=None, bucket_key=False)
    empty = Policy(name="empty", document={})
    landscape.resource_policies[KEY] = empty
    landscape.roles[ROLE] = Role(
        arn=ROLE, name="reader", account=A, trust=empty, policies=(), boundary=None, place="here"
    )
    return Requests(landscape=landscape, partition="aws", region="eu-west-1")


def _actions(request: str) -> list[tuple[str, str]]:
    return [(need.action, need.resource) for need in _requests().needs(request, A)]


@pytest.mark.parametrize(
    ("request_text", "actions"),
    [
        ("iam:GetRole arn:aws:iam::1:role/x", [("iam:GetRole", "arn:aws:iam::1:role/x")]),
        ("ec2:DescribeVpcs *", [("ec2:DescribeVpcs", "*")]),
        ("read data/x", [("s3:GetObject", "arn:aws:s3:::data/x"), ("kms:Decrypt", KEY)]),
        ("read plain/x", [("s3:GetObject", "arn:aws:s3:::plain/x")]),
        (
            "write data/x",
            [("s3:PutObject", "arn:aws:s3:::data/x"), ("kms:GenerateDataKey", KEY), ("kms:Decrypt", KEY)],
        ),
        ("list data/a/b", [("s3:ListBucket", "arn:aws:s3:::data")]),
        ("assume reader", [("sts:AssumeRole", ROLE)]),
        ("pass reader to sagemaker.amazonaws.com", [("iam:PassRole", ROLE), ("sts:AssumeRole", ROLE)]),
        (
            "run training-job x as reader",
            [
                ("sagemaker:CreateTrainingJob", f"arn:aws:sagemaker:eu-west-1:{A}:training-job/x"),
                ("sagemaker:AddTags", f"arn:aws:sagemaker:eu-west-1:{A}:training-job/x"),
                ("iam:PassRole", ROLE),
                ("sts:AssumeRole", ROLE),
            ],
        ),
        ("assume reader and read plain/x", [("sts:AssumeRole", ROLE), ("s3:GetObject", "arn:aws:s3:::plain/x")]),
    ],
)
def test_a_request_takes_these_actions(request_text: str, actions: list[tuple[str, str]]) -> None:
    assert _actions(request_text) == actions


def test_pulling_asks_the_registrys_two_endpoints() -> None:
    needs = _requests().needs(f"pull arn:aws:ecr:eu-west-1:{A}:repository/r", A)
    assert {need.action: need.endpoint for need in needs} == {
        "ecr:GetAuthorizationToken": "ecr.api",
        "ecr:BatchCheckLayerAvailability": "ecr.dkr",
        "ecr:BatchGetImage": "ecr.dkr",
        "ecr:GetDownloadUrlForLayer": "ecr.dkr",
    }


@pytest.mark.parametrize(("path", "context"), [("data/a/x", "data"), ("objects/a/x", "objects/a/x")])
def test_s3_asks_kms_for_the_bucket_only_with_a_bucket_key(path: str, context: str) -> None:
    _, decrypt = _requests().needs(f"read {path}", A)
    assert decrypt.via
    assert decrypt.context == {
        "kms:ViaService": "s3.eu-west-1.amazonaws.com",
        "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{context}",
    }


def test_the_service_tries_the_role_for_the_callers_account() -> None:
    passing, assuming = _requests().needs("pass reader to sagemaker.amazonaws.com", A)
    assert passing.context == {"iam:PassedToService": "sagemaker.amazonaws.com"}
    assert assuming.service == "sagemaker.amazonaws.com"
    assert assuming.context["aws:SourceAccount"] == A


def test_a_service_says_for_whom_it_acts() -> None:
    (need,) = _requests().needs("assume reader for arn:aws:sagemaker:eu-west-1:222222222222:endpoint/x", "")
    assert need.context == {
        "aws:SourceArn": "arn:aws:sagemaker:eu-west-1:222222222222:endpoint/x",
        "aws:SourceAccount": "222222222222",
    }


def test_a_bucket_that_a_service_acts_for_has_the_account_of_its_template() -> None:
    (need,) = _requests().needs("s3:PutObject arn:aws:s3:::plain/x for arn:aws:s3:::data", "")
    assert need.context["aws:SourceAccount"] == A


def test_what_is_passed_says_for_whom_the_service_acts_and_not_the_caller() -> None:
    source = f"arn:aws:ec2:eu-west-1:{A}:vpc-flow-log/fl-1"
    passing, assuming = _requests().needs(f"pass reader to vpc-flow-logs.amazonaws.com for {source}", A)
    assert "aws:SourceArn" not in passing.context
    assert assuming.context["aws:SourceArn"] == source


def test_a_strangers_bucket_is_the_strangers() -> None:
    (need,) = _requests().needs("s3:PutObject arn:aws:s3:::stranger-bucket/x", A)
    assert need.account == STRANGER


@pytest.mark.parametrize(
    ("action", "endpoint"),
    [
        ("s3:GetObject", "s3"),
        ("cloudwatch:PutMetricData", "monitoring"),
        ("ecr:BatchGetImage", "ecr.api"),
        ("sagemaker:CreateApp", "sagemaker.api"),
        ("sagemaker:InvokeEndpointAsync", "sagemaker.runtime"),
    ],
)
def test_an_action_goes_through_the_endpoint_of_its_service(action: str, endpoint: str) -> None:
    assert endpoint_of(action) == endpoint


@pytest.mark.parametrize(
    ("request_text", "sentence"),
    [
        ("fetch data/x", "'fetch data/x' is no request; accepted: <action> <resource>, or one of assume, list, "),
        ("read", "'read' is no request"),
        ("pass reader for sagemaker", "'pass reader' is no request"),
        ("run batch-job x as reader", "'run batch-job x as reader' is no request"),
        ("read dat/x", "the bucket dat is in no template; meant: data"),
        ("assume reeder", "the role reeder is in no template; meant: reader"),
        ("s3:GetObject data/x", "s3:GetObject is about data/x; accepted: an ARN, or *"),
        ("iam:GetRole", "iam:GetRole is about nothing; accepted: an ARN, or *"),
        (f"kms:Decrypt arn:aws:kms:eu-west-1:{A}:key/2", f"the key arn:aws:kms:eu-west-1:{A}:key/2 is in no template"),
    ],
)
def test_a_request_that_cannot_be_understood_is_one_sentence(request_text: str, sentence: str) -> None:
    with pytest.raises(UnknownWordError) as error:
        _requests().needs(request_text, A)
    assert sentence in str(error.value)

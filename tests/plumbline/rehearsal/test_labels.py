"""The truth that is delivered to production, in the role of the platform's own templates."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from plumbline.configuration import Environment, ModelJob
from plumbline.errors import PlumblineError
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.labels import deliver
from plumbline.rehearsal.session import Client
from runtime.monitoring.answers import joined
from tests.house.assembly import Assembly, role_statements, synthesized
from tests.plumbline.rehearsal.asking import REGION, last

pytestmark = pytest.mark.rehearsal

_AT = datetime.datetime(2013, 5, 1, 23, 30, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def assembly() -> Assembly:
    return synthesized()


@pytest.fixture(scope="module")
def capture(cloud: Cloud, assembly: Assembly) -> Client:
    """Production's capture bucket, and the role of labels with the policies that its template gives it."""
    production, model = assembly.platform.deployment(Environment.PRODUCTION), assembly.models[0]
    administrator = cloud.administrator(production.account)
    key = administrator.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3 = administrator.client("s3")
    s3.create_bucket(Bucket=production.capture_bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_encryption(
        Bucket=production.capture_bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}]
        },
    )
    name = production.role_name(model, ModelJob.LABEL)
    role = assembly[production.stack_name("access", model)].role(name)
    permissions = json.dumps({"Version": "2012-10-17", "Statement": list(role_statements(role).values())})
    iam = administrator.client("iam")
    trust = json.dumps(role["Properties"]["AssumeRolePolicyDocument"])
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    policy = permissions.replace(json.dumps({"Ref": "DataKey"}), json.dumps(key))
    assert "Ref" not in policy
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
    return s3


def _given(cloud: Cloud, assembly: Assembly, labels: dict[str, int]) -> None:
    production = assembly.platform.deployment(Environment.PRODUCTION)
    deliver(cloud=cloud, deployment=production, model=assembly.models[0], labels=labels, at=_AT)


def _objects(capture: Client, bucket: str) -> list[str]:
    return [one["Key"] for one in capture.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_labels_arrive_by_the_hour_and_are_read_as_the_truth(
    cloud: Cloud, assembly: Assembly, capture: Client, tmp_path: Path
) -> None:
    production, model = assembly.platform.deployment(Environment.PRODUCTION), assembly.models[0]
    _given(cloud, assembly, {"one": 1, "two": 0})
    keys = _objects(capture, production.capture_bucket)
    assert [key.rpartition("/")[0] for key in keys] == [f"{model.name}/labels/2013/05/01/23"]
    truth, answers = tmp_path / "truth.jsonl", tmp_path / "answers.jsonl"
    truth.write_bytes(capture.get_object(Bucket=production.capture_bucket, Key=keys[0])["Body"].read())
    rows = [{"inference_id": name, "probability": 0.5} for name in ("two", "one", "three")]
    answers.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    found = joined([answers], [truth], answer="probability", label="late")
    assert found.labels.to_list() == [0.0, 1.0]


def test_labels_are_written_in_the_role_that_the_team_assumes(
    cloud: Cloud, assembly: Assembly, capture: Client
) -> None:
    production, model = assembly.platform.deployment(Environment.PRODUCTION), assembly.models[0]
    _given(cloud, assembly, {"three": 1})
    assert f"assumed-role/{production.role_name(model, ModelJob.LABEL)}/" in last(cloud, "s3:PutObject").principal
    assert model.monitoring is not None
    assumed = last(cloud, "sts:AssumeRole")
    assert f"assumed-role/{model.monitoring.labels_from[0]}/" in assumed.principal
    assert _objects(capture, production.capture_bucket)


def test_whoever_the_model_does_not_name_delivers_nothing(cloud: Cloud, assembly: Assembly, capture: Client) -> None:
    before = _objects(capture, assembly.platform.deployment(Environment.PRODUCTION).capture_bucket)
    model = _naming(assembly, "somebody-else")
    production = assembly.platform.deployment(Environment.PRODUCTION)
    with pytest.raises(ClientError, match="AccessDenied"):
        deliver(cloud=cloud, deployment=production, model=model, labels={"one": 1}, at=_AT)
    assert _objects(capture, production.capture_bucket) == before


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "names nobody who delivers labels"),
        (["arn:aws:iam::999999999999:role/theirs"], "has no account 999999999999"),
    ],
)
def test_nobody_and_strangers_are_told(cloud: Cloud, assembly: Assembly, names: list[str], sentence: str) -> None:
    model = _naming(assembly, *names)
    production = assembly.platform.deployment(Environment.PRODUCTION)
    with pytest.raises(PlumblineError, match=sentence):
        deliver(cloud=cloud, deployment=production, model=model, labels={"one": 1}, at=_AT)


def _naming(assembly: Assembly, *names: str) -> Any:
    model = assembly.models[0]
    assert model.monitoring is not None
    monitoring = model.monitoring.model_copy(update={"labels_from": list(names)})
    return model.model_copy(update={"monitoring": monitoring})

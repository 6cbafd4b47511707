"""An archive that is put into the source bucket starts the delivery pipeline, with what the delivery stack defines."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from plumbline.configuration import Delivery
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Client
from tests.house.assembly import synthesized_as
from tests.house.layouts import IN_S3
from tests.plumbline.rehearsal.asking import allow, document, make_role
from tests.plumbline.rehearsal.stack import Stack

pytestmark = pytest.mark.rehearsal

_LIMIT_SECONDS = 60.0
# Of the delivery stack, what an archive passes on its way.
_PARTS = ("Key", "AccessLogs", "Artifacts", "Source", "Delivery/Roles/Pipeline")
_APPROVAL = {
    "name": "Wait",
    "actionTypeId": {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"},
}


def _lower(value: Any) -> Any:
    """A declaration as the API has it, of one that a template has."""
    if isinstance(value, dict):
        return {key[0].lower() + key[1:] if key[0].isupper() else key: _lower(one) for key, one in value.items()}
    return [_lower(one) for one in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def delivery(cloud: Cloud) -> Iterator[Delivery]:
    """What delivers from a bucket: its role, key and buckets, and a pipeline of its source and a person."""
    assembly = synthesized_as(IN_S3)
    names, template = assembly.platform.delivery, assembly[assembly.platform.delivery.prefix]
    administrator = cloud.administrator(names.account)
    boundary = document(allow(["codepipeline:*", "kms:*", "s3:*"], "*"))
    administrator.client("iam").create_policy(PolicyName="plumbline-boundary", PolicyDocument=boundary)
    # The bucket of artifacts names it, and the bootstrap, which makes it, is not in this cloud.
    make_role(cloud, names.account, names.deploy_role_arn.rpartition("/")[2])
    beginnings = tuple(f"delivery/delivery/{part}/" for part in _PARTS)
    resources = {
        logical_id: one
        for logical_id, one in template.resources.items()
        if one.get("Metadata", {}).get("aws:cdk:path", "").startswith(beginnings)
    }
    stack = Stack(cloud, "source-archive", account=names.account)
    assert stack.create(resources) == "CREATE_COMPLETE", stack.reasons()
    pipeline = template.only("AWS::CodePipeline::Pipeline")["Properties"]
    (source,) = [stage for stage in pipeline["Stages"] if stage["Name"] == "Source"]
    action = _lower(source["Actions"][0])
    action["configuration"] = dict(source["Actions"][0]["Configuration"], PollForSourceChanges="false")
    (key,) = [name for name, one in resources.items() if one["Type"] == "AWS::KMS::Key"]
    store = {"type": "S3", "location": names.artifacts_bucket}
    store["encryptionKey"] = {"id": f"{names.arn('kms', 'key')}/{stack.id_of(key)}", "type": "KMS"}  # type: ignore[assignment]
    administrator.client("codepipeline").create_pipeline(
        pipeline={
            "name": names.pipeline_name,
            "roleArn": names.pipeline_role_arn,
            "pipelineType": "V2",
            "artifactStore": store,
            "stages": [{"name": "Source", "actions": [action]}, {"name": "Wait", "actions": [_APPROVAL]}],
        }
    )
    yield names
    administrator.client("codepipeline").delete_pipeline(name=names.pipeline_name)


def _archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", "")
    return content.getvalue()


def _started(pipelines: Client, delivery: Delivery) -> list[dict[str, Any]]:
    """The executions that were started in the rule's role."""
    found = pipelines.list_pipeline_executions(pipelineName=delivery.pipeline_name)["pipelineExecutionSummaries"]
    return [one for one in found if f"/{delivery.source_role_name}/" in one["trigger"]["triggerDetail"]]


def _taken(pipelines: Client, delivery: Delivery, count: int) -> list[dict[str, Any]]:
    """The same, once as many as this have taken their source."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    while True:
        started = _started(pipelines, delivery)
        if sum(bool(one.get("sourceRevisions")) for one in started) >= count:
            return started
        state = pipelines.get_pipeline_state(name=delivery.pipeline_name)
        assert time.monotonic() < deadline, json.dumps(state, default=str)
        time.sleep(0.1)


def test_an_archive_starts_the_pipeline_in_the_rules_role_and_no_other_object_does(
    cloud: Cloud, delivery: Delivery
) -> None:
    administrator = cloud.administrator(delivery.account)
    bucket, pipelines = administrator.client("s3"), administrator.client("codepipeline")
    bucket.put_object(Bucket=delivery.source_bucket, Key="another.zip", Body=_archive())
    put = bucket.put_object(Bucket=delivery.source_bucket, Key=delivery.source_archive, Body=_archive())
    # The archive came after the other object: what that one had started would be there as well.
    (started,) = _taken(pipelines, delivery, 1)
    assert [revision["revisionId"] for revision in started["sourceRevisions"]] == [put["VersionId"]]
    # AWS names the rule.
    assert started["trigger"]["triggerType"] == "StartPipelineExecution"


def test_a_start_that_the_role_may_not_ask_for_is_kept_in_the_queue(cloud: Cloud, delivery: Delivery) -> None:
    administrator = cloud.administrator(delivery.account)
    identities, queues = administrator.client("iam"), administrator.client("sqs")
    policy = delivery.iam_arn(f"policy/{delivery.source_role_name}")
    identities.detach_role_policy(RoleName=delivery.source_role_name, PolicyArn=policy)
    try:
        administrator.client("s3").put_object(
            Bucket=delivery.source_bucket, Key=delivery.source_archive, Body=_archive()
        )
        queue = queues.get_queue_url(QueueName=delivery.dead_letter_queue("source"))["QueueUrl"]
        deadline = time.monotonic() + _LIMIT_SECONDS
        while not (kept := queues.receive_message(QueueUrl=queue, MessageAttributeNames=["All"]).get("Messages")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        identities.attach_role_policy(RoleName=delivery.source_role_name, PolicyArn=policy)
    (message,) = kept
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert json.loads(message["Body"])["detail"]["object"]["key"] == delivery.source_archive

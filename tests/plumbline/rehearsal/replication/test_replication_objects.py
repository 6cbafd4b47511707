"""What S3 replicates, in whose permissions, and what it says of it."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mlops_constructs.foreign_reader import ForeignReader
from mlops_constructs.perimeter import replicas_only
from mlops_constructs.policy import policy_json
from plumbline.rehearsal.cloud import Cloud
from tests.plumbline.rehearsal.asking import Queue, allow, document, made, make_role, queue
from tests.plumbline.rehearsal.replication.world import HERE, LIMIT_SECONDS, THERE, World

pytestmark = pytest.mark.rehearsal

_PART = 5 * 1024 * 1024


@pytest.fixture(scope="module")
def world(cloud: Cloud) -> World:
    configured = World(cloud)
    configured.configure()
    return configured


def test_an_object_below_the_prefix_arrives_as_it_is(world: World) -> None:
    written = world.here.put_object(
        Bucket=world.source, Key="out/a", Body=b"one", Metadata={"from": "me"}, ContentType="text/plain"
    )
    assert world.settled("out/a") == "COMPLETED"
    found = world.there.get_object(Bucket=world.target, Key="out/a")
    assert (found["Body"].read(), found["Metadata"], found["ContentType"]) == (b"one", {"from": "me"}, "text/plain")
    assert found["ReplicationStatus"] == "REPLICA"
    assert (found["ETag"], found["VersionId"]) == (written["ETag"], written["VersionId"])


def test_a_replica_is_encrypted_with_the_key_that_the_rule_names_by_its_alias(world: World) -> None:
    world.here.put_object(Bucket=world.source, Key="out/key", Body=b"x")
    assert world.settled("out/key") == "COMPLETED"
    assert world.here.head_object(Bucket=world.source, Key="out/key")["SSEKMSKeyId"] == world.key
    assert world.there.head_object(Bucket=world.target, Key="out/key")["SSEKMSKeyId"] == world.their_key


def test_what_lies_elsewhere_does_not_leave(world: World) -> None:
    world.here.put_object(Bucket=world.source, Key="outside", Body=b"x")
    world.here.put_object(Bucket=world.source, Key="out/after", Body=b"x")
    assert world.settled("out/after") == "COMPLETED"
    assert world.status("outside") == ""
    assert "outside" not in world.arrived()


def test_an_object_in_parts_and_a_copy_arrive(world: World) -> None:
    s3 = world.here
    upload = s3.create_multipart_upload(Bucket=world.source, Key="out/parts")["UploadId"]
    place = {"Bucket": world.source, "Key": "out/parts", "UploadId": upload}
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**place, PartNumber=number, Body=body)["ETag"]}
        for number, body in enumerate([b"a" * _PART, b"b"], start=1)
    ]
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    s3.copy_object(Bucket=world.source, Key="out/copy", CopySource={"Bucket": world.source, "Key": "out/parts"})
    assert world.settled("out/parts") == world.settled("out/copy") == "COMPLETED"
    for key in ("out/parts", "out/copy"):
        assert world.there.get_object(Bucket=world.target, Key=key)["Body"].read() == b"a" * _PART + b"b"


def test_versions_arrive_in_their_order(world: World) -> None:
    versions = [
        world.here.put_object(Bucket=world.source, Key="out/often", Body=str(number).encode())["VersionId"]
        for number in range(8)
    ]
    assert {world.settled("out/often", VersionId=version) for version in versions} == {"COMPLETED"}
    found = world.there.list_object_versions(Bucket=world.target, Prefix="out/often")["Versions"]
    assert {one["VersionId"] for one in found} == set(versions)
    assert world.there.get_object(Bucket=world.target, Key="out/often")["Body"].read() == b"7"


def test_a_deletion_stays_where_it_is_made(world: World) -> None:
    world.here.put_object(Bucket=world.source, Key="out/gone", Body=b"x")
    assert world.settled("out/gone") == "COMPLETED"
    world.here.delete_object(Bucket=world.source, Key="out/gone")
    assert world.there.get_object(Bucket=world.target, Key="out/gone")["Body"].read() == b"x"


def test_a_replica_is_not_replicated_again(cloud: Cloud) -> None:
    first, second = World(cloud), World(cloud)
    first.configure()
    further = {"Role": first.role, "Rules": [second.rule()]}
    first.there.put_bucket_replication(Bucket=first.target, ReplicationConfiguration=further)
    first.here.put_object(Bucket=first.source, Key="out/once", Body=b"x")
    assert first.settled("out/once") == "COMPLETED"
    assert first.there.head_object(Bucket=first.target, Key="out/once")["ReplicationStatus"] == "REPLICA"
    assert second.arrived() == []


def test_what_is_decided_is_decided_in_the_role_and_written_down(world: World, cloud: Cloud) -> None:
    world.here.put_object(Bucket=world.source, Key="out/logged", Body=b"x")
    assert world.settled("out/logged") == "COMPLETED"
    session = f"arn:aws:sts::{HERE}:assumed-role/{world.source}/s3-replication"
    for action, resource in (
        ("s3:GetReplicationConfiguration", f"arn:aws:s3:::{world.source}"),
        ("s3:GetObjectVersionForReplication", f"arn:aws:s3:::{world.source}/out/logged"),
        ("kms:Decrypt", world.key),
        ("s3:ReplicateObject", f"arn:aws:s3:::{world.target}/out/logged"),
        ("s3:ObjectOwnerOverrideToBucketOwner", f"arn:aws:s3:::{world.target}/out/logged"),
        ("kms:Encrypt", world.their_key),
        ("kms:GenerateDataKey", world.their_key),
    ):
        decided = [one for one in made(cloud, action, principal=session) if one.resource == resource]
        assert decided, action
        assert decided[-1].allowed, action


@pytest.mark.parametrize("but", ["rule", "read", "write", "decrypt", "encrypt"])
def test_without_a_permission_of_the_role_nothing_is_replicated(world: World, but: str) -> None:
    world.permit(but=but)
    try:
        world.here.put_object(Bucket=world.source, Key=f"out/without-{but}", Body=b"x")
        assert world.settled(f"out/without-{but}") == "FAILED"
    finally:
        world.permit()
    assert f"out/without-{but}" not in world.arrived()


def test_a_bucket_that_lets_in_another_role_gets_nothing(world: World) -> None:
    world.let_in(role=f"{world.role}-2")
    try:
        world.here.put_object(Bucket=world.source, Key="out/foreign", Body=b"x")
        assert world.settled("out/foreign") == "FAILED"
    finally:
        world.let_in()
    assert "out/foreign" not in world.arrived()


def test_the_platforms_policy_lets_replicas_in_and_nobody_else_write(cloud: Cloud) -> None:
    world = World(cloud)
    replicator = ForeignReader(account=HERE, root=f"arn:aws:iam::{HERE}:root", role_arns=(world.role,))
    policy = policy_json(replicas_only(f"arn:aws:s3:::{world.target}", "out/", replicator))
    world.there.put_bucket_policy(Bucket=world.target, Policy=json.dumps(policy))
    world.configure()
    world.here.put_object(Bucket=world.source, Key="out/a", Body=b"x")
    assert world.settled("out/a") == "COMPLETED"
    writer = make_role(cloud, THERE, f"{world.target}-writer", allow("s3:*", "*"), allow("kms:*", "*")).client("s3")
    for client in (world.there, writer):
        client.put_object(Bucket=world.target, Key="elsewhere", Body=b"x")
        with pytest.raises(ClientError, match=r"AccessDenied.*s3:PutObject.*explicit deny in a resource-based policy"):
            client.put_object(Bucket=world.target, Key="out/a", Body=b"forged")
    assert world.there.get_object(Bucket=world.target, Key="out/a")["Body"].read() == b"x"


def test_replication_comes_over_tls(cloud: Cloud) -> None:
    world = World(cloud)
    for client, name in ((world.here, world.source), (world.there, world.target)):
        denial = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        kept = json.loads(world.there.get_bucket_policy(Bucket=name)["Policy"]) if client is world.there else {}
        client.put_bucket_policy(Bucket=name, Policy=document(denial, *kept.get("Statement", [])))
    world.configure()
    world.here.put_object(Bucket=world.source, Key="out/a", Body=b"x")
    assert world.settled("out/a") == "COMPLETED"


def test_a_role_that_does_not_trust_s3_replicates_nothing(cloud: Cloud) -> None:
    world = World(cloud)
    make_role(cloud, HERE, f"{world.source}-people", allow("s3:*", "*"), allow("kms:*", "*"))
    world.role = f"{world.role}-people"
    world.configure()
    world.here.put_object(Bucket=world.source, Key="out/a", Body=b"x")
    assert world.settled("out/a") == "FAILED"


def test_a_key_that_does_not_let_the_role_encrypt_stops_it(world: World, cloud: Cloud) -> None:
    kms = cloud.administrator(THERE).client("kms")
    closed = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName=f"alias/{world.target}-closed", TargetKeyId=closed)
    alias = f"{world.alias}-closed"
    world.configure(world.rule(Destination={"EncryptionConfiguration": {"ReplicaKmsKeyID": alias}}))
    try:
        world.here.put_object(Bucket=world.source, Key="out/closed", Body=b"x")
        assert world.settled("out/closed") == "FAILED"
    finally:
        world.configure()


def test_without_being_chosen_an_object_under_a_key_stays(world: World) -> None:
    encryption = {"Bucket": f"arn:aws:s3:::{world.target}", "Account": THERE}
    plain = world.rule(SourceSelectionCriteria=None)
    plain["Destination"] = encryption
    world.configure(plain)
    try:
        world.here.put_object(Bucket=world.source, Key="out/unchosen", Body=b"x")
        assert world.status("out/unchosen") == ""
    finally:
        world.configure()


def test_what_was_there_before_the_rule_stays(cloud: Cloud) -> None:
    world = World(cloud)
    world.here.put_object(Bucket=world.source, Key="out/before", Body=b"x")
    world.configure()
    world.here.put_object(Bucket=world.source, Key="out/since", Body=b"x")
    assert world.settled("out/since") == "COMPLETED"
    assert world.arrived() == ["out/since"]


def test_a_bucket_that_keeps_versions_no_longer_gets_nothing(cloud: Cloud) -> None:
    world = World(cloud)
    world.configure()
    world.there.put_bucket_versioning(Bucket=world.target, VersioningConfiguration={"Status": "Suspended"})
    world.here.put_object(Bucket=world.source, Key="out/a", Body=b"x")
    assert world.settled("out/a") == "FAILED"


def test_a_replica_is_an_event_of_its_bucket(world: World, cloud: Cloud) -> None:
    events = cloud.administrator(THERE).client("events")
    heard = queue(cloud, THERE, f"{world.target}-heard")
    world.there.put_bucket_notification_configuration(
        Bucket=world.target, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    pattern = f'{{"source": ["aws.s3"], "detail": {{"bucket": {{"name": ["{world.target}"]}}}}}}'
    events.put_rule(Name=world.target, EventPattern=pattern)
    events.put_targets(Rule=world.target, Targets=[{"Id": "queue", "Arn": heard.arn}])
    world.here.put_object(Bucket=world.source, Key="out/told", Body=b"x")
    assert world.settled("out/told") == "COMPLETED"
    detail = _event(heard)["detail"]
    assert (detail["object"]["key"], detail["reason"]) == ("out/told", "PutObject")


def test_what_fails_is_counted_and_an_alarm_goes_off(world: World, cloud: Cloud) -> None:
    cloudwatch = cloud.administrator(HERE).client("cloudwatch")
    dimensions = {"SourceBucket": world.source, "DestinationBucket": world.target, "RuleId": "out"}
    cloudwatch.put_metric_alarm(
        AlarmName=world.source,
        Namespace="AWS/S3",
        MetricName="OperationsFailedReplication",
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    world.permit(but="write")
    try:
        world.here.put_object(Bucket=world.source, Key="out/alarming", Body=b"x")
        assert world.settled("out/alarming") == "FAILED"
    finally:
        world.permit()
    deadline = time.monotonic() + LIMIT_SECONDS
    while (state := cloudwatch.describe_alarms(AlarmNames=[world.source])["MetricAlarms"][0]["StateValue"]) != "ALARM":
        assert time.monotonic() < deadline, state
        time.sleep(0.1)


_WITHOUT_FILTER: dict[str, Any] = {"Filter": None, "Prefix": "out/", "Priority": None, "DeleteMarkerReplication": None}


@pytest.mark.parametrize(
    ("members", "named"),
    [
        (_WITHOUT_FILTER | {"Destination": {"Metrics": None}}, "a rule without Filter"),
        ({"Filter": {"Tag": {"Key": "a", "Value": "b"}}}, "a filter by tags"),
        ({"Filter": {"And": {"Prefix": "out/", "Tags": [{"Key": "a", "Value": "b"}]}}}, "a filter by tags"),
        ({"DeleteMarkerReplication": {"Status": "Enabled"}}, "replication of delete markers"),
        ({"Destination": {"StorageClass": "STANDARD_IA"}}, "StorageClass"),
        (
            {
                "Destination": {
                    "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
                    "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
                }
            },
            "ReplicationTime",
        ),
    ],
)
def test_what_is_not_carried_out_is_refused_by_name(world: World, members: dict[str, Any], named: str) -> None:
    rule = world.rule(**members)
    rule["Destination"] = {name: value for name, value in rule["Destination"].items() if value is not None}
    with pytest.raises(ClientError, match=f"NotImplemented.*The rehearsal's S3 does not have {named}"):
        world.configure(rule)
    assert world.here.get_bucket_replication(Bucket=world.source)["ReplicationConfiguration"]["Rules"][0]["ID"] == "out"


def test_several_rules_are_refused(world: World) -> None:
    with pytest.raises(ClientError, match=r"NotImplemented.*several rules"):
        world.configure(world.rule(), world.rule(ID="second", Priority=1))


def test_a_bucket_that_is_not_there_is_refused(world: World) -> None:
    with pytest.raises(ClientError, match=r"InvalidRequest.*Destination bucket must exist"):
        world.configure(world.rule(Destination={"Bucket": "arn:aws:s3:::nowhere-at-all"}))


@pytest.mark.parametrize("side", ["source", "target"])
def test_both_buckets_must_keep_versions(cloud: Cloud, side: str) -> None:
    world = World(cloud)
    client, bucket = (world.here, world.source) if side == "source" else (world.there, world.target)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    with pytest.raises(ClientError, match=r"InvalidRequest.*[Vv]ersioning"):
        world.configure()


def _event(heard: Queue) -> dict[str, Any]:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (found := heard.received()):
        assert time.monotonic() < deadline, "no event came"
        time.sleep(0.1)
    event: dict[str, Any] = found[0]
    return event

"""Logs, the trail, alarms, queues and topics."""

from collections.abc import Iterator

from plumbline.audit.findings import Severity
from plumbline.audit.rules.controls import (
    AUDIT_PROTECTION,
    AUDIT_TRAIL,
    ENCRYPTION_AT_REST,
    ENCRYPTION_IN_TRANSIT,
    MONITORING,
    answers,
)
from plumbline.audit.rules.expectations import (
    is_true,
    must_be_a_key,
    must_be_at_least,
    must_be_given,
    must_be_true,
    must_hold,
)
from plumbline.audit.rules.policies import Statement, resource_statements
from plumbline.audit.rules.policy_rules import (
    allows_named_actions,
    denies_plain_http,
    is_closed_to_the_public,
    names_foreigners,
    names_sources,
)
from plumbline.audit.rules.rule import Violation, rule
from plumbline.audit.rules.template import Resource
from plumbline.audit.rules.values import Unknown

GROUP = "AWS::Logs::LogGroup"
TRAIL = "AWS::CloudTrail::Trail"
QUEUE = "AWS::SQS::Queue"
TOPIC = "AWS::SNS::Topic"
_ALARMS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
_QUEUE_POLICY = ("AWS::SQS::QueuePolicy",)
_TOPIC_POLICY = ("AWS::SNS::TopicPolicy",)


@rule(
    id="PL-LOG-01",
    title="Logs are encrypted with a customer managed key",
    sense="Logs repeat what went wrong, often with the data it went wrong on.",
    remedy="Set KmsKeyId.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST, AUDIT_PROTECTION),
    types=(GROUP,),
)
def logs_are_encrypted(group: Resource) -> Iterator[Violation]:
    yield from must_be_a_key(group.at("KmsKeyId"))


@rule(
    id="PL-LOG-02",
    title="Logs are kept for a year, and not for ever",
    sense="An intrusion is found after months on average; logs without an end are a cost and a liability.",
    remedy="Set RetentionInDays to 365 or more.",
    severity=Severity.MEDIUM,
    controls=answers(AUDIT_PROTECTION, security_hub=("CloudWatch.16",)),
    types=(GROUP,),
)
def logs_are_kept(group: Resource) -> Iterator[Violation]:
    """PCI DSS 4.0.1, 10.5.1: at least twelve months."""
    yield from must_be_at_least(group.at("RetentionInDays"), 365, unit=" days")


@rule(
    id="PL-LOG-03",
    title="Alarms tell somebody",
    sense="An alarm without an action is a red dot that nobody looks at.",
    remedy="Name AlarmActions, and leave ActionsEnabled true; waive an alarm that only takes deployments back.",
    severity=Severity.MEDIUM,
    controls=answers(MONITORING, security_hub=("CloudWatch.15",)),
    types=_ALARMS,
)
def alarms_tell_somebody(alarm: Resource) -> Iterator[Violation]:
    enabled = alarm.at("ActionsEnabled")
    if enabled.is_there:
        yield from must_be_true(enabled)
    if not _takes_deployments_back(alarm):
        yield from must_hold(alarm.at("AlarmActions"), 1, "action")


def _takes_deployments_back(alarm: Resource) -> bool:
    """Whether an endpoint of the template rolls back on the alarm."""
    names = {alarm.reference, alarm.at("AlarmName").text}
    return any(
        one.at("AlarmName").text in names
        for endpoint in alarm.template.of_type("AWS::SageMaker::Endpoint")
        for one in endpoint.at("DeploymentConfig.AutoRollbackConfiguration.Alarms").items
    )


@rule(
    id="PL-TRL-01",
    title="The trail records every region",
    sense="Whoever breaks in works in the region where nobody looks.",
    remedy="Set IsMultiRegionTrail, IncludeGlobalServiceEvents and IsLogging to true.",
    severity=Severity.HIGH,
    controls=answers(AUDIT_TRAIL, security_hub=("CloudTrail.1",)),
    types=(TRAIL,),
)
def the_trail_records_every_region(trail: Resource) -> Iterator[Violation]:
    yield from must_be_true(trail.at("IsMultiRegionTrail"))
    yield from must_be_true(trail.at("IsLogging"))
    if trail.at("IncludeGlobalServiceEvents").is_there:
        yield from must_be_true(trail.at("IncludeGlobalServiceEvents"))


@rule(
    id="PL-TRL-02",
    title="The trail's files prove that nobody changed them",
    sense="Whoever broke in tidies up.",
    remedy="Set EnableLogFileValidation to true.",
    severity=Severity.HIGH,
    controls=answers(AUDIT_PROTECTION, security_hub=("CloudTrail.4",)),
    types=(TRAIL,),
)
def the_trail_is_validated(trail: Resource) -> Iterator[Violation]:
    yield from must_be_true(trail.at("EnableLogFileValidation"))


@rule(
    id="PL-TRL-03",
    title="The trail is encrypted with a customer managed key",
    sense="The trail says who can do what, and who did.",
    remedy="Set KMSKeyId.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST, AUDIT_PROTECTION, security_hub=("CloudTrail.2",)),
    types=(TRAIL,),
)
def the_trail_is_encrypted(trail: Resource) -> Iterator[Violation]:
    yield from must_be_a_key(trail.at("KMSKeyId"))


@rule(
    id="PL-TRL-04",
    title="The trail records who read which object",
    sense="Management events say who changed a bucket, not who read what was in it.",
    remedy="Add an event selector for AWS::S3::Object, with ReadWriteType All.",
    severity=Severity.MEDIUM,
    controls=answers(AUDIT_TRAIL, security_hub=("S3.22", "S3.23")),
    types=(TRAIL,),
)
def the_trail_records_objects(trail: Resource) -> Iterator[Violation]:
    """CloudTrail user guide, "Logging data events"."""
    for selector in trail.at("EventSelectors").items:
        if selector.at("ReadWriteType").text in ("", "All") and any(
            one.at("Type").text == "AWS::S3::Object" and one.at("Values").is_there
            for one in selector.at("DataResources").items
        ):
            return
    for selector in trail.at("AdvancedEventSelectors").items:
        if any("AWS::S3::Object" in one.at("Equals").texts for one in selector.at("FieldSelectors").items):
            return
    message = "EventSelectors record no reading and writing of objects; accepted: a selector for AWS::S3::Object, All."
    yield Violation(path="Properties.EventSelectors", message=message)


@rule(
    id="PL-TRL-05",
    title="The trail can raise alarms",
    sense="Files in a bucket are read after the incident; a log group can be watched.",
    remedy="Set CloudWatchLogsLogGroupArn and CloudWatchLogsRoleArn.",
    severity=Severity.LOW,
    controls=answers(MONITORING, security_hub=("CloudTrail.5",)),
    types=(TRAIL,),
)
def the_trail_can_raise_alarms(trail: Resource) -> Iterator[Violation]:
    yield from must_be_given(trail.at("CloudWatchLogsLogGroupArn"), "a log group")


@rule(
    id="PL-TRL-06",
    title="The trail's files cannot be deleted",
    sense="Versions help against a mistake; against somebody who means it only a lock does.",
    remedy="Set ObjectLockEnabled of the trail's bucket, with a default retention.",
    severity=Severity.MEDIUM,
    controls=answers(AUDIT_PROTECTION, security_hub=("S3.15",)),
    types=(TRAIL,),
    applies=lambda trail: any(True for _ in _buckets(trail)),
)
def the_trail_cannot_be_deleted(trail: Resource) -> Iterator[Violation]:
    """S3 user guide, "Locking objects with Object Lock"; of a bucket that is among the templates."""
    for bucket in _buckets(trail):
        lock = bucket.at("ObjectLockConfiguration")
        is_default = lock.at("ObjectLockEnabled").text == "Enabled" and lock.at("Rule.DefaultRetention.Mode").is_there
        if not is_default or not any(
            is_true(value) for value in bucket.at("ObjectLockEnabled").possible if not isinstance(value, Unknown)
        ):
            message = (
                f"S3BucketName is {bucket.logical_id}, which locks no object; accepted: a bucket with Object Lock."
            )
            yield Violation(path="Properties.S3BucketName", message=message)


def _buckets(trail: Resource) -> Iterator[Resource]:
    for bucket in trail.template.all.of_account(trail.template, "AWS::S3::Bucket"):
        if bucket.reference == trail.at("S3BucketName").text:
            yield bucket


@rule(
    id="PL-TRL-07",
    title="A bucket that is there for a trail has one",
    sense="A trail that was dropped leaves its bucket behind, and nobody notices that nothing is recorded any more.",
    remedy="Keep the trail in the templates, or delete the statement that lets CloudTrail write.",
    severity=Severity.HIGH,
    controls=answers(AUDIT_TRAIL, security_hub=("CloudTrail.1",)),
    types=("AWS::S3::BucketPolicy",),
    applies=lambda policy: any(_lets_a_trail_write(statement) for statement in resource_statements(policy)),
)
def a_bucket_for_a_trail_has_one(policy: Resource) -> Iterator[Violation]:
    """CloudTrail user guide, "Amazon S3 bucket policy for CloudTrail"; another account's trail may write, too."""
    bucket = policy.at("Bucket").text
    if not any(trail.at("S3BucketName").text == bucket for trail in policy.template.all.of_type(TRAIL)):
        message = f"CloudTrail may write into {bucket}, and no trail does; accepted: a trail, or no such statement."
        yield Violation(path="Properties.PolicyDocument", message=message)


def _lets_a_trail_write(statement: Statement) -> bool:
    services = statement.principals.get("Service", ())
    return statement.allows and "cloudtrail.amazonaws.com" in services and statement.names_action("s3:putobject")


@rule(
    id="PL-MSG-01",
    title="Queues are encrypted with a customer managed key",
    sense="A dead-letter queue keeps the events that failed, with whatever they carry, for days.",
    remedy="Set KmsMasterKeyId.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST, security_hub=("SQS.1",)),
    types=(QUEUE,),
)
def queues_are_encrypted(queue: Resource) -> Iterator[Violation]:
    yield from must_be_a_key(queue.at("KmsMasterKeyId"))


@rule(
    id="PL-MSG-02",
    title="Topics are encrypted with a customer managed key",
    sense="Alarms and approvals say what is wrong, and where.",
    remedy="Set KmsMasterKeyId; alarms cannot publish under the key that AWS manages.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST, security_hub=("SNS.1",)),
    types=(TOPIC,),
)
def topics_are_encrypted(topic: Resource) -> Iterator[Violation]:
    yield from must_be_a_key(topic.at("KmsMasterKeyId"))


def _demands_tls(resource: Resource, policy_type: str, key: str) -> bool:
    return any(
        resource.reference in policy.at(key).texts and denies_plain_http(resource_statements(policy))
        for policy in resource.template.all.of_account(resource.template, policy_type)
    )


@rule(
    id="PL-MSG-03",
    title="Queues refuse what comes without TLS",
    sense="Without TLS messages, and the signature that reads them, can be read on the way.",
    remedy="Deny sqs:* to everybody where aws:SecureTransport is false.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_IN_TRANSIT),
    types=(QUEUE,),
)
def queues_demand_tls(queue: Resource) -> Iterator[Violation]:
    if not _demands_tls(queue, "AWS::SQS::QueuePolicy", "Queues"):
        message = "No queue policy denies what comes without TLS; accepted: a Deny on aws:SecureTransport false."
        yield Violation(path="", message=message)


@rule(
    id="PL-MSG-04",
    title="Topics refuse what comes without TLS",
    sense="Without TLS alarms can be read on the way.",
    remedy="Deny sns:Publish to everybody where aws:SecureTransport is false.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_IN_TRANSIT),
    types=(TOPIC,),
)
def topics_demand_tls(topic: Resource) -> Iterator[Violation]:
    if not _demands_tls(topic, "AWS::SNS::TopicPolicy", "Topics"):
        message = "No topic policy denies what comes without TLS; accepted: a Deny on aws:SecureTransport false."
        yield Violation(path="", message=message)


queues_are_closed = is_closed_to_the_public(
    id_="PL-MSG-05", what="Queues", types=_QUEUE_POLICY, security_hub=("SQS.3",)
)
topics_are_closed = is_closed_to_the_public(
    id_="PL-MSG-06", what="Topics", types=_TOPIC_POLICY, security_hub=("SNS.4",)
)
messages_name_sources = names_sources(id_="PL-MSG-07", what="Queues and topics", types=(*_QUEUE_POLICY, *_TOPIC_POLICY))
messages_name_foreigners = names_foreigners(
    id_="PL-MSG-08", what="Queues and topics", types=(*_QUEUE_POLICY, *_TOPIC_POLICY)
)
messages_name_actions = allows_named_actions(
    id_="PL-MSG-09", what="queues and topics", types=(*_QUEUE_POLICY, *_TOPIC_POLICY)
)

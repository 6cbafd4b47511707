"""Event buses, archives, rules, topics, queues."""

from collections.abc import Mapping

from plumbline.rehearsal.provisioning.notation import Handler, When, calls, passes, tagged, uses_key

_BUS_KEY = uses_key("KmsKeyIdentifier", "kms:DescribeKey", "kms:GenerateDataKey", "kms:Decrypt", through="events")
_PATTERN = {"events:source": "@EventPattern.source.*", "events:detail-type": "@EventPattern.detail-type.*"}
_TARGETS = {"events:TargetArn": "@Targets.*.Arn"}

HANDLERS: Mapping[str, Handler] = {
    "AWS::Events::EventBus": Handler(
        on="events:{here}:event-bus/{name}",
        name="Name",
        create=(
            *tagged("events:CreateEventBus"),
            *tagged("events:TagResource", of="Tags"),
            *calls("events:PutPermission", on="*", of="Policy"),
            *calls("events:DescribeEventBus"),
            *_BUS_KEY,
        ),
        update=(
            *calls("events:DescribeEventBus"),
            *calls("events:UpdateEventBus", of="Description"),
            *calls("events:UpdateEventBus", of="KmsKeyIdentifier"),
            *calls("events:UpdateEventBus", of="DeadLetterConfig"),
            *calls("events:PutPermission", on="*", of="Policy"),
            *tagged("events:TagResource", of="Tags"),
            *_BUS_KEY,
        ),
        delete=calls("events:DescribeEventBus", "events:DeleteEventBus"),
        replacing=frozenset({"Name"}),
    ),
    "AWS::Events::EventBusPolicy": Handler(
        on="events:{here}:event-bus/{bus}",
        create=(*calls("events:DescribeEventBus"), *calls("events:PutPermission", on="*")),
        update=(*calls("events:DescribeEventBus"), *calls("events:PutPermission", on="*")),
        delete=(*calls("events:DescribeEventBus"), *calls("events:RemovePermission", on="*")),
        replacing=frozenset({"EventBusName", "StatementId"}),
    ),
    # Service Authorization Reference: making an archive is decided on the archive and on its bus.
    "AWS::Events::Archive": Handler(
        on="events:{here}:archive/{name}",
        name="ArchiveName",
        create=(
            *calls("events:DescribeArchive", "events:CreateArchive"),
            *calls("events:CreateArchive", on="{item}", each="SourceArn"),
            *_BUS_KEY,
        ),
        update=(*calls("events:DescribeArchive", "events:UpdateArchive"), *_BUS_KEY),
        delete=calls("events:DescribeArchive", "events:DeleteArchive"),
        replacing=frozenset({"ArchiveName", "SourceArn"}),
        system_tags=False,
    ),
    "AWS::Events::Rule": Handler(
        on="events:{here}:rule/{rule}",
        name="Name",
        create=(
            *calls("events:DescribeRule"),
            *tagged("events:PutRule", keys=_PATTERN),
            *tagged("events:TagResource", of="Tags"),
            *calls("events:PutTargets", of="Targets", keys=_TARGETS),
            *passes("RoleArn", to="events.amazonaws.com"),
            *passes("Targets.*.RoleArn", to="events.amazonaws.com"),
        ),
        update=(
            *calls("events:DescribeRule"),
            *tagged("events:PutRule", keys=_PATTERN),
            *calls("events:PutTargets", of="Targets", keys=_TARGETS),
            *calls("events:RemoveTargets", of="Targets", when=When.REMOVED, each="Targets.*.Id"),
            *passes("RoleArn", to="events.amazonaws.com"),
            *passes("Targets.*.RoleArn", to="events.amazonaws.com"),
            *tagged("events:TagResource", of="Tags"),
        ),
        delete=(
            *calls("events:DescribeRule", "events:ListTargetsByRule", "events:DeleteRule"),
            *calls("events:RemoveTargets", of="Targets"),
        ),
        replacing=frozenset({"Name"}),
    ),
    "AWS::SNS::Topic": Handler(
        on="sns:{here}:{name}",
        name="TopicName",
        create=(
            *tagged("sns:CreateTopic"),
            *tagged("sns:TagResource", of="Tags"),
            *calls(
                "sns:Subscribe",
                of="Subscription",
                keys={"sns:Protocol": "@Subscription.*.Protocol", "sns:Endpoint": "@Subscription.*.Endpoint"},
            ),
            *calls("sns:GetTopicAttributes"),
        ),
        update=(
            *calls("sns:GetTopicAttributes", "sns:SetTopicAttributes"),
            *tagged("sns:TagResource", of="Tags"),
            *calls("sns:Subscribe", "sns:Unsubscribe", "sns:ListSubscriptionsByTopic", of="Subscription"),
        ),
        delete=calls("sns:GetTopicAttributes", "sns:DeleteTopic"),
        replacing=frozenset({"TopicName", "FifoTopic"}),
    ),
    # Without a handler in the registry. SNS API reference, "SetTopicAttributes": a policy is an attribute.
    "AWS::SNS::TopicPolicy": Handler(
        on="{item}",
        create=calls("sns:SetTopicAttributes", each="Topics.*"),
        update=calls("sns:SetTopicAttributes", each="Topics.*"),
        delete=calls("sns:SetTopicAttributes", each="Topics.*"),
    ),
    "AWS::SNS::Subscription": Handler(
        on="{TopicArn}",
        create=calls("sns:Subscribe", keys={"sns:Protocol": "{Protocol}", "sns:Endpoint": "{Endpoint}"}),
        update=calls("sns:SetSubscriptionAttributes"),
        delete=calls("sns:GetSubscriptionAttributes", "sns:Unsubscribe"),
        replacing=frozenset({"TopicArn", "Protocol", "Endpoint"}),
    ),
    "AWS::SQS::Queue": Handler(
        on="sqs:{here}:{name}",
        name="QueueName",
        create=(
            *tagged("sqs:CreateQueue"),
            *tagged("sqs:TagQueue", of="Tags"),
            *calls("sqs:GetQueueUrl", "sqs:GetQueueAttributes"),
        ),
        update=(
            *calls("sqs:GetQueueAttributes", "sqs:SetQueueAttributes"),
            *calls("sqs:ListQueueTags", of="Tags"),
            *tagged("sqs:TagQueue", of="Tags"),
        ),
        delete=calls("sqs:GetQueueAttributes", "sqs:DeleteQueue"),
        replacing=frozenset({"QueueName", "FifoQueue"}),
        system_tags=False,
    ),
    # Without a handler in the registry. SQS API reference, "SetQueueAttributes": a policy is an attribute.
    "AWS::SQS::QueuePolicy": Handler(
        on="queue:{item}",
        create=calls("sqs:SetQueueAttributes", each="Queues.*"),
        update=calls("sqs:SetQueueAttributes", each="Queues.*"),
        delete=calls("sqs:SetQueueAttributes", each="Queues.*"),
    ),
}

"""What AWS services do with a key as themselves: one statement a service principal, each bound to what it acts for.

None of them sends `kms:ViaService`; each sends the encryption context of what it encrypts, and most the account or the
resource that they act for.
"""

from collections.abc import Sequence

from mlops_constructs.policy import Statement
from plumbline.configuration import Deployment, Placement


def log_groups_use(placement: Placement, log_groups: Sequence[str]) -> Statement:
    """CloudWatch Logs encrypts log groups.

    Args:
        placement: The environment, or delivery.
        log_groups: Patterns of the ARNs of the log groups (`kms:EncryptionContext:aws:logs:arn`; CloudWatch Logs user
            guide, "Encrypt log data in CloudWatch Logs using AWS Key Management Service").
    """
    return Statement(
        sid="EncryptLogGroups",
        principal={"Service": f"logs.{placement.region}.amazonaws.com"},
        actions=[
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey*",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        ],
        resources=["*"],
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}},
    )


def alarms_use(placement: Placement, topic_arn: str) -> Statement:
    """CloudWatch tells an encrypted topic of an alarm.

    Source: SNS developer guide, "Enable compatibility between event sources from AWS services and encrypted topics".
    """
    return Statement(
        sid="TellOfAlarms",
        principal={"Service": "cloudwatch.amazonaws.com"},
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        resources=["*"],
        conditions={
            "ArnLike": {"aws:SourceArn": placement.alarm_arns},
            "StringEquals": {
                "aws:SourceAccount": placement.account,
                "kms:EncryptionContext:aws:sns:topicArn": topic_arn,
            },
        },
    )


def events_use(topic_arn: str) -> Statement:
    """EventBridge tells an encrypted topic of an event.

    It says neither for which account nor for which rule (same page), so the topic alone binds it.
    """
    return Statement(
        sid="TellOfEvents",
        principal={"Service": "events.amazonaws.com"},
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        resources=["*"],
        conditions={"StringEquals": {"kms:EncryptionContext:aws:sns:topicArn": topic_arn}},
    )


def dead_letters_use(
    placement: Placement, queue_arn: str, *, sid: str = "KeepUndelivered", rules: str | None = None
) -> Statement:
    """EventBridge sends what it could not deliver to an encrypted queue.

    Source: EventBridge user guide, "Using dead-letter queues to process undelivered events".

    Args:
        placement: The environment, or delivery.
        queue_arn: The queue, or a pattern of queues that come after the key.
        sid: Name of the statement, where a key has several.
        rules: Pattern of the names of the rules; left out, the placement's.
    """
    return Statement(
        sid=sid,
        principal={"Service": "events.amazonaws.com"},
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        resources=["*"],
        conditions={
            "ArnLike": {
                "aws:SourceArn": placement.arn("events", f"rule/{rules}") if rules else placement.rule_arns,
                "kms:EncryptionContext:aws:sqs:arn": queue_arn,
            },
            "StringEquals": {"aws:SourceAccount": placement.account},
        },
    )


def buses_use(deployment: Deployment, *, archived: bool) -> list[Statement]:
    """EventBridge encrypts what waits on the platform's bus, and what is kept of it.

    The encryption context names the bus, and with it account and region.

    Sources: EventBridge user guide, "Authorizing EventBridge to use a customer managed key" and "Encrypting EventBridge
    archives with AWS KMS keys".

    Args:
        deployment: The environment.
        archived: Whether the bus has an archive.
    """
    bus = deployment.event_bus_arn
    principal = {"Service": "events.amazonaws.com"}
    return [
        Statement(
            sid="EncryptEvents",
            principal=principal,
            actions=[
                "kms:Decrypt",
                "kms:GenerateDataKey",
                *(["kms:ReEncryptFrom", "kms:ReEncryptTo"] if archived else []),
            ],
            resources=["*"],
            conditions={"StringEquals": {"kms:EncryptionContext:aws:events:event-bus:arn": bus}},
        ),
        Statement(
            sid="DescribeForBus",
            principal=principal,
            actions=["kms:DescribeKey"],
            resources=["*"],
            conditions={"StringEquals": {"aws:SourceAccount": deployment.account, "aws:SourceArn": bus}},
        ),
    ]


def trail_use(placement: Placement) -> list[Statement]:
    """CloudTrail encrypts the files of the account's trail.

    Source: CloudTrail user guide, "Configure AWS KMS key policies for CloudTrail".
    """
    principal = {"Service": "cloudtrail.amazonaws.com"}
    source = {"aws:SourceArn": placement.trail_arn}
    return [
        Statement(
            sid="EncryptTrail",
            principal=principal,
            actions=["kms:GenerateDataKey*"],
            resources=["*"],
            conditions={
                "StringEquals": source,
                "StringLike": {
                    "kms:EncryptionContext:aws:cloudtrail:arn": (
                        f"arn:{placement.partition}:cloudtrail:*:{placement.account}:trail/*"
                    )
                },
            },
        ),
        Statement(
            sid="DescribeForTrail",
            principal=principal,
            actions=["kms:DescribeKey"],
            resources=["*"],
            conditions={"StringEquals": source},
        ),
    ]

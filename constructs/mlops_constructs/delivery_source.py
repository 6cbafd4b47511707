"""What starts the delivery pipeline when its source is not behind a connection, which does so by itself."""

from datetime import date

from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from mlops_constructs.dead_letter_queue import DeadLetterQueue
from mlops_constructs.event_forwarding import retries
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.protected_bucket import ProtectedBucket
from mlops_constructs.service_key_use import dead_letters_use
from mlops_constructs.service_trust import service_trust
from mlops_constructs.waiver import Waiver, waive
from plumbline.configuration import Delivery, SourceProvider

_FAILURES = "source"


class DeliverySource(Construct):
    """Starts the delivery pipeline when a branch in CodeCommit, or the archive in S3, has changed.

    Guarantees: the rule hears of this branch, or of this one object; it starts this pipeline in a role that does
    nothing else and that EventBridge assumes for this rule only; a start that is not accepted within a day is kept in a
    queue, and told; the archive lies in a protected bucket of its own.

    Leaves out: who may push, or put the archive. That is for identity policies of the delivery account to say.

    Attributes:
        role: The role of the rule.
        rule: When the pipeline is started.
        failures: Where starts end that were not accepted.
        archive: Where the archive lies; None with CodeCommit.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, delivery: Delivery, key: kms.IKey, access_logs: s3.IBucket
    ) -> None:
        """Defines rule, role, queue and, for S3, the bucket.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            delivery: What delivers; its source is in CodeCommit or S3.
            key: Key of the archive and of what is kept; its policy has the statements of `source_key_use`.
            access_logs: Where S3 writes access logs of the bucket.
        """
        super().__init__(scope, construct_id)
        self.archive = (
            ProtectedBucket(
                self,
                "Archive",
                bucket_name=delivery.source_bucket,
                key=key,
                access_logs=access_logs,
                accounts=delivery.platform.account_ids,
                tells_events=True,
            )
            if delivery.platform.source.provider is SourceProvider.S3
            else None
        )
        self.failures = DeadLetterQueue(self, "Failures", placement=delivery, purpose=_FAILURES, key_arn=key.key_arn)
        waive(
            self.failures.queue,
            Waiver(
                id="queue-of-failures",
                rule="AwsSolutions::AwsSolutions-SQS3",
                reason="The queue is itself where a rule's failures end, which the check does not see: it knows "
                "queues of functions and of other queues. Nobody takes messages from it, so none can fail again.",
                owner="platform",
                until=date(2027, 11, 30),
            ),
        )
        self.role = PlatformRole(
            self,
            "Role",
            platform=delivery.platform,
            account=delivery.account,
            role_name=delivery.source_role_name,
            description="EventBridge starts the delivery pipeline",
            # "Confused deputy prevention", EventBridge user guide: the rule is the source.
            trust=[
                service_trust(
                    "events.amazonaws.com",
                    account=delivery.account,
                    source_arn=delivery.arn("events", f"rule/{delivery.source_rule}"),
                )
            ],
            statements=[
                Statement(
                    sid="StartDelivery",
                    actions=["codepipeline:StartPipelineExecution"],
                    resources=[delivery.pipeline_arn],
                )
            ],
        )
        self.rule = events.CfnRule(
            self,
            "Rule",
            name=delivery.source_rule,
            description="What is delivered has changed",
            event_pattern=_changed(delivery),
            targets=[
                events.CfnRule.TargetProperty(
                    id="Pipeline",
                    arn=delivery.pipeline_arn,
                    role_arn=self.role.role_arn,
                    retry_policy=retries(),
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self.failures.queue_arn),
                )
            ],
        )


def source_key_use(delivery: Delivery) -> list[Statement]:
    """What the delivery account's key has to admit, so that a changed source starts the pipeline.

    Args:
        delivery: What delivers; behind a connection nothing is needed.
    """
    if not delivery.starts_by_rule:
        return []
    queue = delivery.arn("sqs", delivery.dead_letter_queue(_FAILURES))
    return [
        dead_letters_use(delivery, queue, sid="KeepUnstarted"),
        *([_bring(delivery)] if delivery.platform.source.provider is SourceProvider.S3 else []),
    ]


def _bring(delivery: Delivery) -> Statement:
    """Who may put the archive is for identity policies to say: without this, they would say it in vain.

    An upload in parts is decrypted as well (S3 user guide, "Protecting data using server-side encryption with AWS KMS
    keys"); with a bucket key the encryption context is the bucket (same guide, "Reducing the cost of SSE-KMS with
    Amazon S3 Bucket Keys").
    """
    return Statement(
        sid="BringSource",
        principal={"AWS": delivery.iam_arn("root")},
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        resources=["*"],
        conditions={
            "StringEquals": {
                "kms:CallerAccount": delivery.account,
                "kms:EncryptionContext:aws:s3:arn": f"arn:{delivery.partition}:s3:::{delivery.source_bucket}",
                "kms:ViaService": f"s3.{delivery.region}.amazonaws.com",
            }
        },
    )


def _changed(delivery: Delivery) -> dict[str, object]:
    """The events of one branch, or of one object.

    Sources: CodePipeline user guide, "CodeCommit source actions and EventBridge" and "Connecting to Amazon S3 source
    actions with a source enabled for events"; S3 user guide, "EventBridge event message structure".
    """
    source = delivery.platform.source
    if source.provider is SourceProvider.S3:
        return {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [delivery.source_bucket]}, "object": {"key": [delivery.source_archive]}},
        }
    return {
        "source": ["aws.codecommit"],
        "detail-type": ["CodeCommit Repository State Change"],
        "resources": [delivery.arn("codecommit", str(source.repository))],
        "detail": {
            "event": ["referenceCreated", "referenceUpdated"],
            "referenceType": ["branch"],
            "referenceName": [str(source.branch)],
        },
    }

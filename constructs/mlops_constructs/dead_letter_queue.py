"""Where events and invocations end that nobody could handle."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from mlops_constructs.policy import Statement, policy_json
from plumbline.configuration import Placement


class DeadLetterQueue(Construct):
    """An encrypted queue for what failed, and an alarm as soon as something is in it.

    Guarantees: messages are encrypted with the given key and kept for two weeks; only EventBridge, for the
    placement's rules, and identities whose policies say so send; TLS only.

    Attributes:
        queue: The queue.
        queue_arn: Its ARN.
        alarm: Says that something failed.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, placement: Placement, purpose: str, key_arn: str
    ) -> None:
        """Defines the queue and its alarm.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            placement: The environment, or what else it belongs to.
            purpose: What fails, e.g. `events`; the queue's name ends with it.
            key_arn: Key of the messages; its policy admits EventBridge for this queue.
        """
        super().__init__(scope, construct_id)
        name = placement.dead_letter_queue(purpose)
        self.queue_arn = placement.arn("sqs", name)
        self.queue = sqs.CfnQueue(
            self,
            "Queue",
            queue_name=name,
            kms_master_key_id=key_arn,
            # "Message retention period", SQS developer guide: 14 days at most.
            message_retention_period=14 * 24 * 3_600,
        )
        sqs.CfnQueuePolicy(
            self,
            "Policy",
            queues=[self.queue.ref],
            policy_document=policy_json(
                [
                    Statement(
                        sid="Events",
                        principal={"Service": "events.amazonaws.com"},
                        actions=["sqs:SendMessage"],
                        resources=[self.queue_arn],
                        conditions={
                            "ArnLike": {"aws:SourceArn": placement.rule_arns},
                            "StringEquals": {"aws:SourceAccount": placement.account},
                        },
                    ),
                    Statement(
                        sid="DenyPlainHttp",
                        effect="Deny",
                        principal={"AWS": "*"},
                        actions=["sqs:*"],
                        resources=[self.queue_arn],
                        conditions={"Bool": {"aws:SecureTransport": "false"}},
                    ),
                ]
            ),
        )
        self.alarm = cloudwatch.CfnAlarm(
            self,
            "Alarm",
            alarm_name=f"{placement.prefix}-{purpose}-failed",
            alarm_description=f"Something failed and lies in {name}: read it, mend the cause, send it again; see "
            "docs/retraining.md#when-something-could-not-be-decided",
            namespace="AWS/SQS",
            metric_name="ApproximateNumberOfMessagesVisible",
            dimensions=[cloudwatch.CfnAlarm.DimensionProperty(name="QueueName", value=name)],
            statistic="Maximum",
            period=60,
            evaluation_periods=1,
            threshold=0,
            comparison_operator="GreaterThanThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[placement.operations_topic_arn],
        )

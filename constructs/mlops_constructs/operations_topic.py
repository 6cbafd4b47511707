"""The topic that tells people what needs them."""

from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from mlops_constructs.policy import Statement, policy_json
from plumbline.configuration import Placement


class OperationsTopic(Construct):
    """An encrypted topic to which alarms and rules of one part of the platform publish.

    Guarantees: only CloudWatch, for its own alarms, and EventBridge publish, and only over TLS; messages are
    encrypted with the given key; the configured address is subscribed.

    Leaves out: confirming the subscription, which is the addressee's to do.

    Attributes:
        topic: The topic.
    """

    def __init__(self, scope: Construct, construct_id: str, *, placement: Placement, key: kms.IKey) -> None:
        """Defines the topic.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            placement: The environment, or delivery.
            key: Key of the messages; its policy admits CloudWatch and EventBridge for this topic.
        """
        super().__init__(scope, construct_id)
        self.topic = sns.CfnTopic(self, "Topic", topic_name=placement.operations_topic, kms_master_key_id=key.key_arn)
        topic_arn = placement.operations_topic_arn
        policy = sns.CfnTopicPolicy(
            self,
            "Policy",
            topics=[self.topic.ref],
            policy_document=policy_json(
                [
                    Statement(
                        sid="Alarms",
                        principal={"Service": "cloudwatch.amazonaws.com"},
                        actions=["sns:Publish"],
                        resources=[topic_arn],
                        conditions={
                            "ArnLike": {"aws:SourceArn": placement.alarm_arns},
                            "StringEquals": {"aws:SourceAccount": placement.account},
                        },
                    ),
                    # EventBridge user guide, "Using resource-based policies": a topic's policy for EventBridge takes no
                    # condition. Who may make a rule with this target is bound by the bootstrap's execution policy.
                    Statement(
                        sid="Events",
                        principal={"Service": "events.amazonaws.com"},
                        actions=["sns:Publish"],
                        resources=[topic_arn],
                    ),
                    Statement(
                        sid="DenyPlainHttp",
                        effect="Deny",
                        principal={"AWS": "*"},
                        actions=["sns:Publish"],
                        resources=[topic_arn],
                        conditions={"Bool": {"aws:SecureTransport": "false"}},
                    ),
                ]
            ),
        )
        email = placement.platform.alerts.email
        if email:
            subscription = sns.CfnSubscription(
                self, "Email", protocol="email", topic_arn=self.topic.ref, endpoint=email
            )
            subscription.node.add_dependency(policy)

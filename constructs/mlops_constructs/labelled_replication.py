"""How labelled data leaves production: pushed, one prefix of one bucket, by S3."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_s3 as s3
from constructs import Construct

from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.service_trust import service_trust
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import FOREIGN_KEYS, OBJECT_NAMES
from plumbline.configuration import LABELLED, Deployment, KeyPurpose

_PERIOD_SECONDS = 300
_RUNBOOK = "docs/monitors.md#labelled-data-does-not-arrive"


class LabelledReplication(Construct):
    """The rule by which S3 copies labelled data of one environment to another, and the role in which it does.

    Guarantees: nothing but new objects below `labelled/` is copied, to the same keys of one bucket, where they are
    encrypted with that bucket's key and belong to its owner; deletions stay where they are made. The role reads
    nothing else, deletes nothing, and is assumed by S3 alone. An alarm goes off when an object could not be copied.

    Leaves out: objects that were there before the rule (S3 copies what is written from then on), tags, which nobody
    sets, and Replication Time Control, which promises minutes that nothing here needs.

    Attributes:
        role: The role.
        configuration: The rule, for the bucket that it is of.
        failed: The alarm.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: Deployment, to: Deployment, key_arn: str
    ) -> None:
        """Defines role, rule and alarm.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment from which labelled data leaves.
            to: The environment that gets it; its data bucket is there before this is deployed.
            key_arn: Key of the data bucket that it leaves.
        """
        super().__init__(scope, construct_id)
        apart = to.account != deployment.account
        self.role = _role(self, deployment=deployment, to=to, key_arn=key_arn)
        self.configuration = s3.CfnBucket.ReplicationConfigurationProperty(
            role=self.role.role_arn,
            rules=[
                s3.CfnBucket.ReplicationRuleProperty(
                    id=deployment.replication_rule,
                    status="Enabled",
                    priority=0,
                    filter=s3.CfnBucket.ReplicationRuleFilterProperty(prefix=f"{LABELLED}/"),
                    delete_marker_replication=s3.CfnBucket.DeleteMarkerReplicationProperty(status="Disabled"),
                    source_selection_criteria=s3.CfnBucket.SourceSelectionCriteriaProperty(
                        sse_kms_encrypted_objects=s3.CfnBucket.SseKmsEncryptedObjectsProperty(status="Enabled")
                    ),
                    destination=_destination(to, apart=apart),
                )
            ],
        )
        self.failed = self._alarm(deployment, to)

    def _alarm(self, deployment: Deployment, to: Deployment) -> cloudwatch.CfnAlarm:
        """S3 user guide, "Using S3 Replication metrics", for namespace, metric and dimensions."""
        dimensions = {
            "SourceBucket": deployment.data_bucket,
            "DestinationBucket": to.data_bucket,
            "RuleId": deployment.replication_rule,
        }
        return cloudwatch.CfnAlarm(
            self,
            "Failed",
            alarm_name=deployment.replication_alarm,
            alarm_description=f"Labelled data has not reached {to.environment}; see {_RUNBOOK}",
            namespace="AWS/S3",
            metric_name="OperationsFailedReplication",
            dimensions=[
                cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value) for name, value in dimensions.items()
            ],
            statistic="Sum",
            period=_PERIOD_SECONDS,
            evaluation_periods=1,
            threshold=0,
            comparison_operator="GreaterThanThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[deployment.operations_topic_arn],
        )


def _destination(to: Deployment, *, apart: bool) -> s3.CfnBucket.ReplicationDestinationProperty:
    """The bucket, its owner if that is another account, and its key.

    The id of another account's key is not known here. `ReplicaKmsKeyID` takes "the Key ARN or Alias ARN" (S3 API
    reference, "EncryptionConfiguration"); an ARN says whose account the alias is to be looked up in, a bare alias would
    be looked up in the requester's.
    """
    return s3.CfnBucket.ReplicationDestinationProperty(
        bucket=f"arn:{to.partition}:s3:::{to.data_bucket}",
        account=to.account if apart else None,
        access_control_translation=(
            s3.CfnBucket.AccessControlTranslationProperty(owner="Destination") if apart else None
        ),
        encryption_configuration=s3.CfnBucket.EncryptionConfigurationProperty(
            replica_kms_key_id=to.arn("kms", to.key_alias(KeyPurpose.DATA))
        ),
        metrics=s3.CfnBucket.MetricsProperty(status="Enabled"),
    )


def _role(scope: Construct, *, deployment: Deployment, to: Deployment, key_arn: str) -> PlatformRole:
    """S3 user guide, "Setting up permissions for live replication" and "Replicating encrypted objects".

    Without `s3:GetObjectVersionTagging` and `s3:ReplicateTags` S3 copies objects without their tags, without
    `s3:ReplicateDelete` no deletion.
    """
    source = f"arn:{deployment.partition}:s3:::{deployment.data_bucket}"
    objects = f"{source}/{LABELLED}/*"
    replicas = f"arn:{to.partition}:s3:::{to.data_bucket}/{LABELLED}/*"
    their_keys = to.arn("kms", "key/*")
    through_s3 = {"StringEquals": {"kms:ViaService": f"s3.{deployment.region}.amazonaws.com"}}
    owner = ["s3:ObjectOwnerOverrideToBucketOwner"] if to.account != deployment.account else []
    role = PlatformRole(
        scope,
        "Role",
        platform=deployment.platform,
        account=deployment.account,
        role_name=deployment.replication_role_name,
        description=f"Copies labelled data to {to.environment}",
        # That guide's trust policy has no condition, and nothing says that S3 sends aws:SourceAccount here: with one,
        # nothing might be copied. S3 takes a role for a bucket only from who may pass it, in the role's own account.
        trust=[service_trust("s3.amazonaws.com")],
        statements=[
            Statement(sid="ReadRule", actions=["s3:GetReplicationConfiguration", "s3:ListBucket"], resources=[source]),
            Statement(
                sid="ReadLabelled",
                actions=["s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication"],
                resources=[objects],
            ),
            Statement(sid="WriteReplicas", actions=["s3:ReplicateObject", *owner], resources=[replicas]),
            Statement(sid="DecryptLabelled", actions=["kms:Decrypt"], resources=[key_arn], conditions=through_s3),
            Statement(
                sid="EncryptReplicas",
                # GenerateDataKey: the bucket that is copied to has a bucket key.
                actions=["kms:Encrypt", "kms:GenerateDataKey"],
                resources=[their_keys],
                conditions={
                    **through_s3,
                    "ForAnyValue:StringEquals": {"kms:ResourceAliases": to.key_alias(KeyPurpose.DATA)},
                },
            ),
        ],
    )
    waive(role, OBJECT_NAMES.on(objects, replicas), FOREIGN_KEYS.on(their_keys))
    return role

"""The key that tells a release record from one that somebody has changed."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from constructs import Construct

from mlops_constructs.durations import days
from mlops_constructs.policy import Statement, document
from mlops_constructs.protected_key import administration, looking
from plumbline.configuration import Delivery, ReleaseStep


class RecordKey(Construct):
    """A KMS key of HMAC codes.

    Guarantees: only the recorders of the platform's releases make a code with it, and only their verifiers and copiers
    verify one, when their own policies allow it too; nobody, CloudFormation included, can export it, and it outlives
    its stack.

    Leaves out: rotation, which KMS has for no HMAC key (KMS developer guide, "Rotate AWS KMS keys").

    Attributes:
        key: The key.
        alias: Its alias.
    """

    def __init__(self, scope: Construct, construct_id: str, *, delivery: Delivery) -> None:
        """Defines the key.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            delivery: What delivers.
        """
        super().__init__(scope, construct_id)
        root = delivery.iam_arn("root")
        self.key = kms.Key(
            self,
            "Key",
            description=f"Codes of the release records of {delivery.platform.name}",
            key_spec=kms.KeySpec.HMAC_256,
            key_usage=kms.KeyUsage.GENERATE_VERIFY_MAC,
            policy=document(
                [
                    administration(root, [delivery.execution_role_arn]),
                    looking(delivery.account, root),
                    _use(delivery, root, "MakeCodes", "kms:GenerateMac", [ReleaseStep.RECORDER]),
                    _use(delivery, root, "VerifyCodes", "kms:VerifyMac", [ReleaseStep.VERIFIER, ReleaseStep.COPIER]),
                ]
            ),
            pending_window=days(30),
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        self.alias = kms.Alias(self, "Alias", alias_name=delivery.records_key_alias, target_key=self.key)


def _use(delivery: Delivery, root: str, sid: str, action: str, steps: list[ReleaseStep]) -> Statement:
    roles = [delivery.iam_arn(f"role/{delivery.platform.name}-release-*-{step}") for step in steps]
    return Statement(
        sid=sid,
        principal={"AWS": root},
        actions=[action],
        resources=["*"],
        conditions={
            "ArnLike": {"aws:PrincipalArn": roles},
            "StringEquals": {"kms:CallerAccount": delivery.account, "kms:MacAlgorithm": "HMAC_SHA_256"},
        },
    )


def deny_other_records(delivery: Delivery) -> Statement:
    """Whoever may write to the bucket: a release's record is its recorder's, and who agreed its copier's to say."""
    roles = [
        delivery.iam_arn(f"role/{delivery.platform.name}-release-*-{step}")
        for step in (ReleaseStep.RECORDER, ReleaseStep.COPIER)
    ]
    return Statement(
        sid="DenyOtherRecords",
        effect="Deny",
        principal={"AWS": "*"},
        actions=["s3:PutObject"],
        resources=[f"arn:{delivery.partition}:s3:::{delivery.records_bucket}/releases/*"],
        conditions={"ArnNotLike": {"aws:PrincipalArn": roles}},
    )

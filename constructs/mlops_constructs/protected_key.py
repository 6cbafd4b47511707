"""One KMS key that only the named services can be used through."""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from constructs import Construct

from mlops_constructs.foreign_reader import ForeignReader
from mlops_constructs.policy import Statement, document

# What an administrator of the account may do when an identity policy says so: manage the key, but neither use it nor
# let somebody else use it by a grant.
_ADMINISTRATION = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
_USE = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:RetireGrant",
)


class ProtectedKey(Construct):
    """A rotating customer-managed key with its alias.

    Guarantees: identities of the account use it only through the services named here, and only when their own policies
    allow it too; grants are made only for AWS services; it outlives its stack, and a deletion waits 30 days.

    Attributes:
        key: The key.
        alias: Its alias.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        account: str,
        region: str,
        partition: str,
        alias: str,
        description: str,
        services: Sequence[str],
        readers: Sequence[ForeignReader] = (),
        log_groups: Sequence[str] = (),
    ) -> None:
        """Defines the key.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            account: Account of the key.
            region: Region of the key.
            partition: AWS partition of the key.
            alias: Name of the alias, `alias/` included.
            description: What the key protects.
            services: Services through which the account's identities use it, e.g. `s3`; with none, no identity does.
            readers: Roles of other accounts that decrypt S3 objects with it; left out, no other account does.
            log_groups: Patterns of the ARNs of log groups that CloudWatch Logs encrypts with it; left out, none.
        """
        super().__init__(scope, construct_id)
        root = f"arn:{partition}:iam::{account}:root"
        via = [f"{service}.{region}.amazonaws.com" for service in services]
        statements = [
            _administration(root),
            *([_use(account, root, via), _grants(account, root)] if via else []),
            *(_foreign_read(reader, region) for reader in readers),
            *([_log_groups(region, log_groups)] if log_groups else []),
        ]
        self.key = kms.Key(
            self,
            "Key",
            description=description,
            policy=document(statements),
            enable_key_rotation=True,
            pending_window=Duration.days(30),
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        self.alias = kms.Alias(self, "Alias", alias_name=alias, target_key=self.key)


def _administration(root: str) -> Statement:
    return Statement(
        sid="AdministerByIdentityPolicy", principal={"AWS": root}, actions=_ADMINISTRATION, resources=["*"]
    )


def _use(account: str, root: str, via: list[str]) -> Statement:
    return Statement(
        sid="UseThroughServices",
        principal={"AWS": root},
        actions=_USE,
        resources=["*"],
        conditions={"StringEquals": {"kms:CallerAccount": account, "kms:ViaService": via}},
    )


def _grants(account: str, root: str) -> Statement:
    """SageMaker encrypts volumes, and ECR repositories, by grants: these are made for a service and by nobody else."""
    return Statement(
        sid="GrantToServices",
        principal={"AWS": root},
        actions=["kms:CreateGrant"],
        resources=["*"],
        conditions={
            "Bool": {"kms:GrantIsForAWSResource": "true"},
            "StringEquals": {"kms:CallerAccount": account},
        },
    )


def _foreign_read(reader: ForeignReader, region: str) -> Statement:
    return Statement(
        sid=f"ReadFrom{reader.account}",
        principal={"AWS": reader.root},
        actions=["kms:Decrypt"],
        resources=["*"],
        conditions={**reader.condition, "StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}},
    )


def _log_groups(region: str, log_groups: Sequence[str]) -> Statement:
    """CloudWatch Logs calls KMS as itself: no kms:ViaService, but the log group as encryption context."""
    return Statement(
        sid="EncryptLogGroups",
        principal={"Service": f"logs.{region}.amazonaws.com"},
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

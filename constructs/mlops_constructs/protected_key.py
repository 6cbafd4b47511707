"""One KMS key that only the named services can be used through."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from constructs import Construct

from mlops_constructs.durations import days
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
    "kms:RetireGrant",
    "kms:RevokeGrant",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
# What an auditor sees of a key: how it is set up, and nothing that it encrypts.
_LOOKING = (
    "kms:DescribeKey",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
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

    Guarantees: only the named roles of the account use it, only through the services named here, and only when their
    own policies allow it too; grants are made only for AWS services; only CloudFormation in its execution role, or the
    account's root user, changes its policy; it outlives its stack, and a deletion waits 30 days.

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
        administrators: Sequence[str],
        users: Sequence[str] = (),
        services: Sequence[str] = (),
        readers: Sequence[ForeignReader] = (),
        replicators: Sequence[ForeignReader] = (),
        service_use: Sequence[Statement] = (),
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
            administrators: ARNs of who changes the key's policy, besides the account's root user; CloudFormation's
                execution role must be one of them, or KMS refuses to make a key that its maker could not change.
            users: Patterns of the ARNs of the account's roles that use it; left out, no role does.
            services: Services through which they do, e.g. `s3`.
            readers: Roles of other accounts, or of another environment of this one, that decrypt S3 objects with it;
                left out, none do.
            replicators: Roles, likewise, that encrypt replicas of S3 objects with it; left out, none do.
            service_use: What AWS services do with it as themselves, a statement each; left out, nothing.
        """
        super().__init__(scope, construct_id)
        root = f"arn:{partition}:iam::{account}:root"
        via = [f"{service}.{region}.amazonaws.com" for service in services]
        statements = [
            administration(root, administrators),
            looking(account, root),
            *([_use(account, root, users, via), _grants(account, root, [*administrators, *users])] if users else []),
            *(_read(reader, account, region) for reader in readers),
            *(_replicate(replicator, account, region) for replicator in replicators),
            *service_use,
        ]
        self.key = kms.Key(
            self,
            "Key",
            description=description,
            policy=document(statements),
            enable_key_rotation=True,
            pending_window=days(30),
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        self.alias = kms.Alias(self, "Alias", alias_name=alias, target_key=self.key)


def administration(root: str, administrators: Sequence[str]) -> Statement:
    """The root user as well, so that a key is never without anybody who can change its policy."""
    return Statement(
        sid="AdministerByIdentityPolicy",
        principal={"AWS": root},
        actions=_ADMINISTRATION,
        resources=["*"],
        conditions={"ArnEquals": {"aws:PrincipalArn": [*administrators, root]}},
    )


def looking(account: str, root: str) -> Statement:
    """Who may look is for identity policies to say: without this, they would say it in vain."""
    return Statement(
        sid="LookByIdentityPolicy",
        principal={"AWS": root},
        actions=_LOOKING,
        resources=["*"],
        conditions={"StringEquals": {"kms:CallerAccount": account}},
    )


def _use(account: str, root: str, users: Sequence[str], via: list[str]) -> Statement:
    return Statement(
        sid="UseThroughServices",
        principal={"AWS": root},
        actions=_USE,
        resources=["*"],
        conditions={
            "ArnLike": {"aws:PrincipalArn": users},
            "StringEquals": {"kms:CallerAccount": account, "kms:ViaService": via},
        },
    )


def _grants(account: str, root: str, principals: Sequence[str]) -> Statement:
    """SageMaker encrypts volumes, and ECR repositories, by grants: these are made for a service and by nobody else."""
    return Statement(
        sid="GrantToServices",
        principal={"AWS": root},
        actions=["kms:CreateGrant"],
        resources=["*"],
        conditions={
            "ArnLike": {"aws:PrincipalArn": principals},
            "Bool": {"kms:GrantIsForAWSResource": "true"},
            "StringEquals": {"kms:CallerAccount": account},
        },
    )


def _read(reader: ForeignReader, account: str, region: str) -> Statement:
    return _through_s3("Read", reader, ["kms:Decrypt"], account, region)


def _replicate(replicator: ForeignReader, account: str, region: str) -> Statement:
    return _through_s3("Replicate", replicator, ["kms:Encrypt", "kms:GenerateDataKey"], account, region)


def _through_s3(what: str, who: ForeignReader, actions: Sequence[str], account: str, region: str) -> Statement:
    return Statement(
        sid=f"{what}{who.name}From{who.account if who.account != account else 'OtherEnvironment'}",
        principal={"AWS": who.root},
        actions=actions,
        resources=["*"],
        conditions={**who.condition, "StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}},
    )

"""One KMS key that only the named services can be used through."""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from mlops_constructs.foreign_reader import ForeignReader
from plumbline.configuration import Deployment

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

    Leaves out: CloudWatch Logs and other services that call KMS as themselves; see `allow_log_groups`.

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
        alias: str,
        description: str,
        services: Sequence[str],
        readers: Sequence[ForeignReader] = (),
    ) -> None:
        """Defines the key.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            account: Account of the key.
            region: Region of the key.
            alias: Name of the alias, `alias/` included.
            description: What the key protects.
            services: Services through which the account's identities use it, e.g. `s3`; none leaves it to the services
                that are allowed afterwards.
            readers: Roles of other accounts that decrypt S3 objects with it; left out, no other account does.
        """
        super().__init__(scope, construct_id)
        policy = iam.PolicyDocument(statements=[_administration(account)])
        if services:
            via = [f"{service}.{region}.amazonaws.com" for service in services]
            policy.add_statements(_use(account, via), _grants(account))
        for reader in readers:
            policy.add_statements(_foreign_read(reader, region))
        self.key = kms.Key(
            self,
            "Key",
            description=description,
            policy=policy,
            enable_key_rotation=True,
            pending_window=Duration.days(30),
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        self.alias = kms.Alias(self, "Alias", alias_name=alias, target_key=self.key)
        self._account, self._region = account, region

    def allow_log_groups(self, deployment: Deployment, *patterns: str) -> None:
        """Lets CloudWatch Logs encrypt the log groups of this account whose names match.

        Args:
            deployment: The environment whose log groups they are.
            patterns: Names of log groups, `*` allowed, e.g. `/aws/sagemaker/*`.
        """
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="EncryptLogGroups",
                principals=[iam.ServicePrincipal(f"logs.{deployment.region}.amazonaws.com")],
                actions=[
                    "kms:Decrypt",
                    "kms:DescribeKey",
                    "kms:Encrypt",
                    "kms:GenerateDataKey*",
                    "kms:ReEncryptFrom",
                    "kms:ReEncryptTo",
                ],
                resources=["*"],
                conditions={
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": [
                            deployment.arn("logs", f"log-group:{pattern}") for pattern in patterns
                        ]
                    }
                },
            )
        )


def _administration(account: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid="AdministerByIdentityPolicy",
        principals=[iam.AccountPrincipal(account)],
        actions=list(_ADMINISTRATION),
        resources=["*"],
    )


def _use(account: str, via: list[str]) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid="UseThroughServices",
        principals=[iam.AccountPrincipal(account)],
        actions=list(_USE),
        resources=["*"],
        conditions={"StringEquals": {"kms:CallerAccount": account, "kms:ViaService": via}},
    )


def _grants(account: str) -> iam.PolicyStatement:
    """SageMaker encrypts volumes, and ECR repositories, by grants: these are made for a service and by nobody else."""
    return iam.PolicyStatement(
        sid="GrantToServices",
        principals=[iam.AccountPrincipal(account)],
        actions=["kms:CreateGrant"],
        resources=["*"],
        conditions={
            "Bool": {"kms:GrantIsForAWSResource": "true"},
            "StringEquals": {"kms:CallerAccount": account},
        },
    )


def _foreign_read(reader: ForeignReader, region: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=f"ReadFrom{reader.account}",
        principals=[reader.principal],
        actions=["kms:Decrypt"],
        resources=["*"],
        conditions={**reader.condition, "StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}},
    )

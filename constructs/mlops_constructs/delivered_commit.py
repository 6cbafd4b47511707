"""Which commit an environment was deployed from."""

from aws_cdk import CfnParameter
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from plumbline.configuration import Deployment, SourceProvider

PARAMETER = "Commit"
_COMMIT = "^[A-Za-z0-9._-]{1,64}$"
# Of S3's versions nothing is said but that they are URL-ready and no longer (S3 user guide, "Version IDs").
_VERSION = "^[!-~]{1,1024}$"


class DeliveredCommit(Construct):
    """An SSM parameter with the commit, which the stack's parameter `Commit` says when it is deployed.

    Attributes:
        value: The SSM parameter.
    """

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment) -> None:
        """Defines both parameters.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
        """
        super().__init__(scope, construct_id)
        commit = CfnParameter(
            self,
            PARAMETER,
            description="The commit that was delivered",
            allowed_pattern=_VERSION if deployment.platform.source.provider is SourceProvider.S3 else _COMMIT,
            constraint_description="a commit of git, or the version of a source archive",
        )
        commit.override_logical_id(PARAMETER)
        self.value = ssm.CfnParameter(
            self,
            "Value",
            name=deployment.commit_parameter,
            type="String",
            value=commit.value_as_string,
            description=f"The commit that {deployment.prefix} was deployed from",
        )

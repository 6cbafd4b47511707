"""Which commit an environment has."""

from aws_cdk import CfnParameter
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from plumbline.configuration import Deployment
from stacks.environment_stack import EnvironmentStack


class DeliveredStack(EnvironmentStack):
    """The commit that an environment was deployed from, as the parameter `Commit` says."""

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment) -> None:
        """Composes the stack.

        Args:
            scope: The Stage.
            construct_id: Id in the Stage.
            deployment: The environment.
        """
        super().__init__(
            scope,
            construct_id,
            deployment=deployment,
            kind="delivered",
            description="The commit that was delivered",
            stateful=False,
        )
        commit = CfnParameter(
            self,
            "Commit",
            description="The commit",
            allowed_pattern="^[0-9a-f]{40}$|^[A-Za-z0-9._-]{1,64}$",
            constraint_description="a commit of git, or the version of a source archive",
        )
        ssm.CfnParameter(
            self,
            "Value",
            name=deployment.commit_parameter,
            type="String",
            value=commit.value_as_string,
            description=f"The commit that {deployment.prefix} was deployed from",
        )

"""Which commit an environment has."""

from constructs import Construct

from mlops_constructs.delivered_commit import DeliveredCommit
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
        DeliveredCommit(self, "Delivered", deployment=deployment)

"""What watches over an account and changes it."""

from constructs import Construct

from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.job_log_groups import JobLogGroups
from mlops_constructs.release_role import ReleaseRole
from plumbline.configuration import Deployment
from stacks.environment_stack import EnvironmentStack


class OperationsStack(EnvironmentStack):
    """Log groups of jobs and, where endpoints run, the role that releases to them."""

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
            kind="operations",
            description="Log groups of jobs and the release role",
            stateful=True,
        )
        values = EnvironmentValues(self, "Values", deployment=deployment)
        JobLogGroups(self, "Logs", deployment=deployment, key_arn=values.operations_key_arn)
        if deployment.serves:
            ReleaseRole(self, "Release", deployment=deployment)

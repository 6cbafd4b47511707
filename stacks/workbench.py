"""Where data scientists work."""

from constructs import Construct

from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.notebook_role import NotebookRole
from mlops_constructs.protected_key import ProtectedKey
from mlops_constructs.studio_domain import StudioDomain
from plumbline.configuration import Deployment, KeyPurpose, Workbench
from stacks.environment_stack import EnvironmentStack


class WorkbenchStack(EnvironmentStack):
    """Studio with its key and the role of its spaces."""

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment, workbench: Workbench) -> None:
        """Composes the stack.

        Args:
            scope: The Stage.
            construct_id: Id in the Stage.
            deployment: The environment.
            workbench: What the configuration says of it.
        """
        super().__init__(
            scope,
            construct_id,
            deployment=deployment,
            kind="workbench",
            description="Studio for data scientists",
            stateful=True,
        )
        values = EnvironmentValues(self, "Values", deployment=deployment)
        execution_role = deployment.execution_role_arn
        key = ProtectedKey(
            self,
            "Key",
            account=deployment.account,
            region=deployment.region,
            partition=deployment.partition,
            alias=deployment.key_alias(KeyPurpose.WORKBENCH),
            description=f"Home folders and volumes of Studio in {deployment.prefix}",
            administrators=[execution_role],
            users=[execution_role, deployment.notebook_role_arn],
            services=("sagemaker", "elasticfilesystem"),
        )
        role = NotebookRole(
            self,
            "Notebooks",
            deployment=deployment,
            workbench=workbench,
            values=values,
            key_arn=key.key.key_arn,
        )
        StudioDomain(
            self,
            "Studio",
            deployment=deployment,
            workbench=workbench,
            values=values,
            key=key.key,
            role_arn=role.role.role_arn,
        )

"""Who serves, watches and releases one model, and what production has of its versions."""

from constructs import Construct

from mlops_constructs.copy_role import CopyRole
from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.label_role import LabelRole
from mlops_constructs.model_registry import ModelRegistry
from mlops_constructs.registry_reader_role import RegistryReaderRole
from mlops_constructs.release_check_role import ReleaseCheckRole
from mlops_constructs.release_execution_role import ReleaseExecutionRole
from mlops_constructs.release_role import ReleaseRole
from mlops_constructs.serving_roles import ServingRoles
from plumbline.configuration import Deployment, Model
from stacks.environment_stack import EnvironmentStack


class AccessStack(EnvironmentStack):
    """The roles of one model where it is served, apart from the endpoint that a release makes.

    Where its versions are not registered by its runs, they are by releases: in a registry of copies.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: Deployment, model: Model, registered_in: Deployment
    ) -> None:
        """Composes the stack.

        Args:
            scope: The Stage.
            construct_id: Id in the Stage.
            deployment: The environment.
            model: The model.
            registered_in: The environment whose registry holds the versions.
        """
        super().__init__(
            scope,
            construct_id,
            deployment=deployment,
            kind="access",
            description=f"Roles that serve, watch and release {model.name}",
            stateful=not deployment.registers,
            model=model,
        )
        values = EnvironmentValues(self, "Values", deployment=deployment)
        ServingRoles(self, "Roles", deployment=deployment, model=model, values=values)
        ReleaseRole(self, "Release", deployment=deployment, model=model)
        ReleaseExecutionRole(self, "ReleaseExecution", deployment=deployment, model=model, values=values)
        ReleaseCheckRole(self, "ReleaseCheck", deployment=deployment, model=model, values=values)
        monitoring = model.monitoring if deployment.monitors else None
        if monitoring is not None and monitoring.labels_from:
            LabelRole(
                self,
                "Label",
                deployment=deployment,
                model=model,
                labels_from=monitoring.labels_from,
                values=values,
            )
        if deployment.registers:
            RegistryReaderRole(self, "RegistryReader", deployment=deployment, model=model, values=values)
        else:
            ModelRegistry(self, "Registry", deployment=deployment, model=model)
            CopyRole(self, "Copy", deployment=deployment, model=model, values=values, registered_in=registered_in)

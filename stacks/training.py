"""How one model is trained."""

from constructs import Construct

from mlops_constructs.approval_forwarding import ApprovalForwarding
from mlops_constructs.delivery_role import DeliveryRole
from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.foreign_reader import copying_roles
from mlops_constructs.model_registry import ModelRegistry
from mlops_constructs.retraining_settings import RetrainingSettings
from mlops_constructs.training_pipeline import TrainingPipeline
from mlops_constructs.training_roles import TrainingRoles
from plumbline.configuration import Deployment, Model
from stacks.environment_stack import EnvironmentStack


class TrainingStack(EnvironmentStack):
    """Job roles, delivery role, model package group and SageMaker pipeline of one model."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        model: Model,
        runtime_image: str,
        releases_to: Deployment | None = None,
    ) -> None:
        """Composes the stack.

        Args:
            scope: The Stage.
            construct_id: Id in the Stage.
            deployment: The environment.
            model: The model.
            runtime_image: URI of the image that the jobs run.
            releases_to: The other environment that gets copies of what is registered here; left out, none does.
        """
        super().__init__(
            scope,
            construct_id,
            deployment=deployment,
            kind="training",
            description=f"Training of {model.name}",
            stateful=True,
            model=model,
        )
        values = EnvironmentValues(self, "Values", deployment=deployment)
        roles = TrainingRoles(self, "Roles", deployment=deployment, model=model, values=values)
        DeliveryRole(self, "Delivery", deployment=deployment, model=model, values=values)
        # Within an account identity policies decide who reads versions.
        abroad = releases_to if releases_to and releases_to.account != deployment.account else None
        registry = ModelRegistry(
            self,
            "Registry",
            deployment=deployment,
            model=model,
            readers=[copying_roles(abroad, model)] if abroad else [],
        )
        if deployment.governs:
            RetrainingSettings(self, "Retraining", deployment=deployment, model=model, retraining=model.retraining)
        if deployment.registers and deployment.account != deployment.platform.delivery_account:
            ApprovalForwarding(self, "Approvals", deployment=deployment, model=model)
        TrainingPipeline(
            self,
            "Training",
            deployment=deployment,
            model=model,
            runtime_image=runtime_image,
            values=values,
            job_roles=roles.by_job,
            registry=registry,
            evaluations=roles.evaluations,
        )

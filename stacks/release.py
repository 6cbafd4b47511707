"""What takes the versions of one model to production."""

from collections.abc import Mapping

from aws_cdk import Stack
from constructs import Construct

from mlops_constructs.approval_listener import ApprovalListener
from mlops_constructs.model_monitor_configs import clarify_configs
from mlops_constructs.release_bundle import ReleaseBundle
from mlops_constructs.release_functions import ReleaseFunctions
from mlops_constructs.release_pipeline import ReleasePipeline
from mlops_constructs.release_values import ReleaseValues
from plumbline.configuration import Deployment, Environment, Model, ReleaseStep
from stacks.platform_stack import PlatformStack


class ReleaseStack(PlatformStack):
    """Release pipeline of one model with its functions, in the delivery account."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        model: Model,
        registry: Deployment,
        production: Deployment,
        serving: Mapping[Environment, Stack],
    ) -> None:
        """Composes the stack.

        Args:
            scope: The Stage.
            construct_id: Id in the Stage.
            model: The model.
            registry: The environment whose registry holds the versions.
            production: The environment that releases are for.
            serving: The model's serving stack in each environment that serves.
        """
        platform = registry.platform
        release = platform.release(model)
        super().__init__(
            scope,
            construct_id,
            platform=platform,
            account=release.account,
            stack_name=release.prefix,
            description=f"Release pipeline of {model.name}",
            tags={**platform.tags, "environment": "delivery", "model": model.name, "owner": model.owner},
            termination_protection=True,
        )
        values = ReleaseValues(self, "Values", delivery=platform.delivery)
        watched = model.monitoring if production.has_model_monitor else None
        more = clarify_configs(production, model, watched) if watched else {}
        bundle = ReleaseBundle(self, "Bundle", model=model, serving=serving, more=more)
        functions = ReleaseFunctions(
            self,
            "Functions",
            release=release,
            values=values,
            bundle=bundle,
            registry=registry,
            production=production,
        )
        ReleasePipeline(
            self,
            "Pipeline",
            release=release,
            values=values,
            functions=functions,
            staging=registry,
            production=production,
        )
        ApprovalListener(
            self,
            "Approvals",
            release=release,
            registry=registry,
            recorder=functions.functions[ReleaseStep.RECORDER],
            failures=functions.failures,
        )

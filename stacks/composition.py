"""Which stacks are deployed where, and in which order."""

from collections.abc import Mapping, Sequence

from aws_cdk import App, Stack, Stage

from plumbline.configuration import Deployment, Environment, Model, Platform
from stacks.access import AccessStack
from stacks.delivered import DeliveredStack
from stacks.delivery import DeliveryStack
from stacks.foundation import FoundationStack
from stacks.monitoring import MonitoringStack
from stacks.operations import OperationsStack
from stacks.organization import OrganizationStack
from stacks.release import ReleaseStack
from stacks.serving import ServingStack
from stacks.training import TrainingStack
from stacks.workbench import WorkbenchStack

# Versions are registered in staging and served in staging and production.
_REGISTRY = Environment.STAGING
_RELEASED_TO = {Environment.STAGING: Environment.PRODUCTION}
# Staging decides what is trained anew. Dev is not heard: whoever experiments there could have it see drift.
_HEARD = (Environment.STAGING, Environment.PRODUCTION)


def compose(
    app: App,
    *,
    platform: Platform,
    models: Sequence[Model],
    runtime_tag: str,
    command_line_version: str,
) -> None:
    """Defines every stack of the platform.

    Nothing is handed from one account to another: names are computed from the configuration, ids are read from SSM
    parameters of the same account.

    Args:
        app: The app.
        platform: The configuration.
        models: The models.
        runtime_tag: Tag of the runtime image that this repository's `runtime/` makes.
        command_line_version: Exact version of the CDK command line that deploys.
    """
    if platform.organization:
        OrganizationStack(
            Stage(app, "organization"), "organization", platform=platform, organization=platform.organization
        )
    image = platform.runtime_image(runtime_tag)
    stages = {d.environment: _environment(app, d, models, image) for d in platform.deployments()}
    serving = {d.environment: _serving(app, d, models) for d in platform.deployments() if d.serves}
    DeliveryStack(
        Stage(app, "delivery"),
        "delivery",
        platform=platform,
        stages=stages,
        releases=_releases(app, platform, models, serving),
        delivered={d.environment: _delivered(app, d) for d in platform.deployments()},
        command_line_version=command_line_version,
    )


def _environment(app: App, deployment: Deployment, models: Sequence[Model], image: str) -> Stage:
    stage = Stage(app, deployment.environment.value)
    target = _RELEASED_TO.get(deployment.environment)
    releases_to = deployment.platform.deployment(target) if target else None
    registry = deployment.platform.deployment(_REGISTRY)
    foundation = FoundationStack(
        stage,
        "foundation",
        deployment=deployment,
        releases_to=releases_to,
        # Nobody reads production: what was labelled there is pushed to where versions are trained for the record.
        labelled_to=registry if deployment.monitors else None,
    )
    told = registry if deployment.environment in _HEARD else None
    operations = OperationsStack(stage, "operations", deployment=deployment, told=told)
    operations.add_stack_dependency(foundation)
    workbench = deployment.platform.workbench
    if deployment.has_workbench and workbench is not None:
        studio = WorkbenchStack(stage, "workbench", deployment=deployment, workbench=workbench)
        studio.add_stack_dependency(foundation)
    for model in models if deployment.serves else ():
        access = AccessStack(stage, f"access-{model.slug}", deployment=deployment, model=model, registered_in=registry)
        access.add_stack_dependency(operations)
        if deployment.monitors and model.monitoring is not None:
            monitoring = MonitoringStack(
                stage, f"monitoring-{model.slug}", deployment=deployment, model=model, monitoring=model.monitoring
            )
            monitoring.add_stack_dependency(access)
    for model in models if deployment.trains else ():
        training = TrainingStack(
            stage,
            f"training-{model.slug}",
            deployment=deployment,
            model=model,
            runtime_image=image,
            releases_to=releases_to,
        )
        training.add_stack_dependency(operations)
    return stage


def _delivered(app: App, deployment: Deployment) -> Stack:
    """What says which commit an environment has: a Stage of its own, for only the pipeline knows the commit."""
    return DeliveredStack(Stage(app, f"delivered-{deployment.environment}"), "delivered", deployment=deployment)


def _serving(app: App, deployment: Deployment, models: Sequence[Model]) -> dict[str, Stack]:
    """The stacks that releases deploy, by model: a Stage of its own, for only a release knows the version."""
    stage = Stage(app, f"release-{deployment.environment}")
    stacks: dict[str, Stack] = {
        model.name: ServingStack(stage, f"serving-{model.slug}", deployment=deployment, model=model) for model in models
    }
    # Records of releases hold the templates, so they are written before the stacks that make records.
    stage.synth()
    return stacks


def _releases(
    app: App, platform: Platform, models: Sequence[Model], serving: Mapping[Environment, Mapping[str, Stack]]
) -> Stage:
    """The release pipelines: delivered after production, so that no release deploys what it is not ready for."""
    stage = Stage(app, "releases")
    for model in models:
        ReleaseStack(
            stage,
            f"release-{model.slug}",
            model=model,
            registry=platform.deployment(_REGISTRY),
            production=platform.deployment(Environment.PRODUCTION),
            serving={environment: stacks[model.name] for environment, stacks in serving.items()},
        )
    return stage

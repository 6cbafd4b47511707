"""What the stacks of one environment have in common."""

from constructs import Construct

from plumbline.configuration import Deployment, Model
from stacks.platform_stack import PlatformStack


class EnvironmentStack(PlatformStack):
    """A stack of one environment, named and tagged for it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        kind: str,
        description: str,
        stateful: bool,
        model: Model | None = None,
    ) -> None:
        """Defines the empty stack.

        Args:
            scope: The Stage.
            construct_id: Id in the Stage.
            deployment: The environment.
            kind: What the stack is, e.g. `foundation`.
            description: What the stack is for.
            stateful: Whether something in it cannot be made again; it is then protected from termination, as every
                stack of production is.
            model: The model it belongs to; left out, it belongs to all.
        """
        owner = {"model": model.name, "owner": model.owner} if model else {}
        super().__init__(
            scope,
            construct_id,
            platform=deployment.platform,
            account=deployment.account,
            stack_name=deployment.stack_name(kind, model),
            description=f"{description} ({deployment.environment})",
            tags={**deployment.platform.tags, "environment": deployment.environment.value, **owner},
            termination_protection=stateful or deployment.is_production,
        )

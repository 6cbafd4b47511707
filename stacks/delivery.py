"""What delivers to all accounts."""

from constructs import Construct

from mlops_constructs.protected_key import ProtectedKey
from mlops_constructs.runtime_repository import RuntimeRepository
from plumbline.configuration import Platform
from stacks.platform_stack import PlatformStack


class DeliveryStack(PlatformStack):
    """The repository of the runtime image and its key, in the delivery account."""

    def __init__(self, scope: Construct, construct_id: str, *, platform: Platform) -> None:
        """Composes the stack.

        Args:
            scope: The Stage.
            construct_id: Id in the Stage.
            platform: The configuration.
        """
        super().__init__(
            scope,
            construct_id,
            platform=platform,
            account=platform.delivery_account,
            stack_name=f"{platform.name}-delivery",
            description="Repository of the runtime image",
            tags={**platform.tags, "environment": "delivery"},
            termination_protection=True,
        )
        execution_role = platform.execution_role_arn(platform.delivery_account)
        key = ProtectedKey(
            self,
            "Key",
            account=platform.delivery_account,
            region=platform.region,
            partition=platform.partition,
            alias=f"alias/{platform.name}-delivery",
            description=f"Runtime image of {platform.name}",
            administrators=[execution_role],
            users=[execution_role],
            services=("ecr",),
        )
        RuntimeRepository(self, "Runtime", platform=platform, key=key.key, accounts=platform.account_ids)

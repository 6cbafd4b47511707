"""What holds for all accounts, from above them."""

from constructs import Construct

from mlops_constructs.service_control_policy import ServiceControlPolicy
from plumbline.configuration import Organization, Platform
from stacks.platform_stack import PlatformStack


class OrganizationStack(PlatformStack):
    """The service control policy, in the organisation's management account."""

    def __init__(self, scope: Construct, construct_id: str, *, platform: Platform, organization: Organization) -> None:
        """Composes the stack.

        Args:
            scope: The Stage.
            construct_id: Id in the Stage.
            platform: The configuration.
            organization: What it says of the organisation.
        """
        super().__init__(
            scope,
            construct_id,
            platform=platform,
            account=organization.management_account,
            stack_name=f"{platform.name}-organization",
            description="Service control policy",
            tags={**platform.tags, "environment": "organization"},
            termination_protection=True,
        )
        ServiceControlPolicy(self, "Guardrails", platform=platform, organization=organization)

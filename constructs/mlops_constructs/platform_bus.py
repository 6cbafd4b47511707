"""The event bus on which the platform's accounts tell each other what happened."""

from collections.abc import Sequence

from aws_cdk import aws_events as events
from constructs import Construct

from plumbline.configuration import Deployment


class PlatformBus(Construct):
    """A bus of its own, so that no policy of another project collides with it.

    Guarantees: besides its own account, only roles of the platform in the platform's accounts put events.

    Attributes:
        bus: The bus.
    """

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment, accounts: Sequence[str]) -> None:
        """Defines the bus.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            accounts: The platform's accounts; the environment's own needs no permission and is left out.
        """
        super().__init__(scope, construct_id)
        self.bus = events.EventBus(
            self, "Bus", event_bus_name=deployment.event_bus, description=f"Events of {deployment.prefix}"
        )
        others = [account for account in accounts if account != deployment.account]
        roles = [f"arn:{deployment.partition}:iam::{account}:role/{deployment.platform.name}-*" for account in others]
        events.CfnEventBusPolicy(
            self,
            "Policy",
            event_bus_name=self.bus.event_bus_name,
            statement_id="PlatformAccounts",
            statement={
                "Sid": "PlatformAccounts",
                "Effect": "Allow",
                "Principal": {"AWS": [f"arn:{deployment.partition}:iam::{account}:root" for account in others]},
                "Action": "events:PutEvents",
                "Resource": self.bus.event_bus_arn,
                "Condition": {"ArnLike": {"aws:PrincipalArn": roles}},
            },
        )

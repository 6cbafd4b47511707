"""The event bus on which the platform's accounts tell each other what happened."""

from collections.abc import Sequence
from datetime import date

from aws_cdk import aws_events as events
from constructs import Construct

from mlops_constructs.waiver import Waiver, waive
from plumbline.configuration import Deployment


class PlatformBus(Construct):
    """A bus of its own, so that no policy of another project collides with it.

    Guarantees: besides its own account, only the platform's roles of the named environments put events.

    Attributes:
        bus: The bus.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: Deployment, senders: Sequence[Deployment] = ()
    ) -> None:
        """Defines the bus.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            senders: Environments of other accounts that tell this one what happened; left out, none does.
        """
        super().__init__(scope, construct_id)
        self.bus = events.EventBus(
            self, "Bus", event_bus_name=deployment.event_bus, description=f"Events of {deployment.prefix}"
        )
        waive(
            self.bus,
            Waiver(
                id="events-without-content",
                rule="Plumbline::PL-EVT-05",
                reason="What goes over the bus says that a run, a version or a release has another state, and holds "
                "names only; EventBridge encrypts it by a key of AWS's.",
                owner="platform",
                until=date(2027, 11, 30),
            ),
        )
        if not senders:
            return
        events.CfnEventBusPolicy(
            self,
            "Policy",
            event_bus_name=self.bus.event_bus_name,
            statement_id="PlatformRoles",
            statement={
                "Sid": "PlatformRoles",
                "Effect": "Allow",
                "Principal": {"AWS": [sender.iam_arn("root") for sender in senders]},
                "Action": "events:PutEvents",
                "Resource": self.bus.event_bus_arn,
                "Condition": {
                    "ArnLike": {"aws:PrincipalArn": [sender.iam_arn(f"role/{sender.prefix}-*") for sender in senders]}
                },
            },
        )

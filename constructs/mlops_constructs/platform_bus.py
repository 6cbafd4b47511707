"""The event bus on which the platform's accounts tell each other what happened."""

from collections.abc import Sequence

from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from constructs import Construct

from mlops_constructs.policy import Statement
from plumbline.configuration import Deployment

# Long enough to find out what was missed after a month's holidays.
_ARCHIVED_DAYS = 30


class PlatformBus(Construct):
    """A bus of its own, so that no policy of another project collides with it.

    Guarantees: events are encrypted with the given key; besides its own account, only the platform's roles of the named
    environments put events; what others tell is archived for thirty days and can be replayed.

    Leaves out: service events, which arrive on an account's default bus only; `EventForwarding` brings them here.

    Attributes:
        bus: The bus.
        archive: Its archive; None for a bus that nobody else tells anything.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        key: kms.IKey,
        senders: Sequence[Deployment] = (),
    ) -> None:
        """Defines the bus.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            key: Key of the events; its policy admits EventBridge for this bus.
            senders: Other environments that tell this one what happened; left out, none does.
        """
        super().__init__(scope, construct_id)
        self.bus = events.CfnEventBus(
            self,
            "Bus",
            name=deployment.event_bus,
            description=f"Events of {deployment.prefix}",
            kms_key_identifier=key.key_arn,
        )
        self.archive: events.CfnArchive | None = None
        if not senders:
            return
        self.archive = events.CfnArchive(
            self,
            "Archive",
            archive_name=deployment.event_bus,
            description=f"Events of {deployment.prefix}, to be replayed",
            source_arn=self.bus.attr_arn,
            retention_days=_ARCHIVED_DAYS,
            kms_key_identifier=key.key_arn,
        )
        # Within an account identity policies decide who puts events.
        foreign = [sender for sender in senders if sender.account != deployment.account]
        if not foreign:
            return
        events.CfnEventBusPolicy(
            self,
            "Policy",
            event_bus_name=self.bus.ref,
            statement_id="PlatformRoles",
            statement=Statement(
                sid="PlatformRoles",
                principal={"AWS": [sender.iam_arn("root") for sender in foreign]},
                actions=["events:PutEvents"],
                resources=[self.bus.attr_arn],
                conditions={
                    "ArnLike": {"aws:PrincipalArn": [sender.iam_arn(f"role/{sender.prefix}-*") for sender in foreign]}
                },
            ).as_json(),
        )

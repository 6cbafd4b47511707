"""What watches over the account of delivery when no environment's safeguards are there."""

from collections.abc import Sequence

from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from mlops_constructs.account_guard import AccountGuard, stacks_of_delivery
from mlops_constructs.audit_trail import AuditTrail
from mlops_constructs.dead_letter_queue import DeadLetterQueue
from mlops_constructs.policy import Statement
from mlops_constructs.service_key_use import dead_letters_use, trail_use
from plumbline.configuration import Delivery

_FAILURES = "events"


class DeliverySafeguards(Construct):
    """A trail of what is done in the account, and the guard of its stacks.

    Guarantees: as each of them does; no trail where the organisation's records the account.

    Leaves out: an account that delivery shares with an environment, which has both.

    Attributes:
        trail: The trail; None where the organisation has one.
        guard: The guard.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        delivery: Delivery,
        key: kms.IKey,
        access_logs: s3.IBucket,
        watched: Sequence[s3.IBucket],
    ) -> None:
        """Defines both.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            delivery: What delivers, in an account of its own.
            key: Key of the trail, of the guard's log and of what it could not do; its policy has the statements of
                `safeguards_key_use`.
            access_logs: Where S3 writes access logs of the trail's bucket.
            watched: Buckets whose objects' reads and writes are recorded one by one.
        """
        super().__init__(scope, construct_id)
        self.trail = (
            AuditTrail(self, "Trail", placement=delivery, key=key, access_logs=access_logs, watched=watched)
            if delivery.records_itself
            else None
        )
        failures = DeadLetterQueue(self, "Failures", placement=delivery, purpose=_FAILURES, key_arn=key.key_arn)
        self.guard = AccountGuard(
            self, "Guard", guarded=stacks_of_delivery(delivery), failures=failures, key_arn=key.key_arn
        )


def safeguards_key_use(delivery: Delivery) -> list[Statement]:
    """What the delivery account's key has to admit for the safeguards.

    Args:
        delivery: What delivers; in an environment's account nothing is needed.
    """
    if not delivery.has_own_account:
        return []
    queue = delivery.arn("sqs", delivery.dead_letter_queue(_FAILURES))
    return [
        dead_letters_use(delivery, queue, sid="KeepUnguarded"),
        *(trail_use(delivery) if delivery.records_itself else []),
    ]

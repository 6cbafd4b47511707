"""How many messages wait in each queue, ``ApproximateNumberOfMessagesVisible`` of ``AWS/SQS``.

Source: SQS developer guide, "Available CloudWatch metrics for Amazon SQS": each minute, for queues that are active.
Here it is each second, a sixtieth, for queues in which there has ever been a message.
"""

import threading
import time

from ministack.core.responses import request_scope
from ministack.services import cloudwatch, sqs

from plumbline.rehearsal.emulator_loop import on_loop

_EVERY_SECONDS = 1.0
_METRIC = ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
_active: set[str] = set()


def install() -> None:
    """Begins to count in the emulator of this process."""
    threading.Thread(target=_count_for_ever, daemon=True, name="queue depths").start()


def _count_for_ever() -> None:
    while True:
        time.sleep(_EVERY_SECONDS)
        on_loop(count)


def count() -> None:
    """Publishes how many messages wait in each active queue of each account."""
    now = time.time()
    for queue in list(sqs._queues.all_values()):
        arn = str(queue["attributes"].get("QueueArn", ""))
        waiting = sum(message["visible_at"] <= now for message in queue["messages"])
        if not waiting and arn not in _active:
            continue
        _active.add(arn)
        _, _, _, region, account, name = arn.split(":")
        with request_scope(account, region):
            cloudwatch.record_metric(*_METRIC, waiting, "Count", {"QueueName": name})

"""Time passes: captures are written, rules with a schedule are due, and alarms look at what is left of their data.

Source of what AWS does meanwhile: CloudWatch user guide, "Alarm evaluation" (each minute); EventBridge user guide,
"Creating a scheduled rule (legacy)". Here alarms are evaluated at each time at which a rule is due, after its event has
been sent, and at the end.
"""

import collections
import dataclasses
import itertools
import threading
from collections.abc import Callable, Mapping

from plumbline.rehearsal import clock
from plumbline.rehearsal.cloudwatch import evaluating
from plumbline.rehearsal.emulator_loop import on_loop
from plumbline.rehearsal.eventbridge import scheduled_rules
from plumbline.rehearsal.eventbridge.scheduled_rules import Due
from plumbline.rehearsal.sagemaker import capture

_lock = threading.Lock()


class BackwardsError(ValueError):
    """The clock is to be moved to a time that has passed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Passed:
    """What came of it.

    Attributes:
        now: The time that the clock showed at the end.
        fired: How many events each scheduled rule sent, by the rule's ARN.
    """

    now: float
    fired: Mapping[str, int]


def advance(to: float) -> Passed:
    """Moves the rehearsal's clock and does what is due until then, in the order of its times.

    Called from a thread, not from where the emulator serves. It waits until events are with their targets, and not
    until a function or a pipeline that is started by one has ended: who wants these to see their own time moves the
    clock step by step.

    Args:
        to: The time that the clock is to show, in seconds.

    Raises:
        BackwardsError: It has passed.
        capture.UnwrittenError: What was captured cannot be written.
        scheduled_rules.TooManyEventsError: Too much is due until then.
    """
    with _lock:
        present = clock.now()
        if to < present:
            raise BackwardsError(
                f"the clock shows {clock.written(present)} and does not go back to {clock.written(to)}"
            )
        # What was captured is there within minutes, and whoever lists captures later has to find it.
        capture.flush_all()
        due = scheduled_rules.due(to)
        fired: collections.Counter[str] = collections.Counter()
        for at, together in itertools.groupby(due, key=lambda one: one.at):
            clock.reach(at)
            on_loop(_sender(list(together), fired))
        scheduled_rules.looked(to)
        clock.reach(to)
        on_loop(evaluating.evaluate_again)
        return Passed(now=clock.now(), fired=dict(fired))


def _sender(due: list[Due], fired: collections.Counter[str]) -> Callable[[], None]:
    def send() -> None:
        fired.update(rule for rule in map(scheduled_rules.fire, due) if rule is not None)
        evaluating.evaluate_again()

    return send

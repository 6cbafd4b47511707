"""How often EventBridge tries again, and for how long.

Sources: EventBridge user guide, "How EventBridge retries delivering events": "EventBridge retries sending the event for
24 hours and up to 185 times with an exponential back off and jitter"; API reference, "RetryPolicy". The waits
themselves are not documented: here they double from one second to eight minutes, with which 185 of them take a day.
"""

import dataclasses
from collections.abc import Callable, Mapping

from plumbline.rehearsal.eventbridge.failures import DeliveryError

MOST_ATTEMPTS, LONGEST_AGE, SHORTEST_AGE = 185, 86_400, 60
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 480.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """A target's.

    Attributes:
        attempts: How often it is tried again.
        age: How old an event gets, in seconds.
    """

    attempts: int = MOST_ATTEMPTS
    age: int = LONGEST_AGE

    @classmethod
    def of(cls, target: Mapping[str, object]) -> "RetryPolicy":
        """The policy of a rule's target; what it leaves out is the most there is."""
        given = target.get("RetryPolicy")
        members = given if isinstance(given, Mapping) else {}
        return cls(
            attempts=int(members.get("MaximumRetryAttempts", MOST_ATTEMPTS)),
            age=int(members.get("MaximumEventAgeInSeconds", LONGEST_AGE)),
        )


class Schedule:
    """The waits of one delivery, counted.

    Args:
        policy: The target's.

    Attributes:
        retries: How many waits there were.
        exhausted: The condition that ended them, as a dead-letter queue's messages name it; empty until then.
    """

    def __init__(self, policy: RetryPolicy) -> None:
        self.retries = 0
        self.exhausted = ""
        self._policy = policy
        self._age = 0.0

    def next_wait(self) -> float | None:
        """The seconds until the next attempt; None when there is to be no other."""
        if self.retries >= self._policy.attempts:
            self.exhausted = "MaximumRetryAttempts"
            return None
        wait = min(_FIRST_WAIT * 2.0**self.retries, _LONGEST_WAIT)
        if self._age + wait > self._policy.age:
            self.exhausted = "MaximumEventAgeInSeconds"
            return None
        self.retries += 1
        self._age += wait
        return wait


def pursue(
    *,
    failed: DeliveryError | None,
    again: Callable[[], DeliveryError | None],
    schedule: Schedule,
    wait: Callable[[float], None],
) -> DeliveryError | None:
    """Tries until an event is delivered, fails in a way that does not pass, or has been tried for long enough.

    Args:
        failed: How the first attempt failed; None when it did not.
        again: Makes another attempt.
        schedule: Counts them.
        wait: Waits for so many seconds.

    Returns:
        How the last attempt failed; None when it did not.
    """
    while failed is not None and failed.passing:
        seconds = schedule.next_wait()
        if seconds is None:
            break
        wait(seconds)
        failed = again()
    return failed

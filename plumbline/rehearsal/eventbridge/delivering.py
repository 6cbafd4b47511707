"""Delivers events to targets: tries, tries again, and keeps or loses what could not be delivered."""

import threading
import time
from collections.abc import Callable, Mapping

from ministack.core.responses import request_scope
from ministack.services import eventbridge

from plumbline.rehearsal.emulator_loop import on_loop
from plumbline.rehearsal.eventbridge import dead_letters, targets
from plumbline.rehearsal.eventbridge.delivery import Delivery, Event, Members, View
from plumbline.rehearsal.eventbridge.failures import DeliveryError
from plumbline.rehearsal.eventbridge.options import Options
from plumbline.rehearsal.eventbridge.retries import RetryPolicy, Schedule, pursue
from plumbline.rehearsal.eventbridge.rule_metrics import count
from plumbline.rehearsal.eventbridge.targets import requests

_time_scale = 1.0


def install(options: Options) -> None:
    """Has the emulator of this process deliver in this way."""
    global _time_scale
    _time_scale = options.time_scale
    requests.reach(options)
    eventbridge._invoke_target = invoke_target


def invoke_target(target: Members, event: Event, rule: Members, view: View | None = None) -> None:
    """Stands in for the emulator's own: makes the first attempt, and leaves all others to a thread.

    A target that is asked by a request of its own is asked in that thread from the beginning: the emulator answers
    requests where it dispatches events.
    """
    delivery = Delivery.of(target, event, rule, view)
    kind = targets.kind_of(delivery.arn)
    if kind.by_request:
        _begin(_pursue, delivery, None)
        return
    error = _attempt(delivery)
    if error is not None and error.passing:
        _begin(_pursue, delivery, error)
        return
    _settle(delivery, error, Schedule(RetryPolicy.of(target)))


def _begin(work: Callable[[Delivery, DeliveryError | None], None], *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, daemon=True, name="events").start()


def _pursue(delivery: Delivery, error: DeliveryError | None) -> None:
    schedule = Schedule(RetryPolicy.of(delivery.target))
    result = pursue(
        failed=error or _attempt_apart(delivery),
        again=lambda: _attempt_apart(delivery, again=True),
        schedule=schedule,
        wait=lambda seconds: time.sleep(seconds * _time_scale),
    )
    _on_loop(delivery, lambda: _settle(delivery, result, schedule))


def _attempt_apart(delivery: Delivery, *, again: bool = False) -> DeliveryError | None:
    """One attempt from a thread; what touches the emulator's state does so on the emulator's own loop."""
    if targets.kind_of(delivery.arn).by_request:
        with request_scope(delivery.account, delivery.region):
            error = _attempt(delivery)
    else:
        outcome: list[DeliveryError | None] = []
        _on_loop(delivery, lambda: outcome.append(_attempt(delivery)))
        (error,) = outcome
    if again:
        _on_loop(delivery, lambda: count("RetryInvocationAttempts", delivery.rule))
    return error


def _attempt(delivery: Delivery) -> DeliveryError | None:
    try:
        targets.kind_of(delivery.arn).attempt(delivery)
    except DeliveryError as error:
        return error
    return None


def _settle(delivery: Delivery, error: DeliveryError | None, schedule: Schedule) -> None:
    """Counts what became of an event, and puts one that was not delivered where the target's queue is."""
    count("Invocations", delivery.rule)
    if error is None:
        return
    count("FailedInvocations", delivery.rule)
    given = delivery.target.get("DeadLetterConfig")
    queue = str(given.get("Arn", "")) if isinstance(given, Mapping) else ""
    if not queue:
        return
    attributes = {
        "RULE_ARN": delivery.rule_arn,
        "TARGET_ARN": delivery.arn,
        "ERROR_CODE": error.code,
        "ERROR_MESSAGE": error.message,
        **({"EXHAUSTED_RETRY_CONDITION": schedule.exhausted} if schedule.exhausted else {}),
        "RETRY_ATTEMPTS": str(schedule.retries),
    }
    kept = dead_letters.keep(queue, body=delivery.content, attributes=attributes, source=delivery.source)
    count("InvocationsSentToDlq" if kept else "InvocationsFailedToBeSentToDlq", delivery.rule)


def _on_loop(delivery: Delivery, work: Callable[[], object]) -> None:
    """Does something from a thread where the emulator serves, in the scope of the rule's account."""

    def within() -> None:
        with request_scope(delivery.account, delivery.region):
            work()

    on_loop(within)

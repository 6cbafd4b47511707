"""An endpoint that is asked all the time while something else goes on."""

import contextlib
import dataclasses
import json
import threading
from collections.abc import Callable, Iterable, Iterator

from plumbline.configuration import Deployment, Model, load_contract
from plumbline.rehearsal import release
from plumbline.rehearsal.cloud import Cloud

# Between two questions: often enough that no gap of an update goes unseen, and one of two cores stays free.
_PAUSE_SECONDS = 0.1


@dataclasses.dataclass(kw_only=True)
class Tally:
    """How an endpoint has answered.

    Attributes:
        answered: How often it answered as it did the first time.
        failures: What was said the other times, or what it answered instead.
    """

    answered: int = 0
    failures: list[str] = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def asked_throughout(ask: Callable[[], list[float]]) -> Iterator[Tally]:
    """Asks, on a thread, from before its block begins until it has ended.

    Args:
        ask: Asks once; raises when there is no answer.

    Yields:
        The tally, complete when the block has ended.
    """
    tally = Tally()
    first = ask()
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(_PAUSE_SECONDS):
            try:
                answer = ask()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is no answer
                tally.failures.append(f"{type(error).__name__}: {error}")
                continue
            if answer == first:
                tally.answered += 1
            else:
                tally.failures.append(f"{answer} in the place of {first}")

    asking = threading.Thread(target=go_on, name="questions", daemon=True)
    asking.start()
    try:
        yield tally
    finally:
        ended.set()
        asking.join()


def questions(*, cloud: Cloud, deployment: Deployment, models: Iterable[Model]) -> Callable[[], list[float]]:
    """What asks every endpoint of an environment once, what its model's contract asks."""
    caller = cloud.administrator(deployment.account)
    client = caller.client("sagemaker-runtime")
    asked = [
        (deployment.endpoint_name(model), "".join(f"{json.dumps(row)}\n" for row in load_contract(model).requests))
        for model in models
    ]

    def ask() -> list[float]:
        return [
            probability
            for endpoint, rows in asked
            for probability in release.invoke(endpoint=endpoint, caller=caller, rows=rows.encode(), client=client)
        ]

    return ask

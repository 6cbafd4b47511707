"""What a rehearsal tells the person who waits for it."""

import contextlib
import time
from collections.abc import Iterator
from typing import Protocol


class Progress(Protocol):
    """Shows the steps of a rehearsal, one after the other.

    Calls come in the order ``start``, any number of ``detail``, then ``done`` or ``fail``, from one thread.
    """

    def start(self, step: str) -> None:
        """A step begins; the text says what is being done, in the imperative."""

    def detail(self, text: str) -> None:
        """Something about the step under way, to be shown in the place of the last one."""

    def done(self, outcome: str, *, seconds: float) -> None:
        """The step has ended well; the text says with what."""

    def fail(self, reason: str, *, seconds: float) -> None:
        """The step has ended badly; nothing follows."""


class Silent:
    """Shows nothing."""

    def start(self, step: str) -> None:
        """Does nothing."""

    def detail(self, text: str) -> None:
        """Does nothing."""

    def done(self, outcome: str, *, seconds: float) -> None:
        """Does nothing."""

    def fail(self, reason: str, *, seconds: float) -> None:
        """Does nothing."""


class Step:
    """A step under way.

    Attributes:
        outcome: What the step ended with; to be set before it ends.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.outcome = ""

    def detail(self, text: str) -> None:
        """Tells what is going on in the step."""
        self._progress.detail(text)


class Steps:
    """Times the steps of one rehearsal.

    Attributes:
        seconds: The steps that have ended, with their durations, in order.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Shows and times what is done in its block."""
        self._progress.start(name)
        began = time.monotonic()
        step = Step(self._progress)
        try:
            yield step
        except BaseException as error:
            reason = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__
            self._progress.fail(reason, seconds=time.monotonic() - began)
            raise
        self.seconds[name] = round(time.monotonic() - began, 2)
        self._progress.done(step.outcome, seconds=self.seconds[name])

"""How an audit tells what it is doing; the command line shows it."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol


class Step(Protocol):
    """A step under way.

    Attributes:
        outcome: What it ended with; to be set before it ends.
    """

    outcome: str

    def detail(self, text: str) -> None:
        """Tells what is going on in the step."""


StepMaker = Callable[[str], AbstractContextManager[Step]]


class _SilentStep:
    outcome = ""

    def detail(self, text: str) -> None:
        """Does nothing."""


@contextlib.contextmanager
def silently(_: str) -> Iterator[Step]:
    """Shows nothing of a step."""
    yield _SilentStep()

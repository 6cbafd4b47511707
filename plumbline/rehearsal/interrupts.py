"""Ctrl-C, SIGTERM and SIGHUP: each ends a rehearsal in order, and none comes between what belongs together."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def as_keyboard_interrupt() -> Iterator[None]:
    """Has SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does; what the process ignores it goes on ignoring."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled_by(interrupt, (signal.SIGTERM, signal.SIGHUP)):
        yield


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Holds the three back while its block runs; one that came meanwhile raises KeyboardInterrupt at the block's end.

    A mask of the system's would not do: it is one thread's, another thread would take the signal and Python would raise
    in the main thread all the same; and a child process would inherit it.

    Raises:
        KeyboardInterrupt: One came. The block has run to its end then, unless it raised itself.
    """
    came = threading.Event()

    def remember(_number: int, _frame: FrameType | None) -> None:
        came.set()

    with _handled_by(remember, _NUMBERS):
        yield
    if came.is_set():
        raise KeyboardInterrupt


@contextlib.contextmanager
def _handled_by(handler: "signal._HANDLER", numbers: tuple[signal.Signals, ...]) -> Iterator[None]:
    """Sets a handler for a block; outside the main thread, where Python raises nothing, it does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in numbers}
    for number, former in before.items():
        if former is not signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)

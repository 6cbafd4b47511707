"""Where the emulator serves its requests, and so where its state is read and changed."""

import asyncio
from collections.abc import Callable

from ministack import app


def on_loop(work: Callable[[], object]) -> None:
    """Does something where the emulator serves: at once when that is here, else there, and waits until it is done.

    Args:
        work: What to do; it sets the account that it is for itself.
    """
    loop = _elsewhere()
    if loop is None:
        work()
    else:
        asyncio.run_coroutine_threadsafe(_done(work), loop).result()


def soon_on_loop(work: Callable[[], object]) -> None:
    """Does something where the emulator serves: at once when that is here, else there, without waiting.

    Args:
        work: What to do; it sets the account that it is for itself.
    """
    loop = _elsewhere()
    if loop is None:
        work()
    else:
        asyncio.run_coroutine_threadsafe(_done(work), loop)


async def _done(work: Callable[[], object]) -> None:
    work()


def _elsewhere() -> asyncio.AbstractEventLoop | None:
    """The emulator's loop, unless it is the one that runs here or there is none."""
    loop: asyncio.AbstractEventLoop | None = app._MAIN_LOOP
    if loop is None or loop.is_closed():
        return None
    try:
        return None if asyncio.get_running_loop() is loop else loop
    except RuntimeError:
        return loop

"""The rehearsal's clock: real time, and how far it has been moved forward.

What services tell and decide by the time of day goes by it: events, alarms, data points, captured invocations,
schedules, objects, jobs. What is signed or expires for a client does not, because clients have the real clock:
sessions, TLS, signatures, presigned addresses. Nor do functions, which are processes of their own.

Nobody but the holder of the rehearsal's own door moves it, and never back. One that is never moved is the real one.
"""

import datetime
import threading
import time

_lock = threading.Lock()
_ahead = 0.0


def now() -> float:
    """The present, in seconds since the epoch."""
    return time.time() + _ahead


def moment() -> datetime.datetime:
    """The present."""
    return datetime.datetime.fromtimestamp(now(), datetime.UTC)


def iso_now() -> str:
    """The present as S3 writes it, such as ``2027-01-01T06:00:00.000Z``."""
    return written(now(), "milliseconds")


def written(seconds: float, timespec: str = "seconds") -> str:
    """A time of the clock in ISO 8601."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def reach(to: float) -> None:
    """Moves the clock forward to a time, unless it is past it; from there it goes on as fast as the real one.

    Args:
        to: The time, in seconds since the epoch.
    """
    global _ahead
    with _lock:
        _ahead += max(0.0, to - now())

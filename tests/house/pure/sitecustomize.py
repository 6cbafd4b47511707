"""Loaded by a child's interpreter before anything else: no network, and the day is PLUMBLINE_TEST_DAYS away."""

import datetime
import os
import socket
import time
from pathlib import Path
from typing import Any, NoReturn

_ATTEMPTS = Path(os.environ["PLUMBLINE_TEST_ATTEMPTS"])
_SHIFT = int(os.environ["PLUMBLINE_TEST_DAYS"]) * 86_400


def _refuse(*arguments: Any, **_options: Any) -> NoReturn:
    with _ATTEMPTS.open("a") as attempts:
        attempts.write(f"python {arguments!r}\n")
    raise OSError("this test has no network")


socket.getaddrinfo = _refuse
socket.socket.connect = _refuse  # type: ignore[method-assign]

_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + _SHIFT
time.time_ns = lambda: _time_ns() + _SHIFT * 1_000_000_000


class _Datetime(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> "_Datetime":
        return cls.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> "_Datetime":
        return cls.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)


class _Date(datetime.date):
    @classmethod
    def today(cls) -> "_Date":
        return cls.fromtimestamp(time.time())


datetime.datetime = _Datetime  # type: ignore[misc]
datetime.date = _Date  # type: ignore[misc]

"""The call log: every authorisation decision of a rehearsal, one JSON object a line."""

import dataclasses
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """One line of the call log.

    Attributes:
        time: When, in UTC, ISO 8601.
        account: The caller's account.
        principal: The caller's ARN, or its access key when that is unknown.
        action: The IAM action, such as ``s3:GetObject``.
        resource: The ARN decided upon, or ``*``.
        allowed: The decision.
        reason: Why not; empty when allowed.
        context: The condition keys that the request carried beyond the global ones.
    """

    time: str
    account: str
    principal: str
    action: str
    resource: str
    allowed: bool
    reason: str
    context: dict[str, str | list[str]]


class CallLog:
    """Appends decisions to a JSON-lines file; safe from any thread, each line complete once written."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file: TextIO = path.open("a", encoding="utf-8")

    def append(self, decision: Decision) -> None:
        """Writes one decision."""
        line = json.dumps(dataclasses.asdict(decision), sort_keys=True, default=str)
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()


def read_call_log(path: Path) -> Iterator[Decision]:
    """Reads a call log, oldest decision first, also while it is being written."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield Decision(**json.loads(line))

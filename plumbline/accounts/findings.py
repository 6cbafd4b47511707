"""What a look at an account finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plumbline.accounts.looking import Look


class State(StrEnum):
    """How something stands."""

    OK = "ok"
    MISSING = "missing"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report.

    Attributes:
        check: What was looked at.
        state: How it stands.
        said: What was seen, in words.
        way_out: What a person does about it; empty where there is nothing to do.
        needed: Whether the first deployment fails, or deploys something wrong, while it is missing.
    """

    check: str
    state: State
    said: str
    way_out: str = ""
    needed: bool = True

    @property
    def blocks(self) -> bool:
        """Whether the first deployment has to wait for it."""
        return self.state is State.MISSING and self.needed


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing to look at.

    Attributes:
        name: What findings call it.
        look: Looks, and gives what it finds. What the looker may not see raises ``CannotTellError``.
    """

    name: str
    look: Callable[["Look"], Iterable[Finding]]


def ok(check: str, said: str) -> Finding:
    """Something is as it should be."""
    return Finding(check=check, state=State.OK, said=said)


def missing(check: str, said: str, *, way_out: str, needed: bool = True) -> Finding:
    """Something is not there, or is not as it should be."""
    return Finding(check=check, state=State.MISSING, said=said, way_out=way_out, needed=needed)


def cannot_tell(check: str, said: str, *, way_out: str = "") -> Finding:
    """Nobody can say, with these credentials."""
    return Finding(check=check, state=State.CANNOT_TELL, said=said, way_out=way_out, needed=False)

"""Reasons why a mutant that nothing notices does no harm."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from plumbline.errors import PlumblineError
from tests.plumbline.audit.mutations.operator import Mutant

SURVIVORS = Path(__file__).with_name("survivors.toml")
_KEYS = {"operator", "type", "path", "reason"}
_FEWEST_WORDS = 8


@dataclass(frozen=True, kw_only=True)
class Survival:
    """Why mutants of one kind may survive.

    Attributes:
        operator: Pattern of the operator's name.
        type: Pattern of the resource type.
        path: Pattern of the path within the resource.
        reason: Why nothing is lost, for an auditor.
        killer: Name of the killer that notices them instead; where it is asked, this is no reason. Empty otherwise.
    """

    operator: str
    type: str
    path: str
    reason: str
    killer: str = ""

    def covers(self, mutant: Mutant) -> bool:
        """Whether it speaks of a mutant."""
        pairs = ((mutant.operator, self.operator), (mutant.site.type, self.type), (mutant.path, self.path))
        return all(fnmatchcase(text, pattern) for text, pattern in pairs)

    @property
    def text(self) -> str:
        """The kind, for people."""
        return f"{self.operator} at {self.type} {self.path}"


def read_survivals(path: Path = SURVIVORS) -> tuple[Survival, ...]:
    """Reads the reasons.

    Raises:
        PlumblineError: A reason lacks a key, has one too many, or says next to nothing; exit code 2.
    """
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", [])
    for number, entry in enumerate(entries, start=1):
        if entry.keys() - {"killer"} != _KEYS or not all(isinstance(value, str) for value in entry.values()):
            raise PlumblineError(
                f"{path.name}: survivor {number} has {', '.join(sorted(entry))}; accepted: the texts "
                f"{', '.join(sorted(_KEYS))}, and killer where another one notices it."
            )
        if len(entry["reason"].split()) < _FEWEST_WORDS:
            raise PlumblineError(
                f"{path.name}: survivor {number} has the reason '{entry['reason']}'; "
                f"accepted: at least {_FEWEST_WORDS} words."
            )
    return tuple(Survival(**entry) for entry in entries)


def in_force(survivals: Sequence[Survival], *, killers: Sequence[str]) -> tuple[Survival, ...]:
    """The reasons that count when these killers are asked: one that leaves it to a killer which is asked does not.

    Args:
        survivals: Written reasons.
        killers: Names of those that are asked.
    """
    return tuple(survival for survival in survivals if survival.killer not in killers)


def stale(survivals: Sequence[Survival], survivors: Sequence[Mutant]) -> list[Survival]:
    """Reasons that no survivor needs."""
    return [survival for survival in survivals if not any(survival.covers(mutant) for mutant in survivors)]

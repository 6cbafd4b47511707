"""All mutants against all killers, and what is left."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.plumbline.audit.mutations.killers import Killer
from tests.plumbline.audit.mutations.operator import Mutant
from tests.plumbline.audit.mutations.survivors import Survival, in_force


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What became of a mutant.

    Attributes:
        mutant: The mutant.
        killer: Name of the first killer that noticed it; empty when none did.
        ids: What noticed it.
        reason: Why it may survive; empty when it was killed, or when nobody wrote why.
    """

    mutant: Mutant
    killer: str = ""
    ids: tuple[str, ...] = ()
    reason: str = ""

    @property
    def survived(self) -> bool:
        """Whether nothing noticed it."""
        return not self.killer

    @property
    def unexplained(self) -> bool:
        """Whether nothing noticed it, and nobody wrote why."""
        return self.survived and not self.reason


def fates(mutants: Iterable[Mutant], *, killers: Sequence[Killer], survivals: Sequence[Survival]) -> Iterator[Fate]:
    """Lets the killers loose on each mutant, one after the other until one notices it.

    Args:
        mutants: The mutants.
        killers: In the order in which they are asked.
        survivals: Written reasons to survive.
    """
    counted = in_force(survivals, killers=[killer.name for killer in killers])
    for mutant in mutants:
        yield _fate(mutant, killers, counted)


def _fate(mutant: Mutant, killers: Sequence[Killer], survivals: Sequence[Survival]) -> Fate:
    for killer in killers:
        ids = killer.killed_by(mutant)
        if ids:
            return Fate(mutant=mutant, killer=killer.name, ids=ids)
    reason = next((survival.reason for survival in survivals if survival.covers(mutant)), "")
    return Fate(mutant=mutant, reason=reason)


def by_operator(found: Iterable[Fate]) -> dict[str, list[Fate]]:
    """Fates by the name of the operator, in the order in which they come."""
    sorted_out: defaultdict[str, list[Fate]] = defaultdict(list)
    for fate in found:
        sorted_out[fate.mutant.operator].append(fate)
    return dict(sorted_out)


def one_of_each(mutants: Iterable[Mutant]) -> list[Mutant]:
    """The first mutant of each kind: same operator, type of resource, and path but for an index at its end."""
    found: dict[tuple[str, str, str], Mutant] = {}
    for mutant in mutants:
        kind = mutant.path.rstrip("0123456789").rstrip(".")
        found.setdefault((mutant.operator, mutant.site.type, kind), mutant)
    return list(found.values())

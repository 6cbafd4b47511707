"""Who notices a mutant."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol, Self

from plumbline.audit.findings import Finding
from plumbline.audit.rules import RULES, Rule, judge
from plumbline.audit.templates import AuditedTemplate
from tests.plumbline.audit.mutations.operator import Mutant


class Killer(Protocol):
    """Notices mutants; lives inside a `with` block, since some keep a process."""

    name: str

    def __enter__(self) -> Self:
        """Begins."""

    def __exit__(self, *_: object) -> None:
        """Ends."""

    def killed_by(self, mutant: Mutant) -> tuple[str, ...]:
        """Ids of what notices a mutant; none when nothing does."""


class RulesKiller:
    """Plumbline's own rules: a mutant dies of a finding that is not there without it."""

    name = "rules"

    def __init__(self, templates: Sequence[AuditedTemplate], *, rules: Sequence[Rule] = RULES) -> None:
        """Judges the templates as they are.

        Args:
            templates: All that belongs together; mutants are made of these.
            rules: Left out, all of them.
        """
        self._templates = tuple(templates)
        self._rules = tuple(rules)
        self._alone = {template.file: _counted(self._judged([template])) for template in self._templates}
        self._together = _counted(self._judged(self._templates))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def killed_by(self, mutant: Mutant) -> tuple[str, ...]:
        """Judges the mutated template on its own first, and only if that finds nothing together with the others."""
        mutated = mutant.apply()
        alone = _new(self._judged([mutated]), self._alone[mutated.file])
        if alone:
            return alone
        others = (mutated if template.file == mutated.file else template for template in self._templates)
        return _new(self._judged(tuple(others)), self._together)

    def _judged(self, templates: Sequence[AuditedTemplate]) -> tuple[Finding, ...]:
        return judge(templates, rules=self._rules).findings


_Counted = Mapping[tuple[str, str, str], int]


def _counted(findings: Sequence[Finding]) -> _Counted:
    """Findings by rule and resource: where in a policy one stands moves when a statement goes."""
    return Counter((finding.rule, finding.file, finding.resource) for finding in findings)


def _new(findings: Sequence[Finding], before: _Counted) -> tuple[str, ...]:
    more = [key for key, count in _counted(findings).items() if count > before.get(key, 0)]
    return tuple(sorted({rule for rule, _, _ in more}))

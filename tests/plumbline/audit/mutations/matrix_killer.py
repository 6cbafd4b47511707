"""The access matrix as a killer: a mutant dies when a row no longer comes to what it came to before."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Self

from plumbline.audit.access.bootstrapped import bootstrapped
from plumbline.audit.access.engine import SimulationEngine
from plumbline.audit.access.matrix import Access, MatrixReport, evaluate
from plumbline.audit.access.simulation import RememberingEngine
from plumbline.audit.templates import AuditedTemplate
from plumbline.configuration import load_models, load_platform
from tests.house.assembly import ROOT
from tests.plumbline.audit.mutations.operator import Mutant
from tests.reference.configuration import REFERENCE

_POLICY_KEYS = ("PolicyDocument", "KeyPolicy", "AssumeRolePolicyDocument", "PermissionsBoundary", "ManagedPolicyArns")


class MatrixKiller:
    """The access matrix over the platform's templates; of other apps it knows nothing."""

    name = "matrix"

    def __init__(self, templates: Sequence[AuditedTemplate]) -> None:
        """Takes the templates.

        Args:
            templates: All that belongs together; mutants are made of these.
        """
        self._platform, self._models = load_platform(REFERENCE), load_models(ROOT)
        self._bootstrapped = bootstrapped(ROOT, self._platform)
        apart = {template.file for template in self._bootstrapped.templates}
        self._templates = tuple(template for template in templates if template.file not in apart)
        self._is_the_platform = any(t.stack_name.startswith(self._platform.name) for t in templates)
        self._running = SimulationEngine()
        self._engine = RememberingEngine(self._running)

    def __enter__(self) -> Self:
        if self._is_the_platform:
            self._running.__enter__()
            self._before = _decided(self._report(None))
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_the_platform:
            self._running.__exit__(None, None, None)

    def killed_by(self, mutant: Mutant) -> tuple[str, ...]:
        """Decides every row anew."""
        if not self._is_the_platform or not _touches_a_policy(mutant):
            return ()
        after = _decided(self._report(mutant))
        return tuple(sorted({row[0] for row, decided in self._before.items() if after.get(row, decided) != decided}))

    def _report(self, mutant: Mutant | None) -> MatrixReport:
        templates: list[AuditedTemplate] = [*self._templates, *self._bootstrapped.templates]
        if mutant is not None:
            body = mutant.apply().body  # of the bootstrap, the same in every account
            templates = [replace(t, body=body) if t.file == mutant.template.file else t for t in templates]
        return evaluate(
            templates=templates,
            platform=self._platform,
            models=self._models,
            engine=self._engine,
            parameters=self._bootstrapped.parameters,
        )


_Row = tuple[str, str, str, str, tuple[str, ...], str]


def _decided(report: MatrixReport) -> dict[_Row, Access]:
    """What every row comes to; a row that a mutant leaves undecided says so, too."""
    return {
        (row.rule, row.principal, row.request, row.network, row.circumstances, str(row.set)): verdict.decided
        for verdict in report.verdicts
        for row in (verdict.row,)
    }


def _touches_a_policy(mutant: Mutant) -> bool:
    return any(key in location for location, _ in mutant.changes for key in _POLICY_KEYS) or "olicy" in mutant.site.type

"""cfn-lint over templates, in as many processes as there are cores."""

import functools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

# What is not asked of a template here, and why.
NOT_ASKED = {
    "W3010": "the schema rules ask the same under the same id, and at every synth",
}
_SEVERITIES = {"error": "error", "warning": "warning"}


@dataclass(frozen=True, kw_only=True)
class LintFinding:
    """What cfn-lint says of one place in a template.

    Attributes:
        rule: Id of the rule, e.g. `E3012`.
        severity: `error` or `warning`.
        path: Where in the template, e.g. `Resources.Queue.Properties.QueueName`.
        message: What it says.
    """

    rule: str
    severity: str
    path: tuple[str, ...]
    message: str


class Linter:
    """Lints templates, and the same template once only: two commits have most of theirs in common."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, str | None], Sequence[LintFinding]] = {}

    def lint(self, paths: Sequence[tuple[Path, str | None]]) -> Iterator[Sequence[LintFinding]]:
        """Yields what is found in each template, in their order.

        Args:
            paths: The files, each with the region that its stack goes to; none if nothing says it.
        """
        tasks = {(path.read_bytes(), region): (path, region) for path, region in paths}
        unknown = [key for key in tasks if key not in self._known]
        found = _lint_all([tasks[key] for key in unknown])
        for path, region in paths:
            key = (path.read_bytes(), region)
            while key not in self._known:
                self._known[unknown.pop(0)] = next(found)
            yield self._known[key]


def _lint_all(tasks: Sequence[tuple[Path, str | None]]) -> Iterator[Sequence[LintFinding]]:
    workers = min(len(tasks), os.cpu_count() or 1)
    if workers < 2:
        yield from map(_lint, tasks)
        return
    # Not forked: the schema engine's thread may be at work here.
    with ProcessPoolExecutor(max_workers=workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_lint, tasks)


@functools.cache
def lint_rule_count() -> int:
    """How many rules cfn-lint asks: those for errors and warnings, without what is not asked here."""
    from cfnlint.core import get_rules

    rules = get_rules([], list(NOT_ASKED), [])
    return sum(rule.severity in _SEVERITIES for rule in rules)


def _lint(task: tuple[Path, str | None]) -> list[LintFinding]:
    # In the worker: it takes most of a second to load.
    from cfnlint.api import lint_file
    from cfnlint.config import ManualArgs

    path, region = task
    arguments = ManualArgs(regions=[region] if region else [], ignore_checks=list(NOT_ASKED), configure_rules={})
    return [
        LintFinding(
            rule=match.rule.id,
            severity=_SEVERITIES[match.rule.severity],
            path=tuple(str(part) for part in match.path or ()),
            message=match.message,
        )
        for match in lint_file(path, config=arguments)
        if match.rule.severity in _SEVERITIES
    ]

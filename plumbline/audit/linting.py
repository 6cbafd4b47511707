"""cfn-lint over templates: many of them in as many processes as there are cores, a few in this one."""

import functools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cfnlint.config import ConfigMixIn
    from cfnlint.runner import Runner

# What is not asked of a template here, and why.
NOT_ASKED = {
    "W3010": "the schema rules ask the same under the same id, and at every synth",
}
# A process takes as long to begin, and to load the rules, as to judge templates of about so many bytes.
_BYTES_WORTH_A_PROCESS = 100_000
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
    worth = sum(path.stat().st_size for path, _ in tasks) // _BYTES_WORTH_A_PROCESS
    workers = min(len(tasks), os.cpu_count() or 1, worth)
    if workers < 2:
        yield from map(_lint, tasks)
        return
    # Not forked: the schema engine's thread may be at work here.
    with ProcessPoolExecutor(max_workers=workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_lint, tasks)


@functools.cache
def lint_rule_count() -> int:
    """How many rules cfn-lint asks: those for errors and warnings, without what is not asked here."""
    runner = _runner()
    return sum(
        rule.severity in _SEVERITIES and runner.rules.is_rule_enabled(rule_id, runner.config)
        for rule_id, rule in runner.rules.data.items()
    )


@functools.cache
def _runner() -> "Runner":
    """What runs the rules, which take longer to load than to judge most templates, once a process."""
    from cfnlint.runner import Runner

    return Runner(_config([]))


def _config(words: Sequence[str], *, region: str | None = None) -> "ConfigMixIn":
    from cfnlint.config import ConfigMixIn

    regions = [region] if region else []
    return ConfigMixIn(list(words), regions=regions, ignore_checks=list(NOT_ASKED), configure_rules={})


def _lint(task: tuple[Path, str | None]) -> list[LintFinding]:
    path, region = task
    runner = _runner()
    # One runner judges many templates when it is called from the command line, too.
    runner.config = _config(["--template", str(path)], region=region)
    return [
        LintFinding(
            rule=match.rule.id,
            severity=_SEVERITIES[match.rule.severity],
            path=tuple(str(part) for part in match.path or ()),
            message=match.message,
        )
        for match in runner.run()
        if match.rule.severity in _SEVERITIES
    ]

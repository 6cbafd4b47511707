"""The report as one HTML page, for the screen and for paper."""

import functools
import itertools
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from plumbline.audit.controls import Control, Evidence
from plumbline.audit.record import MatrixRow, Record

_Item = TypeVar("_Item")
_SPELLED_OUT = 3  # requests of a line of the access matrix; more are counted


def render_page(record: Record) -> str:
    """The page of one audit.

    Whatever stands in a template is escaped: a resource may be called `<script>`.

    Args:
        record: What was found.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["unqualified"] = _unqualified
    environments = [name for account in record.inventory.accounts for name in account.roles.split(", ")]
    environment.filters["by_environment"] = functools.partial(_by_environment, environments=environments)
    examination = record.examination
    return environment.get_template("page.html").render(
        record=record,
        open_by_rule=_grouped(examination.open_findings, "finding.rule"),
        decisions=[(name, found[0].waived, found) for name, found in examination.decisions.items()],
        roles_by_account=_grouped(record.inventory.roles, "account"),
        keys_by_account=_grouped(record.inventory.keys, "account"),
        names={account.account: account.roles for account in record.inventory.accounts},
        matrix=[(rule, rows[0].why, _matrix_lines(rows)) for rule, rows in _grouped(record.matrix.rows, "rule")],
        frameworks=_grouped(record.controls, "framework"),
        evidence=_evidence(record.controls),
    )


def _grouped(items: Sequence[_Item], key: str) -> list[tuple[str, list[_Item]]]:
    """Items that follow one another and are alike in `key`."""
    return [(str(name), list(group)) for name, group in itertools.groupby(items, attrgetter(key))]


@dataclass(frozen=True, kw_only=True)
class MatrixLine:
    """Rows of one rule of the access matrix that differ in who and what only.

    Attributes:
        principals: Who.
        requests: What; the actions alone, with their number, where there are many resources.
        circumstances: Under which circumstances.
        rows: How many rows it stands for.
        decided: What they come to.
        failed: The row, when it does not hold; such a row is alone.
    """

    principals: tuple[str, ...]
    requests: tuple[str, ...]
    circumstances: str
    rows: int
    decided: str
    failed: MatrixRow | None = None


def _matrix_lines(rows: Sequence[MatrixRow]) -> list[MatrixLine]:
    """The rows of one rule in as few lines as say the same; those that do not hold first."""
    alike: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for row in rows:
        if row.holds:
            alike[(row.principal, row.circumstances, row.decided)].append(row.request)
    by_actions: defaultdict[tuple[str, str, tuple[str, ...]], dict[str, list[str]]] = defaultdict(dict)
    for (principal, circumstances, decided), requests in alike.items():
        actions = tuple(dict.fromkeys(request.partition(" ")[0] for request in requests))
        by_actions[(circumstances, decided, actions)][principal] = requests
    lines = [
        MatrixLine(
            principals=(row.principal,),
            requests=(row.request,),
            circumstances=row.circumstances,
            rows=1,
            decided=row.decided,
            failed=row,
        )
        for row in rows
        if not row.holds
    ]
    for (circumstances, decided, _), requests_of in by_actions.items():
        asked = {tuple(requests) for requests in requests_of.values()}
        lines.append(
            MatrixLine(
                principals=tuple(requests_of),
                requests=asked.pop() if len(asked) == 1 and len(min(asked)) <= _SPELLED_OUT else _counted(asked),
                circumstances=circumstances,
                rows=sum(len(requests) for requests in requests_of.values()),
                decided=decided,
            )
        )
    return lines


def _counted(asked: Collection[tuple[str, ...]]) -> tuple[str, ...]:
    """Actions with the number of resources that each is asked about."""
    resources: defaultdict[str, set[str]] = defaultdict(set)
    for request in (request for requests in asked for request in requests):
        action, _, resource = request.partition(" ")
        resources[action].add(resource)
    return tuple(
        action if len(places) == 1 else f"{action} on each of {len(places)}" for action, places in resources.items()
    )


def _by_environment(principals: Sequence[str], environments: Sequence[str]) -> list[str]:
    """Names that differ in the environment only, as one: `plumbline-{dev,staging}-train`."""
    where: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for principal in principals:
        environment = next((name for name in environments if f"-{name}-" in principal), "")
        before, _, after = principal.partition(f"-{environment}-") if environment else (principal, "", "")
        where[(before, after)].append(environment)
    return [
        before if not after else f"{before}-{names[0] if len(names) == 1 else f'{{{chr(44).join(names)}}}'}-{after}"
        for (before, after), names in where.items()
    ]


def _evidence(controls: Sequence[Control]) -> list[tuple[Evidence, list[tuple[str, list[str]]]]]:
    """Every rule that a control rests on, once, with the resources that keep it by their stack."""
    rules = {one.rule: one for control in controls for one in control.evidence}
    return [
        (
            rules[name],
            [
                (stack, [place.partition("/")[2] for place in places])
                for stack, places in itertools.groupby(rules[name].kept, lambda place: place.partition("/")[0])
            ],
        )
        for name in sorted(rules)
    ]


def _unqualified(rule: str) -> str:
    """The id of a rule without its rule set, and without the pack's name before it."""
    rule_set, _, name = rule.partition("::")
    return name.removeprefix(f"{rule_set}-")

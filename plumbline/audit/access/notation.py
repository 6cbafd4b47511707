"""The table of the access matrix: rules that a person reviews, and the rows that follow from them.

A rule says who may, and may not, do what:

```toml
[[rule]]
name = "train reads its own model's data"
why = "..."
each = { env = "training", model = "models" }
who = "{env}-{model}-train"
network = "own"
may = ["read {env.data}/{model.name}/prepared/part-0.parquet"]
but_not = ["over plain http"]
may_not = ["read {env.data}/another_model/prepared/part-0.parquet"]
```

- `each` binds variables, each over a set (`environments`, `training`, `serving`, `models`, `reviewed models`,
  `labelled models`, `accounts`, `roles`, `roles like {name}-*`, `others of env`, an environment's name) or over a list;
  one row for every combination. `others of` names a variable, or `delivery`; with `, apart` at its end, those in
  other accounts only.
- `who` is a role by its name, a service principal, `<name> of <account>` (a role that no template makes and whose own
  policies allow everything, e.g. `administrator of {env.account}`; with ` within <policy>`, nothing but that policy
  bounds it), or a list of these; `except` has patterns of those who are left out.
- `network` is the way of the request: `internet` (left out), `own` (the endpoints of the caller's environment), or the
  name of an environment. What `may_not` denies on the way `own` is denied past the endpoints' policies, too: these
  must not hide what a role's own policies would allow.
- `with` has condition keys and values, and `in` circumstances, that hold for the whole rule.
- `may` and `may_not` have requests (`requests.py` says which there are); `but_not` has circumstances in which what the
  rule allows is denied: each of these rows has an allowed twin.
- `if` names what the configuration must have, or the rule does not apply; `Trait` has the names.

A circumstance is a name for condition keys that are `set` or `unset`, and for a `network`.
"""

import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from plumbline.audit.access.vocabulary import Bound, UnknownWordError, Vocabulary, Word, meant
from plumbline.errors import PlumblineError

TABLE = Path(__file__).parent / "table"
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Values = dict[str, str | list[str]]
# What a configuration may have, or lack.
Trait = Literal[
    "delivery in its own account",
    "delivery records itself",
    "environments apart",
    "labelled models",
    "model monitor",
    "organization",
    "own trails",
    "portable monitors",
    "production apart",
    "reviewed models",
    "several accounts",
    "source behind a connection",
    "source in CodeCommit",
    "source in S3",
    "source that a rule hears of",
    "workbench",
]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Circumstance(_Entry):
    """Condition keys under a name.

    Attributes:
        set: Keys and their values.
        unset: Keys that the request does not have.
        network: The way of the request; left out, the rule's.
    """

    set: _Values = Field(default_factory=dict)
    unset: list[str] = Field(default_factory=list)
    network: str | None = None


class Rule(_Entry):
    """One rule of the table, as it is written; the module says what each key holds."""

    name: _Text
    why: Annotated[str, StringConstraints(strip_whitespace=True, min_length=20)]
    only_if: list[Trait] = Field(default_factory=list, alias="if")
    each: dict[str, str | list[str]] = Field(default_factory=dict)
    excluding: list[str] = Field(default_factory=list, alias="except")
    who: str | list[str]
    network: str = "internet"
    given: _Values = Field(default_factory=dict, alias="with")
    within: list[str] = Field(default_factory=list, alias="in")
    may: list[str] = Field(default_factory=list)
    but_not: list[str] = Field(default_factory=list)
    may_not: list[str] = Field(default_factory=list)


class _File(_Entry):
    rule: list[Rule] = Field(default_factory=list)
    circumstances: dict[str, Circumstance] = Field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Table:
    """All files of the table.

    Attributes:
        rules: The rules, each with the file in which it is.
        circumstances: Circumstances by their name.
    """

    rules: Sequence[tuple[str, Rule]]
    circumstances: Mapping[str, Circumstance]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the matrix.

    Attributes:
        rule: Name of the rule that it follows from.
        file: File of the rule.
        why: Why it matters.
        principal: Who.
        request: Does what to what.
        network: The way of the request.
        circumstances: Names of the circumstances, for people.
        set: Condition keys and values on top of what AWS supplies.
        unset: Condition keys that the request does not have.
        expected: Whether it is allowed.
        past_endpoints: Whether the policies of VPC endpoints are left out, as if somebody had taken them away.
        names_principal: Whether the rule names the caller, rather than speaking of all roles.
        names_request: Whether the rule names what is asked for, rather than speaking of all roles.
    """

    rule: str
    file: str
    why: str
    principal: str
    request: str
    network: str
    circumstances: tuple[str, ...]
    set: Mapping[str, str | tuple[str, ...]]
    unset: frozenset[str]
    expected: bool
    past_endpoints: bool
    names_principal: bool
    names_request: bool


@dataclass(frozen=True, kw_only=True)
class Expansion:
    """What follows from a table.

    Attributes:
        rows: The rows.
        left_out: Names of the rules that do not apply, because the configuration lacks what they are about.
    """

    rows: Sequence[Row]
    left_out: Sequence[str]


def read_table(folder: Path = TABLE) -> Table:
    """Reads every file of the table.

    Raises:
        PlumblineError: A file is no TOML or breaks the notation, a name is taken twice, or there is no rule at all;
            exit code 2.
    """
    rules: list[tuple[str, Rule]] = []
    circumstances: dict[str, Circumstance] = {}
    for path in sorted(folder.glob("*.toml")):
        content = _read(path)
        for name, circumstance in content.circumstances.items():
            if name in circumstances:
                raise _mistake(path.name, f"circumstance {name!r}", "its name is taken by another; accepted: one each")
            circumstances[name] = circumstance
        rules += [(path.name, rule) for rule in content.rule]
    if not rules:
        raise PlumblineError(f"{folder}: no rule is in it; accepted: a folder of .toml files with [[rule]] tables.")
    seen: set[str] = set()
    for file, rule in rules:
        if rule.name in seen:
            raise _mistake(file, f"rule {rule.name!r}", "its name is taken by another; accepted: one each")
        seen.add(rule.name)
    return Table(rules=rules, circumstances=circumstances)


def expand(table: Table, vocabulary: Vocabulary) -> Expansion:
    """Makes rows of the rules.

    Raises:
        PlumblineError: A rule uses an unknown word or circumstance, or nothing follows from it; exit code 2.
    """
    rows: list[Row] = []
    left_out: list[str] = []
    for file, rule in table.rules:
        if not set(rule.only_if) <= vocabulary.traits:
            left_out.append(rule.name)
            continue
        try:
            found = list(_Expander(file, rule, table.circumstances, vocabulary).rows())
        except UnknownWordError as error:
            raise _mistake(file, f"rule {rule.name!r}", str(error)) from None
        if not found:
            raise _mistake(file, f"rule {rule.name!r}", "nothing follows from it; accepted: a rule with a row at least")
        rows += found
    return Expansion(rows=rows, left_out=left_out)


class _Expander:
    """One rule on its way to rows."""

    def __init__(
        self, file: str, rule: Rule, circumstances: Mapping[str, Circumstance], vocabulary: Vocabulary
    ) -> None:
        self._file = file
        self._rule = rule
        self._circumstances = circumstances
        self._vocabulary = vocabulary

    def rows(self) -> Iterator[Row]:
        if self._rule.but_not and not self._rule.may:
            raise UnknownWordError("but_not takes back what may allows, and there is no may")
        for bound in self._bindings(list(self._rule.each.items()), {}):
            for who in [self._rule.who] if isinstance(self._rule.who, str) else self._rule.who:
                principal = self._vocabulary.fill(who, bound)
                if not any(fnmatchcase(principal, self._vocabulary.fill(p, bound)) for p in self._rule.excluding):
                    yield from self._rows_of(who, principal, bound)

    def _bindings(self, variables: list[tuple[str, str | list[str]]], bound: dict[str, Word]) -> Iterator[Bound]:
        if not variables:
            yield bound
            return
        (name, wanted), *rest = variables
        for word in self._vocabulary.members(wanted, bound):
            yield from self._bindings(rest, {**bound, name: word})

    def _rows_of(self, who: str, principal: str, bound: Bound) -> Iterator[Row]:
        rule = self._rule
        cases = [
            *((request, (), True) for request in rule.may),
            *((request, (extra,), False) for request, extra in itertools.product(rule.may, rule.but_not)),
            *((request, (), False) for request in rule.may_not),
        ]
        for request, extra, expected in cases:
            names = (*rule.within, *extra)
            chosen = [self._named(name) for name in names]
            network = next((c.network for c in reversed(chosen) if c.network is not None), rule.network)
            added: dict[str, str | tuple[str, ...]] = {}
            removed: set[str] = set()
            for given, unset in [(rule.given, []), *((c.set, c.unset) for c in chosen)]:
                added |= {key: self._filled(value, bound) for key, value in given.items()}
                removed = {*removed, *unset} - given.keys()
            yield Row(
                rule=rule.name,
                file=self._file,
                why=rule.why,
                principal=principal,
                request=self._vocabulary.fill(request, bound),
                network=self._network(self._vocabulary.fill(network, bound)),
                circumstances=names,
                set={key: value for key, value in added.items() if key not in removed},
                unset=frozenset(removed),
                expected=expected,
                past_endpoints=not expected and not extra and network == "own",
                names_principal=not self._vocabulary.uses_generic(who, bound),
                names_request=not self._vocabulary.uses_generic(request, bound),
            )

    def _filled(self, value: str | list[str], bound: Bound) -> str | tuple[str, ...]:
        if isinstance(value, str):
            return self._vocabulary.fill(value, bound)
        return tuple(self._vocabulary.fill(item, bound) for item in value)

    def _named(self, name: str) -> Circumstance:
        if name not in self._circumstances:
            raise UnknownWordError(f"there is no circumstance {name!r}{meant(name, self._circumstances)}")
        return self._circumstances[name]

    def _network(self, name: str) -> str:
        if name not in ("internet", "own") and self._vocabulary.environment(name) is None:
            raise UnknownWordError(
                f"there is no network {name}; accepted: internet, own, or the name of an environment"
            )
        return name


def _read(path: Path) -> _File:
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlumblineError(
            f"{path.name}: it cannot be read as TOML: {error}; accepted: rules and circumstances."
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _mistake(path.name, where, f"{first['msg'].lower()}, got {first['input']!r}") from None


def _mistake(file: str, where: str, what: str) -> PlumblineError:
    return PlumblineError(f"{file}: {where}: {what}.")

"""The templates that show what each rule is about: a compliant one, and what breaks it, each by one change."""

import copy
import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from plumbline.audit.templates import AuditedTemplate

FOLDER = Path(__file__).parent / "examples"
_ATTRIBUTES = ("Condition", "DeletionPolicy", "DependsOn", "Metadata", "Properties", "Type", "UpdateReplacePolicy")

# What stands in a template depends on its neighbours, which only the example knows.
Json = Any


@dataclass(frozen=True, kw_only=True)
class Case:
    """Templates that break a rule.

    Attributes:
        rule: The rule's id.
        name: What was changed, for people.
        templates: The templates.
        resource: Logical id of the resource that has to be named.
        says: The message; none where any will do.
    """

    rule: str
    name: str
    templates: Sequence[AuditedTemplate]
    resource: str
    says: str | None


@dataclass(frozen=True, kw_only=True)
class Example:
    """What a rule is about.

    Attributes:
        rule: The rule's id.
        compliant: Templates that keep it.
        keeps: Logical id of the resource that keeps it; none for whichever does.
        looks_at_nothing: Whether the rule is about what should not be there at all.
        violating: Templates that break it.
    """

    rule: str
    compliant: Sequence[AuditedTemplate]
    keeps: str | None
    looks_at_nothing: bool
    violating: Sequence[Case]


@functools.cache
def examples() -> Mapping[str, Example]:
    """Every example by the rule's id."""
    bases = all_bases()
    found: dict[str, Example] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        for rule, example in yaml.safe_load(path.read_text(encoding="utf-8"))["rules"].items():
            assert rule not in found, f"{rule} is in two files"
            found[rule] = Example(
                rule=rule,
                compliant=templates(bases[example["compliant"]]),
                keeps=example.get("keeps"),
                looks_at_nothing=example.get("looks_at_nothing", False),
                violating=[case(rule, change, bases, example["compliant"]) for change in example["violating"]],
            )
    return found


@functools.cache
def all_bases() -> Mapping[str, Json]:
    """Every base by its name."""
    found: dict[str, Json] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        bases = yaml.safe_load(path.read_text(encoding="utf-8"))["bases"]
        assert not bases.keys() & found.keys(), f"{path.name}: {bases.keys() & found.keys()} is in two files"
        found |= bases
    # Through JSON, so that what YAML's references share is changed in one place only.
    return dict(json.loads(json.dumps(found)))


def case(rule: str, change: Mapping[str, Json], bases: Mapping[str, Json], base: str) -> Case:
    """A base with one change: `set` gives values by path, `drop` takes one away."""
    changed = copy.deepcopy(bases[change.get("of", base)])
    values = change.get("set", {})
    for path, value in values.items():
        _at(changed, path, value)
    if "drop" in change:
        _drop(changed, change["drop"])
    first = next(iter(values), change.get("drop", ""))
    return Case(
        rule=rule,
        name=f"{change.get('of', base)}: {first or 'as it is'}",
        templates=templates(changed),
        resource=change.get("names", re.split(r"[.\[]", first)[0]),
        says=change.get("says"),
    )


def templates(base: Json) -> tuple[AuditedTemplate, ...]:
    """The templates of a base: one, or several with the accounts they go to."""
    return tuple(_template(one) for one in (base if isinstance(base, list) else [base]))


def template(body: Json, *, file: str = "one.json", termination_protection: bool | None = None) -> AuditedTemplate:
    """A template of account 222222222222."""
    return AuditedTemplate(
        file=file,
        stack_name=file.removesuffix(".json"),
        account="222222222222",
        region="eu-west-1",
        body=json.loads(json.dumps(body)),
        termination_protection=termination_protection,
    )


def _template(base: Json) -> AuditedTemplate:
    body = copy.deepcopy(base) if "Resources" in base else {"Resources": copy.deepcopy(base)}
    for name in [name for name in body["Resources"] if name.startswith("/")]:
        body[name.removeprefix("/")] = body["Resources"].pop(name)
    for resource in body["Resources"].values():
        _write_out(resource)
    protection = body.pop("termination_protection", None)
    body.pop("account", None)
    return template(body, file=body.pop("file", "one.json"), termination_protection=protection)


def _write_out(resource: Json) -> None:
    """Writes a pipeline's definition as CloudFormation takes it: a text, into which values are put on deploy."""
    try:
        definition = resource["Properties"]["PipelineDefinition"]
        steps = definition["PipelineDefinitionBody"]["Steps"]
    except (KeyError, TypeError):
        return
    if isinstance(steps, list):
        names = ("SubnetA", "SubnetB", "Group", "Key")
        given = {name: {"Fn::ImportValue": name} for name in names}
        definition["PipelineDefinitionBody"] = {"Fn::Sub": [json.dumps(definition["PipelineDefinitionBody"]), given]}


def _keys(base: Json, path: str) -> tuple[Json, list[str | int]]:
    """Where a path begins, and its keys: `Resource.Property`, `Resource.DeletionPolicy`, or `/Parameters.Name`."""
    if path.startswith("/"):
        first, *rest = path.removeprefix("/").split(".")
        # A base of resources alone keeps under a slash what stands beside them.
        return base, [first if "Resources" in base else f"/{first}", *rest]
    keys = [key for part in path.split(".") for key in _indexed(part)]
    everything = base if isinstance(base, list) else [base]
    holders = [one.get("Resources", one) for one in everything]
    holder = next((one for one in holders if keys[0] in one), holders[0])
    if len(keys) > 1 and keys[1] not in _ATTRIBUTES:
        keys.insert(1, "Properties")
    return holder, keys


def _indexed(part: str) -> list[str | int]:
    name, *numbers = re.findall(r"[^\[\]]+", part)
    return [name, *(int(number) for number in numbers)]


def _at(base: Json, path: str, value: Json) -> None:
    holder, keys = _keys(base, path)
    for key in keys[:-1]:
        holder = holder[key] if isinstance(key, int) else holder.setdefault(key, {})
    holder[keys[-1]] = value


def _drop(base: Json, path: str) -> None:
    holder, keys = _keys(base, path)
    for key in keys[:-1]:
        holder = holder[key]
    del holder[keys[-1]]

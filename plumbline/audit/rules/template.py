"""Templates as rules look at them: no `Fn::If` is left, and what is next to a resource can be looked up."""

import functools
import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from plumbline.audit.access.intrinsics import TemplateValues, UnresolvableError
from plumbline.audit.access.physical_names import Place
from plumbline.audit.json_value import Json, as_list, as_object
from plumbline.audit.rules.part import Part
from plumbline.audit.rules.values import Values, without_branches
from plumbline.audit.templates import AuditedTemplate

# More ways to deploy one resource than this are not tried; the rule about what cannot be seen names the resource.
MOST_VARIANTS = 64
_OTHER = "\0another value"
_Found = TypeVar("_Found")


class Templates:
    """All templates of one audit."""

    def __init__(self, audited: Sequence[AuditedTemplate]) -> None:
        """Takes the templates; what belongs together is looked up across all of them."""
        self.templates = tuple(Template(one, self) for one in audited)

    def of_type(self, *types: str) -> Iterator["Resource"]:
        """Every resource of these types."""
        for template in self.templates:
            yield from template.of_type(*types)

    def of_account(self, template: "Template", *types: str) -> Iterator["Resource"]:
        """Every resource of these types in the account of a template; where no account is known, in that template."""
        for other in self.templates:
            if other is template or (template.audited.account and other.audited.account == template.audited.account):
                yield from other.of_type(*types)

    @functools.cached_property
    def published(self) -> Mapping[str, Mapping[str, str]]:
        """Values of the SSM parameters that the templates make, by account and name."""
        found: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for template in self.templates:
            values = template.values_alone
            for body in template.audited.resources.values():
                if body.get("Type") == "AWS::SSM::Parameter":
                    properties = as_object(body.get("Properties"))
                    name, value = values.text(properties.get("Name")), values.text(properties.get("Value"))
                    if "${" not in name + value:
                        found[template.place.account][name] = value
        return found


class Template:
    """One template."""

    def __init__(self, audited: AuditedTemplate, templates: Templates) -> None:
        """Takes the template and those that it belongs to."""
        self.audited = audited
        self.all = templates
        self.place = Place(
            stack_name=audited.stack_name,
            account=audited.account or "${AWS::AccountId}",
            region=audited.region or "${AWS::Region}",
        )

    @functools.cached_property
    def values_alone(self) -> Values:
        """What its values are, as far as it says itself."""
        return Values(body=self.audited.body, place=self.place, published={})

    @functools.cached_property
    def values(self) -> Values:
        """What its values are, as far as all templates say."""
        published = self.all.published.get(self.place.account, {})
        return Values(body=self.audited.body, place=self.place, published=published)

    @functools.cached_property
    def resources(self) -> tuple["Resource", ...]:
        """Its resources, each once for every way in which its conditions can turn out."""
        found: list[Resource] = []
        for logical_id, body in self.audited.resources.items():
            resource_type = body.get("Type")
            if isinstance(resource_type, str):
                found += [
                    Resource(template=self, logical_id=logical_id, type=resource_type, body=variant, when=when)
                    for variant, when in self._variants(body)
                ]
        return tuple(found)

    def of_type(self, *types: str) -> Iterator["Resource"]:
        """Its resources of these types."""
        for resource_type in types:
            yield from self._by_type.get(resource_type, ())

    def reference(self, logical_id: str) -> tuple[str, str]:
        """What `Ref` and `Fn::GetAtt … Arn` give for one of its resources, as texts."""
        return (
            self.values.text({"Ref": logical_id}),
            self.values.text({"Fn::GetAtt": [logical_id, "Arn"]}),
        )

    @functools.cached_property
    def _by_type(self) -> Mapping[str, list["Resource"]]:
        found: defaultdict[str, list[Resource]] = defaultdict(list)
        for resource in self.resources:
            found[resource.type].append(resource)
        return found

    @functools.cached_property
    def _has_branches(self) -> bool:
        text = json.dumps(self.audited.body)
        return '"Fn::If"' in text or '"AWS::NoValue"' in text

    def _variants(self, body: dict[str, Json]) -> Iterator[tuple[Mapping[str, Json], str]]:
        if not self._has_branches:
            yield body, ""
            return
        names = sorted(set(conditions_used(body)))
        for outcome in self.outcomes(tuple(names))[:MOST_VARIANTS]:
            when = " and ".join(f"{name} is {'true' if holds else 'false'}" for name, holds in outcome.items())
            yield as_object(without_branches(body, outcome.__getitem__)), when

    @functools.cache  # noqa: B019  # lives as long as one audit
    def outcomes(self, names: tuple[str, ...]) -> tuple[Mapping[str, bool], ...]:
        """Every way in which conditions can turn out together, over all values of the parameters they compare.

        Args:
            names: Names of conditions.
        """
        conditions = as_object(self.audited.body.get("Conditions"))
        parameters = sorted(set(_parameters_used(list(names), conditions)))
        domains = [self._domain(name, conditions) for name in parameters]
        found: dict[tuple[bool, ...], None] = {}
        for chosen in itertools.islice(itertools.product(*domains), MOST_VARIANTS**2):
            values = TemplateValues(
                body=self.audited.body,
                place=self.place,
                parameters=dict(zip(parameters, chosen, strict=True)),
                published={},
            )
            possible = [_holds(values, name) for name in names]
            found.update(dict.fromkeys(itertools.islice(itertools.product(*possible), MOST_VARIANTS + 1)))
            if len(found) > MOST_VARIANTS:
                break
        return tuple(dict(zip(names, outcome, strict=True)) for outcome in found)

    def _domain(self, parameter: str, conditions: dict[str, Json]) -> list[str]:
        declaration = as_object(as_object(self.audited.body.get("Parameters")).get(parameter))
        allowed = declaration.get("AllowedValues")
        if isinstance(allowed, list) and allowed:
            return [str(value) for value in allowed]
        compared = [text for texts in _comparisons(conditions) for text in texts]
        default = [str(declaration["Default"])] if "Default" in declaration else []
        return list(dict.fromkeys([*default, *compared, _OTHER]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Resource:
    """One resource of a template, in one of the ways in which its conditions can turn out.

    Attributes:
        template: The template that it is in.
        logical_id: Its logical id; empty for the one that stands for the template as a whole.
        type: Its CloudFormation type.
        body: All of it, `DeletionPolicy` and so on included; no `Fn::If` is left in it.
        when: How the conditions have turned out, in words; empty when it has none.
    """

    template: Template
    logical_id: str
    type: str
    body: Mapping[str, Json]
    when: str = ""

    @functools.cached_property
    def memory(self) -> dict[object, object]:
        """What functions under `remembered` have found out about it."""
        return {}

    @functools.cached_property
    def properties(self) -> Part:
        """Its properties; none at all counts as an empty object."""
        value = self.body.get("Properties")
        return Part(value={} if value is None else value, path="Properties", context=self.template.values)

    def at(self, path: str) -> Part:
        """A property by its dotted path."""
        return self.properties.at(path)

    def attribute(self, name: str) -> Part:
        """What stands beside the properties, e.g. `DeletionPolicy`."""
        return Part(value=self.body.get(name), path=name, context=self.template.values)

    @functools.cached_property
    def reference(self) -> str:
        """What `Ref` gives for it."""
        return self.template.reference(self.logical_id)[0]

    @functools.cached_property
    def arn(self) -> str:
        """What `Fn::GetAtt … Arn` gives for it."""
        return self.template.reference(self.logical_id)[1]


def remembered(look: Callable[[Resource], _Found]) -> Callable[[Resource], _Found]:
    """Lets a function look at each resource once: many rules ask for the same statements and steps."""

    @functools.wraps(look)
    def recalled(resource: Resource) -> _Found:
        if look not in resource.memory:
            resource.memory[look] = look(resource)
        return cast(_Found, resource.memory[look])

    return recalled


def conditions_used(value: Json) -> Iterator[str]:
    """Names of the conditions on which a part of a template depends."""
    if isinstance(value, list):
        for item in value:
            yield from conditions_used(item)
    elif isinstance(value, dict):
        branches = value.get("Fn::If")
        if len(value) == 1 and isinstance(branches, list) and len(branches) == 3 and isinstance(branches[0], str):
            yield branches[0]
        for item in value.values():
            yield from conditions_used(item)


def _parameters_used(names: list[str], conditions: dict[str, Json]) -> Iterator[str]:
    """Parameters on which conditions depend, through other conditions too."""
    seen: set[str] = set()
    waiting: list[Json] = [conditions.get(name) for name in names]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        for key, argument in as_object(value).items():
            if key == "Ref" and isinstance(argument, str) and not argument.startswith("AWS::"):
                yield argument
            elif key == "Condition" and isinstance(argument, str) and argument not in seen:
                seen.add(argument)
                waiting.append(conditions.get(argument))
            else:
                waiting.append(argument)


def _comparisons(value: Json) -> Iterator[list[str]]:
    if isinstance(value, list):
        for item in value:
            yield from _comparisons(item)
    for key, argument in as_object(value).items():
        if key == "Fn::Equals":
            yield [str(item) for item in as_list(argument) if isinstance(item, str | int)]
        else:
            yield from _comparisons(argument)


def _holds(values: TemplateValues, name: str) -> tuple[bool, ...]:
    try:
        return (values.condition(name, f"Conditions.{name}"),)
    # What depends on more than the templates say, and what is malformed, may turn out either way.
    except (UnresolvableError, ValueError, TypeError, AttributeError, IndexError, KeyError, RecursionError):
        return (True, False)

"""What a mutation operator is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from plumbline.audit.json_value import Json
from plumbline.audit.templates import AuditedTemplate
from tests.plumbline.audit.mutations.document import (
    NOTHING,
    Change,
    Location,
    Place,
    changed,
    document_of,
    places,
    template_of,
)

# The mutants of one place, each a list of changes; nothing where the operator does not apply.
Mutate = Callable[[Place], Iterator[tuple[Change, ...]]]


@dataclass(frozen=True, kw_only=True)
class Operator:
    """A way to make a template less safe.

    Attributes:
        name: Its name, e.g. `drop-key`.
        mutate: Yields the changes of every mutant that it makes at a place.
    """

    name: str
    mutate: Mutate


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One template, made less safe at one place.

    Attributes:
        operator: Name of the operator.
        site: The place.
        template: The template before.
        changes: What is different.
    """

    operator: str
    site: Place
    template: AuditedTemplate
    changes: tuple[Change, ...]

    @property
    def path(self) -> str:
        """Where it differs, within the resource, for people; items of lists by their names."""
        location = self.changes[0][0]
        inside = location[len(self.site.path) :] if location[: len(self.site.path)] == self.site.path else ()
        return ".".join([*([self.site.text] if self.site.text else []), *map(str, inside)])

    @property
    def text(self) -> str:
        """The mutant, for people."""
        return f"{self.operator} at {self.template.stack_name}/{self.site.resource} ({self.site.type}) {self.path}"

    def apply(self) -> AuditedTemplate:
        """The template after; the one before is left as it is."""
        document: Json = document_of(self.template)
        for path, value in self.changes:
            document = changed(document, path, value)
        if not isinstance(document, dict):
            raise TypeError(self.text)
        return template_of(document, self.template)


def mutants(template: AuditedTemplate, *, operators: tuple[Operator, ...]) -> Iterator[Mutant]:
    """Every mutant of a template: each operator at every place where it applies."""
    for place in places(document_of(template)):
        for operator in operators:
            for changes in operator.mutate(place):
                yield Mutant(operator=operator.name, site=place, template=template, changes=changes)


def put(path: Location, value: Json) -> tuple[Change, ...]:
    """One change: another value at a path."""
    return ((path, value),)


def drop(path: Location) -> tuple[Change, ...]:
    """One change: nothing at a path any more."""
    return ((path, NOTHING),)

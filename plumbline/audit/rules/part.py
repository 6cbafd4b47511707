"""A part of a resource, where it stands, and what it may turn out to be."""

import functools
from dataclasses import dataclass
from typing import Protocol

from plumbline.audit.json_value import Json, as_list
from plumbline.audit.rules.values import Possible, Unknown, is_intrinsic


class Context(Protocol):
    """Works out values."""

    def possible(self, value: Json, path: str) -> tuple[Possible, ...]:
        """All that a value may turn out to be."""

    def text(self, value: Json) -> str:
        """A value as a text; what cannot be worked out stands in it as `${Name}`."""

    def texts(self, value: Json) -> tuple[str, ...]:
        """The texts of a value that may stand for a list of one."""

    def is_worked_out_later(self, value: Json) -> bool:
        """Whether a value stands for another one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """A part of a resource.

    Attributes:
        value: What stands there; None when nothing does.
        path: Where it stands, e.g. `Properties.VpcConfig.Subnets`.
        context: Works out its values.
    """

    value: Json
    path: str
    context: Context

    @property
    def is_there(self) -> bool:
        """Whether anything stands there."""
        return self.value is not None

    @functools.cached_property
    def possible(self) -> tuple[Possible, ...]:
        """All that it may turn out to be."""
        return self.context.possible(self.value, self.path)

    @functools.cached_property
    def text(self) -> str:
        """It as a text; empty when nothing stands there."""
        return "" if self.value is None else self.context.text(self.value)

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of what may stand for a list of one."""
        return () if self.value is None else self.context.texts(self.value)

    @property
    def name(self) -> str:
        """Where it stands, as a sentence names it."""
        return self.path.removeprefix("Properties.")

    def at(self, path: str) -> "Part":
        """What stands below it; where a value in between is known on deploy only, so is what stands below.

        Args:
            path: Dotted path of keys.
        """
        value, where = self.value, self.path
        for key in path.split("."):
            where = f"{where}.{key}"
            if self.context.is_worked_out_later(value):
                known = self.context.possible(value, where)
                if len(known) != 1 or isinstance(known[0], Unknown):
                    return Part(value=value, path=f"{self.path}.{path}", context=self.context)
                value = known[0]
            value = value.get(key) if isinstance(value, dict) else None
        return Part(value=value, path=where, context=self.context)

    @property
    def items(self) -> tuple["Part", ...]:
        """Its items; a single value may stand for a list of one."""
        value = self.value
        if self.context.is_worked_out_later(value):
            known = self.possible
            if len(known) == 1 and isinstance(known[0], list):
                value = known[0]
        return tuple(
            Part(
                value=item,
                path=f"{self.path}[{number}]" if isinstance(value, list) else self.path,
                context=self.context,
            )
            for number, item in enumerate(as_list(value))
        )

    @property
    def members(self) -> dict[str, "Part"]:
        """What stands below it, by key; empty when it is no object."""
        if not isinstance(self.value, dict) or is_intrinsic(self.value):
            return {}
        return {
            key: Part(value=item, path=f"{self.path}.{key}", context=self.context) for key, item in self.value.items()
        }

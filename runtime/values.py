"""Settings that reach a job as text: hyper-parameters of a training job, arguments of a processing job."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from runtime.errors import JobError


class Values:
    """Named texts with typed access; a fault names the setting, its value and what is accepted.

    Args:
        source: What the values are, for messages, e.g. `hyper-parameter`.
        values: The texts by name.
    """

    def __init__(self, *, source: str, values: Mapping[str, str]) -> None:
        self._source = source
        self._values = dict(values)

    @classmethod
    def of_arguments(cls, arguments: Sequence[str]) -> "Values":
        """Reads `--name value` pairs.

        Raises:
            JobError: An argument is no pair.
        """
        names, values = arguments[::2], arguments[1::2]
        if len(names) != len(values) or not all(name.startswith("--") for name in names):
            raise JobError(f"arguments {' '.join(arguments)!r} are no pairs; accepted: --name value.")
        return cls(source="argument", values={name[2:]: value for name, value in zip(names, values, strict=True)})

    @classmethod
    def of_hyperparameters(cls, path: Path) -> "Values":
        """Reads SageMaker's `hyperparameters.json`; a job without one has none."""
        values = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return cls(source="hyper-parameter", values={name: str(value) for name, value in values.items()})

    def text(self, name: str) -> str:
        """The value as it came.

        Raises:
            JobError: There is none.
        """
        if name not in self._values:
            raise JobError(f"{self._source} {name} is missing; given: {', '.join(sorted(self._values)) or 'none'}.")
        return self._values[name]

    def joined(self, name: str) -> str:
        """A long value, whose pieces are called `name-1`, `name-2` and so on: one argument has 256 characters at most.

        Source: API_AppSpecification, ContainerArguments.

        Raises:
            JobError: There is no piece.
        """
        pieces = [self.text(f"{name}-1")]
        while (following := f"{name}-{len(pieces) + 1}") in self._values:
            pieces.append(self._values[following])
        return "".join(pieces)

    def integer(self, name: str) -> int:
        """The value as a whole number.

        Raises:
            JobError: It is missing or no whole number.
        """
        text = self.text(name)
        try:
            return int(text)
        except ValueError:
            raise JobError(f"{self._source} {name} is {text!r}; accepted: a whole number.") from None

    def number(self, name: str) -> float:
        """The value as a number.

        Raises:
            JobError: It is missing or no number.
        """
        text = self.text(name)
        try:
            return float(text)
        except ValueError:
            raise JobError(f"{self._source} {name} is {text!r}; accepted: a number.") from None

"""`contract.json` of a model: what its endpoint is asked before anybody depends on it, and how it has to answer."""

import json
from typing import Any, Self

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from plumbline.configuration.model import Model
from plumbline.errors import PlumblineError


class Contract(BaseModel):
    """What an endpoint promises.

    Attributes:
        requests: Rows that it is asked together, one JSON object each.
        answer: The JSON Schema of its answer to one row.
        max_seconds: How long all of them may take together.
        prediction: The field of an answer that holds the prediction, a number; `answer` must require it.
        tolerance: How far a prediction may lie from the one that the model's evaluation recorded for the same row.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests: list[dict[str, Any]] = Field(min_length=1, max_length=100)
    answer: dict[str, Any]
    max_seconds: float = Field(gt=0, le=60)
    prediction: str = Field(min_length=1)
    tolerance: float = Field(ge=0, lt=1)

    @property
    def inputs(self) -> list[str]:
        """The names of what is asked, in the order in which requests first have them."""
        return list(dict.fromkeys(name for request in self.requests for name in request))

    @pydantic.model_validator(mode="after")
    def _require_prediction(self) -> Self:
        required = self.answer.get("required", [])
        if self.prediction not in required:
            raise ValueError(f"prediction is {self.prediction!r}; accepted: what answer requires, {required}")
        return self


def load_contract(model: Model) -> Contract:
    """Reads the contract of a model.

    Raises:
        PlumblineError: It is missing, is no JSON, or lacks something.
    """
    path = model.folder / "contract.json"
    name = f"{model.folder.name}/{path.name}"
    try:
        return Contract.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError:
        accepted = ", ".join(Contract.model_fields)
        raise PlumblineError(f"{name}: the file is missing; accepted: one with {accepted}.") from None
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise PlumblineError(f"{name}: {f'{where}: ' if where else ''}{said}.") from None
    except ValueError as error:
        raise PlumblineError(f"{name}: not valid JSON: {error}.") from None

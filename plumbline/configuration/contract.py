"""`contract.json` of a model: what its endpoint is asked before anybody depends on it, and how it has to answer."""

import json
from typing import Any

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
        prediction: Name of the number in an answer that is compared with what the model predicted when it was
            evaluated.
        tolerance: By how much the two may differ.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests: list[dict[str, Any]] = Field(min_length=1, max_length=100)
    answer: dict[str, Any]
    max_seconds: float = Field(gt=0, le=60)
    prediction: str = Field(min_length=1)
    tolerance: float = Field(gt=0, lt=1)


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
        raise PlumblineError(
            f"{name}: the file is missing; accepted: requests, answer, max_seconds, prediction and tolerance."
        ) from None
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PlumblineError(f"{name}: {where}: {first['msg']}.") from None
    except ValueError as error:
        raise PlumblineError(f"{name}: not valid JSON: {error}.") from None

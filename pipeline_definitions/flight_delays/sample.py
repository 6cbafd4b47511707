"""A sample of test rows with what the model predicts for them: what an endpoint of the model is asked to say again."""

import json
from collections.abc import Sequence

import numpy as np
import polars as pl

from .scores import Floats

ROWS = 200


def sample(rows: pl.DataFrame, *, inputs: Sequence[str], labels: Floats, predictions: Floats) -> str:
    """Up to 200 rows spread evenly over all, in their order, as JSON lines: `row`, `label` (0 or 1), `prediction`.

    A `row` has the raw inputs as a request to an endpoint has them, without those that have no value; numbers have as
    many digits as it takes to read the same 64-bit number back.

    Args:
        rows: The raw inputs as the model saw them.
        inputs: The names of its inputs.
        labels: The label of each row.
        predictions: The prediction for each row.
    """
    chosen = np.linspace(0, rows.height - 1, num=min(ROWS, rows.height)).round().astype(int)
    asked = rows.select(inputs)[chosen].to_dicts()
    lines = [
        {
            "row": {name: value for name, value in row.items() if value is not None},
            "label": int(labels[index]),
            "prediction": float(predictions[index]),
        }
        for row, index in zip(asked, chosen, strict=True)
    ]
    return "".join(f"{json.dumps(line, allow_nan=False)}\n" for line in lines)

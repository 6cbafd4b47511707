"""Predictions of a model archive without an endpoint."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from runtime.archives import extract
from runtime.bodies import frame_of_rows
from runtime.columns import Scalar
from runtime.model_code import ModelCode
from runtime.verbs import MODEL_CODE


def predict(*, archive: Path, rows: Sequence[Mapping[str, Scalar]]) -> list[float]:
    """The probability of each row, by the model in a `model.tar.gz` and with the code in it.

    The same code path as an endpoint's, so that an endpoint of the same artifact gives the same numbers.

    Raises:
        JobError: The archive holds no model of ours.
        RowError: A row that the model cannot take.
    """
    with tempfile.TemporaryDirectory() as folder_name:
        folder = extract(archive, into=Path(folder_name))
        predictor = ModelCode(folder=folder / MODEL_CODE).load(folder)
        probabilities: list[float] = predictor.predict(frame_of_rows(rows, columns=predictor.columns)).tolist()
        return probabilities

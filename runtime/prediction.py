"""Models from their archives, without an endpoint."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from runtime.archives import extract
from runtime.bodies import frame_of_rows
from runtime.columns import Scalar
from runtime.model_code import MODEL_CODE, ModelCode
from runtime.predictor import Predictor


@contextmanager
def loaded(archive: Path) -> Iterator[Predictor]:
    """The model in a `model.tar.gz`, loaded with the code in it; its files are there as long as the context is open.

    Raises:
        JobError: The archive holds no model of ours.
    """
    with tempfile.TemporaryDirectory() as folder_name:
        folder = extract(archive, into=Path(folder_name))
        yield ModelCode(folder=folder / MODEL_CODE).load(folder)


def predict(*, archive: Path, rows: Sequence[Mapping[str, Scalar]]) -> list[float]:
    """The probability of each row by the model in a `model.tar.gz`.

    The same code path as an endpoint's, so that an endpoint of the same artifact gives the same numbers.

    Raises:
        JobError: The archive holds no model of ours.
        RowError: A row that the model cannot take.
    """
    with loaded(archive) as predictor:
        probabilities: list[float] = predictor.predict(frame_of_rows(rows, columns=predictor.columns)).tolist()
        return probabilities

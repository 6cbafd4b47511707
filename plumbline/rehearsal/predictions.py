"""Whether an endpoint answers as the registered artifact does on its own."""

import dataclasses
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from plumbline.accounts.access import Clients
from plumbline.configuration import Deployment, Model
from plumbline.errors import PlumblineError
from plumbline.rehearsal.images import StandIn
from plumbline.rehearsal.release import invoke

TOLERANCE = 1e-9
ROWS = 1_200
_ROWS_A_REQUEST = 40

# Both run in the runtime's own environment. The one predicts rows that the run prepared but did not train on.
_OFFLINE = """
import json, sys, tempfile
from pathlib import Path
import polars as pl
from runtime.archives import extract
from runtime.model_code import ModelCode
from runtime.prediction import predict
from runtime.verbs import MODEL_CODE
archive, prepared, wanted, output = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
with tempfile.TemporaryDirectory() as name:
    folder = extract(archive, into=Path(name))
    columns = [column.name for column in ModelCode(folder=folder / MODEL_CODE).load(folder).columns]
table = pl.read_parquet(prepared).select(columns)
rows = table.gather_every(max(1, table.height // wanted)).head(wanted).to_dicts()
output.write_text(json.dumps({"rows": rows, "probabilities": predict(archive=archive, rows=rows)}))
"""
# The other predicts rows that it is given, a JSON object a line.
_GIVEN = """
import json, sys
from pathlib import Path
from runtime.prediction import predict
archive, given, output = (Path(argument) for argument in sys.argv[1:])
rows = [json.loads(line) for line in given.read_text().splitlines()]
output.write_text(json.dumps({"probabilities": predict(archive=archive, rows=rows)}))
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Offline:
    """Rows and what the registered artifact predicts for them.

    Attributes:
        rows: Raw inputs, one JSON object a row.
        probabilities: One a row, in the same order.
    """

    rows: tuple[str, ...]
    probabilities: tuple[float, ...]

    def body(self, first: int, count: int) -> bytes:
        """A request's body with some of the rows."""
        return "".join(f"{row}\n" for row in self.rows[first : first + count]).encode()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Agreement:
    """How an endpoint's answers compare.

    Attributes:
        rows: How many rows were asked.
        largest_difference: The largest absolute difference of a probability.
    """

    rows: int
    largest_difference: float


def predict_offline(*, stand_in: StandIn, artifact: bytes, prepared: bytes, folder: Path, rows: int = ROWS) -> Offline:
    """Predicts rows of the test set with an artifact, without any endpoint, in the runtime's own environment.

    Args:
        stand_in: The runtime.
        artifact: ``model.tar.gz``.
        prepared: The prepared test set, a Parquet file with the raw inputs.
        folder: Where the files in between go.
        rows: How many rows, spread evenly over the test set.

    Raises:
        PlumblineError: The artifact cannot be loaded, or the test set has too few rows.
    """
    found = _predicted(_OFFLINE, stand_in, artifact=artifact, given=prepared, folder=folder, rest=[str(rows)])
    if len(found["rows"]) < rows:
        raise PlumblineError(f"the test set has {len(found['rows'])} rows; at least {rows} are needed", exit_code=1)
    return Offline(rows=tuple(json.dumps(row) for row in found["rows"]), probabilities=tuple(found["probabilities"]))


def predict_rows(*, stand_in: StandIn, artifact: bytes, rows: Sequence[str], folder: Path) -> list[float]:
    """Predicts rows with an artifact, without any endpoint, in the runtime's own environment.

    Args:
        stand_in: The runtime.
        artifact: ``model.tar.gz``.
        rows: Raw inputs, a JSON object a row.
        folder: Where the files in between go.

    Returns:
        A probability a row.

    Raises:
        PlumblineError: The artifact cannot be loaded.
    """
    given = "".join(f"{row}\n" for row in rows).encode()
    probabilities: list[float] = _predicted(_GIVEN, stand_in, artifact=artifact, given=given, folder=folder)[
        "probabilities"
    ]
    return probabilities


def _predicted(
    program: str, stand_in: StandIn, *, artifact: bytes, given: bytes, folder: Path, rest: Sequence[str] = ()
) -> dict[str, list[Any]]:
    folder.mkdir(parents=True, exist_ok=True)
    archive, rows, output = folder / "model.tar.gz", folder / "rows", folder / "offline.json"
    archive.write_bytes(artifact)
    rows.write_bytes(given)
    python = stand_in.folder / "venv" / "bin" / "python"
    done = subprocess.run(
        [str(python), "-c", program, str(archive), str(rows), *rest, str(output)],
        cwd=stand_in.folder / "program",
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise PlumblineError(f"the registered artifact cannot predict: {last[0]}", exit_code=1)
    found: dict[str, list[Any]] = json.loads(output.read_text(encoding="utf-8"))
    return found


def compare(
    *, deployment: Deployment, model: Model, caller: Clients, offline: Offline, tell: Callable[[str], None]
) -> Agreement:
    """Asks an endpoint for every row and compares.

    Raises:
        PlumblineError: An answer differs by more than ``TOLERANCE``.
    """
    endpoint = deployment.endpoint_name(model)
    client = caller.client("sagemaker-runtime")
    answers: list[float] = []
    while len(answers) < len(offline.rows):
        # The first rows go one by one, the rest in batches: a row's answer must not depend on its neighbours.
        count = 1 if len(answers) < _ROWS_A_REQUEST else _ROWS_A_REQUEST
        body = offline.body(len(answers), count)
        answers += invoke(endpoint=endpoint, caller=caller, rows=body, client=client)
        tell(f"{len(answers):,} of {len(offline.rows):,} answers")
    differences = [abs(answer - expected) for answer, expected in zip(answers, offline.probabilities, strict=True)]
    agreement = Agreement(rows=len(answers), largest_difference=max(differences))
    if agreement.largest_difference > TOLERANCE:
        raise PlumblineError(
            f"endpoint {endpoint} differs from its artifact by {agreement.largest_difference:.3g}; at most "
            f"{TOLERANCE:g} is accepted",
            exit_code=1,
        )
    return agreement

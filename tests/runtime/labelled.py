"""Labelled windows as a run gets them: what the governor describes, brought by a manifest."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import polars as pl

MODEL = "flight_delays"


def key_of(window: str) -> str:
    """Where a window's rows lie."""
    return f"labelled/{MODEL}/{window}/labelled.parquet"


def describe(folder: Path, windows: Mapping[str, pl.DataFrame]) -> dict[str, object]:
    """Writes the rows of windows, by id, into an input, and returns what describes them."""
    described = []
    for name, rows in windows.items():
        path = folder / key_of(name)
        path.parent.mkdir(parents=True)
        rows.write_parquet(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        described.append({"id": name, "key": key_of(name), "rows": rows.height, "sha256": digest})
    return {"version": 1, "windows": described}


def seal(folder: Path, description: Mapping[str, object]) -> str:
    """Writes a description into an input, where a manifest brings it, and returns its identifier."""
    content = (json.dumps(description, indent=1, sort_keys=True) + "\n").encode()
    identifier = hashlib.sha256(content).hexdigest()[:16]
    path = folder / MODEL / "labelled" / identifier / "labelled.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return identifier


def bring(folder: Path, windows: Mapping[str, pl.DataFrame]) -> str:
    """Fills an input with windows, or with what says that there are none; returns the run's identifier."""
    folder.mkdir(parents=True)
    if windows:
        return seal(folder, describe(folder, windows))
    (folder / "labelled.json").write_text('{"version": 1, "windows": []}\n')
    return "none"

"""Which labelled windows a run takes, and which it refuses."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from runtime.errors import JobError
from runtime.labelled_windows import labelled_windows
from tests.runtime.labelled import bring, describe, key_of, seal

MAY = pl.DataFrame({"x": [1.0, 2.0], "late": [True, False]})
JUNE = pl.DataFrame({"x": [3.0], "late": [False]})
WINDOWS = {"20130501T0000Z": MAY, "20130601T0000Z": JUNE}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "labelled"


def test_windows_come_in_the_order_of_time(place: Path) -> None:
    found = labelled_windows(place, identifier=bring(place, WINDOWS))
    assert [(window.id, window.table.height) for window in found] == [("20130501T0000Z", 2), ("20130601T0000Z", 1)]


def test_a_run_without_windows_has_a_file_that_says_so(place: Path) -> None:
    assert labelled_windows(place, identifier=bring(place, {})) == []


def test_what_production_wrote_beside_a_window_is_no_description_of_a_run(place: Path) -> None:
    identifier = bring(place, WINDOWS)
    (place / key_of("20130501T0000Z")).with_name("labelled.json").write_text("{}")
    assert len(labelled_windows(place, identifier=identifier)) == 2


def test_windows_under_another_name_are_refused(place: Path) -> None:
    identifier = bring(place, WINDOWS)
    with pytest.raises(JobError, match=f"^rejected: labelled.json has the hash {identifier}; the run names 0123"):
        labelled_windows(place, identifier="0123456789abcdef")


def test_windows_that_the_run_does_not_name_are_refused(place: Path) -> None:
    bring(place, WINDOWS)
    with pytest.raises(JobError, match=r"^rejected: the run names no labelled windows; labelled.json has 2 of them\."):
        labelled_windows(place, identifier="none")


@pytest.mark.parametrize("count", [0, 2])
def test_there_is_one_description(place: Path, count: int) -> None:
    place.mkdir()
    for number in range(count):
        seal(place, {"version": 1, "windows": [], "number": number})
    with pytest.raises(JobError, match=f"^rejected: input labelled has {count} files labelled.json; accepted: 1"):
        labelled_windows(place, identifier="none")


def test_a_window_that_is_not_there_is_named(place: Path) -> None:
    identifier = bring(place, WINDOWS)
    (place / key_of("20130601T0000Z")).unlink()
    with pytest.raises(JobError, match=r"^rejected: labelled window 20130601T0000Z: .*labelled.parquet is missing"):
        labelled_windows(place, identifier=identifier)


def test_a_window_that_was_changed_is_named(place: Path) -> None:
    identifier = bring(place, WINDOWS)
    MAY.reverse().write_parquet(place / key_of("20130501T0000Z"))
    with pytest.raises(JobError, match=r"^rejected: labelled window 20130501T0000Z: .* is not the file that labelled"):
        labelled_windows(place, identifier=identifier)


def _swapped(windows: list[dict[str, Any]]) -> None:
    windows.reverse()


def _twice(windows: list[dict[str, Any]]) -> None:
    windows[1] = windows[0]


def _of_another_window(windows: list[dict[str, Any]]) -> None:
    windows[0]["key"], windows[1]["key"] = windows[1]["key"], windows[0]["key"]


def _of_another_place(windows: list[dict[str, Any]]) -> None:
    windows[0]["key"] = "labelled/../../20130501T0000Z/labelled.parquet"


def _of_other_rows(windows: list[dict[str, Any]]) -> None:
    windows[0]["rows"] = 3


def _with_more(windows: list[dict[str, Any]]) -> None:
    windows[0]["since"] = "2013-05-01"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_swapped, "not in the order of time"),
        (_twice, "not in the order of time, each of them once"),
        (_of_another_window, "20130501T0000Z: its file is labelled/flight_delays/20130601T0000Z/labelled.parquet"),
        (_of_another_place, "windows.0.key: String should match pattern"),
        (_of_other_rows, "20130501T0000Z has 2 rows; labelled.json says 3"),
        (_with_more, "windows.0.since: Extra inputs are not permitted"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(
    place: Path, change: Callable[[list[dict[str, Any]]], None], sentence: str
) -> None:
    place.mkdir()
    description: dict[str, Any] = json.loads(json.dumps(describe(place, WINDOWS)))
    change(description["windows"])
    with pytest.raises(JobError, match=f"^rejected: .*{sentence}"):
        labelled_windows(place, identifier=seal(place, description))


def test_a_window_that_is_no_parquet_is_named(place: Path) -> None:
    place.mkdir()
    description: dict[str, Any] = json.loads(json.dumps(describe(place, WINDOWS)))
    (place / key_of("20130501T0000Z")).write_bytes(b"none")
    description["windows"][0]["sha256"] = hashlib.sha256(b"none").hexdigest()
    with pytest.raises(JobError, match=r"^rejected: labelled window 20130501T0000Z: .* is no Parquet that can be read"):
        labelled_windows(place, identifier=seal(place, description))

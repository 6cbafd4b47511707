import gzip
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Protocol

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline_definitions.flight_delays.data import KNOWN_AFTER_DEPARTURE, Dataset
from pipeline_definitions.flight_delays.features import INPUTS
from pipeline_definitions.flight_delays.prepare import known_after_departure, refuse_hindsight, refuse_other_data
from runtime.errors import JobError

HEADER = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,"
    "dest,air_time,distance,hour,minute,time_hour\n"
)
WEATHER = "origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour\n"


class Preparing(Protocol):
    def prepare(self, raw: Path, *, name: str, test_days: int = 16) -> Path: ...


def flight(day: int, *, arr_delay: str, hour: int = 10) -> str:
    scheduled = f"2013,1,{day},1000,{hour}00,0,1200,1200,{arr_delay},UA,1,N1,EWR,IAH,100,1400,{hour},0"
    return f"{scheduled},2013-01-{day:02}T15:00:00Z\n"


def write(folder: Path, flights: str, weather: str = "") -> Path:
    folder.mkdir()
    (folder / "flights.csv").write_text(HEADER + flights)
    (folder / "weather.csv").write_text(WEATHER + weather)
    (folder / "dataset.json").write_text(json.dumps({"known_after_departure": list(KNOWN_AFTER_DEPARTURE)}))
    return folder


def table(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "part-00000.parquet")


def test_the_last_days_are_test_rows(prepared: Path) -> None:
    train, test = table(prepared / "train"), table(prepared / "test")
    assert train.select(pl.max_horizontal(pl.col("month") * 100 + pl.col("day")).max()).item() == 315
    assert test.select((pl.col("month") * 100 + pl.col("day")).min()).item() == 316
    assert test.select((pl.col("month") * 100 + pl.col("day")).max()).item() == 331


def test_rows_are_in_the_order_of_scheduled_departure(prepared: Path) -> None:
    train = table(prepared / "train")
    times = train.select(pl.struct("month", "day", "sched_dep_time").rank("dense")).to_series()
    assert times.is_sorted()


def test_nothing_known_only_after_departure_is_written(prepared: Path) -> None:
    assert not set(table(prepared / "train").columns) & set(KNOWN_AFTER_DEPARTURE)


def test_late_means_more_than_fifteen_minutes(jobs: Preparing, tmp_path: Path) -> None:
    flights = flight(1, arr_delay="15") + flight(2, arr_delay="16") + flight(3, arr_delay="-4")
    out = jobs.prepare(write(tmp_path / "raw", flights), name="late", test_days=1)
    assert table(out / "train")["late"].to_list() == [False, True]


def test_flights_without_an_arrival_are_left_out(jobs: Preparing, tmp_path: Path) -> None:
    flights = flight(1, arr_delay="1") + flight(2, arr_delay="NA") + flight(3, arr_delay="1")
    out = jobs.prepare(write(tmp_path / "raw", flights), name="cancelled", test_days=1)
    assert table(out / "train")["day"].to_list() == [1]


def test_weather_is_that_of_the_scheduled_hour_at_the_origin_or_null(jobs: Preparing, tmp_path: Path) -> None:
    weather = (
        "EWR,2013,1,1,10,39.02,26,60,270,10,NA,0,1012,10,2013-01-01T15:00:00Z\n"
        "JFK,2013,1,2,10,99,26,60,270,10,NA,0,1012,10,2013-01-02T15:00:00Z\n"
    )
    flights = flight(1, arr_delay="1") + flight(2, arr_delay="1") + flight(3, arr_delay="1")
    out = jobs.prepare(write(tmp_path / "raw", flights, weather), name="weather", test_days=1)
    assert table(out / "train")["temp"].to_list() == [39.02, None]


def test_two_weathers_for_one_hour_are_refused(jobs: Preparing, tmp_path: Path) -> None:
    twice = "EWR,2013,1,1,10,39,26,60,270,10,NA,0,1012,10,2013-01-01T15:00:00Z\n" * 2
    with pytest.raises(Exception, match=r"^rejected: the dataset: weather\.csv has two rows for one hour"):
        jobs.prepare(write(tmp_path / "raw", flight(1, arr_delay="1"), twice), name="twice")


def test_dropping_later_flights_changes_no_row_before(
    jobs: Preparing, raw: Path, prepared: Path, tmp_path: Path
) -> None:
    shorter = tmp_path / "shorter"
    shutil.copytree(raw, shorter)
    header, *lines = (raw / "flights.csv").read_text().splitlines(keepends=True)
    (shorter / "flights.csv").write_text("".join([header, *(line for line in lines if line.split(",")[1] != "3")]))
    out = jobs.prepare(shorter, name="shorter", test_days=16)
    rows = pl.concat([table(out / "train"), table(out / "test")])
    assert rows.height > 5000
    assert_frame_equal(rows, table(prepared / "train").head(rows.height), check_exact=True)


@pytest.mark.parametrize("leaked", KNOWN_AFTER_DEPARTURE)
def test_an_input_that_the_dataset_calls_hindsight_is_refused(raw: Path, leaked: str) -> None:
    inputs = [column.name for column in INPUTS]
    refuse_hindsight(inputs, dataset=raw)
    with pytest.raises(JobError, match=f"input {leaked} is known only after departure"):
        refuse_hindsight([*inputs, leaked], dataset=raw)


def test_preparing_goes_by_what_the_owner_says_and_not_by_a_list_of_the_model(
    jobs: Preparing, raw: Path, tmp_path: Path
) -> None:
    """Were the forecast of the temperature made afterwards, its owner would say so, and no model would have to know."""
    dataset = tmp_path / "raw"
    shutil.copytree(raw, dataset)
    description = json.loads((dataset / "dataset.json").read_text())
    description["known_after_departure"].append("temp")
    (dataset / "dataset.json").write_text(json.dumps(description))
    with pytest.raises(Exception, match="input temp is known only after departure"):
        jobs.prepare(dataset, name="temp-is-hindsight")


def test_the_owners_word_goes_with_the_test_rows(prepared: Path) -> None:
    assert known_after_departure(prepared / "test") == list(KNOWN_AFTER_DEPARTURE)


@pytest.mark.parametrize(
    "description", ["{}", '{"known_after_departure": []}', '{"known_after_departure": "dep_time"}']
)
def test_an_owner_who_says_nothing_of_hindsight_is_asked_to(tmp_path: Path, description: str) -> None:
    (tmp_path / "dataset.json").write_text(description)
    with pytest.raises(JobError, match=r"^rejected: the dataset: dataset\.json does not say what is known_after"):
        known_after_departure(tmp_path)


@pytest.mark.parametrize("name", ["flights.csv", "weather.csv"])
def test_the_dataset_that_the_run_names_is_taken_until_it_is_changed_under_its_name(
    full_folder: Path, full: Dataset, tmp_path: Path, name: str
) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(full_folder, changed)
    refuse_other_data(changed, identifier=full.identifier)
    with (changed / name).open("a") as table:
        table.write("\n")
    with pytest.raises(JobError, match=f"^rejected: the dataset: {name} is not the file that dataset.json describes"):
        refuse_other_data(changed, identifier=full.identifier)


def test_another_dataset_under_the_name_is_refused(full_folder: Path) -> None:
    with pytest.raises(
        JobError, match=r"^rejected: .* dataset\.json has the hash \w{16}, the run names 0123456789abcdef"
    ):
        refuse_other_data(full_folder, identifier="0123456789abcdef")


@pytest.mark.parametrize("missing", ["flights.csv", "weather.csv", "dataset.json"])
def test_a_missing_file_is_named(jobs: Preparing, tmp_path: Path, missing: str) -> None:
    folder = write(tmp_path / "raw", flight(1, arr_delay="1"))
    (folder / missing).unlink()
    with pytest.raises(Exception, match=f"^rejected: the dataset: .*(has no|says nothing of) {missing}"):
        jobs.prepare(folder, name=f"without-{missing}")


def test_a_dataset_too_short_to_split_is_refused(jobs: Preparing, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"^rejected: .* no rows are left to train; its last day is 2013-01-01"):
        jobs.prepare(write(tmp_path / "raw", flight(1, arr_delay="1")), name="short")


GOOD = flight(1, arr_delay="1")


@pytest.mark.parametrize(
    ("flights", "sentence"),
    [
        (
            GOOD + flight(2, arr_delay="soon"),
            "column arr_delay: 1 of 2 rows have something else than a number, .*'soon'",
        ),
        (
            GOOD + flight(2, arr_delay="1").replace(",1400,", ",far,"),
            "column distance: 1 of 2 rows .*, the first 'far'",
        ),
        (
            GOOD + flight(2, arr_delay="1").replace(",1000,1000,", ",1000,999.5,"),
            "column sched_dep_time: .* first .999.5.",
        ),
        (GOOD + flight(2, arr_delay="inf"), "column arr_delay: 1 of 2 rows .*, the first .inf"),
        (GOOD + flight(2, arr_delay="NaN"), "column arr_delay: 1 of 2 rows .*, the first"),
        (flight(31, arr_delay="1").replace("2013,1,", "2013,2,") + GOOD, "1 of 2 rows have no day of departure"),
        (GOOD.replace("2013,1,1,", "2013,NA,1,"), "column month: 1 of 1 flights have none"),
        (GOOD + "2013,1,2,1000,1000,0,1200,1200,1,UA,1,N1,EWR,IAH,100,1400,10,0,2013-01-02T15:00:00Z,more\n", "no CSV"),
        (GOOD + '2013,1,2,1000,1000,0,1200,1200,1,"UA,1', "is no CSV that can be read|column"),
        (GOOD + "\udcff\udcfe\n", "is no CSV that can be read|column year"),
        (
            flight(1, arr_delay="true") + flight(2, arr_delay="true"),
            "column arr_delay: 2 of 2 rows .*, the first .True",
        ),
        (GOOD + flight(2, arr_delay="1")[:30] + "\n", "flights.csv: 1 of 2 rows have no origin"),
        (GOOD + flight(2, arr_delay="1").replace(",UA,", ",NA,"), "column carrier: 1 of 2 flights have none"),
        ("", "none of its flights has an arrival"),
    ],
)
def test_a_corrupted_batch_is_rejected_by_column(
    jobs: Preparing, tmp_path: Path, request: pytest.FixtureRequest, flights: str, sentence: str
) -> None:
    raw = write(tmp_path / "raw", GOOD)
    (raw / "flights.csv").write_bytes((HEADER + flights).encode(errors="surrogateescape"))
    with pytest.raises(JobError, match=f"^rejected: the dataset: .*({sentence})"):
        jobs.prepare(raw, name=request.node.name, test_days=1)


@pytest.mark.parametrize("column", [column.name for column in INPUTS] + ["arr_delay", "time_hour"])
def test_a_missing_column_is_named(jobs: Preparing, tmp_path: Path, column: str) -> None:
    raw = write(tmp_path / "raw", GOOD)
    for name in ("flights.csv", "weather.csv"):
        content = (raw / name).read_text()
        (raw / name).write_text(re.sub(rf"(^|,){column}(?=,|$)", r"\1other", content, flags=re.MULTILINE))
    with pytest.raises(JobError, match=f"^rejected: the dataset: .*column {column}[ .]"):
        jobs.prepare(raw, name=f"without-{column}", test_days=1)


@pytest.mark.parametrize("content", [b"", b"\n", b"a,b\n1,2\n", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9]])
@pytest.mark.parametrize("name", ["flights.csv", "weather.csv"])
def test_a_file_of_nothing_is_rejected_by_name(jobs: Preparing, tmp_path: Path, name: str, content: bytes) -> None:
    raw = write(tmp_path / "raw", GOOD)
    (raw / name).write_bytes(content)
    with pytest.raises(JobError, match=f"^rejected: the dataset: {name} (is no CSV|has no column origin)"):
        jobs.prepare(raw, name=f"{name}-{len(content)}", test_days=1)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is no JSON"),
        ("[]", "is no JSON object"),
        ("{}", "which files"),
        ('{"files": {"a": 1}}', "which files"),
        ('{"files": {"flights.csv": {}}}', "says nothing of weather.csv"),
    ],
)
def test_a_description_that_says_nothing_is_rejected(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "dataset.json").write_text(content)
    identifier = hashlib.sha256(content.encode()).hexdigest()[:16]
    with pytest.raises(JobError, match=f"^rejected: the dataset: .*{sentence}"):
        refuse_other_data(tmp_path, identifier=identifier)

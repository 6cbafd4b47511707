import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import polars as pl
import pytest

from pipeline_definitions.flight_delays.features import INPUTS
from runtime.archives import extract
from runtime.prediction import predict

ROOT = Path(__file__).parents[3]
ROW = {
    "year": 2013, "month": 3, "day": 20, "sched_dep_time": 1745, "sched_arr_time": 2010, "carrier": "UA",
    "origin": "EWR", "dest": "IAH", "distance": 1400, "temp": 40.0, "dewp": 30.0, "humid": 60.0, "wind_dir": 90,
    "wind_speed": 10.0, "wind_gust": None, "precip": 0.0, "pressure": 1012.0, "visib": 10.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def rows(test_rows: pl.DataFrame) -> list[dict[str, int | float | str | None]]:
    return test_rows.select(column.name for column in INPUTS).head(1500).to_dicts()


@pytest.fixture(scope="module")
def endpoint(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The container of an endpoint: `python -m runtime serve` in a process of its own."""
    base = tmp_path_factory.mktemp("endpoint")
    extract(archive, into=base / "model")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "runtime", "serve"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "SAGEMAKER_BASE_DIR": str(base),
            "SAGEMAKER_BIND_TO_PORT": str(port),
            "RUNTIME_BIND_TO_HOST": "127.0.0.1",
        },
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        try:
            _wait(client, process)
            yield client
        finally:
            process.terminate()
            assert process.wait(timeout=20) in (0, -15, 143)


def _wait(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the endpoint ended"
        try:
            if client.get("/ping").status_code == 200:
                return
        except httpx.ConnectError:
            time.sleep(0.1)
    raise TimeoutError


def ask(endpoint: httpx.Client, *rows: object) -> httpx.Response:
    body = "\n".join(json.dumps(row) for row in rows)
    return endpoint.post("/invocations", content=body, headers={"content-type": "application/jsonlines"})


def probabilities(response: httpx.Response) -> list[float]:
    assert response.status_code == 200, response.text
    return [json.loads(line)["probability"] for line in response.text.splitlines()]


def test_answers_equal_the_archives_offline_predictions(
    endpoint: httpx.Client, archive: Path, rows: list[dict[str, int | float | str | None]]
) -> None:
    assert probabilities(ask(endpoint, *rows)) == pytest.approx(predict(archive=archive, rows=rows), abs=1e-9, rel=0)


def test_a_row_by_itself_gets_the_answer_it_gets_among_others(
    endpoint: httpx.Client, rows: list[dict[str, int | float | str | None]]
) -> None:
    together = probabilities(ask(endpoint, *rows[:20]))
    assert [probabilities(ask(endpoint, row))[0] for row in rows[:20]] == together


def test_csv_gets_the_answers_that_json_gets(
    endpoint: httpx.Client, rows: list[dict[str, int | float | str | None]]
) -> None:
    body = pl.DataFrame(rows[:50], infer_schema_length=None).write_csv(include_header=False)
    headers = {"content-type": "text/csv", "accept": "text/csv"}
    response = endpoint.post("/invocations", content=body, headers=headers)
    assert [float(line) for line in response.text.splitlines()] == probabilities(ask(endpoint, *rows[:50]))


def test_a_category_that_training_never_saw_is_answered(endpoint: httpx.Client) -> None:
    unseen = {**ROW, "carrier": "ZZ", "dest": "XNA2", "origin": "HPN"}
    assert 0 < probabilities(ask(endpoint, unseen))[0] < 1


def test_missing_weather_is_answered_alike_whether_null_or_left_out(endpoint: httpx.Client) -> None:
    weather = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
    null = {**ROW, **dict.fromkeys(weather)}
    left_out = {name: value for name, value in ROW.items() if name not in weather}
    first, second = probabilities(ask(endpoint, null, left_out))
    assert first == second
    assert 0 < first < 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"month": 13}, "line 2: field month is 13; accepted: a whole number from 1 to 12."),
        ({"carrier": None}, "line 2: field carrier is missing; accepted: a text of 1 to 64 characters."),
        ({"dep_delay": 30}, "line 2: field dep_delay is none of the model's inputs."),
        ({"month": 2, "day": 31}, "line 2: field day is 31, which is no day of that month."),
        ({"sched_dep_time": 1775}, "line 2: field sched_dep_time is 1775, which has more than 59 minutes."),
    ],
)
def test_a_bad_row_is_refused_in_one_sentence(endpoint: httpx.Client, change: dict[str, object], sentence: str) -> None:
    response = ask(endpoint, ROW, {**ROW, **change})
    assert (response.status_code, response.text) == (400, sentence)

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from runtime.model_code import ModelCode
from runtime.serving import application


@pytest.fixture
def served(tmp_path: Path, sources: dict[str, str]) -> Starlette:
    folder = tmp_path / "code"
    folder.mkdir()
    for name, text in sources.items():
        (folder / name).write_text(text)
    (tmp_path / "weight.txt").write_text("2")
    return application(ModelCode(folder=folder).load(tmp_path))


def ask(
    served: Starlette, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app=served)
        async with httpx.AsyncClient(transport=transport, base_url="http://container") as client:
            return await client.request(method, path, content=body, headers=headers)

    return asyncio.run(asked())


def test_a_loaded_model_answers_ping(served: Starlette) -> None:
    assert ask(served, "GET", "/ping").status_code == 200


def test_an_answer_has_a_line_a_row(served: Starlette) -> None:
    response = ask(served, "POST", "/invocations", b'{"x": 0.1}\n{"x": 0.2}\n')
    assert response.headers["content-type"] == "application/jsonlines"
    assert [json.loads(line) for line in response.text.splitlines()] == [{"probability": 0.2}, {"probability": 0.4}]


def test_csv_is_answered_with_csv_if_asked_for(served: Starlette) -> None:
    headers = {"content-type": "text/csv", "accept": "text/csv"}
    response = ask(served, "POST", "/invocations", b"0.1,\n0.25,w\n", headers)
    assert (response.text, response.headers["content-type"].partition(";")[0]) == ("0.2\n0.5\n", "text/csv")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"x": 0.1}\n{"x": 0.9}', "line 2: field x is 0.9; accepted: a number from 0 to 0.5."),
        (b'{"x": 0.1}\n{"x": 0.1, "word": "bad"}', "line 2: field word is bad."),
    ],
    ids=["found by the runtime", "found by the model"],
)
def test_a_bad_row_is_a_bad_request(served: Starlette, body: bytes, sentence: str) -> None:
    response = ask(served, "POST", "/invocations", body)
    assert (response.status_code, response.text) == (400, sentence)


def test_other_methods_are_refused(served: Starlette) -> None:
    assert ask(served, "GET", "/invocations").status_code == 405

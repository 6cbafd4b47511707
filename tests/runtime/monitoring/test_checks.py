"""What is asked of the monitors, told to a job and found again with the baselines."""

import json

import pytest

from runtime.errors import JobError
from runtime.monitoring.checks import Checks, checks_of

ASKED = {
    "answers": "binary",
    "answer": "p",
    "label": "y",
    "data_quality": {"features": ["x"]},
    "bias": {"facet": "word", "values": ["a"]},
}


def test_what_is_written_is_read_again() -> None:
    checks = checks_of(json.dumps(ASKED))
    assert checks_of(checks.text()) == checks
    assert checks.names == ["data-quality", "bias"]


def test_a_check_that_is_not_asked_for_is_not_made() -> None:
    assert Checks(answers="binary", answer="p", label="y").names == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"answers": "words"}, "answers"),
        ({"drift": {}}, "drift"),
        ({"explainability": {"rows": 0}}, "explainability.rows"),
        ({"data_quality": {"columns": []}}, "data_quality.columns"),
    ],
)
def test_what_is_no_check_is_named_by_its_place(change: dict[str, object], place: str) -> None:
    with pytest.raises(JobError, match=rf"^the checks are none: {place}: "):
        checks_of(json.dumps(ASKED | change))


def test_no_json_is_refused_in_a_sentence() -> None:
    with pytest.raises(JobError, match=r"^the checks are none: "):
        checks_of("{")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data_quality": {"features": ["z"]}}, "z is no input of the model; accepted: x, word."),
        ({"bias": {"facet": "z", "values": ["a"]}}, "z is no input of the model; accepted: x, word."),
        ({"bias": {"facet": "word", "values": ["a"], "group": "z"}}, "z is no input of the model; accepted: x, word."),
        ({"answer": "x"}, "x is an input of the model; accepted: another name for the answer and the label."),
        ({"model_quality": {"metrics": ["luck"]}}, "there is no metric luck of binary; accepted: "),
    ],
)
def test_what_the_model_has_not_is_refused_before_anything_runs(change: dict[str, object], said: str) -> None:
    with pytest.raises(JobError) as refused:
        checks_of(json.dumps(ASKED | change)).refuse_unknown(["x", "word"])
    assert str(refused.value).startswith(said)

import json
from pathlib import Path

import pytest

from runtime.errors import JobError
from runtime.values import Values


def test_arguments_are_pairs() -> None:
    values = Values.of_arguments(["--test-days", "16", "--confidence", "0.95"])
    assert (values.integer("test-days"), values.number("confidence")) == (16, 0.95)


@pytest.mark.parametrize("arguments", [["--test-days"], ["test-days", "16"]])
def test_anything_else_is_refused(arguments: list[str]) -> None:
    with pytest.raises(JobError, match="accepted: --name value"):
        Values.of_arguments(arguments)


def test_hyperparameters_come_as_text(tmp_path: Path) -> None:
    path = tmp_path / "hyperparameters.json"
    path.write_text(json.dumps({"rounds": "100"}))
    assert Values.of_hyperparameters(path).integer("rounds") == 100


def test_a_missing_value_is_named_beside_those_given() -> None:
    with pytest.raises(JobError, match="argument resamples is missing; given: confidence"):
        Values.of_arguments(["--confidence", "0.95"]).integer("resamples")


def test_a_value_that_is_no_number_is_told() -> None:
    with pytest.raises(JobError, match="argument times is 'two'; accepted: a whole number"):
        Values.of_arguments(["--times", "two"]).integer("times")


def test_a_long_value_comes_in_pieces() -> None:
    values = Values.of_arguments(["--checks-2", "b", "--checks-1", "a", "--checks-3", "c", "--checks-5", "e"])
    assert values.joined("checks") == "abc"


def test_a_long_value_without_a_piece_is_missing() -> None:
    with pytest.raises(JobError, match=r"^argument checks-1 is missing; given: window"):
        Values.of_arguments(["--window", "w"]).joined("checks")

"""The contract of an endpoint: a good one is read, each bad one gets its sentence."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from plumbline.configuration import Model, load_contract, load_model
from plumbline.errors import PlumblineError

FOLDER = Path(__file__).parents[3] / "pipeline_definitions" / "flight_delays"


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """The example model with a contract that may be changed."""
    folder = tmp_path / "flight_delays"
    folder.mkdir()
    for name in ("model.toml", "contract.json"):
        shutil.copy(FOLDER / name, folder / name)
    return load_model(folder)


def refusal(model: Model, **changes: Any) -> str:
    path = model.folder / "contract.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(PlumblineError) as refused:
        load_contract(model)
    return str(refused.value)


def test_a_contract_says_which_field_is_the_prediction_and_how_exact_it_is(model: Model) -> None:
    contract = load_contract(model)
    assert (contract.prediction, contract.tolerance) == ("probability", 1e-6)


def test_a_prediction_that_an_answer_may_lack_is_refused(model: Model) -> None:
    assert refusal(model, prediction="score") == (
        "flight_delays/contract.json: prediction is 'score'; accepted: what answer requires, ['probability']."
    )


def test_a_tolerance_that_tolerates_everything_is_refused(model: Model) -> None:
    assert refusal(model, tolerance=1) == "flight_delays/contract.json: tolerance: Input should be less than 1."


def test_what_no_contract_has_is_refused(model: Model) -> None:
    assert refusal(model, more=1) == "flight_delays/contract.json: more: Extra inputs are not permitted."


def test_a_place_within_the_requests_is_named(model: Model) -> None:
    assert refusal(model, requests=[{}, 1]) == (
        "flight_delays/contract.json: requests.1: Input should be a valid dictionary."
    )


def test_a_model_without_a_contract_is_told_what_one_has(model: Model) -> None:
    (model.folder / "contract.json").unlink()
    with pytest.raises(PlumblineError) as refused:
        load_contract(model)
    assert str(refused.value) == (
        "flight_delays/contract.json: the file is missing; "
        "accepted: one with requests, answer, max_seconds, prediction, tolerance."
    )


def test_what_is_no_json_is_refused(model: Model) -> None:
    (model.folder / "contract.json").write_text("{")
    with pytest.raises(PlumblineError, match=r"^flight_delays/contract\.json: not valid JSON: "):
        load_contract(model)

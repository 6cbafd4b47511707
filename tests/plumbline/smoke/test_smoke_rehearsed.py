"""A smoke test of a rehearsal's own cloud, whose prices are made up."""

import dataclasses
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from plumbline.configuration import Environment, Person, load_model
from plumbline.errors import PlumblineError
from plumbline.rehearsal.progress import Silent
from plumbline.rehearsal.summary import ModelSummary
from plumbline.smoke.comparison import compare
from plumbline.smoke.prices import Prices
from plumbline.smoke.smoke import Smoke
from tests.plumbline.rehearsal.shared import Rehearsed
from tests.plumbline.smoke.test_prices import PriceList, product

pytestmark = pytest.mark.rehearsal


def _smoke(rehearsal: Rehearsed, *, budget: str, **other: Any) -> Smoke:
    """A smoke test by a data scientist of dev, at one US dollar an hour, which makes 10 for a run."""
    dev = rehearsal.deployment(Environment.DEV)
    each = [product(usd="1", component=one) for one in ("Processing", "Training")]
    given: dict[str, Any] = {
        "platform": rehearsal.journey.platform,
        "model": rehearsal.model,
        "commit": rehearsal.way.commit,
        "access": rehearsal.journey.people.take(Person.DATA_SCIENTIST, dev),
        "prices": Prices(PriceList(*each), region=dev.region),
        "budget": Decimal(budget),
        "progress": Silent(),
    }
    return Smoke(**(given | other))


def _runs(rehearsal: Rehearsed) -> list[object]:
    dev = rehearsal.deployment(Environment.DEV)
    client = rehearsal.cloud.administrator(dev.account).client("sagemaker")
    found = client.list_pipeline_executions(PipelineName=dev.pipeline_name(rehearsal.model))
    return list(found["PipelineExecutionSummaries"])


def test_a_run_that_could_cost_more_than_the_budget_does_not_begin(rehearsal: Rehearsed) -> None:
    before = _runs(rehearsal)
    with pytest.raises(
        PlumblineError, match=r"smoke: a run of flight_delays can cost 10.00 USD, .* that budget or more"
    ):
        _smoke(rehearsal, budget="9.99").go()
    assert _runs(rehearsal) == before


def test_code_that_was_not_delivered_is_refused(rehearsal: Rehearsed, tmp_path: Path) -> None:
    before = _runs(rehearsal)
    other = tmp_path / rehearsal.model.name
    other.mkdir()
    for path in rehearsal.model.folder.iterdir():
        if path.is_file():
            (other / path.name).write_bytes(path.read_bytes() + (b"\n" if path.name == "features.py" else b""))
    with pytest.raises(PlumblineError) as refused:
        _smoke(rehearsal, budget="10", model=load_model(other)).go()
    assert str(refused.value).startswith("smoke: dev has not the code ")
    assert str(refused.value).endswith("accepted: the checkout of a commit that was delivered to it.")
    assert _runs(rehearsal) == before


def test_somebody_who_may_not_is_told_in_a_sentence(rehearsal: Rehearsed) -> None:
    auditor = rehearsal.journey.people.take(Person.AUDITOR, rehearsal.deployment(Environment.DEV))
    with pytest.raises(PlumblineError, match=r"^smoke: "):
        _smoke(rehearsal, budget="10", access=auditor).go()


def test_what_it_shows_is_what_the_rehearsal_shows(rehearsal: Rehearsed, tmp_path: Path) -> None:
    written = json.loads(_smoke(rehearsal, budget="10").go().write(tmp_path).read_text())
    (way,) = written["models"]
    assert way.keys() <= {field.name for field in dataclasses.fields(ModelSummary)}
    dev = rehearsal.deployment(Environment.DEV)
    assert way["model_package_arn"].startswith(dev.arn("sagemaker", f"model-package/{dev.prefix}-"))
    assert written["cost"] == {"bound": "10.00", "budget": "10.00"}
    rows = compare(written, json.loads(rehearsal.summary.text()))
    assert {row.what for row in rows} > {"dataset id", "code digest", "run: Train", "quality: roc_auc"}
    assert [row for row in rows if row.differs] == []

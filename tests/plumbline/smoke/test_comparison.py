"""A smoke test beside a rehearsal."""

import copy
from typing import Any

from plumbline.smoke.comparison import compare

WAY: dict[str, Any] = {
    "model": "delays",
    "dataset_id": "d1",
    "code_digest": "c1",
    "run": {"steps": [{"name": "Train", "status": "Succeeded", "seconds": 17.0}]},
    "metrics": {"metrics": {"challenger": {"roc_auc": 0.71234}}},
}


def _differing(way: dict[str, Any]) -> list[str]:
    return [row.what for row in compare({"models": [way]}, {"models": [WAY]}) if row.differs]


def test_other_times_are_no_difference() -> None:
    way = copy.deepcopy(WAY)
    way["run"]["steps"][0]["seconds"] = 240.0
    assert _differing(way) == []
    rows = {row.what: (row.rehearsed, row.on_aws) for row in compare({"models": [way]}, {"models": [WAY]})}
    assert rows["run: Train"] == ("Succeeded, 17 s", "Succeeded, 240 s")


def test_what_has_to_be_equal_and_is_not_is_told() -> None:
    way = copy.deepcopy(WAY)
    way["dataset_id"] = "d2"
    way["run"]["steps"][0]["status"] = "Failed"
    way["run"]["steps"].append({"name": "Evaluate", "status": "Succeeded", "seconds": 1.0})
    way["metrics"]["metrics"]["challenger"]["roc_auc"] = 0.7
    assert _differing(way) == [
        "dataset id",
        "run: Train",
        "run: Evaluate",
        "quality: roc_auc",
    ]


def test_another_models_rehearsal_has_nothing_beside_it() -> None:
    assert compare({"models": [copy.deepcopy(WAY)]}, {"models": [WAY | {"model": "prices"}]}) == []

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
    "release": {
        "actions": [
            {"stage": "Staging", "name": "Deploy", "status": "Succeeded", "seconds": 9.0},
            {"stage": "Approval", "name": "Approve", "status": "Succeeded", "seconds": 1.0},
            {"stage": "Production", "name": "Deploy", "status": "Succeeded", "seconds": 8.0},
        ]
    },
}


def _smoke() -> dict[str, Any]:
    way = copy.deepcopy(WAY)
    del way["release"]["actions"][2]
    way["release"]["actions"][1]["status"] = "Failed"
    return way


def _differing(way: dict[str, Any]) -> list[str]:
    return [row.what for row in compare({"models": [way]}, {"models": [WAY]}) if row.differs]


def test_a_rejected_approval_and_other_times_are_no_difference() -> None:
    way = _smoke()
    way["run"]["steps"][0]["seconds"] = 240.0
    assert _differing(way) == []
    rows = {row.what: (row.rehearsed, row.on_aws) for row in compare({"models": [way]}, {"models": [WAY]})}
    assert rows["run: Train"] == ("Succeeded, 17 s", "Succeeded, 240 s")
    assert "release: Production/Deploy" not in rows


def test_what_has_to_be_equal_and_is_not_is_told() -> None:
    way = _smoke()
    way["dataset_id"] = "d2"
    way["run"]["steps"][0]["status"] = "Failed"
    way["run"]["steps"].append({"name": "Evaluate", "status": "Succeeded", "seconds": 1.0})
    way["metrics"]["metrics"]["challenger"]["roc_auc"] = 0.7
    way["release"]["actions"][0]["status"] = "Failed"
    assert _differing(way) == [
        "dataset id",
        "run: Train",
        "run: Evaluate",
        "quality: roc_auc",
        "release: Staging/Deploy",
    ]


def test_a_run_without_a_release_is_compared_without() -> None:
    way = _smoke()
    del way["release"]
    assert [row.what for row in compare({"models": [way]}, {"models": [WAY]})][-1] == "quality: roc_auc"


def test_another_models_rehearsal_has_nothing_beside_it() -> None:
    assert compare({"models": [_smoke()]}, {"models": [WAY | {"model": "prices"}]}) == []

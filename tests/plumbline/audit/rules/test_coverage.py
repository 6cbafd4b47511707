"""What the rules promise to cover: Security Hub's SageMaker controls, and the defects that no other tool names."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

import plumbline.audit.rules
from plumbline.audit.rules import RULES, judge
from tests.plumbline.audit.rules.examples import all_bases, case, templates

_STANDARD = json.loads((Path(plumbline.audit.rules.__file__).parent / "security_hub_sagemaker.json").read_text())
_DEFECTS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "unseen_defects.yaml").read_text())


def _answered() -> list[str]:
    found = [control for rule in RULES for control in rule.controls.get("Security Hub", ())]
    return [control for control in found if control.startswith("SageMaker.")]


def test_every_sagemaker_control_of_the_standard_is_answered_by_one_rule() -> None:
    assert sorted(_answered()) == sorted(_STANDARD["controls"])


def test_the_standard_has_twenty_three_sagemaker_controls() -> None:
    assert len(_STANDARD["controls"]) == 23


def test_the_list_says_when_and_where_it_was_read() -> None:
    assert date.fromisoformat(_STANDARD["read"]) >= date(2026, 11, 1)
    assert "Security Hub" in _STANDARD["source"]


def test_there_are_eighteen_defects_each_of_its_own_kind() -> None:
    assert len({(defect["rule"], defect["defect"]) for defect in _DEFECTS}) == 18
    assert len({defect["rule"] for defect in _DEFECTS}) == 18


@pytest.mark.parametrize("defect", _DEFECTS, ids=lambda defect: defect["defect"])
def test_a_defect_that_no_other_tool_names_is_named(defect: dict[str, Any]) -> None:
    seeded = case(defect["rule"], defect, all_bases(), defect["base"])
    before = judge(templates(all_bases()[defect["base"]])).findings
    after = judge(seeded.templates).findings
    new = {(finding.rule, finding.resource) for finding in after} - {(f.rule, f.resource) for f in before}
    assert (defect["rule"], seeded.resource) in new

"""Every rule keeps quiet about a compliant template, and names what breaks it."""

import re

import pytest

from plumbline.audit.rules import RULES, judge
from plumbline.audit.rules.controls import FRAMEWORKS
from plumbline.audit.rules.rule import Rule
from tests.plumbline.audit.rules.examples import Case, Example, examples

_CASES = [case for example in examples().values() for case in example.violating]
_BY_ID = {rule.id: rule for rule in RULES}


def test_every_rule_has_a_compliant_and_a_violating_template() -> None:
    assert set(examples()) == set(_BY_ID)
    assert all(example.violating for example in examples().values())


def test_there_are_more_rules_than_were_promised() -> None:
    assert len(RULES) >= 45


def test_ids_are_unique() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_says_what_it_is_for(rule: Rule) -> None:
    assert re.fullmatch(r"PL-[A-Z0-9]{2,4}-\d\d", rule.id)
    assert 10 < len(rule.title) <= 90
    assert not rule.title.endswith(".")
    assert rule.sense.endswith(".")
    assert rule.remedy.endswith(".")
    assert len(rule.sense) > 20
    assert rule.types


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_answers_controls_of_known_frameworks(rule: Rule) -> None:
    assert set(rule.controls) <= set(FRAMEWORKS)
    assert {"NIST 800-53 R5", "HIPAA", "SOC 2"} <= set(rule.controls)
    assert all(ids and len(set(ids)) == len(ids) for ids in rule.controls.values())


@pytest.mark.parametrize("example", examples().values(), ids=lambda example: example.rule)
def test_a_compliant_template_gives_no_finding_and_is_listed_as_kept(example: Example) -> None:
    judgement = judge(example.compliant, rules=[_BY_ID[example.rule]])
    found = [finding for finding in judgement.findings if example.keeps in (None, finding.resource)]
    assert not found
    kept = [place.resource for place in judgement.outcomes[example.rule].kept]
    if example.looks_at_nothing:
        assert not kept
    else:
        assert example.keeps in kept if example.keeps else kept


@pytest.mark.parametrize("case", _CASES, ids=lambda case: f"{case.rule} {case.name}")
def test_a_violating_template_is_found_at_the_resource(case: Case) -> None:
    judgement = judge(case.templates, rules=[_BY_ID[case.rule]])
    found = [finding for finding in judgement.findings if finding.resource == case.resource]
    assert found
    assert case.resource in [place.resource for place in judgement.outcomes[case.rule].broken]
    assert case.says is None or case.says in [finding.message for finding in found]


@pytest.mark.parametrize("case", _CASES, ids=lambda case: f"{case.rule} {case.name}")
def test_a_finding_is_one_sentence_that_says_what_is_accepted(case: Case) -> None:
    for finding in judge(case.templates, rules=[_BY_ID[case.rule]]).findings:
        assert finding.message.endswith(".")
        assert "\n" not in finding.message
        assert len(re.findall("; accepted: ", finding.message)) == 1

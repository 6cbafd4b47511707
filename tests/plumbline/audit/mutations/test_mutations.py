"""Every way of making a template less safe is noticed, or somebody has written why nothing is lost."""

import functools
from collections.abc import Sequence

import pytest

from plumbline.audit.rules import RULES, Rule
from plumbline.audit.templates import AuditedTemplate
from tests.plumbline.audit.mutations.campaign import Fate, fates, one_of_each
from tests.plumbline.audit.mutations.catalogue import OPERATORS, operator_names
from tests.plumbline.audit.mutations.killers import RulesKiller
from tests.plumbline.audit.mutations.operator import Mutant, Operator, mutants
from tests.plumbline.audit.mutations.subjects import platform_templates, unrelated_templates
from tests.plumbline.audit.mutations.survivors import read_survivals

_PRODUCTION = "333333333333"


@functools.cache
def _all_mutants() -> list[Mutant]:
    subjects = (*platform_templates(), *unrelated_templates())
    return [mutant for template in subjects for mutant in mutants(template, operators=OPERATORS)]


def _fates(
    templates: Sequence[AuditedTemplate], *, rules: Sequence[Rule] = RULES, operators: tuple[Operator, ...] = OPERATORS
) -> list[Fate]:
    """One mutant of each kind, against the rules."""
    made = [mutant for template in templates for mutant in mutants(template, operators=operators)]
    return list(fates(one_of_each(made), killers=[RulesKiller(templates, rules=rules)], survivals=read_survivals()))


@functools.cache
def _unrelated() -> list[Fate]:
    return _fates(unrelated_templates())


def test_every_operator_finds_a_place() -> None:
    assert {mutant.operator for mutant in _all_mutants()} == set(operator_names())


def test_a_mutant_differs_from_its_template_and_leaves_it_as_it_was() -> None:
    (template,) = unrelated_templates()
    before = repr(template)
    for mutant in mutants(template, operators=OPERATORS):
        assert mutant.apply() != template, mutant.text
    assert repr(template) == before


def test_jobs_inside_pipeline_definitions_are_mutated() -> None:
    inside = [m for m in _all_mutants() if m.site.type == "AWS::SageMaker::Pipeline" and ".Steps." in m.path]
    expected = {"isolation-off", "traffic-encryption-off", "vpc-dropped", "drop-key", "approved-unseen", "one-instance"}
    assert {mutant.operator for mutant in inside} >= expected - {"one-instance"}


def test_no_mutant_of_the_unrelated_app_survives_without_a_reason() -> None:
    assert [fate.mutant.text for fate in _unrelated() if fate.unexplained] == []


@pytest.mark.thorough(reason="it judges a mutant of every kind that the templates of an account have")
def test_no_mutant_of_production_survives_without_a_reason() -> None:
    found = _fates([template for template in platform_templates() if template.account == _PRODUCTION])
    assert [fate.mutant.text for fate in found if fate.unexplained] == []


def test_a_reason_speaks_of_a_mutant_that_exists() -> None:
    unknown = [survival.text for survival in read_survivals() if not any(map(survival.covers, _all_mutants()))]
    assert unknown == []


@pytest.mark.parametrize("operator", ["public-access-block-off", "recorder-dropped", "internet-gateway-added"])
def test_without_the_rules_that_notice_it_a_mutant_survives_unexplained(operator: str) -> None:
    killed = [fate for fate in _unrelated() if fate.mutant.operator == operator and not fate.survived]
    assert killed
    needed = {identity for fate in killed for identity in fate.ids}
    without = _fates(
        unrelated_templates(),
        rules=[rule for rule in RULES if rule.id not in needed],
        operators=tuple(one for one in OPERATORS if one.name == operator),
    )
    unexplained = {fate.mutant.text for fate in without if fate.unexplained}
    assert unexplained >= {fate.mutant.text for fate in killed}

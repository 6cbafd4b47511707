"""The waivers of the platform itself."""

from datetime import UTC, datetime

import pytest

# First: it picks the Node that aws_cdk starts.
from tests.house.assembly import ROOT, synthesized

# isort: split
from plumbline.audit.gate_record import read_gate_record
from plumbline.audit.synthesis import deployed_templates
from plumbline.audit.validation_report import read_report
from plumbline.audit.waivers import Waived, broken_waivers, declared_in

# Decisions beyond what CDK Pipelines forces; those that it does force begin with `cdk-pipelines-`.
_MOST_DECISIONS = 25
# Taken only by a team that has chosen Model Monitor.
_OF_MODEL_MONITOR = {"explained-by-clarify"}


@pytest.fixture(scope="module")
def waivers() -> tuple[Waived, ...]:
    folder = synthesized().folder
    plain = (waived for template in deployed_templates(ROOT, folder) for waived in declared_in(template))
    return (*read_gate_record(folder).waivers, *plain)


def test_decisions_are_few(waivers: tuple[Waived, ...]) -> None:
    decisions = {waived.decision for waived in waivers if not waived.decision.startswith("cdk-pipelines-")}
    decisions -= _OF_MODEL_MONITOR
    assert 0 < len(decisions) <= _MOST_DECISIONS, sorted(decisions)


def test_none_excuses_what_none_may_excuse(waivers: tuple[Waived, ...]) -> None:
    assert list(broken_waivers(waivers)) == []


def test_none_is_past_its_end(waivers: tuple[Waived, ...]) -> None:
    today = datetime.now(tz=UTC).date()
    assert [waived for waived in waivers if waived.until < today] == []


def test_every_reason_is_one_that_can_be_weighed(waivers: tuple[Waived, ...]) -> None:
    assert [waived.decision for waived in waivers if len(waived.reason) <= 60] == []


def test_each_waiver_excuses_one_finding_of_one_resource() -> None:
    folder = synthesized().folder
    excused = read_report(folder).excused
    for waived in read_gate_record(folder).waivers:
        found = {one.construct for one in excused if waived.excuses(one.rule, one.construct)}
        assert len(found) == 1, waived

"""Synth asks Plumbline's own rules about every Stage, and a waiver names what it excuses."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

# First: it picks the Node that aws_cdk starts.

# isort: split
from aws_cdk import App, CfnResource, Stack, Stage, Validations

from mlops_constructs.waiver import Waiver, waive
from plumbline.audit.own_rules import PlumblineRules
from plumbline.audit.validation_report import read_report

_TRUST = {"Statement": [{"Sid": "Open", "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = App(outdir=str(tmp_path), builtin_cloud_formation_validation=False)
    Validations.of(app).add_plugins(PlumblineRules())
    yield app


def _resource(app: App, resource_type: str, **properties: Any) -> CfnResource:
    # In a Stage, where rules that are Aspects would not look.
    return CfnResource(Stack(Stage(app, "stage"), "stack"), "One", type=resource_type, properties=properties)


def _violations(app: App) -> list[dict[str, Any]]:
    plugins = json.loads((Path(app.outdir) / "validation-report.json").read_text())["pluginReports"]
    return [
        violation for plugin in plugins if plugin["pluginName"] == "Plumbline" for violation in plugin["violations"]
    ]


def test_a_finding_fails_synth_and_names_rule_construct_and_path(app: App) -> None:
    _resource(app, "AWS::SageMaker::NotebookInstance", KmsKeyId="key")
    with pytest.raises(RuntimeError):
        app.synth()
    assert "PL-NB-01 at stage/stack/One" in [str(one) for one in read_report(Path(app.outdir)).open_findings]
    (violation,) = [one for one in _violations(app) if one["ruleName"] == "PL-NB-01"]
    assert violation["description"] == "DirectInternetAccess is missing; accepted: Disabled."
    assert violation["ruleMetadata"] == {
        "title": "Notebook instances have no way of their own to the internet",
        "severity": "high",
    }
    (construct,) = violation["violatingConstructs"]
    assert construct["cloudFormationResource"]["propertyPaths"] == ["Properties.DirectInternetAccess"]


def test_a_finding_of_low_severity_is_reported_and_does_not_fail_synth(app: App) -> None:
    _resource(app, "AWS::Events::EventBus", Name="one")
    app.synth()
    assert [violation["ruleName"] for violation in _violations(app)] == ["PL-EVT-05"]


def test_a_waiver_of_one_statement_excuses_that_statement(app: App) -> None:
    role = _resource(app, "AWS::IAM::Role", AssumeRolePolicyDocument=_TRUST, PermissionsBoundary="boundary")
    waiver = Waiver(
        id="open", rule="Plumbline::PL-IAM-07", reason="r", owner="o", until=date(2099, 1, 1), findings=("Open",)
    )
    waive(role, waiver)
    app.synth()
    used = read_report(Path(app.outdir)).used_acknowledgements
    assert used == {("stage/stack/One", "Plumbline::PL-IAM-07[Open]")}


def test_a_stack_with_state_is_protected(app: App) -> None:
    stack = Stack(Stage(app, "stage"), "stack")
    CfnResource(stack, "Group", type="AWS::SageMaker::ModelPackageGroup", properties={})
    with pytest.raises(RuntimeError):
        app.synth()
    assert "PL-DATA-03 at stage/stack" in [str(one) for one in read_report(Path(app.outdir)).open_findings]

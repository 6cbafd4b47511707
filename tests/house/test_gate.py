"""What fails synth: an open finding, and a waiver that excuses nothing."""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from cloudformation_validate import version

# First: it picks the Node that aws_cdk starts.
from tests.house.assembly import Assembly

# isort: split
import aws_cdk
from aws_cdk import App, CfnResource, Stack, Stage
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs

from mlops_constructs.waiver import Waiver, declared_waivers, waive
from plumbline.audit.gate import add_rules, synthesize
from plumbline.audit.validation_report import read_report
from plumbline.errors import PlumblineError

_WAIVER = Waiver(
    id="dead-letters",
    rule="AwsSolutions::AwsSolutions-SQS3",
    reason="The queue is a dead-letter queue itself.",
    owner="platform",
    until=date(2099, 1, 1),
)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.delenv("CDK_VALIDATION", raising=False)
    yield App(outdir=str(tmp_path), builtin_cloud_formation_validation=False)


def _queue(app: App) -> sqs.Queue:
    # In a Stage, where rules that are Aspects would not look.
    stack = Stack(Stage(app, "stage"), "stack")
    key = kms.Key.from_key_arn(
        stack, "Key", "arn:aws:kms:eu-west-1:111111111111:key/00000000-0000-0000-0000-000000000000"
    )
    return sqs.Queue(stack, "Queue", enforce_ssl=True, encryption_master_key=key)


def _stack(app: App) -> Stack:
    """A stack about which there is nothing to say."""
    stack = Stack(app, "stack")
    CfnResource(stack, "Nothing", type="AWS::CloudFormation::WaitConditionHandle")
    return stack


def test_an_open_finding_fails_synth_naming_rule_and_construct(app: App) -> None:
    _queue(app)
    add_rules(app)
    with pytest.raises(PlumblineError, match=r"the first is AwsSolutions-SQS3 at stage/stack/Queue/Resource") as failed:
        synthesize(app)
    assert failed.value.exit_code == 1


def test_a_property_that_cloudformation_does_not_know_fails_synth(app: App) -> None:
    app.node.set_context("@aws-cdk/core:validateAgainstDefaultRules", True)  # as cdk.json does
    CfnResource(Stack(Stage(app, "stage"), "stack"), "Queue", type="AWS::SQS::Queue", properties={"QueuName": "q"})
    add_rules(app)
    with pytest.raises(PlumblineError, match=r"the first is F3002 at stage/stack/Queue;"):
        synthesize(app)


def test_the_schema_rules_are_of_the_release_that_the_cdk_brings() -> None:
    (archive,) = (Path(aws_cdk.__file__).parent / "_jsii").glob("*.tgz")
    name = "package/node_modules/@aws/cloudformation-validate/package.json"
    with tarfile.open(archive) as packed:
        package = next(packed.extractfile(member) for member in packed if member.name == name)
        assert package is not None
        assert json.loads(package.read())["version"] == version()


def test_a_waiver_with_its_reason_lets_synth_pass(app: App, tmp_path: Path) -> None:
    waive(_queue(app), _WAIVER)
    add_rules(app)
    synthesize(app)
    assert read_report(tmp_path).used_acknowledgements == {("stage/stack/Queue", "AwsSolutions::AwsSolutions-SQS3")}
    assert _WAIVER.reason in (tmp_path / "validation-report.json").read_text()
    assert "owner: platform, until 2099-01-01" in (tmp_path / "validation-report.json").read_text()


def test_a_waiver_that_excuses_nothing_fails_synth(app: App) -> None:
    queue = _queue(app)
    waive(queue, _WAIVER)
    waive(
        queue,
        Waiver(
            id="another",
            rule="AwsSolutions::AwsSolutions-IAM5",
            reason="r",
            owner="o",
            until=date(2099, 1, 1),
            findings=("Action::x",),
        ),
    )
    add_rules(app)
    with pytest.raises(PlumblineError, match=r"stage/stack/Queue: the waiver of .*IAM5\[Action::x\] excuses nothing"):
        synthesize(app)


def test_a_waiver_that_excuses_nothing_fails_synth_also_where_the_rules_find_nothing(app: App) -> None:
    waive(_stack(app), _WAIVER)
    add_rules(app)
    with pytest.raises(PlumblineError, match=r"stack: the waiver of AwsSolutions::AwsSolutions-SQS3 excuses nothing"):
        synthesize(app)


def test_a_waiver_of_rules_that_did_not_look_is_not_judged(app: App) -> None:
    waive(_stack(app), replace(_WAIVER, rule="HIPAA-Security::HIPAA.Security-SQS1"))
    add_rules(app)
    synthesize(app)
    assert (Path(app.outdir) / "manifest.json").exists()


def test_a_waiver_of_one_finding_leaves_the_others_open(assembly: Assembly) -> None:
    acknowledged = read_report(assembly.folder).used_acknowledgements
    wildcards = {rule for _, rule in acknowledged if "IAM5" in rule}
    assert wildcards
    assert all(rule.endswith("]") for rule in wildcards)


def test_the_inner_loop_may_leave_the_rules_out(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_VALIDATION", "false")
    _queue(app)
    add_rules(app)
    synthesize(app)
    assert not (Path(app.outdir) / "validation-report.json").exists()


def test_every_acknowledgement_of_the_platform_is_a_declared_waiver(assembly: Assembly) -> None:
    declared = {(d.path, rule) for d in declared_waivers(assembly.app) for rule in d.waiver.ids}
    assert declared == read_report(assembly.folder).used_acknowledgements


def test_the_platform_has_no_open_finding(assembly: Assembly) -> None:
    report = read_report(assembly.folder)
    assert not report.open_findings
    assert report.used_acknowledgements

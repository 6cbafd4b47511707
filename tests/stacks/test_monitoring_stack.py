"""How a model is watched: the job of a window, what calls for it, and which alarm says what."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template as Synthesized

from pipeline_definitions.flight_delays.features import INPUTS
from plumbline.configuration import Deployment, Environment, Every, Model, ModelJob, Monitoring
from plumbline.configuration.monitoring import DataQualityMonitor, ModelQualityMonitor
from plumbline.errors import PlumblineError
from plumbline.rehearsal.cloudwatch.evaluating import judge
from plumbline.render.validation import validate
from runtime.monitoring.model_quality import Kind
from runtime.monitoring.quality_check import Problem
from stacks.monitoring import MonitoringStack
from tests.house.assembly import Assembly, Json, Template, of_reference, role_statements, synthesized

ROOT = Path(__file__).resolve().parents[2]
Document = dict[str, Any]


@pytest.fixture(scope="module")
def assembly() -> Assembly:
    """The reference platform's: what Model Monitor's is told of is in `test_managed_monitors.py`."""
    return of_reference(synthesized())


@pytest.fixture
def production(assembly: Assembly) -> Deployment:
    return assembly.platform.deployment(Environment.PRODUCTION)


@pytest.fixture
def model(assembly: Assembly) -> Model:
    return assembly.models[0]


@pytest.fixture
def monitoring(model: Model) -> Monitoring:
    assert model.monitoring is not None
    return model.monitoring


@pytest.fixture
def stack(assembly: Assembly, production: Deployment, model: Model) -> Template:
    return assembly[production.stack_name("monitoring", model)]


def joined(value: Json) -> str:
    """A text of CloudFormation's, with `<Name>` for what it fills in."""
    if isinstance(value, str):
        return value
    ((kind, parts),) = value.items()
    if kind == "Ref":
        return f"<{parts}>"
    assert kind == "Fn::Join"
    return str(parts[0]).join(map(joined, parts[1]))


@pytest.fixture
def definition(stack: Template) -> Document:
    body = stack.only("AWS::SageMaker::Pipeline")["Properties"]["PipelineDefinition"]["PipelineDefinitionBody"]
    found: Document = json.loads(joined(body))
    return found


@pytest.fixture
def job(definition: Document) -> Document:
    (step,) = definition["Steps"]
    found: Document = step["Arguments"]
    return found


@pytest.fixture
def rules(stack: Template) -> dict[str, Json]:
    return {rule["Properties"]["Name"]: rule["Properties"] for rule in stack.of_type("AWS::Events::Rule")}


@pytest.fixture
def alarms(stack: Template) -> dict[str, Json]:
    return {alarm["Properties"]["AlarmName"]: alarm["Properties"] for alarm in stack.of_type("AWS::CloudWatch::Alarm")}


def test_only_production_is_watched(assembly: Assembly, model: Model) -> None:
    assert [name for name in assembly.templates if "-monitoring-" in name] == [
        assembly.platform.deployment(Environment.PRODUCTION).stack_name("monitoring", model)
    ]


def test_the_definition_is_one_that_sagemaker_takes(definition: Document) -> None:
    validate(definition)
    del definition["Steps"][0]["Arguments"]["RoleArn"]
    with pytest.raises(PlumblineError, match="RoleArn"):
        validate(definition)


def test_the_job_is_isolated_encrypted_and_in_the_vpc(job: Document) -> None:
    assert job["NetworkConfig"] == {
        "EnableNetworkIsolation": True,
        "EnableInterContainerTrafficEncryption": True,
        "VpcConfig": {"SecurityGroupIds": ["<JobSecurityGroup>"], "Subnets": ["<SubnetA>", "<SubnetB>"]},
    }
    assert job["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] == "<DataKey>"
    assert job["ProcessingOutputConfig"]["KmsKeyId"] == "<DataKey>"


def test_the_job_reads_the_manifest_of_its_window_and_what_belongs_to_the_served_version(job: Document) -> None:
    inputs = {one["InputName"]: one["S3Input"] for one in job["ProcessingInputs"]}
    assert inputs["data"]["S3DataType"] == "ManifestFile"
    assert inputs["data"]["S3Uri"]["Std:Join"]["Values"] == [
        "s3://plumbline-production-capture-333333333333/flight_delays/windows/",
        {"Get": "Parameters.WindowId"},
        "/manifest.json",
    ]
    assert {name: inputs[name]["S3Uri"] for name in ("baseline", "model")} == {
        "baseline": {"Get": "Parameters.BaselineUri"},
        "model": {"Get": "Parameters.ModelUri"},
    }


def test_the_job_runs_the_served_versions_image_of_productions_own_repository(job: Document) -> None:
    image = job["AppSpecification"]["ImageUri"]["Std:Join"]["Values"]
    repository = "333333333333.dkr.ecr.eu-west-1.amazonaws.com/plumbline-runtime"
    assert image == [f"{repository}@sha256:", {"Get": "Parameters.ImageDigest"}]


def test_the_role_runs_one_kind_of_job_with_one_role(stack: Template, production: Deployment, model: Model) -> None:
    granted = role_statements(stack.role(production.role_name(model, ModelJob.MONITOR_PIPELINE)))
    assert granted["PassJobRoles"]["Resource"] == production.role_arn(model, ModelJob.MONITOR)
    assert granted["StartJobsInTheVpc"]["Action"] == "sagemaker:CreateProcessingJob"


def test_a_window_is_closed_by_a_schedule_that_tells_its_own_time(
    rules: dict[str, Json], production: Deployment, model: Model, monitoring: Monitoring
) -> None:
    rule = rules[f"{production.model_name(model)}-window"]
    assert rule["ScheduleExpression"] == monitoring.every.calls
    (target,) = rule["Targets"]
    transformer = target["InputTransformer"]
    assert transformer["InputPathsMap"] == {"time": "$.time"}
    # EventBridge puts the quotes of a text itself.
    said = json.loads(transformer["InputTemplate"].replace("<time>", '"2013-05-01T00:15:00Z"'))
    assert said == {
        "model": "flight_delays",
        "every": monitoring.every.value,
        "labelsAfterHours": monitoring.labels_after_hours,
        "closedAfterHours": monitoring.looked_at_after // datetime.timedelta(hours=1),
        "time": "2013-05-01T00:15:00Z",
    }


def test_the_end_of_a_run_is_published_however_it_ended(
    rules: dict[str, Json], production: Deployment, model: Model, monitoring: Monitoring
) -> None:
    rule = rules[f"{production.model_name(model)}-watched"]
    assert rule["EventPattern"]["detail"]["currentPipelineExecutionStatus"] == ["Succeeded", "Failed", "Stopped"]
    assert rule["EventPattern"]["resources"] == [
        production.arn("sagemaker", f"pipeline/{production.monitor_pipeline_name(model)}")
    ]
    template = rule["Targets"][0]["InputTransformer"]["InputTemplate"]
    said = json.loads(template.replace("<window>", '"w"').replace("<status>", '"s"'))
    assert (said["windowsToAlarm"], said["evaluationWindows"]) == (
        monitoring.windows_to_alarm,
        monitoring.evaluation_windows,
    )


def test_what_cannot_be_delivered_is_kept(rules: dict[str, Json], production: Deployment) -> None:
    queue = production.arn("sqs", production.dead_letter_queue("events"))
    for rule in rules.values():
        assert [target["DeadLetterConfig"] for target in rule["Targets"]] == [{"Arn": queue}]


def test_each_check_has_an_alarm_at_the_models_own_line(
    alarms: dict[str, Json], production: Deployment, model: Model, monitoring: Monitoring
) -> None:
    for monitor in monitoring.checks:
        alarm = alarms[f"{production.model_name(model)}-{monitor}"]
        assert (alarm["MetricName"], alarm["Threshold"], alarm["ComparisonOperator"]) == (
            "sustained_deviation",
            monitoring.line,
            "GreaterThanThreshold",
        )
        assert {one["Name"]: one["Value"] for one in alarm["Dimensions"]} == {
            "Model": model.name,
            "Monitor": monitor.value,
        }


def test_violated_failed_and_no_data_are_alarms_of_their_own(
    alarms: dict[str, Json], production: Deployment, model: Model
) -> None:
    name = production.model_name(model)
    assert alarms[f"{name}-monitor-failed"]["MetricName"] == "failed"
    assert alarms[f"{name}-monitor-no-data"]["MetricName"] == "no_data"
    silent = f"{name}-monitor-silent"
    assert {alarm["TreatMissingData"] for key, alarm in alarms.items() if key != silent} == {"notBreaching"}


def test_a_monitor_that_nobody_calls_is_told_of_a_day_and_two_hours_later(
    alarms: dict[str, Json], production: Deployment, model: Model
) -> None:
    alarm = alarms[f"{production.model_name(model)}-monitor-silent"]
    assert (alarm["MetricName"], alarm["Statistic"], alarm["Threshold"]) == ("windows", "SampleCount", 1)
    assert (alarm["ComparisonOperator"], alarm["TreatMissingData"]) == ("LessThanThreshold", "breaching")
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 26 * 3_600
    assert "DatapointsToAlarm" not in alarm
    assert [{one["Name"]: one["Value"] for one in alarm["Dimensions"]}] == [{"Model": model.name}]
    assert alarm["AlarmActions"] == [production.operations_topic_arn]


def test_calls_that_come_keep_it_quiet_and_one_that_does_not_is_heard_two_hours_later(
    alarms: dict[str, Json], production: Deployment, model: Model
) -> None:
    alarm = alarms[f"{production.model_name(model)}-monitor-silent"]
    first, hour = 1_800_000_000.0, 3_600
    points = [{"Timestamp": first + day * 24 * hour, "Value": 1.0} for day in range(3)]

    def states(hours: range) -> set[str | None]:
        return {judge(alarm, points, now=first + number * hour + 60).state for number in hours}

    last = 2 * 24
    assert states(range(last + 26)) == {"OK"}
    assert states(range(last + 26, last + 80)) == {"ALARM"}


@pytest.mark.parametrize(
    ("every", "calls", "hours"),
    [
        (Every.HOUR, "cron(15 * * * ? *)", 3),
        (Every.DAY, "cron(15 0 * * ? *)", 26),
        (Every.WEEK, "cron(15 0 * * ? *)", 26),
        (Every.MONTH, "cron(15 0 * * ? *)", 26),
    ],
)
def test_silence_is_heard_within_what_cloudwatch_looks_back_for_windows_of_any_length(
    production: Deployment, model: Model, monitoring: Monitoring, every: Every, calls: str, hours: int
) -> None:
    watched = monitoring.model_copy(update={"every": every})
    stack = MonitoringStack(App(), "monitoring", deployment=production, model=model, monitoring=watched)
    found = Synthesized.from_stack(stack).find_resources("AWS::CloudWatch::Alarm")
    (silent,) = [one["Properties"] for one in found.values() if one["Properties"]["MetricName"] == "windows"]
    assert every.calls == calls
    assert silent["Period"] * silent["EvaluationPeriods"] == hours * 3_600 <= 7 * 24 * 3_600


def test_one_alarm_for_all_checks_is_the_signal(
    stack: Template, production: Deployment, model: Model, monitoring: Monitoring
) -> None:
    composite = stack.only("AWS::CloudWatch::CompositeAlarm")["Properties"]
    assert composite["AlarmName"] == production.drift_alarm(model)
    names = [f'ALARM("{production.model_name(model)}-{monitor}")' for monitor in monitoring.checks]
    assert composite["AlarmRule"] == " OR ".join(names)


def test_every_alarm_names_a_section_of_the_runbook(alarms: dict[str, Json], stack: Template) -> None:
    page = (ROOT / "docs" / "monitors.md").read_text()
    anchors = {line.removeprefix("## ").lower().replace(" ", "-") for line in page.splitlines() if line[:3] == "## "}
    descriptions = [alarm["AlarmDescription"] for alarm in alarms.values()]
    descriptions.append(stack.only("AWS::CloudWatch::CompositeAlarm")["Properties"]["AlarmDescription"])
    for description in descriptions:
        _, found, anchor = description.partition("see docs/monitors.md#")
        assert found, description
        assert anchor in anchors


def test_the_dashboard_draws_the_line_and_the_baselines(stack: Template, monitoring: Monitoring) -> None:
    body = json.loads(stack.only("AWS::CloudWatch::Dashboard")["Properties"]["DashboardBody"])
    properties = [widget["properties"] for widget in body["widgets"]]
    lines = [line["value"] for one in properties for line in one.get("annotations", {}).get("horizontal", [])]
    assert set(lines) == {monitoring.line}
    assert monitoring.model_quality
    drawn = {tuple(metric) for one in properties for metric in one["metrics"]}
    for metric in monitoring.model_quality.metrics:
        for name in ("value", "baseline"):
            assert (
                "plumbline/monitoring", name, "Model", "flight_delays", "Monitor", "model-quality", "Metric", metric,
            ) in drawn  # fmt: skip


@pytest.fixture(scope="module")
def unnamed(assembly: Assembly) -> Document:
    """The dashboard of a model whose `model.toml` names no input and no metric."""
    production, model = assembly.platform.deployment(Environment.PRODUCTION), assembly.models[0]
    assert model.monitoring is not None
    asked = {"data_quality": DataQualityMonitor(), "model_quality": ModelQualityMonitor()}
    watched = model.monitoring.model_copy(update=asked)
    stack = MonitoringStack(App(), "monitoring", deployment=production, model=model, monitoring=watched)
    (dashboard,) = Synthesized.from_stack(stack).find_resources("AWS::CloudWatch::Dashboard").values()
    found: Document = json.loads(dashboard["Properties"]["DashboardBody"])
    return found


def test_without_names_the_dashboard_draws_what_counts_by_itself(unnamed: Document) -> None:
    drawn = [metric for widget in unnamed["widgets"] for metric in widget["properties"]["metrics"]]
    for metric in ("average_precision", "log_loss"):
        for name in ("value", "baseline"):
            assert [name, metric] in [[one[1], one[-1]] for one in drawn]
    features = {one[-1] for one in drawn if one[1] == "feature_deviation"}
    assert features == {column.name for column in INPUTS}


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_what_counts_by_itself_is_the_runtimes_own_choice(monitoring: Monitoring, kind: Kind) -> None:
    watched = monitoring.model_copy(update={"answers": kind, "model_quality": ModelQualityMonitor()})
    assert watched.metrics == tuple(Problem(kind=kind, answer="a", label="b", positive="1", metrics=()).counting)


@pytest.mark.parametrize("which", ["named", "unnamed"])
def test_no_widget_covers_another(stack: Template, unnamed: Document, which: str) -> None:
    named = json.loads(stack.only("AWS::CloudWatch::Dashboard")["Properties"]["DashboardBody"])
    body = {"named": named, "unnamed": unnamed}[which]
    cells = [
        (x, y)
        for widget in body["widgets"]
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24

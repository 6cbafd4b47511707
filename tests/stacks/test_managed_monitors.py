"""A platform whose models SageMaker Model Monitor watches: jobs, schedules, and what they are told."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from mlops_constructs.model_monitor_configs import VERSION, clarify_configs
from plumbline.audit.linting import Linter
from plumbline.configuration import (
    Deployment,
    Environment,
    Model,
    ModelJob,
    Monitor,
    Monitoring,
    Person,
    Platform,
    load_contract,
)
from plumbline.errors import PlumblineError
from plumbline.replaying.inputs import function_of
from tests.house.assembly import Json, Template, models_of, role_statements, synthesized_as
from tests.house.layouts import MODEL_MONITOR, THREE_ACCOUNTS, composed

_KINDS = {
    Monitor.DATA_QUALITY: "DataQuality",
    Monitor.MODEL_QUALITY: "ModelQuality",
    Monitor.BIAS: "ModelBias",
    Monitor.EXPLAINABILITY: "ModelExplainability",
}
_RELEASED = "s3://plumbline-production-models-333333333333/flight_delays/released/<ReleasedVersion>"


@pytest.fixture(scope="module")
def managed() -> tuple[Platform, Mapping[str, Template]]:
    return composed(MODEL_MONITOR)


@pytest.fixture(scope="module")
def production(managed: tuple[Platform, Mapping[str, Template]]) -> Deployment:
    return managed[0].deployment(Environment.PRODUCTION)


@pytest.fixture(scope="module")
def model(managed: tuple[Platform, Mapping[str, Template]]) -> Model:
    return models_of(managed[0])[0]


@pytest.fixture(scope="module")
def monitoring(model: Model) -> Monitoring:
    assert model.monitoring is not None
    return model.monitoring


@pytest.fixture(scope="module")
def serving(managed: tuple[Platform, Mapping[str, Template]], production: Deployment, model: Model) -> Template:
    return managed[1][production.stack_name("serving", model)]


@pytest.fixture(scope="module")
def watching(managed: tuple[Platform, Mapping[str, Template]], production: Deployment, model: Model) -> Template:
    return managed[1][production.stack_name("monitoring", model)]


def told(value: Json) -> Any:
    """A value with its texts joined, and `<Name>` for what CloudFormation fills in."""
    if isinstance(value, list):
        return [told(one) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return f"<{value['Ref']}>"
    if set(value) == {"Fn::Join"}:
        separator, parts = value["Fn::Join"]
        return separator.join(map(told, parts))
    return {name: told(one) for name, one in value.items()}


def definition(serving: Template, monitor: Monitor) -> Any:
    return told(serving.only(f"AWS::SageMaker::{_KINDS[monitor]}JobDefinition")["Properties"])


@pytest.mark.parametrize("monitor", Monitor)
def test_each_check_of_the_model_has_a_definition_and_a_schedule(
    serving: Template, production: Deployment, model: Model, monitor: Monitor
) -> None:
    assert "JobDefinitionName" not in definition(serving, monitor)  # CloudFormation replaces no named one
    schedules = {
        one["Properties"]["MonitoringScheduleName"]: one["Properties"]["MonitoringScheduleConfig"]
        for one in serving.of_type("AWS::SageMaker::MonitoringSchedule")
    }
    schedule = schedules[production.monitoring_schedule(model, monitor)]
    assert schedule["MonitoringType"] == _KINDS[monitor]
    assert schedule["ScheduleConfig"] == {"ScheduleExpression": "cron(0 0 ? * * *)"}
    name, parts = schedule["MonitoringJobDefinitionName"]["Fn::Select"]
    separator, arn = parts["Fn::Split"]
    (named,) = [
        logical_id
        for logical_id, one in serving.resources.items()
        if one["Type"] == f"AWS::SageMaker::{_KINDS[monitor]}JobDefinition"
    ]
    # arn:aws:sagemaker:eu-west-1:333333333333:data-quality-job-definition/x
    assert (name, separator, arn) == (1, "/", {"Fn::GetAtt": [named, "JobDefinitionArn"]})


def test_a_check_that_the_model_does_not_ask_for_has_none(
    production: Deployment, model: Model, monitoring: Monitoring
) -> None:
    from aws_cdk import App

    from stacks.serving import ServingStack

    alone = model.model_copy(
        update={"monitoring": monitoring.model_copy(update={"bias": None, "explainability": None})}
    )
    app = App()
    ServingStack(app, "serving", deployment=production, model=alone)
    (stack,) = app.synth().stacks
    types = [resource["Type"] for resource in stack.template["Resources"].values()]
    assert sorted(one for one in types if one.endswith("JobDefinition")) == [
        "AWS::SageMaker::DataQualityJobDefinition",
        "AWS::SageMaker::ModelQualityJobDefinition",
    ]
    assert types.count("AWS::SageMaker::Model") == 1


@pytest.mark.parametrize("monitor", Monitor)
def test_jobs_are_in_the_vpc_encrypted_and_of_a_monitoring_role(
    serving: Template, production: Deployment, model: Model, monitor: Monitor
) -> None:
    job = definition(serving, monitor)
    assert job["NetworkConfig"]["VpcConfig"]["Subnets"] == ["<SubnetA>", "<SubnetB>"]
    assert job["NetworkConfig"]["EnableInterContainerTrafficEncryption"] is True
    assert job["NetworkConfig"]["EnableNetworkIsolation"] is (monitor is not Monitor.EXPLAINABILITY)
    assert job["JobResources"]["ClusterConfig"]["VolumeKmsKeyId"] == "<DataKey>"
    output = job[f"{_KINDS[monitor]}JobOutputConfig"]
    assert output["KmsKeyId"] == "<DataKey>"
    (one,) = output["MonitoringOutputs"]
    assert one["S3Output"]["S3Uri"].startswith(f"s3://{production.data_bucket}/{model.name}/monitoring/")
    role = ModelJob.EXPLAIN if monitor is Monitor.EXPLAINABILITY else ModelJob.MONITOR
    assert job["RoleArn"] == production.role_arn(model, role)
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": model.compute.monitor.max_runtime_seconds}


def test_baselines_are_those_of_the_released_version(serving: Template) -> None:
    found = {monitor: definition(serving, monitor)[f"{_KINDS[monitor]}BaselineConfig"] for monitor in Monitor}
    quality = f"{_RELEASED}/baselines/data-quality"
    assert found == {
        Monitor.DATA_QUALITY: {
            "ConstraintsResource": {"S3Uri": f"{quality}/constraints.json"},
            "StatisticsResource": {"S3Uri": f"{quality}/statistics.json"},
        },
        Monitor.MODEL_QUALITY: {
            "ConstraintsResource": {"S3Uri": f"{_RELEASED}/baselines/model-quality/constraints.json"}
        },
        Monitor.BIAS: {"ConstraintsResource": {"S3Uri": f"{_RELEASED}/baselines/bias/analysis.json"}},
        Monitor.EXPLAINABILITY: {
            "ConstraintsResource": {"S3Uri": f"{_RELEASED}/baselines/explainability/analysis.json"}
        },
    }
    assert serving.body["Parameters"]["ReleasedVersion"]["AllowedPattern"] == "^[1-9][0-9]*$"


@pytest.mark.parametrize("monitor", [Monitor.MODEL_QUALITY, Monitor.BIAS])
def test_answers_are_compared_with_labels_when_they_are_known(
    serving: Template, production: Deployment, model: Model, monitoring: Monitoring, monitor: Monitor
) -> None:
    assert (monitoring.every, monitoring.labels_after_hours) == ("day", 24)
    told_of = definition(serving, monitor)[f"{_KINDS[monitor]}JobInput"]
    assert told_of["GroundTruthS3Input"] == {"S3Uri": f"s3://{production.capture_bucket}/{model.name}/labels"}
    endpoint = told_of["EndpointInput"]
    assert (endpoint["StartTimeOffset"], endpoint["EndTimeOffset"]) == ("-PT48H", "-PT24H")
    assert (endpoint["EndpointName"], endpoint["ProbabilityAttribute"]) == (
        production.endpoint_name(model),
        monitoring.answer,
    )


@pytest.mark.parametrize("monitor", [Monitor.BIAS, Monitor.EXPLAINABILITY])
def test_clarify_reads_the_configuration_that_the_release_brings(
    serving: Template, production: Deployment, model: Model, monitoring: Monitoring, monitor: Monitor
) -> None:
    uri = definition(serving, monitor)[f"{_KINDS[monitor]}AppSpecification"]["ConfigUri"]
    assert uri.removeprefix(f"{_RELEASED}/") in clarify_configs(production, model, monitoring)


def test_clarify_is_told_of_every_input_by_its_name(
    serving: Template, production: Deployment, model: Model, monitoring: Monitoring
) -> None:
    config = json.loads(clarify_configs(production, model, monitoring)["baselines/bias/config.json"])
    asked = {name for request in load_contract(model).requests for name in request}
    *inputs, label = config["headers"]
    assert (set(inputs), len(inputs), label) == (asked, len(asked), "late")
    assert config["label_values_or_threshold"] == [1]
    assert config["facet"] == [{"name_or_index": "origin", "value_or_threshold": ["LGA"]}]
    assert config["group_variable"] == "carrier"
    features = definition(serving, Monitor.BIAS)["ModelBiasJobInput"]["EndpointInput"]["FeaturesAttribute"]
    assert json.loads(features) == inputs  # a list of JMESPath's, of quoted names, is one of JSON's


def test_clarify_explains_a_model_that_the_stack_makes_of_the_served_version(
    serving: Template, production: Deployment, model: Model, monitoring: Monitoring
) -> None:
    config = json.loads(clarify_configs(production, model, monitoring)["baselines/explainability/config.json"])
    models = [one["Properties"] for one in serving.of_type("AWS::SageMaker::Model")]
    (named,) = [told(one) for one in models if "ModelName" in one]
    (served,) = [told(one) for one in models if "ModelName" not in one]
    assert named.pop("ModelName") == config["predictor"]["model_name"].replace(VERSION, "<ReleasedVersion>")
    assert named == served
    # A request to the endpoint itself would be captured, and looked at as if somebody had asked.
    assert "endpoint_name" not in config["predictor"]
    prefix = config["predictor"]["endpoint_name_prefix"]
    assert not production.endpoint_name(model).startswith(prefix)


def test_clarify_takes_the_configurations(production: Deployment, model: Model, monitoring: Monitoring) -> None:
    from sagemaker.core.clarify import ANALYSIS_CONFIG_SCHEMA_V1_0

    configs = [json.loads(text) for text in clarify_configs(production, model, monitoring).values()]
    assert len(configs) == 2
    for config in configs:
        assert ANALYSIS_CONFIG_SCHEMA_V1_0.is_valid(config)


def test_a_column_that_no_request_has_is_refused(production: Deployment, model: Model, monitoring: Monitoring) -> None:
    assert monitoring.bias is not None
    bias = monitoring.bias.model_copy(update={"facet": "airline"})
    with pytest.raises(PlumblineError, match=r"no request has airline, which \[monitoring\] names"):
        clarify_configs(production, model, monitoring.model_copy(update={"bias": bias}))


def test_the_release_says_which_version_it_is_in_production_alone(
    managed: tuple[Platform, Mapping[str, Template]], production: Deployment, model: Model
) -> None:
    platform, templates = managed
    pipeline = templates[platform.release(model).prefix].only("AWS::CodePipeline::Pipeline")["Properties"]
    prepared = {
        stage["Name"]: json.loads(action["Configuration"]["ParameterOverrides"])
        for stage in pipeline["Stages"]
        for action in stage["Actions"]
        if action["Name"] == "Prepare"
    }
    assert prepared["Staging"].keys() == {"ModelPackageArn"}
    assert prepared["Production"] == {
        "ModelPackageArn": "#{Copied.PackageArn}",
        "ReleasedVersion": "#{Copied.Version}",
    }
    parameters = templates[production.stack_name("serving", model)].body["Parameters"]
    given = {name for name, one in parameters.items() if "Default" not in one}
    assert given == prepared["Production"].keys()


def test_the_records_bundle_holds_the_configurations(
    managed: tuple[Platform, Mapping[str, Template]], model: Model
) -> None:
    platform, templates = managed
    digests = {
        name
        for function in templates[platform.release(model).prefix].of_type("AWS::Lambda::Function")
        for name in json.loads(function["Properties"]["Environment"]["Variables"].get("BUNDLE_DIGESTS", "{}"))
    }
    assert {"baselines/bias/config.json", "baselines/explainability/config.json", "contract.json"} < digests


def test_alarms_look_at_what_the_function_publishes(
    watching: Template, production: Deployment, model: Model, monitoring: Monitoring
) -> None:
    alarms = {one["Properties"]["AlarmName"]: one["Properties"] for one in watching.of_type("AWS::CloudWatch::Alarm")}
    for monitor in monitoring.checks:
        alarm = alarms[f"{production.model_name(model)}-{monitor}"]
        assert (alarm["Namespace"], alarm["MetricName"], alarm["Threshold"]) == (
            production.monitoring_namespace,
            "sustained_violation",
            0,
        )
        assert {one["Name"]: one["Value"] for one in alarm["Dimensions"]} == {
            "Model": model.name,
            "Monitor": monitor.value,
        }
    assert watching.only("AWS::CloudWatch::CompositeAlarm")["Properties"]["AlarmName"] == production.drift_alarm(model)


def test_silence_of_what_asks_by_the_hour_is_heard_three_hours_after_it_has_last_asked(
    watching: Template, production: Deployment, model: Model
) -> None:
    assert watching.only("AWS::Events::Rule")["Properties"]["ScheduleExpression"] == "cron(5 * * * ? *)"
    alarms = {one["Properties"]["AlarmName"]: one["Properties"] for one in watching.of_type("AWS::CloudWatch::Alarm")}
    alarm = alarms[f"{production.model_name(model)}-monitor-silent"]
    assert (alarm["Namespace"], alarm["MetricName"]) == (production.monitoring_namespace, "windows")
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 3 * 3_600
    assert [{one["Name"]: one["Value"] for one in alarm["Dimensions"]}] == [{"Model": model.name}]


def test_its_jobs_keep_no_labelled_data(
    managed: tuple[Platform, Mapping[str, Template]], production: Deployment, model: Model
) -> None:
    access = managed[1][production.stack_name("access", model)]
    for job in (ModelJob.MONITOR, ModelJob.EXPLAIN):
        granted = role_statements(access.role(production.role_name(model, job)))
        written = f"arn:aws:s3:::{production.data_bucket}/{model.name}/monitoring/*"
        assert granted["WriteObjects"]["Resource"] == written


def test_the_rule_tells_the_function_which_schedules_to_look_at(
    watching: Template, production: Deployment, model: Model, monitoring: Monitoring
) -> None:
    (target,) = watching.only("AWS::Events::Rule")["Properties"]["Targets"]
    template = target["InputTransformer"]["InputTemplate"]
    call = json.loads(template.replace("<time>", '"2026-11-28T01:05:00Z"'))
    assert function_of(call) == "managed_publisher"  # as what calls it again finds out
    assert call == {
        "model": model.name,
        "schedules": {monitor.value: production.monitoring_schedule(model, monitor) for monitor in monitoring.checks},
        "everyHours": {"hour": 1, "day": 24}[monitoring.every],
        "windowsToAlarm": monitoring.windows_to_alarm,
        "evaluationWindows": monitoring.evaluation_windows,
        "time": "2026-11-28T01:05:00Z",
    }


def test_whoever_is_on_call_calls_the_function_again_and_none_that_is_not_there(
    managed: tuple[Platform, Mapping[str, Template]], production: Deployment
) -> None:
    operations = managed[1][production.stack_name("operations")]
    granted = role_statements(operations.role(production.person_role_name(Person.ON_CALL)))
    assert granted["HaveItHandledAgain"]["Resource"] == [
        production.arn("lambda", f"function:{production.function_name(name)}")
        for name in ("account_guard", "managed_publisher")
    ]


def test_no_job_of_the_platforms_own_is_left(
    managed: tuple[Platform, Mapping[str, Template]], watching: Template, production: Deployment
) -> None:
    assert not watching.of_type("AWS::SageMaker::Pipeline")
    operations = managed[1][production.stack_name("operations")]
    names = {one["Properties"]["FunctionName"] for one in operations.of_type("AWS::Lambda::Function")}
    assert production.function_name("managed_publisher") in names
    assert not names & {production.function_name(one) for one in ("monitor_window", "metrics_publisher")}


def test_the_release_makes_isolated_definitions_and_passes_roles_that_monitor(
    managed: tuple[Platform, Mapping[str, Template]], production: Deployment, model: Model
) -> None:
    access = managed[1][production.stack_name("access", model)]
    granted = role_statements(access.role(production.role_name(model, ModelJob.RELEASE_EXECUTION)))
    isolated, asking = granted["MakeIsolatedModels"], granted["MakeMonitorsThatAsk"]
    assert isolated["Condition"]["Bool"] == {"sagemaker:NetworkIsolation": "true"}
    assert len(isolated["Action"]) == 4  # CreateModel, and all kinds but explainability
    assert asking["Action"] == "sagemaker:CreateModelExplainabilityJobDefinition"
    assert "Null" in asking["Condition"]
    passed = granted["PassServeRole"]["Resource"]
    jobs = (ModelJob.SERVE, ModelJob.MONITOR, ModelJob.EXPLAIN)
    assert passed == [production.role_arn(model, job) for job in jobs]


def test_without_model_monitor_nothing_of_it_is_there() -> None:
    _, templates = composed(THREE_ACCOUNTS)
    types = {resource["Type"] for template in templates.values() for resource in template.resources.values()}
    assert not [one for one in types if one.endswith(("JobDefinition", "MonitoringSchedule"))]


@pytest.mark.thorough(reason="it synthesizes and judges the platform once more")
def test_rules_packs_and_schemas_find_nothing() -> None:
    # Refuses an open finding, and a waiver that excuses nothing.
    assembly = synthesized_as(MODEL_MONITOR)
    deployment = assembly.platform.deployment(Environment.PRODUCTION)
    names = [
        deployment.stack_name("foundation"),
        deployment.stack_name("operations"),
        *(
            deployment.stack_name(kind, model)
            for kind in ("access", "monitoring", "serving")
            for model in assembly.models
        ),
    ]
    paths = [(assembly[name].path, assembly.platform.region) for name in names]
    assert [found for findings in Linter().lint(paths) for found in findings] == []

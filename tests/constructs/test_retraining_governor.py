"""What decides on retraining in staging: who calls it, what it keeps, and what it is told of a model."""

import json

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template as Synthesized

from mlops_constructs.retraining_settings import RetrainingSettings
from plumbline.configuration import Deployment, Environment, Every, Model, Retraining
from settings import parsed
from tests.house.assembly import Assembly, Json, Template, listed, role_statements


@pytest.fixture
def staging(assembly: Assembly) -> Deployment:
    return assembly.platform.deployment(Environment.STAGING)


@pytest.fixture
def production(assembly: Assembly) -> Deployment:
    return assembly.platform.deployment(Environment.PRODUCTION)


@pytest.fixture
def model(assembly: Assembly) -> Model:
    return assembly.models[0]


@pytest.fixture
def operations(assembly: Assembly, staging: Deployment) -> Template:
    return assembly[staging.stack_name("operations")]


@pytest.fixture
def rules(operations: Template) -> dict[str, Json]:
    found = {rule["Properties"]["Name"]: rule["Properties"] for rule in operations.of_type("AWS::Events::Rule")}
    return {name.rpartition("-")[2]: rule for name, rule in found.items() if "-governor-" in name}


def test_only_staging_governs(assembly: Assembly, staging: Deployment) -> None:
    governing = [name for name, template in assembly.templates.items() if template.of_type("AWS::DynamoDB::Table")]
    assert governing == [staging.stack_name("operations")]


def test_decisions_are_encrypted_backed_up_and_kept(operations: Template) -> None:
    table = operations.only("AWS::DynamoDB::Table")
    properties = table["Properties"]
    assert (properties["SSESpecification"]["SSEType"], properties["DeletionProtectionEnabled"]) == ("KMS", True)
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    assert [(one["AttributeName"], one["KeyType"]) for one in properties["KeySchema"]] == [
        ("model", "HASH"),
        ("item", "RANGE"),
    ]


def test_drift_is_heard_on_the_platforms_bus_and_of_production_alone(
    rules: dict[str, Json], staging: Deployment, production: Deployment
) -> None:
    rule = rules["drift"]
    assert rule["EventBusName"] == staging.event_bus
    pattern = rule["EventPattern"]
    assert pattern["account"] == [production.account]
    assert pattern["detail"] == {
        "alarmName": [{"wildcard": f"{production.prefix}-*-drift"}],
        "state": {"value": ["ALARM"]},
    }


def test_the_alarm_of_a_model_has_a_name_that_is_heard(
    rules: dict[str, Json], production: Deployment, model: Model
) -> None:
    (wanted,) = rules["drift"]["EventPattern"]["detail"]["alarmName"]
    before, after = wanted["wildcard"].split("*")
    name = production.drift_alarm(model)
    assert name.startswith(before)
    assert name.endswith(after)


def test_a_request_is_heard_of_the_environments_own_account_alone(rules: dict[str, Json], staging: Deployment) -> None:
    pattern = rules["request"]["EventPattern"]
    assert (pattern["source"], pattern["account"]) == (["plumbline"], [staging.account])


def test_the_time_of_a_request_is_when_eventbridge_took_it_in(rules: dict[str, Json], staging: Deployment) -> None:
    """Whoever asks may say any time, and one far ahead would make everything after it stale."""
    (target,) = rules["request"]["Targets"]
    transformer = target["InputTransformer"]
    assert transformer["InputPathsMap"] == {"detail": "$.detail"}
    said = {"model": "flight_delays", "reason": 'a "reason"', "id": "1"}
    template = transformer["InputTemplate"]
    for name, value in (("aws.events.event.ingestion-time", "2026-11-28T12:00:00Z"), ("detail", said)):
        template = template.replace(f"<{name}>", json.dumps(value))
    assert json.loads(template) == {
        "source": "plumbline",
        "detail-type": "Retraining Requested",
        "account": staging.account,
        "time": "2026-11-28T12:00:00Z",
        "detail": said,
    }


@pytest.mark.parametrize("kind", ["drift", "dataset", "code", "run"])
def test_what_services_tell_is_told_as_it_is(rules: dict[str, Json], kind: str) -> None:
    (target,) = rules[kind]["Targets"]
    assert "InputTransformer" not in target


def test_it_reads_what_is_said_of_windows_and_writes_what_a_run_is_given(
    operations: Template, staging: Deployment
) -> None:
    granted = role_statements(operations.role(f"{staging.prefix}-retraining-governor"))
    data = f"arn:aws:s3:::{staging.data_bucket}"
    assert f"{data}/labelled/*/*/labelled.json" in granted["SeeDatasets"]["Resource"]
    assert granted["GiveWindows"]["Resource"] == [
        f"{data}/*/labelled/*/labelled.json",
        f"{data}/*/labelled/*/manifest.json",
    ]


@pytest.mark.parametrize("kind", ["dataset", "code", "run"])
def test_what_services_tell_is_heard_on_the_default_bus(rules: dict[str, Json], kind: str) -> None:
    assert "EventBusName" not in rules[kind]


def test_the_data_bucket_tells_of_datasets(assembly: Assembly, staging: Deployment) -> None:
    foundation = assembly[staging.stack_name("foundation")]
    (bucket,) = (
        one["Properties"]
        for one in foundation.of_type("AWS::S3::Bucket")
        if one["Properties"]["BucketName"] == staging.data_bucket
    )
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_no_signal_is_lost(rules: dict[str, Json]) -> None:
    for rule in rules.values():
        (target,) = rule["Targets"]
        assert target["DeadLetterConfig"]["Arn"]
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}


def test_it_starts_training_pipelines_of_the_environment_and_no_job(operations: Template, staging: Deployment) -> None:
    granted = role_statements(operations.role(f"{staging.prefix}-retraining-governor"))
    actions = {action for one in granted.values() for action in listed(one["Action"])}
    assert {action for action in actions if action.startswith("sagemaker:")} == {
        "sagemaker:DescribeModelPackage",
        "sagemaker:DescribePipelineExecution",
        "sagemaker:ListModelPackages",
        "sagemaker:ListPipelineExecutionSteps",
        "sagemaker:ListPipelineExecutions",
        "sagemaker:StartPipelineExecution",
    }
    assert granted["StartRuns"]["Resource"] == staging.arn("sagemaker", f"pipeline/{staging.prefix}-*")


def test_the_settings_of_a_model_are_what_the_governor_reads(
    assembly: Assembly, staging: Deployment, model: Model
) -> None:
    training = assembly[staging.stack_name("training", model)]
    (value,) = (
        one["Properties"]
        for one in training.of_type("AWS::SSM::Parameter")
        if one["Properties"]["Name"] == f"{staging.retraining_settings}/{model.name}"
    )
    settings = parsed(value["Value"], model=model.name)
    assert float(settings.cooldown_hours) == model.retraining.cooldown_hours
    assert set(settings.signals) == set(model.retraining.signals)
    assert settings.labelled_windows == model.retraining.labelled_windows == 12


def test_dev_has_no_settings_for_nobody_decides_there(assembly: Assembly, model: Model) -> None:
    dev = assembly.platform.deployment(Environment.DEV)
    assert not assembly[dev.stack_name("training", model)].of_type("AWS::SSM::Parameter")


def test_a_schedule_asks_the_governor(staging: Deployment, model: Model) -> None:
    stack = Stack(App(), "retraining")
    settings = Retraining(signals=["schedule"], every=Every.WEEK)
    RetrainingSettings(stack, "Retraining", deployment=staging, model=model, retraining=settings)
    template = Synthesized.from_stack(stack)
    template.has_resource_properties(
        "AWS::Events::Rule",
        {"Name": f"{staging.model_name(model)}-retrain", "ScheduleExpression": "cron(15 0 ? * MON *)"},
    )
    (rule,) = template.find_resources("AWS::Events::Rule").values()
    (target,) = rule["Properties"]["Targets"]
    assert target["Arn"] == staging.arn("lambda", f"function:{staging.prefix}-retraining-governor")

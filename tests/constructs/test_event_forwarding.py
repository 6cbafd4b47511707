"""What an account tells the central bus, under which role, and what becomes of what is not told."""

from typing import Any

import pytest

from plumbline.configuration import Deployment, Environment
from tests.house.assembly import Assembly, Json, Template, statements

_TELLING = [Environment.STAGING, Environment.PRODUCTION]


def _operations(assembly: Assembly, deployment: Deployment) -> Template:
    return assembly[deployment.stack_name("operations")]


def _rule(assembly: Assembly, deployment: Deployment) -> Json:
    found: list[Json] = [
        rule["Properties"]
        for rule in _operations(assembly, deployment).of_type("AWS::Events::Rule")
        if rule["Properties"]["Name"] == deployment.events_rule
    ]
    return found[0]


def _target(assembly: Assembly, deployment: Deployment) -> Json:
    targets: list[Json] = _rule(assembly, deployment)["Targets"]
    return targets[0]


def _role(assembly: Assembly, deployment: Deployment) -> Json:
    found: list[Json] = [
        role["Properties"]
        for role in _operations(assembly, deployment).of_type("AWS::IAM::Role")
        if role["Properties"]["RoleName"] == deployment.events_rule
    ]
    return found[0]


@pytest.mark.parametrize("environment", _TELLING)
def test_stagings_bus_is_told(assembly: Assembly, environment: Environment) -> None:
    deployment, staging = (assembly.platform.deployment(one) for one in (environment, Environment.STAGING))
    assert [target["Arn"] for target in _rule(assembly, deployment)["Targets"]] == [staging.event_bus_arn]


def test_dev_tells_nobody(assembly: Assembly) -> None:
    dev = assembly.platform.deployment(Environment.DEV)
    names = [rule["Properties"]["Name"] for rule in _operations(assembly, dev).of_type("AWS::Events::Rule")]
    assert dev.events_rule not in names


@pytest.mark.parametrize("environment", _TELLING)
def test_the_rule_is_one_of_the_default_bus_where_service_events_arrive(
    assembly: Assembly, environment: Environment
) -> None:
    assert "EventBusName" not in _rule(assembly, assembly.platform.deployment(environment))


@pytest.mark.parametrize("environment", _TELLING)
def test_only_what_belongs_to_the_environment_is_told(assembly: Assembly, environment: Environment) -> None:
    deployment = assembly.platform.deployment(environment)
    pattern = _rule(assembly, deployment)["EventPattern"]
    assert pattern["source"] == ["aws.cloudwatch", "aws.sagemaker"]
    assert pattern["resources"] == [
        {"prefix": deployment.arn("cloudwatch", f"alarm:{deployment.prefix}-")},
        {"prefix": deployment.arn("sagemaker", f"endpoint/{deployment.prefix}-")},
        {"prefix": deployment.arn("sagemaker", f"pipeline/{deployment.prefix}-")},
        {"prefix": deployment.arn("sagemaker", "processing-job/pipelines-")},
        {"prefix": deployment.arn("sagemaker", "training-job/pipelines-")},
        {"prefix": deployment.arn("sagemaker", "transform-job/pipelines-")},
    ]


@pytest.mark.parametrize("environment", _TELLING)
def test_the_role_puts_events_on_that_bus_and_does_nothing_else(assembly: Assembly, environment: Environment) -> None:
    deployment, staging = (assembly.platform.deployment(one) for one in (environment, Environment.STAGING))
    (policy,) = [
        policy["Properties"]["PolicyDocument"]
        for policy in _operations(assembly, deployment).of_type("AWS::IAM::ManagedPolicy")
        if policy["Properties"]["ManagedPolicyName"] == deployment.events_rule
    ]
    (statement,) = statements(policy)
    assert (statement["Action"], statement["Resource"]) == ("events:PutEvents", staging.event_bus_arn)


@pytest.mark.parametrize("environment", _TELLING)
def test_eventbridge_assumes_the_role_for_this_rule_only(assembly: Assembly, environment: Environment) -> None:
    deployment = assembly.platform.deployment(environment)
    (trust,) = statements(_role(assembly, deployment)["AssumeRolePolicyDocument"])
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": deployment.account},
        "ArnLike": {"aws:SourceArn": deployment.arn("events", f"rule/{deployment.events_rule}")},
    }


@pytest.mark.parametrize("environment", _TELLING)
def test_the_role_is_bounded(assembly: Assembly, environment: Environment) -> None:
    deployment = assembly.platform.deployment(environment)
    assert _role(assembly, deployment)["PermissionsBoundary"] == deployment.boundary_arn


@pytest.mark.parametrize("environment", _TELLING)
def test_what_is_not_delivered_within_a_day_is_kept(assembly: Assembly, environment: Environment) -> None:
    deployment = assembly.platform.deployment(environment)
    target = _target(assembly, deployment)
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86_400}
    assert target["DeadLetterConfig"] == {"Arn": deployment.arn("sqs", deployment.dead_letter_queue("events"))}


def _alarm(assembly: Assembly, deployment: Deployment, **members: Any) -> Json:
    found: list[Json] = [
        alarm["Properties"]
        for alarm in _operations(assembly, deployment).of_type("AWS::CloudWatch::Alarm")
        if members.items() <= alarm["Properties"].items()
    ]
    return found[0]


@pytest.mark.parametrize("environment", _TELLING)
def test_people_are_told_of_what_was_not_told(assembly: Assembly, environment: Environment) -> None:
    deployment = assembly.platform.deployment(environment)
    alarm = _alarm(assembly, deployment, Namespace="AWS/Events", MetricName="FailedInvocations")
    assert alarm["Dimensions"] == [{"Name": "RuleName", "Value": deployment.events_rule}]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert alarm["AlarmActions"] == [deployment.operations_topic_arn]


@pytest.mark.parametrize("environment", _TELLING)
def test_people_are_told_of_what_lies_in_the_queue(assembly: Assembly, environment: Environment) -> None:
    deployment = assembly.platform.deployment(environment)
    alarm = _alarm(assembly, deployment, Namespace="AWS/SQS", MetricName="ApproximateNumberOfMessagesVisible")
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": deployment.dead_letter_queue("events")}]
    assert alarm["AlarmActions"] == [deployment.operations_topic_arn]

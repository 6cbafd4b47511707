"""Alarms and dashboards that are refused, through the API and in a stack."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.cloudwatch.refusals import of_alarm, of_dashboard
from tests.plumbline.rehearsal.asking import OWNER
from tests.plumbline.rehearsal.stack import Stack

_ALARM = {
    "Namespace": "refused",
    "MetricName": "one",
    "Statistic": "Maximum",
    "Period": 86_400,
    "EvaluationPeriods": 7,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanThreshold",
}
_WEEK = (
    "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800) for alarms using "
    "period >= 3600"
)
_DAY = (
    "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400) for alarms using "
    "period < 3600"
)
_MATH = {
    "Metrics": [{"Id": "e", "Expression": "a + a", "ReturnData": True}],
    "Threshold": 1,
    "EvaluationPeriods": 1,
    "ComparisonOperator": "GreaterThanThreshold",
}


@pytest.mark.parametrize("members", [
    {},
    {"Period": 3_600, "EvaluationPeriods": 168},
    {"Period": 60, "EvaluationPeriods": 1_440},
    {"Period": 10, "EvaluationPeriods": 3, "DatapointsToAlarm": 2},
    {"Period": "300", "EvaluationPeriods": "2", "DatapointsToAlarm": None},
    {"TreatMissingData": "ignore"},
])  # fmt: skip
def test_an_alarm_within_the_limits_is_taken(members: dict[str, Any]) -> None:
    assert of_alarm(_ALARM | members) is None


@pytest.mark.parametrize(("members", "message"), [
    ({"EvaluationPeriods": 8}, _WEEK),
    ({"Period": 3_600, "EvaluationPeriods": 169}, _WEEK),
    ({"Period": 60, "EvaluationPeriods": 1_441}, _DAY),
    ({"DatapointsToAlarm": 8}, "DatapointsToAlarm must be less than or equal to EvaluationPeriods"),
    ({"Period": 90}, "Period must be 10, 20, 30 or a multiple of 60"),
    ({"Period": 0}, "Period must be 10, 20, 30 or a multiple of 60"),
    ({"EvaluationPeriods": 0}, "Member must have value greater than or equal to 1"),
    ({"TreatMissingData": "nothing"}, "TreatMissingData value nothing"),
    (_MATH, "evaluates no expressions and no anomaly detection"),
    ({"ThresholdMetricId": "band"}, "evaluates no expressions and no anomaly detection"),
    ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "evaluates no expressions and no anomaly detection"),
])  # fmt: skip
def test_an_alarm_beyond_a_limit_is_refused_as_aws_words_it(members: dict[str, Any], message: str) -> None:
    refused = of_alarm(_ALARM | members)
    assert refused is not None
    assert message in refused[1]


@pytest.mark.parametrize("body", ["", "{", "[]", '"text"', "{'widgets': []}"])
def test_a_dashboard_that_is_no_json_object_is_refused(body: str) -> None:
    assert of_dashboard(body) == ("InvalidParameterInput", "The field DashboardBody must be a valid JSON object")


@pytest.mark.rehearsal
@pytest.mark.parametrize(("alarm", "message"), [(_ALARM | {"EvaluationPeriods": 8}, _WEEK), (_MATH, "no expressions")])
def test_an_alarm_that_cannot_be_is_refused_by_the_api_and_fails_its_stack(
    cloud: Cloud, alarm: dict[str, Any], message: str, request: pytest.FixtureRequest
) -> None:
    client, name = cloud.administrator(OWNER).client("cloudwatch"), f"refused-{request.node.callspec.indices['alarm']}"
    with pytest.raises(ClientError) as refused:
        client.put_metric_alarm(AlarmName=name, **alarm)
    assert message in str(refused.value)
    assert client.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []
    stack = Stack(cloud, name)
    assert stack.create({"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm}}) == "ROLLBACK_COMPLETE"
    assert message in stack.reasons()


@pytest.mark.rehearsal
def test_a_dashboard_that_cannot_be_is_refused_by_the_api_and_fails_its_stack(cloud: Cloud) -> None:
    client = cloud.administrator(OWNER).client("cloudwatch")
    with pytest.raises(ClientError, match="must be a valid JSON object"):
        client.put_dashboard(DashboardName="refused", DashboardBody="{")
    client.put_dashboard(DashboardName="taken", DashboardBody='{"widgets": []}')
    stack, properties = Stack(cloud, "refused-dashboard"), {"DashboardBody": "{"}
    resources = {"Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": properties}}
    assert stack.create(resources) == "ROLLBACK_COMPLETE"
    assert "must be a valid JSON object" in stack.reasons()

"""When alarms change their state, and whom they tell."""

import itertools
import json
import time
from typing import Any

import pytest

from plumbline.rehearsal.cloud import Cloud
from tests.plumbline.rehearsal.asking import OWNER, REGION
from tests.plumbline.rehearsal.eventbridge.sending import LIMIT_SECONDS, Letters

pytestmark = pytest.mark.rehearsal

_numbers = itertools.count()


class Alarm:
    """An alarm on the greatest value of a metric of its own, above one; told of in a queue.

    Args:
        cloud: The cloud.
        members: Further members of the alarm.
    """

    def __init__(self, cloud: Cloud, **members: Any) -> None:
        self.client = cloud.administrator(OWNER).client("cloudwatch")
        self.name = f"alarm-{next(_numbers)}"
        self.arn = f"arn:aws:cloudwatch:{REGION}:{OWNER}:alarm:{self.name}"
        self.told = listen(cloud, self.arn)
        alarm = {
            "AlarmName": self.name,
            "AlarmDescription": "tried",
            "Namespace": "alarms",
            "MetricName": self.name,
            "Dimensions": [{"Name": "Model", "Value": "one"}],
            "Statistic": "Maximum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanThreshold",
        }
        self.client.put_metric_alarm(**alarm | members)

    def measure(self, *values: float, model: str = "one") -> None:
        """Publishes one value a period, the last in the present one."""
        now = time.time()
        self.client.put_metric_data(
            Namespace="alarms",
            MetricData=[
                {
                    "MetricName": self.name,
                    "Dimensions": [{"Name": "Model", "Value": model}],
                    "Timestamp": now - 30 - 60 * ago,
                    "Value": value,
                }
                for ago, value in enumerate(reversed(values))
            ],
        )

    @property
    def state(self) -> str:
        found = self.client.describe_alarms(AlarmNames=[self.name])["MetricAlarms"]
        return str(found[0]["StateValue"])


def listen(cloud: Cloud, alarm_arn: str) -> Letters:
    """A queue that gets the events of an alarm's changes from the account's default bus."""
    queue, events = Letters(cloud), cloud.administrator(OWNER).client("events")
    rule = f"changes-{next(_numbers)}"
    pattern = {"detail-type": ["CloudWatch Alarm State Change"], "resources": [alarm_arn]}
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "one", "Arn": queue.arn}])
    return queue


def _bodies(queue: Letters) -> list[Any]:
    return [json.loads(letter["body"]) for letter in queue.read()]


def test_an_alarm_that_changes_is_an_event_as_cloudwatch_documents_it(cloud: Cloud) -> None:
    alarm = Alarm(cloud)
    alarm.measure(3)
    (event,) = _bodies(alarm.told)
    assert (event["source"], event["resources"]) == ("aws.cloudwatch", [alarm.arn])
    detail = event["detail"]
    assert (detail["alarmName"], detail["configuration"]["description"]) == (alarm.name, "tried")
    (metric,) = detail["configuration"]["metrics"]
    assert metric["returnData"] is True
    assert metric["metricStat"] == {
        "metric": {"namespace": "alarms", "name": alarm.name, "dimensions": {"Model": "one"}},
        "period": 60,
        "stat": "Maximum",
    }
    assert (detail["previousState"]["value"], detail["state"]["value"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert detail["state"]["reason"] == (
        "Threshold Crossed: 1 out of the last 1 datapoints [3.0] was greater than the threshold (1.0) "
        "(minimum 1 datapoint for INSUFFICIENT_DATA -> ALARM transition)."
    )
    assert json.loads(detail["state"]["reasonData"])["recentDatapoints"] == [3.0]


def test_the_next_event_says_from_which_state(cloud: Cloud) -> None:
    alarm = Alarm(cloud)
    for state in ("ALARM", "OK"):
        alarm.client.set_alarm_state(AlarmName=alarm.name, StateValue=state, StateReason=f"said {state}")
    last = _bodies(alarm.told)[-1]["detail"]
    assert (last["previousState"]["value"], last["previousState"]["reason"]) == ("ALARM", "said ALARM")
    assert (last["state"]["value"], last["state"]["reason"]) == ("OK", "said OK")


def test_an_alarm_that_stays_in_its_state_is_no_event(cloud: Cloud) -> None:
    alarm = Alarm(cloud)
    for _ in range(2):
        alarm.measure(3)
    assert len(_bodies(alarm.told)) == 1


def test_an_alarm_without_actions_is_an_event_all_the_same(cloud: Cloud) -> None:
    alarm = Alarm(cloud, ActionsEnabled=False)
    alarm.measure(3)
    assert len(_bodies(alarm.told)) == 1


def test_a_composite_alarm_that_changes_is_an_event_with_its_rule(cloud: Cloud) -> None:
    alarm, name = Alarm(cloud), f"composite-{next(_numbers)}"
    arn = f"arn:aws:cloudwatch:{REGION}:{OWNER}:alarm:{name}"
    told, rule = listen(cloud, arn), f"ALARM({alarm.name})"
    alarm.client.put_composite_alarm(AlarmName=name, AlarmRule=rule)
    alarm.measure(3)
    detail = _bodies(told)[-1]["detail"]
    assert (detail["configuration"]["alarmRule"], detail["state"]["value"]) == (rule, "ALARM")
    triggering = json.loads(detail["state"]["reasonData"])["triggeringAlarms"]
    assert [(one["arn"], one["state"]["value"]) for one in triggering] == [(alarm.arn, "ALARM")]


def test_an_alarm_sees_its_own_dimensions_only(cloud: Cloud) -> None:
    alarm = Alarm(cloud)
    alarm.measure(3, model="another")
    assert alarm.state == "INSUFFICIENT_DATA"


@pytest.mark.parametrize(("values", "state"), [((3, 0, 3), "ALARM"), ((3, 0, 0), "OK"), ((0, 3, 3), "ALARM")])
def test_an_alarm_wants_so_many_of_its_periods_to_breach(cloud: Cloud, values: tuple[float, ...], state: str) -> None:
    alarm = Alarm(cloud, EvaluationPeriods=3, DatapointsToAlarm=2)
    alarm.measure(*values)
    assert alarm.state == state


@pytest.mark.parametrize(("treatment", "state"), [
    ("breaching", "ALARM"),
    ("notBreaching", "OK"),
    ("missing", "OK"),
])  # fmt: skip
def test_an_alarm_treats_missing_periods_as_it_says(cloud: Cloud, treatment: str, state: str) -> None:
    alarm = Alarm(cloud, EvaluationPeriods=3, DatapointsToAlarm=2, TreatMissingData=treatment)
    alarm.measure(0)
    assert alarm.state == state


def test_an_alarm_sees_how_many_messages_wait_in_a_queue(cloud: Cloud) -> None:
    queue = Letters(cloud)
    name = queue.arn.rpartition(":")[2]
    alarm = Alarm(
        cloud,
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": name}],
        Threshold=0,
    )
    sqs = cloud.administrator(OWNER).client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"], MessageBody="one")
    deadline = time.monotonic() + LIMIT_SECONDS
    while alarm.state != "ALARM":
        assert time.monotonic() < deadline, "the alarm does not go off"
        time.sleep(0.05)

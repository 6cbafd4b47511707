"""What tells people, and staging, that they are needed, tried for real: an alarm, and the use of break-glass."""

import dataclasses
import time

from plumbline.configuration import Deployment, Person
from plumbline.errors import PlumblineError
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.hearing import listen, subscribe
from plumbline.rehearsal.people import People

_LIMIT_SECONDS = 20.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Alerts:
    """What reached the operations topic of an environment, and the central bus.

    Attributes:
        topic: The topic.
        bus: The bus that heard of the alarm.
        alarm: The alarm that was raised.
        break_glass: The role whose use was told.
    """

    topic: str
    bus: str
    alarm: str
    break_glass: str


def try_alerts(*, cloud: Cloud, people: People, deployment: Deployment, told: Deployment) -> Alerts:
    """Raises an alarm and takes the break-glass role, and waits until a subscriber of the topic is told of both.

    Of the alarm the bus of another environment is told as well.

    Args:
        cloud: The cloud.
        people: Its people.
        deployment: The environment.
        told: The environment whose bus hears of the alarm.

    Raises:
        PlumblineError: One of the two is not told: the topic's policy or its key's lets it not, or no rule sees it; or
            the bus is not.
    """
    listener = listen(cloud=cloud, deployment=told, account=deployment.account)
    queue = subscribe(cloud=cloud, deployment=deployment)
    alarm = f"{deployment.prefix}-tried"
    cloudwatch = cloud.administrator(deployment.account).client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=alarm,
        Namespace="Plumbline/Tried",
        MetricName="tried",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        AlarmActions=[deployment.operations_topic_arn],
    )
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="tried")
    role = deployment.person_role_arn(Person.BREAK_GLASS)
    people.take(Person.BREAK_GLASS, deployment)
    _wait(cloud, deployment, queue, {alarm: "the alarm", role: "the use of break-glass"})
    listener.wait(alarm, what=f"the alarm {alarm} of {deployment.account}")
    listener.stop()
    cloudwatch.delete_alarms(AlarmNames=[alarm])
    return Alerts(topic=deployment.operations_topic, bus=told.event_bus, alarm=alarm, break_glass=role)


def _wait(cloud: Cloud, deployment: Deployment, queue: str, wanted: dict[str, str]) -> None:
    sqs = cloud.administrator(deployment.account).client("sqs")
    missing = dict(wanted)
    deadline = time.monotonic() + _LIMIT_SECONDS
    while missing and time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", []):
            for text in [text for text in missing if text in message["Body"]]:
                del missing[text]
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    if missing:
        what = " and ".join(missing.values())
        raise PlumblineError(f"{what} did not reach {deployment.operations_topic} in {deployment.account}", exit_code=1)

"""What arrives on the bus of an environment, and what its operations topic says, overheard."""

import dataclasses
import json
import time
from collections.abc import Mapping

from plumbline.configuration import Deployment
from plumbline.errors import PlumblineError
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Client

_LIMIT_SECONDS = 20.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listener:
    """A queue that gets a copy of what arrives on a bus.

    Attributes:
        bus: The bus.
        url: The queue.
        rule: The rule that fills it.
        sqs: The client of the bus's account.
        events: Another one.
    """

    bus: str
    url: str
    rule: str
    sqs: Client
    events: Client

    def wait(self, text: str, *, what: str) -> Mapping[str, object]:
        """The first event that holds a text; see ``until``."""
        return self.until(text, what=what)[-1]

    def until(self, text: str, *, what: str) -> list[Mapping[str, object]]:
        """All events that arrive until one holds a text, which is the last of them.

        Args:
            text: Such as a resource's name.
            what: What is waited for, for people.

        Raises:
            PlumblineError: None arrives: the bus's policy, its key's, or the sender's role lets it not.
        """
        heard: list[Mapping[str, object]] = []
        deadline = time.monotonic() + _LIMIT_SECONDS
        while time.monotonic() < deadline:
            for message in self.sqs.receive_message(QueueUrl=self.url, WaitTimeSeconds=1).get("Messages", []):
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                heard.append(json.loads(message["Body"]))
                if text in message["Body"]:
                    return heard
        raise PlumblineError(f"{what} did not arrive on the bus {self.bus}", exit_code=1)

    def stop(self) -> None:
        """Takes away what listened."""
        self.events.remove_targets(Rule=self.rule, EventBusName=self.bus, Ids=["listener"])
        self.events.delete_rule(Name=self.rule, EventBusName=self.bus)
        self.sqs.delete_queue(QueueUrl=self.url)


def listen(*, cloud: Cloud, deployment: Deployment, account: str) -> Listener:
    """Listens to the platform's bus of an environment.

    Args:
        cloud: The cloud.
        deployment: Whose bus it is.
        account: Whose events are wanted.
    """
    administrator = cloud.administrator(deployment.account)
    sqs, events = administrator.client("sqs"), administrator.client("events")
    name = f"{deployment.prefix}-listener"
    rule = events.put_rule(
        Name=name, EventBusName=deployment.event_bus, EventPattern=json.dumps({"account": [account]})
    )["RuleArn"]
    queue = deployment.arn("sqs", name)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    url = str(sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"])
    events.put_targets(Rule=name, EventBusName=deployment.event_bus, Targets=[{"Id": "listener", "Arn": queue}])
    return Listener(bus=deployment.event_bus, url=url, rule=name, sqs=sqs, events=events)


def subscribe(*, cloud: Cloud, deployment: Deployment) -> str:
    """A queue that is told what the operations topic of an environment says.

    Args:
        cloud: The cloud.
        deployment: The environment.

    Returns:
        The queue's URL.
    """
    administrator = cloud.administrator(deployment.account)
    sqs = administrator.client("sqs")
    url = str(sqs.create_queue(QueueName=f"{deployment.prefix}-subscriber")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": deployment.operations_topic_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    administrator.client("sns").subscribe(
        TopicArn=deployment.operations_topic_arn,
        Protocol="sqs",
        Endpoint=arn,
        Attributes={"RawMessageDelivery": "true"},
    )
    return url

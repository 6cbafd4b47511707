"""Calls functions with what lies in the queue of failed events.

A function of the platform does the same event's work once, however often it is called with it, so what was called is
deleted afterwards and never before: whatever fails in between leaves a message that is called with again.

Sources: SQS developer guide, "Amazon SQS visibility timeout"; Lambda API reference, Invoke.
"""

import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

import botocore.exceptions

from plumbline.accounts.access import Client
from plumbline.accounts.refusals import sentence
from plumbline.configuration import Deployment
from plumbline.errors import PlumblineError
from plumbline.replaying.letters import Letter, letter

Document = dict[str, Any]

# "Quotas", Lambda developer guide: no function runs for longer, so no message is seen again before its call has ended.
CALL_SECONDS = 900
# So short that whoever has looked finds the same messages when going through them.
_LOOK_SECONDS = 10
_WAIT_SECONDS = 2  # more than none, so that all of the queue's servers are asked
_FAILURES = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Replayed:
    """What became of a message.

    Attributes:
        sent: When the queue got it, in ISO 8601.
        rule: Name of the rule that could not deliver; empty when the function has failed.
        target: Name of the function that it is for, or what else; empty when nobody says it.
        error: What failed then.
        done: Whether the function has done it now, and the message is gone.
        said: What the function has said, or why it was not done.
    """

    sent: str
    rule: str
    target: str
    error: str
    done: bool
    said: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clients:
    """What is asked.

    Attributes:
        sqs: `sqs:ReceiveMessage` and `sqs:DeleteMessage` on the queue, and its key through SQS.
        events: `events:ListTargetsByRule` on rules that make something of events.
        functions: `lambda:InvokeFunction`; waits for `CALL_SECONDS` and asks once.
    """

    sqs: Client
    events: Client
    functions: Client


def replay(clients: Clients, *, deployment: Deployment, dry: bool, tell: Callable[[Replayed], None]) -> list[Replayed]:
    """Goes through the queue once.

    Args:
        clients: Clients of the environment's account.
        deployment: The environment.
        dry: Whether nothing is called and nothing deleted.
        tell: Called with each message as soon as it is through.

    Returns:
        What became of each message, in the order of the queue.

    Raises:
        PlumblineError: The queue cannot be read.
    """
    found = []
    for one in _letters(clients.sqs, deployment, dry=dry):
        done, said = _looked_at(clients, one, deployment) if dry else _called(clients, one, deployment)
        became = Replayed(
            sent=one.sent.isoformat(timespec="seconds"),
            rule=one.rule.rpartition("/")[2],
            target=one.target.partition(":function:")[2] or one.target,
            error=one.error,
            done=done,
            said=said,
        )
        tell(became)
        found.append(became)
    return found


def _letters(sqs: Client, deployment: Deployment, *, dry: bool) -> Iterator[Letter]:
    """Each message once; one at a time when it is called with, for the time of a call."""
    seen: set[str] = set()
    while True:
        try:
            messages = sqs.receive_message(
                QueueUrl=_url(sqs, deployment),
                MaxNumberOfMessages=10 if dry else 1,
                WaitTimeSeconds=_WAIT_SECONDS,
                VisibilityTimeout=_LOOK_SECONDS if dry else CALL_SECONDS,
                MessageSystemAttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
        except _FAILURES as error:
            queue = deployment.dead_letter_queue("events")
            said = sentence(error, region=deployment.region)
            raise PlumblineError(f"the queue {queue} cannot be read: {said}", exit_code=1) from error
        new = [message for message in messages if message["MessageId"] not in seen]
        if not new:
            return
        seen |= {message["MessageId"] for message in new}
        for message in new:
            yield letter(message, deployment)


def _looked_at(clients: Clients, one: Letter, deployment: Deployment) -> tuple[bool, str]:
    try:
        name, _ = one.call(deployment, lambda bus, rule: _targets(clients.events, bus, rule))
    except (ValueError, *_FAILURES) as error:
        return False, f"stays: {_why(error, deployment)}"
    return False, f"would call {name}"


def _called(clients: Clients, one: Letter, deployment: Deployment) -> tuple[bool, str]:
    try:
        name, call = one.call(deployment, lambda bus, rule: _targets(clients.events, bus, rule))
        answer = clients.functions.invoke(
            FunctionName=name, InvocationType="RequestResponse", Payload=json.dumps(call).encode()
        )
        said = _parsed(answer["Payload"].read())
        if answer.get("FunctionError"):
            return False, f"stays: {said.get('errorMessage') or answer['FunctionError']}"
        clients.sqs.delete_message(QueueUrl=_url(clients.sqs, deployment), ReceiptHandle=one.receipt)
    except (ValueError, *_FAILURES) as error:
        return False, f"stays: {_why(error, deployment)}"
    return True, str(said.get("said") or "done")


def _targets(events: Client, bus: str, rule: str) -> list[Document]:
    found: list[Document] = events.list_targets_by_rule(Rule=rule, EventBusName=bus)["Targets"]
    return found


def _parsed(payload: bytes) -> Document:
    try:
        said = json.loads(payload)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _why(error: Exception, deployment: Deployment) -> str:
    if isinstance(error, _FAILURES):
        return sentence(error, region=deployment.region)
    return str(error)


def _url(sqs: Client, deployment: Deployment) -> str:
    """The queue's address, which follows from its name: it need not be asked for."""
    return f"{sqs.meta.endpoint_url}/{deployment.account}/{deployment.dead_letter_queue('events')}"

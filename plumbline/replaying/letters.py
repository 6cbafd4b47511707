"""Messages of the queue of failed events: what each is of, what failed, and which function it is for.

| who sent it | the body | the attributes |
|---|---|---|
| EventBridge: it could not deliver | the event as it was | RULE_ARN, TARGET_ARN, ERROR_CODE, ERROR_MESSAGE |
| Lambda: its function has failed | what that was called with | RequestID, ErrorCode, ErrorMessage |
| Lambda, as a record of a destination | `requestContext`, `requestPayload`, `responsePayload` | |

Sources: EventBridge user guide, "Using dead-letter queues to process undelivered events"; Lambda developer guide,
"Capturing records of Lambda asynchronous invocations".
"""

import dataclasses
import datetime
import json
from collections.abc import Callable, Mapping
from typing import Any

from plumbline.configuration import Deployment
from plumbline.replaying.inputs import function_of, is_event, told

Document = dict[str, Any]
Targets = Callable[[str, str], list[Document]]
_LONGEST = 300


@dataclasses.dataclass(frozen=True, kw_only=True)
class Letter:
    """A message.

    Attributes:
        id: Its id.
        receipt: By which it is deleted.
        sent: When the queue got it.
        rule: The rule that could not deliver; empty when the function has failed.
        target: The function that it is for, or what else; empty when nobody says it.
        error: What failed.
        body: What it says.
    """

    id: str
    receipt: str
    sent: datetime.datetime
    rule: str
    target: str
    error: str
    body: object

    def call(self, deployment: Deployment, targets: Targets) -> tuple[str, Document]:
        """The function that it is for, and what that is called with.

        Args:
            deployment: Whose functions they are.
            targets: The targets of a rule, by its bus and name.

        Raises:
            ValueError: There is no such function, or it cannot be said with what.
        """
        prefix = deployment.arn("lambda", f"function:{deployment.prefix}-")
        if not self.target:
            raise ValueError("no function of the environment is called with it")
        if not self.target.startswith(prefix):
            raise ValueError(f"its target {self.target} is no function of {deployment.prefix}")
        if not isinstance(self.body, dict):
            raise ValueError("its body is no JSON object")
        name = self.target.rpartition(":")[2]
        if not self.rule or not is_event(self.body):
            return name, self.body
        bus, _, rule = self.rule.partition(":rule/")[2].rpartition("/")
        given = [one for one in targets(bus or "default", rule) if one["Arn"] == self.target]
        if not given:
            raise ValueError(f"the rule {rule} has no such target any more")
        return name, told(given[0], self.body, rule_arn=self.rule, taken_in=self.sent)


def letter(message: Mapping[str, Any], deployment: Deployment) -> Letter:
    """Reads a message, whatever it holds.

    Args:
        message: As SQS hands it over, with all its attributes.
        deployment: The environment.
    """
    said = {name: one.get("StringValue", "") for name, one in message.get("MessageAttributes", {}).items()}
    body = _parsed(message["Body"])
    call: object = body
    target, error = said.get("TARGET_ARN", ""), _joined(said.get("ERROR_CODE"), said.get("ERROR_MESSAGE"))
    if not target:
        error = _joined(said.get("ErrorCode"), said.get("ErrorMessage"))
        if isinstance(body, dict) and {"requestContext", "requestPayload"} <= body.keys():
            call, target = body["requestPayload"], _function_in(body["requestContext"])
            error = _reason(body.get("responsePayload"))
        elif isinstance(body, dict) and (name := function_of(body)):
            target = deployment.arn("lambda", f"function:{deployment.function_name(name)}")
    return Letter(
        id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        sent=datetime.datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1_000, datetime.UTC),
        rule=said.get("RULE_ARN", ""),
        target=target,
        error=error,
        body=call,
    )


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _function_in(context: object) -> str:
    arn = str(context.get("functionArn", "")) if isinstance(context, Mapping) else ""
    # A record names the version as well, e.g. `:$LATEST`.
    return ":".join(arn.split(":")[:7])


def _reason(payload: object) -> str:
    return _joined(payload.get("errorType"), payload.get("errorMessage")) if isinstance(payload, Mapping) else ""


def _joined(*parts: object) -> str:
    return " ".join(": ".join(str(part) for part in parts if part).split())[:_LONGEST]

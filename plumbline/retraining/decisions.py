"""What the governor has decided on a model, as its table keeps it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import botocore.exceptions
from boto3.dynamodb.types import TypeDeserializer

from plumbline.accounts.access import Client
from plumbline.accounts.refusals import sentence
from plumbline.configuration import Deployment, Model
from plumbline.errors import PlumblineError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """A decision on a signal.

    Attributes:
        time: When the signal was given, in ISO 8601.
        kind: What it came from: `drift`, `schedule`, `data`, `person` or `code`.
        verdict: `started`, `refused` or `failed to start`.
        brake: What held the run back; empty if nothing did.
        why: It in a sentence, or why the run could not be started.
        reason: Why the signal was given.
        dataset: What the run trains on, or would have; empty when it did not come to that.
        labelled: Id of the labelled windows that it trains on as well; empty without any.
        windows: How many they are.
        newest_window: The newest of them; empty without any.
        left_out: The labelled windows that were left out, each with its sentence; empty when none was.
        execution: ARN of the run; empty when none was started, or it is not known yet.
    """

    time: str
    kind: str
    verdict: str
    brake: str
    why: str
    reason: str
    dataset: str
    labelled: str
    windows: int
    newest_window: str
    left_out: str
    execution: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standing:
    """How a model stands.

    Attributes:
        in_flight: ARN of the run that is in flight, or the id of the signal that has started it; empty without one.
        failures: How many of its runs have failed in a row.
        stopped: Since when it is trained no more until a person resumes it, in ISO 8601; empty if it is not stopped.
        decisions: The last decisions, the newest first.
    """

    in_flight: str
    failures: int
    stopped: str
    decisions: tuple[Decision, ...]


def standing(dynamodb: Client, *, deployment: Deployment, model: Model, most: int) -> Standing:
    """Reads how a model stands.

    Args:
        dynamodb: A client of DynamoDB; `dynamodb:Query` is all that it needs.
        deployment: The environment that governs.
        model: The model.
        most: The most decisions that are wanted.

    Raises:
        PlumblineError: The table is not there, or the caller may not read it.
    """
    try:
        states = _items(dynamodb, deployment, model, "state", 1)
        decisions = _items(dynamodb, deployment, model, "decision#", most)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        said = sentence(error, region=deployment.region)
        raise PlumblineError(f"the decisions on {model.name} cannot be read: {said}", exit_code=1) from error
    state = states[0] if states else {}
    flight = state.get("in_flight") or {}
    return Standing(
        in_flight=str(flight.get("execution") or flight.get("signal") or ""),
        failures=int(state.get("failures", 0)),
        stopped=str(state.get("stopped") or ""),
        decisions=tuple(_decision(one) for one in decisions),
    )


def _items(dynamodb: Client, deployment: Deployment, model: Model, begins: str, most: int) -> list[dict[str, Any]]:
    found = dynamodb.query(
        TableName=deployment.retraining_table,
        KeyConditionExpression="#model = :model AND begins_with(#item, :begins)",
        ExpressionAttributeNames={"#model": "model", "#item": "item"},
        ExpressionAttributeValues={":model": {"S": model.name}, ":begins": {"S": begins}},
        ScanIndexForward=False,
        Limit=most,
        ConsistentRead=True,
    )["Items"]
    read = TypeDeserializer().deserialize
    return [{name: read(value) for name, value in item.items()} for item in found]


def _decision(item: Mapping[str, Any]) -> Decision:
    texts = [field.name for field in dataclasses.fields(Decision) if field.name != "windows"]
    return Decision(windows=int(item.get("windows") or 0), **{name: str(item.get(name) or "") for name in texts})

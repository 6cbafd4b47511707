"""What is kept of models, signals, decisions and ends of runs.

| `model` (partition key) | `item` (sort key) | what it is |
|---|---|---|
| model | `state` | what is known of the model; `revision` counts how often it was written |
| model | `signal#<signal id>` | a signal that was decided on, with the key of its decision |
| model | `decision#<time>#<hash>` | a decision; the time is the signal's, in UTC, so that they sort by it |
| model | `end#<execution id>` | the end of a run |

Whatever is written of a model is written in one transaction with its state, on condition that the state is still the
one that was read. So all that is read of a model after its state is as it was then, or nothing is written.

Source: DynamoDB API reference, TransactWriteItems.
"""

import dataclasses
import hashlib
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from brakes import Brake, Flight, State
from role import code_of
from signals import End, Kind

Document = dict[str, Any]

# Reasons of a cancellation that another attempt may not meet; `None` is that of a member that was all right.
_PASSING = {
    "None",
    "ConditionalCheckFailed",
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
}


class ConflictError(Exception):
    """Somebody else has written of the model in the meantime."""


class Verdict(StrEnum):
    """What became of a signal."""

    STARTED = "started"
    REFUSED = "refused"
    FAILED = "failed to start"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """A decision on a signal, with all that its run is started with, so that it can be started again.

    One that was refused because nothing has changed says of what the run would have been made.

    Attributes:
        model: The model.
        signal: The signal's id.
        kind: The signal's kind.
        time: The signal's time.
        reason: The signal's reason.
        verdict: What became of it.
        brake: What held the run back; None if nothing did.
        why: What held it back, or why it could not be started, in a sentence.
        dataset: The dataset that it trains on.
        dataset_version: The S3 version of the dataset's `dataset.json`.
        commit: The commit that was delivered.
        champion: The artifact that it has to beat; empty when there is none.
        baselines: Where the champion's baselines are; empty when there is none.
        labelled: Id of the labelled windows that it trains on; empty without any.
        windows: How many they are.
        newest_window: The newest of them; empty without any.
        left_out: The windows that were left out, each with its sentence; empty when none was.
        execution: The execution's ARN; empty until it is known.
    """

    model: str
    signal: str
    kind: Kind
    time: datetime
    reason: str
    verdict: Verdict
    brake: Brake | None = None
    why: str = ""
    dataset: str = ""
    dataset_version: str = ""
    commit: str = ""
    champion: str = ""
    baselines: str = ""
    labelled: str = ""
    windows: int = 0
    newest_window: str = ""
    left_out: str = ""
    execution: str = ""

    @property
    def digest(self) -> str:
        """What stands for the signal in names and request tokens, in hexadecimal digits."""
        return hashlib.sha256(f"{self.model}\n{self.signal}".encode()).hexdigest()

    @property
    def made_of(self) -> tuple[str, ...]:
        """What decides what the run comes to."""
        return self.dataset, self.dataset_version, self.labelled, self.commit, self.champion

    @property
    def key(self) -> str:
        """The sort key of its record."""
        return f"decision#{_written(self.time)}#{self.digest[:16]}"


class Table:
    """The table.

    Args:
        name: Its name.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._client = boto3.client("dynamodb")
        self._serialize = TypeSerializer().serialize
        self._deserialize = TypeDeserializer().deserialize

    def state(self, model: str) -> State:
        """What is known of a model; read it before anything else of the model."""
        found = self._read(model, "state")
        if found is None:
            return State()
        flight, landed = found["in_flight"], found.get("landed")
        return State(
            revision=int(found["revision"]),
            flight=Flight(**flight) if flight else None,
            landed=Flight(**landed) if landed else None,
            starts=tuple(map(datetime.fromisoformat, found["starts"])),
            failures=int(found["failures"]),
            stopped=datetime.fromisoformat(found["stopped"]) if found["stopped"] else None,
            told=found["told"],
            known=found.get("known", ""),
        )

    def decision(self, model: str, signal: str) -> Decision | None:
        """The decision on a signal, by its id."""
        handled = self._read(model, _signal_key(signal))
        found = self._read(model, handled["decision"]) if handled else None
        if found is None:
            return None
        del found["item"]
        return Decision(
            **found
            | {
                "kind": Kind(found["kind"]),
                "verdict": Verdict(found["verdict"]),
                "time": datetime.fromisoformat(found["time"]),
                "brake": Brake(found["brake"]) if found["brake"] else None,
                "windows": int(found.get("windows", 0)),
            }
        )

    def end(self, model: str, execution: str) -> End | None:
        """The end of a run, by the execution's ARN."""
        found = self._read(model, _end_key(execution))
        if found is None:
            return None
        time = datetime.fromisoformat(found["time"])
        judged = found.get("judged", False)
        return End(model=model, execution=execution, status=found["status"], time=time, judged=judged)

    def write(
        self,
        model: str,
        *,
        read: State,
        state: State,
        decided: Decision | None = None,
        amended: Decision | None = None,
        end: End | None = None,
    ) -> None:
        """Writes all of it, or nothing.

        Args:
            model: The model.
            read: Its state, as it was read.
            state: Its state from now on.
            decided: The decision on a signal that was not decided on.
            amended: A decision that is there already, as it is from now on.
            end: The end of a run, which takes the place of one that says less.

        Raises:
            ConflictError: Somebody else has written of the model since it was read.
            ClientError: AWS refused or failed.
        """
        puts = [self._state_put(model, read, state)]
        if decided is not None:
            handled = {"model": model, "item": _signal_key(decided.signal), "decision": decided.key}
            puts += [self._new(handled), self._new(_described(decided))]
        if amended is not None:
            puts.append(self._put(_described(amended)))
        if end is not None:
            told = {"execution": end.execution, "status": end.status, "time": _written(end.time), "judged": end.judged}
            puts.append(self._put({"model": model, "item": _end_key(end.execution)} | told))
        try:
            self._client.transact_write_items(TransactItems=puts)
        except ClientError as error:
            if code_of(error) == "TransactionInProgressException" or _passes(error):
                raise ConflictError(f"{model} is being decided on by somebody else") from error
            raise

    def _read(self, model: str, item: str) -> Document | None:
        key = {"model": {"S": model}, "item": {"S": item}}
        found = self._client.get_item(TableName=self._name, Key=key, ConsistentRead=True).get("Item")
        return {name: self._deserialize(value) for name, value in found.items()} if found else None

    def _state_put(self, model: str, read: State, state: State) -> Document:
        put = self._put(
            {
                "model": model,
                "item": "state",
                "revision": read.revision + 1,
                "in_flight": dataclasses.asdict(state.flight) if state.flight else None,
                "landed": dataclasses.asdict(state.landed) if state.landed else None,
                "starts": list(map(_written, state.starts)),
                "failures": state.failures,
                "stopped": _written(state.stopped) if state.stopped else None,
                "told": state.told,
                "known": state.known,
            }
        )
        if not read.revision:
            return _if_new(put)
        condition = {
            "ConditionExpression": "#revision = :read",
            "ExpressionAttributeNames": {"#revision": "revision"},
            "ExpressionAttributeValues": {":read": {"N": str(read.revision)}},
        }
        return {"Put": put["Put"] | condition}

    def _put(self, item: Document) -> Document:
        serialized = {name: self._serialize(value) for name, value in item.items()}
        return {"Put": {"TableName": self._name, "Item": serialized}}

    def _new(self, item: Document) -> Document:
        return _if_new(self._put(item))


def _if_new(put: Document) -> Document:
    condition = {"ConditionExpression": "attribute_not_exists(#item)", "ExpressionAttributeNames": {"#item": "item"}}
    return {"Put": put["Put"] | condition}


def _described(decision: Decision) -> Document:
    said = dataclasses.asdict(decision) | {"item": decision.key, "time": _written(decision.time)}
    texts = {"kind": str(decision.kind), "verdict": str(decision.verdict)}
    return said | texts | {"brake": str(decision.brake) if decision.brake else None}


def _passes(error: ClientError) -> bool:
    reasons = error.response.get("CancellationReasons", [])
    return code_of(error) == "TransactionCanceledException" and {reason["Code"] for reason in reasons} <= _PASSING


def _signal_key(signal: str) -> str:
    return f"signal#{signal}"


def _end_key(execution: str) -> str:
    return f"end#{execution.rpartition('/')[2]}"


def _written(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")

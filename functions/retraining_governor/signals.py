"""What an event says: that a model may need to be trained anew, or that a training run has ended.

Sources: CloudWatch user guide, "Alarm events and EventBridge"; EventBridge user guide, "Creating a rule that runs on a
schedule"; S3 user guide, "Amazon S3 events in EventBridge"; Systems Manager user guide, "Amazon EventBridge event
examples for Systems Manager"; SageMaker developer guide, "Events that Amazon SageMaker AI sends to Amazon EventBridge".

What is not about a model of ours is passed over, whoever sent it. What is, but lacks something, is refused: it is kept
and looked at by a person, for it would be lost otherwise.
"""

import dataclasses
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from refusal import RefusedError

Document = dict[str, Any]

NOT_GIVEN = "not given"
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_SLUG = r"(?P<slug>[a-z][a-z0-9]*(?:-[a-z0-9]+)*)"
_DATASET = r"(?P<model>[a-z][a-z0-9_]*)/datasets/(?P<dataset>[A-Za-z0-9][A-Za-z0-9._-]{0,127})/dataset\.json"
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@+=-]{0,127}")
_REQUEST = {"model", "reason", "id", "resume"}
_ENDED = {"Succeeded", "Failed", "Stopped"}
# A sort key has at most 1,024 bytes (DynamoDB developer guide, "Quotas"), and an id is part of one.
_ID_BYTES = 900
_YEARS = range(2000, 3000)
# What a record keeps of a reason.
_REASON = 1_000


class Kind(StrEnum):
    """What a signal comes from; a run's parameter `Trigger` takes the same words."""

    DRIFT = "drift"
    SCHEDULE = "schedule"
    DATA = "data"
    PERSON = "person"
    CODE = "code"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is ours.

    Attributes:
        account: The account of the pipelines.
        prefix: What begins their names, before a hyphen and the model's slug.
        production_account: The account of the alarms.
        production_prefix: What begins their names.
        data_bucket: The bucket of datasets.
        commit_parameter: The SSM parameter that says which commit was delivered.
    """

    account: str
    prefix: str
    production_account: str
    production_prefix: str
    data_bucket: str
    commit_parameter: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Signal:
    """A reason to train a model anew.

    Attributes:
        model: The model's name.
        kind: What it comes from.
        id: The same for the same signal, however often it is delivered.
        time: When it was given, by the event's own word.
        reason: Why, for a person.
        dataset: The dataset that has come; empty when it is about none.
        resume: Whether a person says that a model which was stopped goes on.
    """

    model: str
    kind: Kind
    id: str
    time: datetime
    reason: str
    dataset: str = ""
    resume: bool = False

    def __post_init__(self) -> None:
        if len(self.id.encode()) > _ID_BYTES:
            raise RefusedError(f"the id of a signal has more than {_ID_BYTES} bytes: {self.id[:80]}…")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Delivery:
    """Code was delivered: a signal for each model that takes such.

    Attributes:
        id: As of a signal.
        time: As of a signal.
        reason: As of a signal.
    """

    id: str
    time: datetime
    reason: str

    def of(self, model: str) -> Signal:
        """The signal for a model."""
        return Signal(model=model, kind=Kind.CODE, id=self.id, time=self.time, reason=self.reason)


@dataclasses.dataclass(frozen=True, kw_only=True)
class End:
    """The end of a run.

    Attributes:
        model: The model's name.
        execution: The execution's ARN.
        status: `Succeeded`, `Failed`, `Stopped`, or `Gone` for one of which SageMaker knows nothing any more.
        time: When it ended.
        judged: Whether it says something of what it was made of: it registered a version, its gate refused, or
            the program of a job failed. One that SageMaker failed does not. An event does not tell; False where
            nobody has looked.
    """

    model: str
    execution: str
    status: str
    time: datetime
    judged: bool = False

    @property
    def weight(self) -> int:
        """How much it says: a run that has not succeeded can be retried and ends again, and the most is kept."""
        if self.status == "Failed":
            return 1 + self.judged
        return 3 if self.status == "Succeeded" else 0


def read(event: object, ours: Surroundings) -> Signal | Delivery | End | None:
    """What an event says; None when it is about nothing of ours.

    Args:
        event: As EventBridge delivers it.
        ours: What is ours.

    Raises:
        RefusedError: It is about something of ours and lacks what it has to say.
    """
    if not isinstance(event, Mapping):
        raise RefusedError("this is no event of EventBridge")
    reader = _READERS.get((str(event.get("source")), str(event.get("detail-type"))))
    sender = ours.production_account if reader is _alarm else ours.account
    if reader is None or event.get("account") != sender:
        return None
    return reader(event, ours)


def model_of(slug: str) -> str:
    """The name of the model that has a slug."""
    return slug.replace("-", "_")


def slug_of(model: str) -> str:
    """The model's name as AWS's resources have it."""
    return model.replace("_", "-")


def _alarm(event: Mapping[str, Any], ours: Surroundings) -> Signal | None:
    name = _text(event, "detail", "alarmName")
    model = _model_named(rf"{re.escape(ours.production_prefix)}-{_SLUG}-drift", name)
    if not model or _text(event, "detail", "state", "value") != "ALARM":
        return None
    stamp = _text(event, "detail", "state", "timestamp")
    reason = event["detail"]["state"].get("reason")
    return Signal(model=model, kind=Kind.DRIFT, id=f"drift/{name}/{stamp}", time=_time(stamp), reason=_reason(reason))


def _schedule(event: Mapping[str, Any], ours: Surroundings) -> Signal | None:
    resources = event.get("resources")
    if not isinstance(resources, list) or not resources:
        raise RefusedError("the scheduled event names no rule")
    rule = str(resources[0])
    shape = rf"arn:[^:]+:events:[^:]+:{re.escape(ours.account)}:rule/(?P<rule>{re.escape(ours.prefix)}-{_SLUG}-retrain)"
    found = re.fullmatch(shape, rule)
    if found is None:
        return None
    stamp = _text(event, "time")
    return Signal(
        model=model_of(found["slug"]),
        kind=Kind.SCHEDULE,
        id=f"schedule/{found['rule']}/{stamp}",
        time=_time(stamp),
        reason=f"rule {found['rule']}",
    )


def _dataset(event: Mapping[str, Any], ours: Surroundings) -> Signal | None:
    if _text(event, "detail", "bucket", "name") != ours.data_bucket:
        return None
    found = re.fullmatch(_DATASET, _text(event, "detail", "object", "key"))
    if found is None or not _NAME.fullmatch(found["model"]):
        return None
    version = _text(event, "detail", "object", "version-id")
    return Signal(
        model=found["model"],
        kind=Kind.DATA,
        id=f"data/{found['dataset']}/{version}",
        time=_time(_text(event, "time")),
        reason=f"dataset {found['dataset']}",
        dataset=found["dataset"],
    )


def _commit(event: Mapping[str, Any], ours: Surroundings) -> Delivery | None:
    named = _text(event, "detail", "name") == ours.commit_parameter
    if not named or _text(event, "detail", "operation") not in {"Create", "Update"}:
        return None
    # The time stays when an archive replays an event, and of an id nothing of the kind is documented.
    stamp = _text(event, "time")
    return Delivery(id=f"code/{stamp}", time=_time(stamp), reason="a commit was delivered")


def _request(event: Mapping[str, Any], ours: Surroundings) -> Signal:
    del ours  # whoever may put events of our own source on the bus has been let in by IAM
    model, asked = _text(event, "detail", "model"), _text(event, "detail", "id")
    detail = event["detail"]
    if unknown := sorted(map(str, detail.keys() - _REQUEST)):
        raise RefusedError(f"a request for a retraining has no member {unknown[0]}")
    if not _NAME.fullmatch(model):
        raise RefusedError(f"{model[:80]} is no name of a model")
    if not _REQUEST_ID.fullmatch(asked):
        raise RefusedError(f"{asked[:80]} is no id of a request; accepted: 1 to 128 letters, digits and _.:@+=-")
    resume = detail.get("resume", False)
    if not isinstance(resume, bool):
        raise RefusedError("detail.resume of a request for a retraining is neither true nor false")
    return Signal(
        model=model,
        kind=Kind.PERSON,
        id=f"person/{asked}",
        time=_time(_text(event, "time")),
        reason=_reason(_text(event, "detail", "reason")),
        resume=resume,
    )


def _end(event: Mapping[str, Any], ours: Surroundings) -> End | None:
    pipeline = _text(event, "detail", "pipelineArn")
    shape = rf"arn:[^:]+:sagemaker:[^:]+:{re.escape(ours.account)}:pipeline/{re.escape(ours.prefix)}-{_SLUG}"
    model = _model_named(shape, pipeline)
    status = _text(event, "detail", "currentPipelineExecutionStatus")
    if not model or status not in _ENDED:
        return None
    execution = _text(event, "detail", "pipelineExecutionArn")
    if not re.fullmatch(rf"{re.escape(pipeline)}/execution/[A-Za-z0-9-]{{1,128}}", execution):
        raise RefusedError(f"{execution[:200]} is no execution of {pipeline}")
    return End(model=model, execution=execution, status=status, time=_time(_text(event, "time")))


_READERS = {
    ("aws.cloudwatch", "CloudWatch Alarm State Change"): _alarm,
    ("aws.events", "Scheduled Event"): _schedule,
    ("aws.s3", "Object Created"): _dataset,
    ("aws.ssm", "Parameter Store Change"): _commit,
    ("plumbline", "Retraining Requested"): _request,
    ("aws.sagemaker", "SageMaker Model Building Pipeline Execution Status Change"): _end,
}


def _model_named(shape: str, name: str) -> str:
    """The model whose slug a name has, or nothing."""
    found = re.fullmatch(shape, name)
    return model_of(found["slug"]) if found else ""


def _text(event: Mapping[str, Any], *path: str) -> str:
    found: object = event
    for member in path:
        found = found.get(member) if isinstance(found, Mapping) else None
    if not isinstance(found, str) or not found:
        raise RefusedError(f"the event has no {'.'.join(path)}")
    return found


def _time(stamp: str) -> datetime:
    try:
        time = datetime.fromisoformat(stamp)
    except ValueError as error:
        raise RefusedError(f"{stamp[:80]} is no time") from error
    if time.tzinfo is None or time.year not in _YEARS:
        raise RefusedError(f"{stamp[:80]} has no zone, or is no time of this platform")
    return time.astimezone(UTC)


def _reason(said: object) -> str:
    text = " ".join(said.split()) if isinstance(said, str) else ""
    return text[:_REASON] or NOT_GIVEN

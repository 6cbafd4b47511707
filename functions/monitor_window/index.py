"""Closes a window of an endpoint's traffic: says which files are of it, and starts the job that looks at them.

Called by a schedule, a quarter of an hour after a window's end, and on every day on which a week or a month has not
ended. What it writes and starts follows from the event's own time, never from a clock. What a window is of is written
once: an event that arrives twice, or late from the dead-letter queue, finds what the first has written, whatever was
captured or released since, and starts nothing again: the execution is written down as well, and until it is, SageMaker
knows the request's token. A window without a file starts no job, for a job over nothing fails; the metric `no_data`
says so instead, and the metric `windows` says of every call that somebody has looked.
"""

import dataclasses
import datetime
import hashlib
import json
import os
from collections.abc import Iterable
from typing import Any

import boto3
from botocore.exceptions import ClientError

from windows import Span, ended_before, moment

Client = Any
Document = dict[str, Any]
_DAY, _HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)
# Within which a version takes over the traffic, or is rolled back: the time limit of `AllAtOnce`.
_TAKEN_OVER = _HOUR
_STARTED = "started.json"
_EARLIER = "earlier.json"
_FILES = ("captures", "answers", "labels")


def handler(event: Document, context: object) -> dict[str, str]:  # noqa: ARG001 - as Lambda calls it
    """Closes the window that has ended before the event.

    Args:
        event: `model`, `time`, `every` (how long a window is), `labelsAfterHours` (how late the truth is known) and
            `closedAfterHours` (how long after its end a window is looked at).
        context: Of no use here.

    Returns:
        What was done, under `said`, and the execution that was started, if one was.

    Raises:
        ValueError: The event is not what the schedule sends.
        ClientError: AWS refused or failed.
    """
    model, every, time = str(event["model"]), str(event["every"]), moment(str(event["time"]))
    closing = time - datetime.timedelta(hours=int(event["closedAfterHours"]))
    asked = ended_before(closing, every)
    # Whatever comes of it: an alarm waits for this.
    _tell(model, "windows")
    sagemaker, s3 = boto3.client("sagemaker"), boto3.client("s3")
    endpoint = f"{os.environ['PREFIX']}-{model.replace('_', '-')}"
    folder = f"{model}/windows/{asked.id}"
    ended = closing - asked.until < _DAY
    window = _read(s3, f"{folder}/window.json") if ended else None
    if window is None:
        served = _served(sagemaker, endpoint)
        if served is None:
            return _without_endpoint(s3, model, endpoint)
        if not ended:
            return _told(f"{model}: no window has ended today; the last one is {asked.id}")
        answered = _answered(time, every, int(event["labelsAfterHours"]))
        window, earlier = _window(s3, model, asked, answered, served, time=time)
        if not (window["captures"] or window["labels"]):
            _tell(model, "no_data")
            return _told(f"{model}: nothing was captured in the window {asked.id}")
        # In a file of its own: the job's image is as old as the version, and may know nothing of it.
        _write_once(s3, f"{folder}/{_EARLIER}", earlier)
        window = _write_once(s3, f"{folder}/window.json", window)
    earlier = _read(s3, f"{folder}/{_EARLIER}") or []
    begun = _read(s3, f"{folder}/{_STARTED}")
    if begun is not None:
        return _told(f"{model}: the window {asked.id} has been looked at", execution=str(begun["execution"]))
    version, answered = str(window["version"]), Span(**{name: moment(at) for name, at in window["answered"].items()})
    container = _container(sagemaker, version)
    artifact, image = str(container["ModelDataUrl"]), str(container["Image"])
    _, pinned, digest = image.partition("@sha256:")
    if not pinned:
        raise ValueError(f"{version} runs the image {image}; accepted: an image by its digest")
    named = [name for kind in _FILES for name in window[kind]]
    beside = [f"windows/{asked.id}/{name}" for name in ("window.json", *([_EARLIER] if earlier else []))]
    files = sorted({*named, *earlier, *beside})
    _write_once(s3, f"{folder}/manifest.json", [{"prefix": f"s3://{_bucket()}/{model}/"}, *files])
    execution = sagemaker.start_pipeline_execution(
        PipelineName=f"{endpoint}-monitor",
        PipelineExecutionDisplayName=asked.id,
        PipelineParameters=[
            {"Name": "WindowId", "Value": asked.id},
            {"Name": "AnsweredId", "Value": answered.id},
            {"Name": "BaselineUri", "Value": f"{artifact.rpartition('/')[0]}/baselines/"},
            {"Name": "ModelUri", "Value": artifact},
            {"Name": "ImageDigest", "Value": digest},
        ],
        # 32 to 128 characters (API_StartPipelineExecution).
        ClientRequestToken=hashlib.sha256(f"{model} {asked.id} {version}".encode()).hexdigest(),
    )["PipelineExecutionArn"]
    _write_once(s3, f"{folder}/{_STARTED}", {"execution": execution})
    return _told(
        f"{model}: {len(files) - len(beside)} files of the window {asked.id} are looked at", execution=execution
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Served:
    """What an endpoint serves.

    Attributes:
        endpoint: Its name.
        version: The version; of several variants the first one's.
        variants: The names of all variants.
        since: Since when there is a model of it: a configuration is also made anew for the same version.
    """

    endpoint: str
    version: str
    variants: list[str]
    since: datetime.datetime


def _answered(time: datetime.datetime, every: str, hours: int) -> Span:
    """The last window whose truth is known at a time, so many hours after the window's end."""
    return ended_before(time - datetime.timedelta(hours=hours), every)


def _next_hour(time: datetime.datetime) -> datetime.datetime:
    """The first full hour that has not begun before a time."""
    hour = time.replace(minute=0, second=0, microsecond=0)
    return hour if hour == time else hour + _HOUR


def _window(
    s3: Client, model: str, asked: Span, answered: Span, served: _Served, *, time: datetime.datetime
) -> tuple[Document, list[str]]:
    """What a window is of, with the keys of its files below the model's folder; and what versions before answered."""
    places = [f"{model}/{served.endpoint}/{variant}/" for variant in served.variants]
    captures = _captured(s3, places, asked)
    # What the version before has answered says nothing of this one's quality. Captures are told apart by hours.
    taken_over = max(answered.since, _next_hour(served.since + _TAKEN_OVER))
    known = _captured(s3, places, answered)
    own = set(
        _captured(s3, places, Span(since=taken_over, until=answered.until)) if taken_over < answered.until else []
    )
    # The truth may have arrived at any time since.
    labels = _captured(s3, [f"{model}/labels/"], Span(since=answered.since, until=time)) if known else []
    # It is true of what versions before have answered all the same, and trained on.
    earlier = [key.removeprefix(f"{model}/") for key in known if key not in own]
    window = {
        "id": asked.id,
        "model": model,
        "version": served.version,
        "endpoint": served.endpoint,
        "asked": asked.document(),
        "answered": answered.document(),
        "captures": [key.removeprefix(f"{model}/") for key in captures],
        "answers": [key.removeprefix(f"{model}/") for key in known if key in own],
        "labels": [key.removeprefix(f"{model}/") for key in labels],
    }
    return window, earlier


def _without_endpoint(s3: Client, model: str, endpoint: str) -> dict[str, str]:
    """Tells an endpoint that is gone from one that no release has made yet: a release asks what it deploys."""
    if not s3.list_objects_v2(Bucket=_bucket(), Prefix=f"{model}/{endpoint}/", MaxKeys=1).get("Contents"):
        return _told(f"{model}: there is no endpoint {endpoint} yet, and nothing to watch")
    _tell(model, "no_data")
    return _told(f"{model}: there is no endpoint {endpoint} any more, though it has been asked before")


def _served(sagemaker: Client, endpoint: str) -> _Served | None:
    """What an endpoint serves; None without one."""
    try:
        config = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    except ClientError as error:
        # "ValidationException" with these words is what SageMaker answers for what is not there.
        if "Could not find" in error.response["Error"]["Message"]:
            return None
        raise
    variants = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    served = sagemaker.describe_model(ModelName=variants[0]["ModelName"])
    return _Served(
        endpoint=endpoint,
        version=str(served["PrimaryContainer"]["ModelPackageName"]),
        variants=sorted(variant["VariantName"] for variant in variants),
        since=served["CreationTime"].astimezone(datetime.UTC),
    )


def _container(sagemaker: Client, version: str) -> Document:
    package = sagemaker.describe_model_package(ModelPackageName=version)
    container: Document
    (container,) = package["InferenceSpecification"]["Containers"]
    return container


def _captured(s3: Client, places: Iterable[str], span: Span) -> list[str]:
    """Keys of the objects in folders by hour, `yyyy/mm/dd/hh/`, that are of a span."""
    found = []
    hours = {
        f"{span.since + datetime.timedelta(hours=number):%Y/%m/%d/%H}"
        for number in range(int((span.until - span.since).total_seconds() // 3_600))
    }
    for place in places:
        for day in span.days:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=_bucket(), Prefix=f"{place}{day:%Y/%m/%d}/")
            keys = (entry["Key"] for page in pages for entry in page.get("Contents", []) if entry["Size"])
            found += [key for key in keys if key.removeprefix(place).rpartition("/")[0] in hours]
    return found


def _read(s3: Client, key: str) -> Any:
    """What was written down of a window before; None when nothing was."""
    try:
        return json.loads(s3.get_object(Bucket=_bucket(), Key=key)["Body"].read())
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise


def _write_once(s3: Client, key: str, content: Any) -> Any:
    """Writes an object unless there is one (S3 user guide, "How to prevent object overwrites with conditional writes").

    Returns:
        What the object holds.
    """
    body = f"{json.dumps(content, indent=1)}\n".encode()
    try:
        s3.put_object(Bucket=_bucket(), Key=key, Body=body, ContentType="application/json", IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise
        return json.loads(s3.get_object(Bucket=_bucket(), Key=key)["Body"].read())
    return content


def _tell(model: str, metric: str) -> None:
    boto3.client("cloudwatch").put_metric_data(
        Namespace=os.environ["NAMESPACE"],
        MetricData=[{"MetricName": metric, "Dimensions": [{"Name": "Model", "Value": model}], "Value": 1}],
    )


def _bucket() -> str:
    return os.environ["CAPTURE_BUCKET"]


def _told(said: str, *, execution: str = "") -> dict[str, str]:
    print(said)
    return {"said": said, **({"execution": execution} if execution else {})}

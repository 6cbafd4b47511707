"""Publishes what a monitoring job has found: its container has no network, so it leaves `metrics.json` behind.

An alarm of CloudWatch looks back seven days at most, and counts periods, not windows (user guide, "Alarm evaluation").
So how many of the last windows were beyond the line is counted here: `sustained_deviation` is the M-th largest
deviation of the last N windows, and above the line exactly when at least M of them are. Windows of another version do
not count: its baseline was another.

What alarms go by may start a run of training, which wants the truth of that window: `sustained_deviation` is published
when replication has taken that along, or has had its time. Nothing else waits.
"""

import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any

import boto3
from botocore.exceptions import ClientError

from windows import Span, after, before, ended_before, moment

Client = Any
Document = dict[str, Any]
_SHAPE = re.compile(r"([0-9]{8}T[0-9]{4})Z")
_FORMAT = 1
# API_PutMetricData: 1,000 metrics a request. CloudWatch bills each for itself, so a wide table publishes its worst.
_MOST_FEATURES = 50
# The monitors whose numbers a dashboard draws beside their baselines; the others' are in the job's report.
_BESIDE_BASELINE = ("model-quality",)
# A window without traffic leaves nothing behind, so the next one may be missing, and a newer one be there.
_LOOKED_AHEAD = 14
# How many windows at most are asked for whether a check has ever been made: a quarter of days, or four days of hours.
_LOOKED_BACK = 100
# Without leave to list the bucket, S3 says of a key that is missing that access is denied (GetObject).
_NOT_THERE = {"AccessDenied", "NoSuchKey"}
# Replication as a rule takes seconds, and nobody promises it. The function has 300 seconds.
_REPLICATED_WITHIN_SECONDS, _LOOK_AGAIN_SECONDS = 200, 5


def handler(event: Document, context: object) -> dict[str, str]:  # noqa: ARG001 - as Lambda calls it
    """Publishes one window.

    Args:
        event: `model`, `window` (its id), `status` of the execution, `every` (how long a window is), `windowsToAlarm`
            (M) and `evaluationWindows` (N).
        context: Of no use here.

    Returns:
        What was published, under `said`.

    Raises:
        ValueError: The event is not what the rule sends, or the job has left something else than metrics.
        ClientError: AWS refused or failed.
    """
    model, window = str(event["model"]), str(event["window"])
    if event["status"] != "Succeeded":
        _publish([_datum(model, "failed", 1.0)])
        return _told(f"{model}: the window {window} was not looked at, its execution has {event['status']}")
    s3 = boto3.client("s3")
    metrics = _read(s3, model, window)
    if metrics is None:
        raise ValueError(f"{model}: the job of the window {window} has left no metrics.json")
    span, every = _span(window, str(event["every"])), str(event["every"])
    later = span
    for _ in range(max(_LOOKED_AHEAD, int(event["evaluationWindows"]))):
        later = after(later, every)
        if _read(s3, model, later.id) is not None:
            # An alarm would take it for the present, and the governor for a signal of today.
            return _told(f"{model}: the window {window} is older than {later.id}, and not published as if it were now")
    for monitor in _unchecked(s3, model, span, event, metrics):
        metrics["checks"][monitor]["no_data"] = "no window of the served version was checked for too long"
    earlier = list(_earlier(s3, model, span, event, metrics["model_version"]))
    data = list(_data(model, metrics))
    alarming = list(_sustained(model, metrics, earlier, int(event["windowsToAlarm"])))
    _publish(data)
    replicated = _wait_for_replication(s3, model, metrics.get("labelled", ""))
    _publish(alarming)
    return _told(f"{model}: {len(data) + len(alarming)} metrics of the window {window}{replicated}")


def _wait_for_replication(s3: Client, model: str, window: str) -> str:
    """Waits until what is said of a labelled window has left for where models are trained; what to tell of it.

    Args:
        s3: The client.
        model: The model.
        window: The labelled window; empty without one.
    """
    if not window:
        return ""
    key = f"labelled/{model}/{window}/labelled.json"
    deadline = time.monotonic() + _REPLICATED_WITHIN_SECONDS
    while (status := _replication(s3, key)) == "PENDING":
        if time.monotonic() > deadline:
            break
        time.sleep(_LOOK_AGAIN_SECONDS)
    return f"; the replication of the labelled window {window} is {status or 'not asked for'}"


def _replication(s3: Client, key: str) -> str:
    """The status of an object's replication; empty of one that no rule was for, `UNKNOWN` of one that is gone."""
    try:
        return str(s3.head_object(Bucket=os.environ["DATA_BUCKET"], Key=key).get("ReplicationStatus", ""))
    except ClientError as error:
        # An answer to HEAD has no body, so the code is that of HTTP.
        if error.response["Error"]["Code"] in {"403", "404"}:
            return "UNKNOWN"
        raise


def _data(model: str, metrics: Document) -> Iterator[Document]:
    told: dict[str, Document] = metrics["checks"]
    for monitor, said in told.items():
        failed, empty = "failed" in said, "no_data" in said
        yield _datum(model, "failed", float(failed), monitor)
        yield _datum(model, "no_data", float(empty), monitor)
        if "deviation" not in said:
            print(f"{model}: {monitor}: {json.dumps(said)}")
            continue
        yield _datum(model, "deviation", float(said["deviation"]), monitor)
        yield _datum(model, "rows", float(said["rows"]), monitor)
        yield _datum(model, "violations", float(said["violations"]), monitor)
        # A dimension is ASCII (API_Dimension); one that is not would have CloudWatch refuse all the others, too.
        named = {name: value for name, value in said["features"].items() if name.isascii() and name.isprintable()}
        worst = sorted(named.items(), key=lambda item: (-item[1], item[0]))[:_MOST_FEATURES]
        for feature, deviation in worst:
            yield _datum(model, "feature_deviation", float(deviation), monitor, Feature=feature)
        for name, pair in said["values"].items() if monitor in _BESIDE_BASELINE else ():
            yield _datum(model, "value", float(pair["value"]), monitor, Metric=name)
            yield _datum(model, "baseline", float(pair["baseline"]), monitor, Metric=name)
    yield _datum(model, "failed", float(any("failed" in said for said in told.values())))
    yield _datum(model, "no_data", float(any("no_data" in said for said in told.values())))


def _sustained(model: str, metrics: Document, earlier: Sequence[Document], needed: int) -> Iterator[Document]:
    for monitor in [name for name, said in metrics["checks"].items() if "deviation" in said]:
        windows = [one[monitor] for one in (metrics["checks"], *earlier) if monitor in one]
        deviations = [float(said["deviation"]) for said in windows if "deviation" in said]
        yield _datum(model, "sustained_deviation", sustained(deviations, needed), monitor)


def sustained(deviations: Sequence[float], needed: int) -> float:
    """The `needed`-th largest deviation; 0 as long as there are fewer windows."""
    return sorted(deviations, reverse=True)[needed - 1] if len(deviations) >= needed else 0.0


def _span(window: str, every: str) -> Span:
    matched = _SHAPE.fullmatch(window)
    if matched is None:
        raise ValueError(f"{window!r} is no window; accepted: a name such as 20130501T0000Z")
    return ended_before(moment(f"{matched[1]}+00:00"), every)


def _earlier(s3: Client, model: str, span: Span, event: Document, version: str) -> Iterator[Document]:
    """The checks of the windows before one, of the same version of the model, as far as they are there."""
    for _ in range(int(event["evaluationWindows"]) - 1):
        span = before(span, str(event["every"]))
        found = _read(s3, model, span.id)
        if found is not None and found["model_version"] == version:
            yield found["checks"]


def _unchecked(s3: Client, model: str, span: Span, event: Document, metrics: Document) -> list[str]:
    """The checks that were not due yet in so many windows that an alarm should tell of it.

    That is as many as the truth is late, one in which a release has come, and those that alarms look at: releases come
    more often than the truth does.
    """
    waiting = {monitor: 1 for monitor, said in metrics["checks"].items() if "not_yet" in said}
    every = str(event["every"])
    if not waiting or "answered" not in metrics:
        return []
    late, older = 0, span
    while older.id != metrics["answered"] and late < _LOOKED_BACK:
        late, older = late + 1, before(older, every)
    needed = late + 1 + int(event["evaluationWindows"])
    looking = set(waiting)
    for _ in range(_LOOKED_BACK):
        if not looking or max(waiting.values()) >= needed:
            break
        span = before(span, every)
        found = _read(s3, model, span.id)
        if found is None:  # without traffic
            continue
        looking = {monitor for monitor in looking if "not_yet" in found["checks"].get(monitor, {})}
        for monitor in looking:
            waiting[monitor] += 1
    return [monitor for monitor, windows in waiting.items() if windows >= needed]


def _read(s3: Client, model: str, window: str) -> Document | None:
    key = f"{model}/monitoring/{window}/metrics.json"
    try:
        body = s3.get_object(Bucket=os.environ["DATA_BUCKET"], Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_THERE:
            return None
        raise
    found: Document = json.loads(body)
    if found.get("version") != _FORMAT:
        raise ValueError(f"{key} has version {found.get('version')}; accepted: {_FORMAT}")
    return found


def _datum(model: str, name: str, value: float, monitor: str = "", **more: str) -> Document:
    named = {"Model": model, **({"Monitor": monitor} if monitor else {}), **more}
    dimensions = [{"Name": dimension, "Value": text} for dimension, text in named.items()]
    return {"MetricName": name, "Dimensions": dimensions, "Value": value}


def _publish(data: Sequence[Document]) -> None:
    if data:
        boto3.client("cloudwatch").put_metric_data(Namespace=os.environ["NAMESPACE"], MetricData=list(data))


def _told(said: str) -> dict[str, str]:
    print(said)
    return {"said": said}

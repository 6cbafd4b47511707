"""Publishes what SageMaker Model Monitor has found, as the platform's own monitors do: a violation a check.

Called by the hour. What it publishes follows from the event's own time: the executions that have ended in the hour
before it. So an event that comes twice publishes the same, and each execution is told of once. `sustained_violation` is
1 when at least M of the last N executions have broken a constraint, of the same job definition: a release makes another
one, with other baselines. A schedule that begins no executions any more, as one that was stopped, has failed, once a
window. The metric `windows` says of every call that somebody has asked.
"""

import datetime
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import boto3
from botocore.exceptions import ClientError

Client = Any
Document = dict[str, Any]
_HOUR = datetime.timedelta(hours=1)
# An execution begins within 20 minutes of its time (developer guide, "The cron expression for monitoring schedule").
_LATE = 2 * _HOUR
# The longest window; an execution ends before the next one begins.
_LONGEST = 24 * _HOUR
_JUDGED = ("Completed", "CompletedWithViolations")
_ENDED = (*_JUDGED, "Failed", "Stopped")
_NOT_THERE = {"ResourceNotFound", "ResourceNotFoundException"}
# What Model Monitor says of an execution that had nothing to look at.
_EMPTY = ("had no data", "no s3 objects found")


def handler(event: Document, context: object) -> dict[str, str]:  # noqa: ARG001 - as Lambda calls it
    """Publishes the hour before an event.

    Args:
        event: `model`, `time`, `schedules` (the schedule of each check), `everyHours` (from one window to the next),
            `windowsToAlarm` (M) and `evaluationWindows` (N).
        context: Of no use here.

    Returns:
        What was published, under `said`.

    Raises:
        ValueError: The event is not what the rule sends.
        ClientError: AWS refused or failed.
    """
    model, until = str(event["model"]), _hour(str(event["time"]))
    every = int(event["everyHours"]) * _HOUR
    needed, of = int(event["windowsToAlarm"]), int(event["evaluationWindows"])
    cloudwatch, sagemaker = boto3.client("cloudwatch"), boto3.client("sagemaker")
    # Whatever comes of it: an alarm waits for this.
    _publish(cloudwatch, [_datum("windows", 1.0, Model=model)])
    found = {}
    for monitor, schedule in sorted(event["schedules"].items()):
        newest = _begun(_executions(sagemaker, schedule), until, of=of)
        ended = [one for one in newest if one["MonitoringExecutionStatus"] in _ENDED]
        told = _told(
            [one for one in ended if one["LastModifiedTime"] < until], since=until - _HOUR, needed=needed, of=of
        )
        if not told and newest and _is_missed(until - newest[0]["ScheduledTime"], every=_between(newest, least=every)):
            print(f"{model}: {schedule} has begun nothing since {newest[0]['ScheduledTime'].isoformat()}")
            told = {"failed": 1.0}
        found[monitor] = told
    data = list(_data(model, {monitor: metrics for monitor, metrics in found.items() if metrics}))
    if not data:
        return _said(f"{model}: no execution has ended in the hour before {until.isoformat()}")
    _publish(cloudwatch, data)
    return _said(f"{model}: {len(data)} metrics of the hour before {until.isoformat()}")


def _hour(text: str) -> datetime.datetime:
    found = datetime.datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} is in no time zone; accepted: a time such as 2013-05-01T00:15:00Z")
    return found.astimezone(datetime.UTC).replace(minute=0, second=0, microsecond=0)


def _executions(sagemaker: Client, schedule: str) -> Iterator[Document]:
    """The executions of a schedule, the newest window first."""
    pages = sagemaker.get_paginator("list_monitoring_executions").paginate(
        MonitoringScheduleName=schedule,
        SortBy="ScheduledTime",
        SortOrder="Descending",
        PaginationConfig={"PageSize": 100},  # the most there are; 10 otherwise (API_ListMonitoringExecutions)
    )
    try:
        for page in pages:
            yield from page["MonitoringExecutionSummaries"]
    except ClientError as error:
        # There is no schedule before the first release.
        said = error.response["Error"]
        if said["Code"] not in _NOT_THERE and "Could not find" not in said["Message"]:
            raise


def _begun(executions: Iterator[Document], until: datetime.datetime, *, of: int) -> list[Document]:
    """The executions that had begun at a time, the newest first, with `of` of before whatever may just have ended."""
    found, before = list[Document](), 0
    for execution in executions:
        if execution["ScheduledTime"] <= until:
            found.append(execution)
        before += execution["ScheduledTime"] < until - _LONGEST - _LATE
        if before >= of:
            break
    return found


def _between(newest: Sequence[Document], *, least: datetime.timedelta) -> datetime.timedelta:
    """The time from one execution to the next: a release has its own, whatever is asked of the next one by now."""
    definition = newest[0].get("MonitoringJobDefinitionName")
    own = [one["ScheduledTime"] for one in newest if one.get("MonitoringJobDefinitionName") == definition]
    return max(least, own[0] - own[1] if len(own) > 1 else _LONGEST)


def _told(executions: Sequence[Document], *, since: datetime.datetime, needed: int, of: int) -> dict[str, float]:
    """The metrics of one check; none if no execution has ended since."""
    new = [execution for execution in executions if execution["LastModifiedTime"] >= since]
    if not new:
        return {}
    # What a version before has answered is not this one's.
    definition = new[0].get("MonitoringJobDefinitionName")
    windows = [one for one in executions if one.get("MonitoringJobDefinitionName") == definition][:of]
    empty = [one for one in new if _is_empty(one)]
    missed = [one for one in new if one["MonitoringExecutionStatus"] not in _JUDGED and one not in empty]
    metrics = {"failed": float(bool(missed)), "no_data": float(bool(empty))}
    if new[0]["MonitoringExecutionStatus"] in _JUDGED:
        broken = [one["MonitoringExecutionStatus"] == "CompletedWithViolations" for one in windows]
        metrics |= {"violated": float(broken[0]), "sustained_violation": float(sum(broken) >= needed)}
    return metrics


def _is_missed(since: datetime.timedelta, *, every: datetime.timedelta) -> bool:
    """Whether just now a window more is overdue, by the time since the newest one began."""
    overdue = since // _HOUR * _HOUR - _LATE
    return overdue >= every and overdue % every < _HOUR


def _is_empty(execution: Document) -> bool:
    reason = str(execution.get("FailureReason", "")).lower()
    return execution["MonitoringExecutionStatus"] == "Failed" and any(words in reason for words in _EMPTY)


def _data(model: str, found: Mapping[str, Mapping[str, float]]) -> Iterator[Document]:
    for monitor, metrics in found.items():
        for name, value in metrics.items():
            yield _datum(name, value, Model=model, Monitor=monitor)
    for name in ("failed", "no_data"):
        if values := [metrics[name] for metrics in found.values() if name in metrics]:
            yield _datum(name, max(values), Model=model)


def _datum(name: str, value: float, **named: str) -> Document:
    dimensions = [{"Name": dimension, "Value": text} for dimension, text in named.items()]
    return {"MetricName": name, "Dimensions": dimensions, "Value": value}


def _publish(cloudwatch: Client, data: Sequence[Document]) -> None:
    cloudwatch.put_metric_data(Namespace=os.environ["NAMESPACE"], MetricData=data)


def _said(said: str) -> dict[str, str]:
    print(said)
    return {"said": said}

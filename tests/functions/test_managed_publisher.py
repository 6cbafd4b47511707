"""What is published of Model Monitor's executions, and when a violation counts as sustained."""

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from functions.managed_publisher import index

Document = dict[str, Any]
_NOW = datetime.datetime(2026, 11, 28, 2, 5, tzinfo=datetime.UTC)
_DAY = datetime.timedelta(days=1)
_ENDED = datetime.datetime(2026, 11, 28, 1, 20, tzinfo=datetime.UTC)


class Account:
    """SageMaker and CloudWatch of an account, as far as the function asks them."""

    def __init__(self) -> None:
        self.executions: dict[str, list[Document]] = {"flights-data-quality": [], "flights-bias": []}
        self.published: list[Document] = []
        self.pages = 0

    def ended(self, status: str, *, days_ago: int = 0, schedule: str = "data-quality", **more: Any) -> None:
        """An execution that has ended some days ago, in the hour before the event if today."""
        self.executions[f"flights-{schedule}"].append(
            {
                "MonitoringExecutionStatus": status,
                "ScheduledTime": _ENDED.replace(hour=0, minute=0) - days_ago * _DAY,
                "LastModifiedTime": _ENDED - days_ago * _DAY,
                "MonitoringJobDefinitionName": "of-version-3",
                **more,
            }
        )

    def get_paginator(self, name: str) -> "Account":
        assert name == "list_monitoring_executions"
        return self

    def paginate(
        self,
        *,
        MonitoringScheduleName: str,  # noqa: N803 - as boto3 names them
        SortBy: str,  # noqa: N803
        SortOrder: str,  # noqa: N803
        PaginationConfig: Document,  # noqa: N803
    ) -> Iterator[Document]:
        assert (SortBy, SortOrder, PaginationConfig) == ("ScheduledTime", "Descending", {"PageSize": 100})
        if MonitoringScheduleName not in self.executions:
            raise ClientError({"Error": {"Code": "ResourceNotFound", "Message": "no"}}, "ListMonitoringExecutions")
        found = sorted(self.executions[MonitoringScheduleName], key=lambda one: one["ScheduledTime"], reverse=True)
        for execution in found:
            self.pages += 1
            yield {"MonitoringExecutionSummaries": [execution]}

    def put_metric_data(self, *, Namespace: str, MetricData: list[Document]) -> None:  # noqa: N803
        assert Namespace == "plumbline/monitoring"
        self.published += MetricData

    @property
    def found(self) -> list[Document]:
        """What was published of executions."""
        return [one for one in self.published if one["MetricName"] != "windows"]

    def value(self, metric: str, monitor: str = "") -> float | None:
        named = {"Model": "flights", **({"Monitor": monitor} if monitor else {})}
        found = [
            one["Value"]
            for one in self.published
            if one["MetricName"] == metric and {pair["Name"]: pair["Value"] for pair in one["Dimensions"]} == named
        ]
        assert len(found) <= 1
        return found[0] if found else None


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    monkeypatch.setattr("boto3.client", lambda _service: made)
    monkeypatch.setenv("NAMESPACE", "plumbline/monitoring")
    return made


def publish(*, needed: int = 2, of: int = 3, time: str = _NOW.isoformat(), every: int = 24) -> str:
    schedules = {"data-quality": "flights-data-quality", "bias": "flights-bias"}
    event = {"model": "flights", "time": time, "schedules": schedules, "windowsToAlarm": needed, "everyHours": every}
    return index.handler(event | {"evaluationWindows": of}, None)["said"]


def test_a_violation_is_told_by_monitor(account: Account) -> None:
    account.ended("CompletedWithViolations")
    publish()
    assert (account.value("violated", "data-quality"), account.value("violated", "bias")) == (1, None)
    assert (account.value("failed", "data-quality"), account.value("no_data")) == (0, 0)


def test_one_violation_is_not_yet_two(account: Account) -> None:
    account.ended("CompletedWithViolations")
    account.ended("Completed", days_ago=1)
    publish()
    assert account.value("sustained_violation", "data-quality") == 0


def test_two_of_the_last_three_need_not_follow_each_other(account: Account) -> None:
    account.ended("CompletedWithViolations")
    account.ended("Completed", days_ago=1)
    account.ended("CompletedWithViolations", days_ago=2)
    publish()
    assert account.value("sustained_violation", "data-quality") == 1


def test_an_execution_before_the_last_ones_does_not_count(account: Account) -> None:
    account.ended("CompletedWithViolations")
    account.ended("Completed", days_ago=1)
    account.ended("Failed", days_ago=2)
    account.ended("CompletedWithViolations", days_ago=3)
    publish()
    assert account.value("sustained_violation", "data-quality") == 0


def test_executions_of_the_release_before_do_not_count(account: Account) -> None:
    account.ended("CompletedWithViolations")
    account.ended("CompletedWithViolations", days_ago=1, MonitoringJobDefinitionName="of-version-2")
    publish()
    assert account.value("sustained_violation", "data-quality") == 0


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_what_could_not_be_looked_at_has_failed(account: Account, status: str) -> None:
    account.ended(status, FailureReason="AlgorithmError: exit code 255")
    publish()
    assert (account.value("failed"), account.value("failed", "data-quality"), account.value("no_data")) == (1, 1, 0)
    assert account.value("violated", "data-quality") is None


@pytest.mark.parametrize(
    "reason", ["Job inputs had no data", 'No S3 objects found under S3 URL "s3://capture/flights/2026/11/28/00"']
)
def test_a_window_without_traffic_has_no_data_and_has_not_failed(account: Account, reason: str) -> None:
    account.ended("Failed", FailureReason=reason)
    publish()
    assert (account.value("failed"), account.value("no_data"), account.value("no_data", "data-quality")) == (0, 1, 1)


def test_one_check_that_failed_is_told_for_the_model(account: Account) -> None:
    account.ended("Completed")
    account.ended("Failed", schedule="bias")
    publish()
    assert (account.value("failed"), account.value("failed", "data-quality"), account.value("failed", "bias")) == (
        1,
        0,
        1,
    )


@pytest.mark.parametrize("hours", [-2, 1])
def test_another_hours_executions_are_another_events(account: Account, hours: int) -> None:
    account.ended("CompletedWithViolations", LastModifiedTime=_ENDED + datetime.timedelta(hours=hours))
    assert "no execution has ended" in publish()
    assert account.found == []


def test_an_execution_under_way_is_not_told_of(account: Account) -> None:
    account.ended("InProgress")
    publish()
    assert account.found == []


@pytest.mark.parametrize("every", [1, 24])
@pytest.mark.parametrize("status", ["Completed", "Stopped"])
def test_a_schedule_that_begins_nothing_any_more_has_failed_once_a_window(
    account: Account, every: int, status: str
) -> None:
    began = _ENDED.replace(hour=0, minute=0) - 10 * _DAY
    before: Document = {"ScheduledTime": began - datetime.timedelta(hours=every), "LastModifiedTime": began}
    for schedule in ("data-quality", "bias"):
        account.ended(status, days_ago=10, schedule=schedule)
        account.ended("Completed", schedule=schedule, **before)
    told = []
    for hour in range(3, 80):
        account.published.clear()
        publish(time=(began + datetime.timedelta(hours=hour, minutes=5)).isoformat(), every=every)
        if account.value("failed", "data-quality"):
            assert (account.value("failed"), account.value("no_data"), account.value("violated", "data-quality")) == (
                1,
                None,
                None,
            )
            told.append(hour)
    assert told == list(range(every + 2, 80, every))


@pytest.mark.parametrize("executions", [1, 2])
def test_a_release_of_before_is_held_to_its_own_schedule(account: Account, executions: int) -> None:
    for days in range(executions):
        account.ended("Completed", days_ago=days)
    for hour in range(2, 24):
        publish(time=_NOW.replace(hour=hour).isoformat(), every=1)
    assert account.value("failed", "data-quality") == 0


def test_an_event_that_comes_days_late_is_about_its_own_hour(account: Account) -> None:
    for number in range(24 * 20):
        hour = _NOW.replace(minute=0) - datetime.timedelta(hours=number)
        ended: Document = {"ScheduledTime": hour, "LastModifiedTime": hour + datetime.timedelta(minutes=20)}
        account.ended("CompletedWithViolations" if number > 100 else "Completed", **ended)
    publish(time=(_NOW - datetime.timedelta(hours=200)).isoformat(), every=1)
    assert (account.value("violated", "data-quality"), account.value("sustained_violation", "data-quality")) == (1, 1)


def test_a_schedule_whose_execution_is_under_way_is_not_silent(account: Account) -> None:
    account.ended("InProgress")
    publish(time=(_NOW + datetime.timedelta(hours=23)).isoformat())
    assert account.found == []


def test_of_years_of_executions_the_newest_are_read(account: Account) -> None:
    for number in range(200):
        account.ended("CompletedWithViolations", days_ago=number)
    publish()
    assert account.value("sustained_violation", "data-quality") == 1
    assert account.pages < 40


def test_before_the_first_release_there_is_nothing_to_tell(account: Account) -> None:
    account.executions.clear()
    assert "no execution has ended" in publish()
    assert account.found == []


@pytest.mark.parametrize("status", ["Completed", "Failed", "InProgress"])
def test_every_call_says_that_somebody_has_asked(account: Account, status: str) -> None:
    account.ended(status)
    publish()
    assert account.value("windows") == 1


def test_another_failure_of_aws_is_not_hidden(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(**_: str) -> Iterator[Document]:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListMonitoringExecutions")

    monkeypatch.setattr(account, "paginate", denied)
    with pytest.raises(ClientError, match="AccessDenied"):
        publish()
    assert (account.value("windows"), account.found) == (1, [])


def test_a_time_of_no_zone_is_refused(account: Account) -> None:
    with pytest.raises(ValueError, match="is in no time zone"):
        publish(time="2026-11-28T02:05:00")
    assert account.published == []


@given(
    broken=st.lists(st.booleans(), min_size=1, max_size=12),
    of=st.integers(min_value=1, max_value=10),
    data=st.data(),
)
def test_sustained_is_m_of_the_last_n(broken: list[bool], of: int, data: st.DataObject) -> None:
    needed = data.draw(st.integers(min_value=1, max_value=of))
    account = Account()
    for number, is_broken in enumerate(broken):
        account.ended("CompletedWithViolations" if is_broken else "Completed", days_ago=number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("boto3.client", lambda _service: account)
        patch.setenv("NAMESPACE", "plumbline/monitoring")
        publish(needed=needed, of=of)
    assert account.value("sustained_violation", "data-quality") == float(sum(broken[:of]) >= needed)

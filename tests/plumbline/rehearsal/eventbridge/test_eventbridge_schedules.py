"""When scheduled rules are due, and which schedules there are."""

import datetime
import itertools

import pytest

from plumbline.rehearsal.eventbridge import scheduled_rules
from plumbline.rehearsal.eventbridge.schedule_expressions import is_valid, next_after

_BEGIN = "2027-01-01T00:00:00"


def _seconds(moment: str) -> float:
    return datetime.datetime.fromisoformat(moment).replace(tzinfo=datetime.UTC).timestamp()


def _times(expression: str, number: int, *, after: str = _BEGIN) -> list[str]:
    """The next times of a rule that was made at the beginning."""
    found, last = [], _seconds(after)
    for _ in range(number):
        at = next_after(expression, created=_seconds(_BEGIN), after=last)
        assert at is not None
        found.append(datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%dT%H:%M"))
        last = at
    return found


# "Cron expressions reference" has the first nine; 2027 begins on a Friday
@pytest.mark.parametrize(("expression", "times"), [
    ("cron(0 10 * * ? *)", ["2027-01-01T10:00", "2027-01-02T10:00"]),
    ("cron(15 12 * * ? *)", ["2027-01-01T12:15"]),
    ("cron(0 18 ? * MON-FRI *)", ["2027-01-01T18:00", "2027-01-04T18:00"]),
    ("cron(0 8 1 * ? *)", ["2027-01-01T08:00", "2027-02-01T08:00"]),
    ("cron(0/15 * * * ? *)", ["2027-01-01T00:15", "2027-01-01T00:30"]),
    ("cron(0/10 * ? * MON-FRI *)", ["2027-01-01T00:10"]),
    ("cron(0/5 8-17 ? * MON-FRI *)", ["2027-01-01T08:00", "2027-01-01T08:05"]),
    ("cron(0/30 20-2 ? * MON-FRI *)", ["2027-01-01T00:30", "2027-01-01T01:00"]),
    ("cron(15 10 ? * 6L 2027-2031)", ["2027-01-29T10:15", "2027-02-26T10:15"]),
    ("cron(0 9 ? * 2#1 *)", ["2027-01-04T09:00", "2027-02-01T09:00"]),
    ("cron(0 9 L * ? *)", ["2027-01-31T09:00", "2027-02-28T09:00"]),
    ("cron(0 9 3W * ? *)", ["2027-01-04T09:00", "2027-02-03T09:00"]),
    ("cron(0 0 29 2 ? *)", ["2028-02-29T00:00"]),
    ("rate(1 day)", ["2027-01-02T00:00", "2027-01-03T00:00"]),
    ("rate(90 minutes)", ["2027-01-01T01:30", "2027-01-01T03:00"]),
])  # fmt: skip
def test_a_schedule_is_due_when_eventbridge_documents_it(expression: str, times: list[str]) -> None:
    assert is_valid(expression)
    assert _times(expression, len(times)) == times


def test_a_rate_keeps_its_beat_after_a_long_time() -> None:
    assert _times("rate(7 days)", 1, after="2027-12-20T12:00:00") == ["2027-12-24T00:00"]


def test_a_schedule_whose_years_are_over_is_never_due() -> None:
    assert next_after("cron(0 0 1 1 ? 2026)", created=0, after=_seconds(_BEGIN)) is None


@pytest.mark.parametrize("expression", [
    "rate(1 days)", "rate(5 minute)", "rate(0 minutes)", "rate(1 week)", "rate(5 minutes )",
    "cron(0 10 * * *)", "cron(0 10 * * * *)", "cron(0 10 ? * ? *)", "cron(60 10 * * ? *)", "cron(0 24 * * ? *)",
    "cron(0 30-2 * * ? *)",
    "cron(0 0 32 * ? *)", "cron(0 0 1 13 ? *)", "cron(0 0 ? * 8 *)", "cron(0 0 1 * ? 1969)", "cron(? 0 1 * ? *)",
    "cron(0 0 ? * MON#6 *)", "cron(0/0 0 * * ? *)", "0 10 * * ? *", "at(2027-01-01T00:00:00)",
])  # fmt: skip
def test_a_schedule_that_is_none_is_known(expression: str) -> None:
    assert not is_valid(expression)


def test_a_schedule_is_for_the_default_bus_only() -> None:
    rule = {"ScheduleExpression": "rate(1 day)", "EventBusName": "other"}
    assert scheduled_rules.refusal(rule) == "ScheduleExpression is supported only on the default event bus."
    assert scheduled_rules.refusal(rule | {"EventBusName": "arn:aws:events:eu-west-1:1:event-bus/default"}) is None


def test_every_hour_of_a_leap_year_is_there_once() -> None:
    begin, end = _seconds("2028-01-01T00:00:00") - 1, _seconds("2029-01-01T00:00:00")
    times, at = [], next_after("cron(0 * * * ? *)", created=0, after=begin)
    while at is not None and at < end:
        times.append(at)
        at = next_after("cron(0 * * * ? *)", created=0, after=at)
    assert len(times) == 366 * 24
    assert {after - before for before, after in itertools.pairwise(times)} == {3_600.0}

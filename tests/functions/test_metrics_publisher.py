"""What is published of a window, and when a deviation counts as sustained."""

import datetime
import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from functions.metrics_publisher import index
from windows import after, before, ended_before

VERSION = "arn:package/3"
Document = dict[str, Any]


class Account:
    """S3 and CloudWatch of an account, as far as the function asks them."""

    def __init__(self) -> None:
        self.objects: dict[str, Document] = {}
        self.published: list[Document] = []
        self.replication: list[str] = []
        self.seconds = 0.0

    def head_object(self, *, Bucket: str, Key: str) -> Document:  # noqa: N803
        assert (Bucket, Key) == ("data", "labelled/flight_delays/20130502T0000Z/labelled.json")
        assert {one["MetricName"] for one in self.published} >= {"deviation", "failed", "rows"}
        assert "sustained_deviation" not in {one["MetricName"] for one in self.published}, "it may start a run"
        if not self.replication:
            error: Any = {"Error": {"Code": "403", "Message": "Forbidden"}}
            raise ClientError(error, "HeadObject")
        status = self.replication.pop(0) if len(self.replication) > 1 else self.replication[0]
        return {"ReplicationStatus": status} if status else {}

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def left(
        self,
        window: str,
        deviation: float,
        *,
        version: str = VERSION,
        labelled: str = "",
        answered: str = "",
        **checks: Document,
    ) -> None:
        """What a job has left of a window."""
        told = {"data-quality": said(deviation), **{name.replace("_", "-"): one for name, one in checks.items()}}
        self.objects[f"flight_delays/monitoring/{window}/metrics.json"] = {
            "version": 1,
            "window": window,
            "model_version": version,
            "labelled": labelled,
            "checks": told,
            **({"answered": answered} if answered else {}),
        }

    def get_object(self, *, Bucket: str, Key: str) -> Document:  # noqa: N803 - as boto3 names them
        assert Bucket == "data"
        if Key not in self.objects:
            error: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}}
            raise ClientError(error, "GetObject")
        return {"Body": io.BytesIO(json.dumps(self.objects[Key]).encode())}

    def put_metric_data(self, *, Namespace: str, MetricData: list[Document]) -> None:  # noqa: N803
        assert Namespace == "plumbline/monitoring"
        assert len(MetricData) <= 1_000
        self.published += MetricData

    def value(self, metric: str, monitor: str = "", **more: str) -> float | None:
        named = {"Model": "flight_delays", **({"Monitor": monitor} if monitor else {}), **more}
        found = [
            one["Value"]
            for one in self.published
            if one["MetricName"] == metric and {pair["Name"]: pair["Value"] for pair in one["Dimensions"]} == named
        ]
        assert len(found) <= 1
        return found[0] if found else None


def said(deviation: float, **more: object) -> Document:
    return {"rows": 500, "deviation": deviation, "worst": "x", "violations": 2, "values": {}, "features": {}, **more}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    monkeypatch.setattr("boto3.client", lambda _service: made)
    monkeypatch.setattr("time.sleep", made.sleep)
    monkeypatch.setattr("time.monotonic", lambda: made.seconds)
    monkeypatch.setenv("DATA_BUCKET", "data")
    monkeypatch.setenv("NAMESPACE", "plumbline/monitoring")
    return made


def ended(window: str = "20130503T0000Z", *, status: str = "Succeeded", needed: int = 2, of: int = 3) -> None:
    event = {"model": "flight_delays", "window": window, "status": status, "every": "day"}
    index.handler(event | {"windowsToAlarm": needed, "evaluationWindows": of}, None)


def test_the_numbers_of_a_window_are_published_by_monitor(account: Account) -> None:
    account.left("20130503T0000Z", 0.25)
    ended()
    assert (account.value("deviation", "data-quality"), account.value("rows", "data-quality")) == (0.25, 500)
    assert account.value("violations", "data-quality") == 2
    assert (account.value("failed"), account.value("no_data")) == (0, 0)


@pytest.mark.parametrize(
    ("statuses", "seconds", "said"),
    [
        (["COMPLETED"], 0, "COMPLETED"),
        (["PENDING", "PENDING", "COMPLETED"], 10, "COMPLETED"),
        (["PENDING", "FAILED"], 5, "FAILED"),
        ([""], 0, "not asked for"),
        ([], 0, "UNKNOWN"),
    ],
)
def test_the_truth_of_a_window_leaves_before_its_deviation_is_told(
    account: Account, statuses: list[str], seconds: float, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    account.left("20130503T0000Z", 0.25, labelled="20130502T0000Z")
    account.replication = list(statuses)
    ended(needed=1)
    assert (account.seconds, account.value("sustained_deviation", "data-quality")) == (seconds, 0.25)
    assert f"the replication of the labelled window 20130502T0000Z is {said}" in (capsys.readouterr().out)


def test_a_replication_that_takes_too_long_does_not_hold_a_deviation_back(account: Account) -> None:
    account.left("20130503T0000Z", 0.25, labelled="20130502T0000Z")
    account.replication = ["PENDING"]
    ended(needed=1)
    assert 200 <= account.seconds < 240
    assert account.value("sustained_deviation", "data-quality") == 0.25


def test_a_window_of_before_says_nothing_of_labels_and_is_published(account: Account) -> None:
    account.left("20130503T0000Z", 0.25)
    del account.objects["flight_delays/monitoring/20130503T0000Z/metrics.json"]["labelled"]
    ended()
    assert account.value("deviation", "data-quality") == 0.25


def test_one_window_beyond_the_line_is_not_yet_two(account: Account) -> None:
    account.left("20130501T0000Z", 0.01)
    account.left("20130502T0000Z", 0.02)
    account.left("20130503T0000Z", 0.25)
    ended()
    assert account.value("sustained_deviation", "data-quality") == 0.02


def test_two_of_the_last_three_windows_need_not_follow_each_other(account: Account) -> None:
    account.left("20130501T0000Z", 0.30)
    account.left("20130502T0000Z", 0.02)
    account.left("20130503T0000Z", 0.25)
    ended()
    assert account.value("sustained_deviation", "data-quality") == 0.25


def test_a_window_before_the_last_ones_does_not_count(account: Account) -> None:
    account.left("20130430T0000Z", 0.30)
    account.left("20130503T0000Z", 0.25)
    ended()
    assert account.value("sustained_deviation", "data-quality") == 0.0


def test_windows_of_another_version_do_not_count(account: Account) -> None:
    account.left("20130502T0000Z", 0.30, version="arn:package/2")
    account.left("20130503T0000Z", 0.25)
    ended()
    assert account.value("sustained_deviation", "data-quality") == 0.0


def test_with_one_of_one_a_window_speaks_for_itself(account: Account) -> None:
    account.left("20130503T0000Z", 0.25)
    ended(needed=1, of=1)
    assert account.value("sustained_deviation", "data-quality") == 0.25


@given(
    deviations=st.lists(st.floats(0, 1), min_size=1, max_size=12),
    needed=st.integers(1, 12),
    line=st.floats(0, 1, exclude_max=True),
)
def test_it_is_beyond_a_line_exactly_when_so_many_windows_are(
    deviations: list[float], needed: int, line: float
) -> None:
    beyond = sum(deviation > line for deviation in deviations) >= needed
    assert (index.sustained(deviations, needed) > line) is beyond


def test_a_job_that_failed_is_told_as_that_and_not_as_a_deviation(account: Account) -> None:
    ended(status="Failed")
    assert account.value("failed") == 1
    assert account.value("deviation", "data-quality") is None


def test_a_run_that_was_retried_is_published_when_it_ends_well(account: Account) -> None:
    """SageMaker tells of the end of the same execution again, under the same display name."""
    ended(status="Failed")
    account.published.clear()
    account.left("20130503T0000Z", 0.25)
    ended(status="Succeeded", needed=1)
    assert (account.value("failed"), account.value("sustained_deviation", "data-quality")) == (0, 0.25)


def test_a_check_that_failed_does_not_hide_the_others(account: Account) -> None:
    account.left("20130503T0000Z", 0.25, bias={"failed": "no row"})
    ended()
    assert (account.value("failed", "bias"), account.value("failed")) == (1, 1)
    assert account.value("deviation", "data-quality") == 0.25
    assert account.value("deviation", "bias") is None


def test_missing_truth_is_no_deviation(account: Account) -> None:
    account.left("20130503T0000Z", 0.25, model_quality={"no_data": "no label"})
    ended()
    assert (account.value("no_data", "model-quality"), account.value("no_data")) == (1, 1)
    assert account.value("failed") == 0


def test_what_is_not_due_yet_raises_no_alarm(account: Account) -> None:
    account.left("20130503T0000Z", 0.25, model_quality={"not_yet": "the first day"})
    ended()
    assert (account.value("no_data"), account.value("failed")) == (0, 0)
    assert account.value("deviation", "model-quality") is None


def _waiting(account: Account, windows: int, *, late: int = 1, but: int | None = None) -> None:
    """So many days, the last one included, on which model quality was not due yet; truth is as many days late."""
    last = datetime.datetime(2013, 5, 3, tzinfo=datetime.UTC)
    for ago in range(windows):
        end, answered = (last - datetime.timedelta(days=days) for days in (ago, ago + late))
        told: Document = said(0.0) if ago == but else {"not_yet": "this version has answered nothing"}
        account.left(f"{end:%Y%m%dT%H%MZ}", 0.0, model_quality=told, answered=f"{answered:%Y%m%dT%H%MZ}")


@pytest.mark.parametrize(("late", "of"), [(0, 1), (1, 3), (5, 2)])
def test_a_check_that_is_never_due_is_told_when_the_truth_and_the_alarm_have_had_their_time(
    account: Account, late: int, of: int
) -> None:
    _waiting(account, late + of, late=late)
    ended(needed=1, of=of)
    assert (account.value("no_data", "model-quality"), account.value("no_data")) == (0, 0)
    account.published.clear()
    _waiting(account, late + of + 1, late=late)
    ended(needed=1, of=of)
    assert (account.value("no_data", "model-quality"), account.value("no_data")) == (1, 1)
    assert account.value("no_data", "data-quality") == 0


def test_a_check_that_was_made_meanwhile_is_waited_for_anew(account: Account) -> None:
    _waiting(account, 10, but=3)
    ended(of=3)
    assert account.value("no_data") == 0


def test_windows_without_traffic_do_not_count_as_waited_for(account: Account) -> None:
    _waiting(account, 5)
    account.objects = {key: body for key, body in account.objects.items() if "20130502T0000Z" not in key}
    ended(of=3)
    assert account.value("no_data") == 0
    _waiting(account, 6)
    account.objects = {key: body for key, body in account.objects.items() if "20130502T0000Z" not in key}
    account.published.clear()
    ended(of=3)
    assert account.value("no_data") == 1


def test_where_the_truth_is_later_than_can_be_looked_back_nothing_is_told(account: Account) -> None:
    _waiting(account, 150, late=120)
    ended(of=3)
    assert account.value("no_data") == 0


def test_a_window_without_a_number_does_not_count_among_the_last_ones(account: Account) -> None:
    account.left("20130502T0000Z", 0.0)
    account.objects["flight_delays/monitoring/20130502T0000Z/metrics.json"]["checks"] = {
        "data-quality": {"no_data": "no row"}
    }
    account.left("20130503T0000Z", 0.25)
    ended()
    assert account.value("sustained_deviation", "data-quality") == 0.0


def test_features_that_count_and_metrics_beside_their_baseline_are_published(account: Account) -> None:
    quality = said(0.2, values={"log_loss": {"baseline": 0.4, "value": 0.5}})
    account.left("20130503T0000Z", 0.25, model_quality=quality)
    account.objects["flight_delays/monitoring/20130503T0000Z/metrics.json"]["checks"]["data-quality"]["features"] = {
        f"x{number:03}": number / 1_000 for number in range(80)
    }
    ended()
    assert account.value("value", "model-quality", Metric="log_loss") == 0.5
    assert account.value("baseline", "model-quality", Metric="log_loss") == 0.4
    assert account.value("feature_deviation", "data-quality", Feature="x079") == 0.079
    published = [one for one in account.published if one["MetricName"] == "feature_deviation"]
    assert len(published) == 50


@pytest.mark.usefixtures("account")
def test_a_job_that_left_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has left no metrics\.json"):
        ended()


def test_numbers_of_another_format_are_refused(account: Account) -> None:
    account.left("20130503T0000Z", 0.25)
    account.objects["flight_delays/monitoring/20130503T0000Z/metrics.json"]["version"] = 2
    with pytest.raises(ValueError, match="accepted: 1"):
        ended()


@pytest.mark.parametrize("window", ["", "2013-05-03", "../x", "20130503T0000Z\n"])
def test_a_window_of_another_name_is_refused(account: Account, window: str) -> None:
    account.objects[f"flight_delays/monitoring/{window}/metrics.json"] = {
        "version": 1, "model_version": VERSION, "checks": {},
    }  # fmt: skip
    with pytest.raises(ValueError, match="is no window"):
        ended(window)


def test_a_feature_that_cloudwatch_has_no_name_for_does_not_take_the_others_along(account: Account) -> None:
    account.left("20130503T0000Z", 0.25)
    checks = account.objects["flight_delays/monitoring/20130503T0000Z/metrics.json"]["checks"]
    checks["data-quality"]["features"] = {"größe": 0.25, "weight": 0.2, "a\nb": 0.1}
    ended()
    features = [pair["Value"] for one in account.published for pair in one["Dimensions"] if pair["Name"] == "Feature"]
    assert features == ["weight"]
    assert account.value("deviation", "data-quality") == 0.25


def test_an_event_of_an_old_window_is_not_published_as_if_it_were_now(account: Account) -> None:
    account.left("20130501T0000Z", 0.9)
    account.left("20130502T0000Z", 0.01)
    ended("20130501T0000Z")
    assert account.published == []
    ended("20130502T0000Z")
    assert account.value("deviation", "data-quality") == 0.01


@pytest.mark.parametrize("days", [1, 2, 14])
def test_a_newer_window_is_seen_across_windows_without_traffic(account: Account, days: int) -> None:
    account.left("20130501T0000Z", 0.9)
    account.left(f"201305{1 + days:02}T0000Z", 0.01)
    ended("20130501T0000Z", needed=1, of=1)
    assert account.published == []


@given(
    minutes=st.integers(0, 60 * 24 * 366 * 100),
    every=st.sampled_from(["hour", "day", "week", "month"]),
)
def test_windows_follow_each_other_without_a_gap(minutes: int, every: str) -> None:
    time = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(minutes=minutes)
    span = ended_before(time, every)
    assert span.since < span.until <= time
    assert before(span, every).until == span.since
    following = after(span, every)
    assert (following.since, following.until > time) == (span.until, True)

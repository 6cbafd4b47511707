"""Which files a window is of, and which job is started over them."""

import datetime
import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.monitor_window import index
from mlops_constructs.deployment_strategy import AllAtOnce

ENDPOINT = "plumbline-production-flight-delays"
VERSION = f"arn:aws:sagemaker:eu-west-1:333333333333:model-package/{ENDPOINT}/3"
IMAGE = "333333333333.dkr.ecr.eu-west-1.amazonaws.com/plumbline-runtime"
FOLDER = f"flight_delays/{ENDPOINT}/primary"
Document = dict[str, Any]


class Account:
    """SageMaker, S3 and CloudWatch of an account, as far as the function asks them."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.started: list[Document] = []
        self.published: list[Document] = []
        self.missing = False
        self.released = datetime.datetime(2012, 1, 1, tzinfo=datetime.UTC)
        self.version = VERSION
        self.image = f"{IMAGE}@sha256:{'0' * 64}"
        # What another delivery of the event writes between a look at a key and the writing of it.
        self.faster: dict[str, bytes] = {}
        self.unwritable = ""

    def captured(self, hour: str, *, folder: str = FOLDER, body: bytes = b"{}\n") -> str:
        key = f"{folder}/{hour}/00-00-000-x.jsonl"
        self.objects[key] = body
        return key

    def describe_endpoint(self, *, EndpointName: str) -> Document:  # noqa: N803 - as boto3 names them
        assert EndpointName == ENDPOINT
        if self.missing:
            error: Any = {"Error": {"Code": "ValidationException", "Message": f'Could not find endpoint "{ENDPOINT}".'}}
            raise ClientError(error, "DescribeEndpoint")
        return {"EndpointConfigName": "config"}

    def describe_endpoint_config(self, *, EndpointConfigName: str) -> Document:  # noqa: N803
        assert EndpointConfigName == "config"
        return {
            "ProductionVariants": [{"VariantName": "primary", "ModelName": "model"}],
            # It is made anew with every change of how the version is served.
            "CreationTime": datetime.datetime(2014, 1, 1, tzinfo=datetime.UTC),
        }

    def describe_model(self, *, ModelName: str) -> Document:  # noqa: N803
        assert ModelName == "model"
        return {"PrimaryContainer": {"ModelPackageName": self.version}, "CreationTime": self.released}

    def describe_model_package(self, *, ModelPackageName: str) -> Document:  # noqa: N803
        url = f"s3://models/flight_delays/released/{ModelPackageName.rpartition('/')[2]}/model.tar.gz"
        return {"InferenceSpecification": {"Containers": [{"ModelDataUrl": url, "Image": self.image}]}}

    def start_pipeline_execution(self, **request: Any) -> Document:
        self.started.append(request)
        return {"PipelineExecutionArn": "arn:execution"}

    def get_paginator(self, name: str) -> "Account":
        assert name == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> list[Document]:  # noqa: N803
        assert Bucket == "capture"
        found = [
            {"Key": key, "Size": len(body)} for key, body in sorted(self.objects.items()) if key.startswith(Prefix)
        ]
        return [{"Contents": found[:1]}, {"Contents": found[1:]}, {}]

    def list_objects_v2(self, *, Bucket: str, Prefix: str, MaxKeys: int) -> Document:  # noqa: N803
        assert Bucket == "capture"
        found = [{"Key": key} for key in sorted(self.objects) if key.startswith(Prefix)][:MaxKeys]
        return {"Contents": found} if found else {}

    def get_object(self, *, Bucket: str, Key: str) -> Document:  # noqa: N803
        assert Bucket == "capture"
        assert "/windows/" in Key, "it reads nothing that customers asked"
        if Key not in self.objects:
            error: Any = {"Error": {"Code": "NoSuchKey", "Message": "The specified key does not exist."}}
            raise ClientError(error, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str, IfNoneMatch: str) -> None:  # noqa: N803
        assert (Bucket, ContentType, IfNoneMatch) == ("capture", "application/json", "*")
        if self.unwritable and Key.endswith(self.unwritable):
            unwell: Any = {"Error": {"Code": "InternalError", "Message": "Please try again."}}
            raise ClientError(unwell, "PutObject")
        self.objects |= self.faster
        if Key in self.objects:
            error: Any = {"Error": {"Code": "PreconditionFailed", "Message": "At least one did not hold."}}
            raise ClientError(error, "PutObject")
        self.objects[Key] = Body

    def put_metric_data(self, *, Namespace: str, MetricData: list[Document]) -> None:  # noqa: N803
        assert Namespace == "plumbline/monitoring"
        self.published += MetricData

    def told(self, metric: str) -> int:
        """How often a metric of the model was published."""
        one = {"MetricName": metric, "Dimensions": [{"Name": "Model", "Value": "flight_delays"}], "Value": 1}
        return self.published.count(one)

    def earlier(self, name: str) -> list[str]:
        found: list[str] = json.loads(self.objects[f"flight_delays/windows/{name}/earlier.json"])
        return found

    def window(self, name: str) -> Document:
        found: Document = json.load(io.BytesIO(self.objects[f"flight_delays/windows/{name}/window.json"]))
        return found


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    patched(made, monkeypatch)
    return made


def patched(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boto3.client", lambda _service: account)
    for name, value in {
        "CAPTURE_BUCKET": "capture",
        "PREFIX": "plumbline-production",
        "NAMESPACE": "plumbline/monitoring",
    }.items():
        monkeypatch.setenv(name, value)


def closed(time: str, *, every: str = "day", late: int = 24, wait: int = 0) -> dict[str, str]:
    event = {
        "model": "flight_delays",
        "time": time,
        "every": every,
        "labelsAfterHours": late,
        "closedAfterHours": wait,
    }
    return index.handler(event, None)


def test_a_day_is_of_its_own_captures_and_of_no_others(account: Account) -> None:
    inside = [account.captured("2013/05/01/00"), account.captured("2013/05/01/23")]
    for hour in ("2013/04/30/23", "2013/05/02/00"):
        account.captured(hour)
    account.captured("2013/05/01/10", folder=f"flight_delays/{ENDPOINT}-other/primary")
    closed("2013-05-02T00:15:00Z")
    window = account.window("20130502T0000Z")
    assert [f"flight_delays/{name}" for name in window["captures"]] == inside
    assert (window["asked"]["since"], window["asked"]["until"]) == (
        "2013-05-01T00:00:00+00:00",
        "2013-05-02T00:00:00+00:00",
    )


def test_the_older_window_is_the_last_one_whose_truth_is_known(account: Account) -> None:
    older = account.captured("2013/04/30/12")
    account.captured("2013/05/01/12")
    label = account.captured("2013/05/01/09", folder="flight_delays/labels")
    account.captured("2013/04/29/09", folder="flight_delays/labels")
    closed("2013-05-02T00:15:00Z", late=24)
    window = account.window("20130502T0000Z")
    assert [f"flight_delays/{name}" for name in window["answers"]] == [older]
    assert [f"flight_delays/{name}" for name in window["labels"]] == [label]
    assert window["answered"]["until"] == "2013-05-01T00:00:00+00:00"


def test_a_release_has_taken_over_or_was_rolled_back_by_then() -> None:
    assert AllAtOnce().timeout_seconds == index._TAKEN_OVER.total_seconds()


def test_what_the_version_before_has_answered_is_not_held_against_the_one_that_is_served(account: Account) -> None:
    # Nobody can tell which version has answered in the hours in which one takes over from the other.
    earlier = [account.captured(f"2013/04/30/{hour}") for hour in ("09", "12", "13")]
    own = account.captured("2013/04/30/14")
    account.captured("2013/05/01/12")
    label = account.captured("2013/05/01/09", folder="flight_delays/labels")
    account.released = datetime.datetime(2013, 4, 30, 12, 30, tzinfo=datetime.UTC)
    closed("2013-05-02T00:15:00Z")
    window = account.window("20130502T0000Z")
    assert [f"flight_delays/{name}" for name in window["answers"]] == [own]
    assert [f"flight_delays/{name}" for name in account.earlier("20130502T0000Z")] == earlier
    assert "earlier" not in window, "versions of before know nothing of it"
    files = json.loads(account.objects["flight_delays/windows/20130502T0000Z/manifest.json"])[1:]
    assert {f"flight_delays/{name}" for name in files} >= {own, label, *earlier}


@pytest.mark.parametrize("asked_since", [True, False])
def test_the_truth_of_what_versions_before_have_answered_is_known_all_the_same(
    account: Account, asked_since: bool
) -> None:
    earlier = account.captured("2013/04/30/12")
    if asked_since:
        account.captured("2013/05/01/12")
    label = account.captured("2013/05/01/09", folder="flight_delays/labels")
    account.released = datetime.datetime(2013, 5, 1, 9, tzinfo=datetime.UTC)
    closed("2013-05-02T00:15:00Z")
    window = account.window("20130502T0000Z")
    assert window["answers"] == []
    assert [f"flight_delays/{name}" for name in account.earlier("20130502T0000Z")] == [earlier]
    assert [f"flight_delays/{name}" for name in window["labels"]] == [label]
    assert len(account.started) == 1


def test_a_month_waits_a_day_for_its_own_truth(account: Account) -> None:
    asked = account.captured("2013/04/30/12")
    label = account.captured("2013/05/01/09", folder="flight_delays/labels")
    closed("2013-05-01T00:15:00Z", every="month", late=24, wait=24)
    assert not account.started
    closed("2013-05-02T00:15:00Z", every="month", late=24, wait=24)
    window = account.window("20130501T0000Z")
    assert window["asked"] == window["answered"]
    assert [f"flight_delays/{name}" for name in window["answers"]] == [asked]
    assert [f"flight_delays/{name}" for name in window["labels"]] == [label]
    closed("2013-05-03T00:15:00Z", every="month", late=24, wait=24)
    assert len(account.started) == 1


def test_without_a_wait_for_the_truth_both_windows_are_one(account: Account) -> None:
    account.captured("2013/05/01/12")
    closed("2013-05-02T00:15:00Z", late=0)
    window = account.window("20130502T0000Z")
    assert window["asked"] == window["answered"]
    assert window["captures"] == window["answers"]


@pytest.mark.parametrize(
    ("every", "time", "since", "until"),
    [
        ("hour", "2013-05-01T10:15:00Z", "2013-05-01T09:00:00+00:00", "2013-05-01T10:00:00+00:00"),
        ("week", "2013-05-06T00:15:00Z", "2013-04-29T00:00:00+00:00", "2013-05-06T00:00:00+00:00"),
        ("month", "2013-03-01T00:15:00Z", "2013-02-01T00:00:00+00:00", "2013-03-01T00:00:00+00:00"),
        ("month", "2013-01-01T00:15:00Z", "2012-12-01T00:00:00+00:00", "2013-01-01T00:00:00+00:00"),
        ("day", "2013-05-01T02:15:00+02:00", "2013-04-30T00:00:00+00:00", "2013-05-01T00:00:00+00:00"),
    ],
)
def test_windows_are_whole_and_in_utc(account: Account, every: str, time: str, since: str, until: str) -> None:
    account.captured(since[:13].replace("-", "/").replace("T", "/"))
    closed(time, every=every, late=0)
    (request,) = account.started
    assert account.window(request["PipelineExecutionDisplayName"])["asked"] == {"since": since, "until": until}


def test_the_job_gets_the_served_version_its_baselines_and_its_image(account: Account) -> None:
    account.captured("2013/05/01/12")
    assert closed("2013-05-02T00:15:00Z")["execution"] == "arn:execution"
    (request,) = account.started
    assert request["PipelineName"] == f"{ENDPOINT}-monitor"
    assert {one["Name"]: one["Value"] for one in request["PipelineParameters"]} == {
        "WindowId": "20130502T0000Z",
        "AnsweredId": "20130501T0000Z",
        "BaselineUri": "s3://models/flight_delays/released/3/baselines/",
        "ModelUri": "s3://models/flight_delays/released/3/model.tar.gz",
        "ImageDigest": "0" * 64,
    }
    assert 32 <= len(request["ClientRequestToken"]) <= 128


def test_the_manifest_names_what_the_window_names_and_the_window_itself(account: Account) -> None:
    account.captured("2013/05/01/12")
    account.captured("2013/04/30/12")
    account.captured("2013/05/01/09", folder="flight_delays/labels")
    closed("2013-05-02T00:15:00Z")
    prefix, *names = json.loads(account.objects["flight_delays/windows/20130502T0000Z/manifest.json"])
    window = account.window("20130502T0000Z")
    assert prefix == {"prefix": "s3://capture/flight_delays/"}
    assert sorted(names) == sorted(
        {*window["captures"], *window["answers"], *window["labels"], "windows/20130502T0000Z/window.json"}
    )


def test_an_event_that_comes_twice_starts_one_execution(account: Account) -> None:
    account.captured("2013/05/01/12")
    told = [closed(time) for time in ("2013-05-02T00:15:00Z", "2013-05-02T00:15:07Z")]
    assert len(account.started) == 1
    assert [one["execution"] for one in told] == ["arn:execution"] * 2


def test_an_event_that_comes_again_before_the_execution_is_known_asks_for_the_same_one(account: Account) -> None:
    account.captured("2013/05/01/12")
    account.unwritable = "started.json"
    with pytest.raises(ClientError, match="Please try again"):
        closed("2013-05-02T00:15:00Z")
    account.unwritable = ""
    for _ in range(2):
        closed("2013-05-02T00:15:00Z")
    first, second = account.started
    assert first == second


def test_a_window_without_traffic_starts_no_job_and_says_so(account: Account) -> None:
    account.captured("2013/05/01/12", body=b"")
    closed("2013-05-02T00:15:00Z")
    assert account.started == []
    assert (account.told("no_data"), account.told("windows"), len(account.published)) == (1, 1, 2)
    assert not [key for key in account.objects if "windows" in key]


def test_without_traffic_today_yesterdays_answers_are_still_judged_when_their_truth_is_there(account: Account) -> None:
    account.captured("2013/04/30/12")
    account.captured("2013/05/01/09", folder="flight_delays/labels")
    closed("2013-05-02T00:15:00Z")
    assert len(account.started) == 1


def test_before_the_first_release_there_is_nothing_to_watch(account: Account) -> None:
    account.missing = True
    assert "no endpoint" in closed("2013-05-02T00:15:00Z")["said"]
    assert (account.started, account.told("no_data"), account.told("windows")) == ([], 0, 1)


@pytest.mark.parametrize("every", ["day", "month"])
def test_an_endpoint_that_is_gone_is_told_on_every_day(account: Account, every: str) -> None:
    account.captured("2013/04/02/10")
    account.missing = True
    assert "any more" in closed("2013-05-02T00:15:00Z", every=every)["said"]
    assert (account.started, account.told("no_data")) == ([], 1)


def test_captures_of_a_model_with_a_longer_name_are_no_sign_of_an_endpoint(account: Account) -> None:
    account.captured("2013/04/02/10", folder=f"flight_delays/{ENDPOINT}-two/primary")
    account.missing = True
    assert "yet" in closed("2013-05-02T00:15:00Z")["said"]


@given(
    every=st.sampled_from(["hour", "day", "week", "month"]),
    first=st.dates(datetime.date(2012, 1, 1), datetime.date(2031, 1, 1)),
)
@settings(max_examples=20)
def test_each_window_is_closed_by_one_of_its_calls_and_every_call_is_told(every: str, first: datetime.date) -> None:
    account, hours = Account(), 1 if every == "hour" else 24
    calls = [
        datetime.datetime.combine(first, datetime.time(0, 15), datetime.UTC) + datetime.timedelta(hours=number * hours)
        for number in range(80)
    ]
    for number in range(120 * 24):
        hour = calls[0] + datetime.timedelta(hours=number) - datetime.timedelta(days=40)
        account.captured(f"{hour:%Y/%m/%d/%H}")
    with pytest.MonkeyPatch.context() as patch:
        patched(account, patch)
        for time in calls:
            closed(time.isoformat(), every=every, late=0)
    names = [request["PipelineExecutionDisplayName"] for request in account.started]
    expected = {f"{call.replace(minute=0):%Y%m%dT%H%MZ}" for call in calls if _begins(call, every)}
    assert (len(names), set(names)) == (len(expected), expected)
    assert account.told("windows") == len(calls)


def _begins(call: datetime.datetime, every: str) -> bool:
    return {"week": call.weekday() == 0, "month": call.day == 1}.get(every, True)


def test_an_event_that_comes_again_is_about_what_the_first_one_has_written(account: Account) -> None:
    account.captured("2013/05/01/12")
    closed("2013-05-02T00:15:00Z")
    written = dict(account.objects)
    account.captured("2013/05/01/13")
    account.captured("2013/04/30/12")
    account.captured("2013/05/01/09", folder="flight_delays/labels")
    account.version, account.released = VERSION.replace("/3", "/4"), datetime.datetime(2013, 5, 3, tzinfo=datetime.UTC)
    account.missing = True
    closed("2013-05-02T00:15:00Z")
    assert account.objects.items() >= written.items()
    assert len(account.started) == 1


def test_of_two_deliveries_at_once_the_first_to_write_is_the_one(account: Account) -> None:
    account.captured("2013/05/01/12")
    closed("2013-05-02T00:15:00Z")
    key = "flight_delays/windows/20130502T0000Z/window.json"
    account.faster = {key: account.objects.pop(key)}
    del account.objects[key.replace("window.json", "started.json")]
    account.captured("2013/05/01/13")
    account.version = VERSION.replace("/3", "/4")
    closed("2013-05-02T00:15:00Z")
    assert account.window("20130502T0000Z")["version"] == VERSION
    first, second = account.started
    assert first == second


def test_a_manifest_that_was_not_written_follows_from_the_window_that_was(account: Account) -> None:
    early = account.captured("2013/05/01/12")
    account.unwritable = "manifest.json"
    with pytest.raises(ClientError, match="Please try again"):
        closed("2013-05-02T00:15:00Z")
    account.unwritable = ""
    account.captured("2013/05/01/13")
    closed("2013-05-02T00:15:00Z")
    _, *names = json.loads(account.objects["flight_delays/windows/20130502T0000Z/manifest.json"])
    assert names == [early.removeprefix("flight_delays/"), "windows/20130502T0000Z/window.json"]


def test_an_image_by_a_tag_is_refused(account: Account) -> None:
    account.image = f"{IMAGE}:latest"
    account.captured("2013/05/01/12")
    with pytest.raises(ValueError, match="accepted: an image by its digest"):
        closed("2013-05-02T00:15:00Z")


@pytest.mark.parametrize(("time", "every"), [("2013-05-02T00:15:00", "day"), ("2013-05-02T00:15:00Z", "fortnight")])
def test_an_event_of_nobodys_is_refused(account: Account, time: str, every: str) -> None:
    with pytest.raises(ValueError, match="accepted: "):
        closed(time, every=every)
    assert account.started == []

"""Which files a window is of, and which job is started over them."""

import datetime
import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.monitor_window import index

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
        self.image = f"{IMAGE}@sha256:{'0' * 64}"

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
            "CreationTime": self.released,
        }

    def describe_model(self, *, ModelName: str) -> Document:  # noqa: N803
        assert ModelName == "model"
        return {"PrimaryContainer": {"ModelPackageName": VERSION}}

    def describe_model_package(self, *, ModelPackageName: str) -> Document:  # noqa: N803
        assert ModelPackageName == VERSION
        url = "s3://models/flight_delays/released/3/model.tar.gz"
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

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:  # noqa: N803
        assert (Bucket, ContentType) == ("capture", "application/json")
        self.objects[Key] = Body

    def put_metric_data(self, *, Namespace: str, MetricData: list[Document]) -> None:  # noqa: N803
        assert Namespace == "plumbline/monitoring"
        self.published += MetricData

    def window(self, name: str) -> Document:
        found: Document = json.load(io.BytesIO(self.objects[f"flight_delays/windows/{name}/window.json"]))
        return found


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    monkeypatch.setattr("boto3.client", lambda _service: made)
    for name, value in {
        "CAPTURE_BUCKET": "capture",
        "PREFIX": "plumbline-production",
        "NAMESPACE": "plumbline/monitoring",
    }.items():
        monkeypatch.setenv(name, value)
    return made


def closed(time: str, *, every: str = "day", late: int = 24) -> dict[str, str]:
    event = {"model": "flight_delays", "time": time, "every": every, "labelsAfterHours": late}
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


def test_what_the_version_before_has_answered_is_not_held_against_the_one_that_is_served(account: Account) -> None:
    account.captured("2013/04/30/12")
    account.captured("2013/05/01/12")
    account.captured("2013/05/01/09", folder="flight_delays/labels")
    account.released = datetime.datetime(2013, 4, 30, 9, tzinfo=datetime.UTC)
    closed("2013-05-02T00:15:00Z")
    assert account.window("20130502T0000Z")["answers"] == []
    closed("2013-05-03T00:15:00Z")
    assert account.window("20130503T0000Z")["answers"]


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


def test_an_event_that_comes_twice_asks_for_the_same_execution(account: Account) -> None:
    account.captured("2013/05/01/12")
    for time in ("2013-05-02T00:15:00Z", "2013-05-02T00:15:07Z"):
        closed(time)
    first, second = account.started
    assert first == second


def test_a_window_without_traffic_starts_no_job_and_says_so(account: Account) -> None:
    account.captured("2013/05/01/12", body=b"")
    closed("2013-05-02T00:15:00Z")
    assert account.started == []
    assert account.published == [
        {"MetricName": "no_data", "Dimensions": [{"Name": "Model", "Value": "flight_delays"}], "Value": 1}
    ]
    assert not [key for key in account.objects if "windows" in key]


def test_without_traffic_today_yesterdays_answers_are_still_judged_when_their_truth_is_there(account: Account) -> None:
    account.captured("2013/04/30/12")
    account.captured("2013/05/01/09", folder="flight_delays/labels")
    closed("2013-05-02T00:15:00Z")
    assert len(account.started) == 1


def test_before_the_first_release_there_is_nothing_to_watch(account: Account) -> None:
    account.missing = True
    assert "no endpoint" in closed("2013-05-02T00:15:00Z")["said"]
    assert (account.started, account.published) == ([], [])


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

"""What SageMaker dates by the rehearsal's clock."""

import datetime
import json
from typing import Any, cast

import pytest

from plumbline.rehearsal import clock
from plumbline.rehearsal.api.scope import timestamp
from plumbline.rehearsal.sagemaker.capture import Capture, Payload
from plumbline.rehearsal.sagemaker.definition import Step
from plumbline.rehearsal.sagemaker.executions import CachedRun, StepCache
from plumbline.rehearsal.sagemaker.sessions import RoleSession
from plumbline.rehearsal.sagemaker.steps import Outcome

_YEAR = 365 * 86_400.0


class Store:
    """A session whose S3 keeps what is written."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def client(self, _service: str) -> "Store":
        return self

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **_: Any) -> None:  # noqa: N803 - S3's own names
        self.objects[f"{Bucket}/{Key}"] = Body


def test_an_invocation_is_captured_in_the_hour_that_the_clock_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_ahead", _YEAR)
    store = Store()
    config = {
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://bucket/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    capture = Capture(config=config, endpoint="one", variant="all", session=cast("RoleSession", store))
    before = clock.moment()
    capture.add(Payload(body=b"1", content_type="text/csv"), Payload(body=b"2", content_type="text/csv"),
                inference_id="i", attributes=None)  # fmt: skip
    capture.close()
    ((key, body),) = store.objects.items()
    assert key.startswith(f"bucket/captured/one/all/{before:%Y/%m/%d/%H}/")
    told = datetime.datetime.fromisoformat(json.loads(body)["eventMetadata"]["inferenceTime"])
    assert abs(told - before) < datetime.timedelta(seconds=10)


def test_what_a_step_has_made_is_too_old_when_the_clock_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    step = cast("Step", type("One", (), {"name": "one", "cache_seconds": 30 * 86_400})())
    cache = StepCache()
    run = CachedRun(key="k", time=clock.now(), execution_arn="arn", outcome=cast("Outcome", None))
    cache.add(step, run)
    assert cache.find(step, "k") is run
    monkeypatch.setattr(clock, "_ahead", 31 * 86_400.0)
    assert cache.find(step, "k") is None


def test_what_is_made_is_dated_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    before = timestamp()
    monkeypatch.setattr(clock, "_ahead", _YEAR)
    assert timestamp() - before >= _YEAR

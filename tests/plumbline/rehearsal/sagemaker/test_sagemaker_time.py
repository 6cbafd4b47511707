"""What SageMaker dates by the rehearsal's clock."""

import datetime
import json
import threading
from typing import Any, cast

import pytest

from plumbline.rehearsal import advancing, clock
from plumbline.rehearsal.api.scope import timestamp
from plumbline.rehearsal.sagemaker.capture import Capture, Payload, flush_all
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


def _capturing(store: Store) -> Capture:
    config = {
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://bucket/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    return Capture(config=config, endpoint="one", variant="all", session=cast("RoleSession", store))


def _ask(capture: Capture) -> None:
    asked, answered = (Payload(body=body, content_type="text/csv") for body in (b"1", b"2"))
    capture.add(asked, answered, inference_id="i", attributes=None)


def test_what_was_captured_is_written_before_the_clock_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_ahead", 0.0)
    monkeypatch.setattr(advancing, "on_loop", lambda _: None)
    store = Store()
    capture = _capturing(store)
    for number in range(1, 4):
        for _ in range(number):
            _ask(capture)
        advancing.advance(clock.now() + 60)
        written = b"".join(store.objects.values()).splitlines()
        assert len(written) == sum(range(number + 1))
    capture.close()
    flush_all()


def test_what_cannot_be_written_does_not_hold_the_clock_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    store = Store()
    monkeypatch.setattr(store, "put_object", None)
    capture = _capturing(store)
    _ask(capture)
    flush_all()
    assert store.objects == {}
    capture.close()


def test_an_invocation_is_captured_in_the_hour_that_the_clock_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_ahead", _YEAR)
    store = Store()
    capture = _capturing(store)
    before = clock.moment()
    _ask(capture)
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

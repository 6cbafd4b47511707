"""What SageMaker dates by the rehearsal's clock."""

import datetime
import json
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from plumbline.rehearsal import advancing, clock
from plumbline.rehearsal.api.scope import timestamp
from plumbline.rehearsal.sagemaker import capture as capturing
from plumbline.rehearsal.sagemaker.capture import Capture, Payload, UnwrittenError, flush_all
from plumbline.rehearsal.sagemaker.definition import Step
from plumbline.rehearsal.sagemaker.executions import CachedRun, StepCache
from plumbline.rehearsal.sagemaker.sessions import RoleSession
from plumbline.rehearsal.sagemaker.steps import Outcome

_YEAR = 365 * 86_400.0


class Store:
    """A session whose S3 keeps what is written."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.refuses = False
        self.written_before_it_refuses: int | None = None

    def client(self, _service: str) -> "Store":
        return self

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **_: Any) -> None:  # noqa: N803 - S3's own names
        if self.refuses or len(self.objects) == self.written_before_it_refuses:
            self.written_before_it_refuses = None
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "Slow"}}, "PutObject")
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


def test_a_capture_that_cannot_be_written_stops_the_clock_and_is_written_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "_ahead", 0.0)
    monkeypatch.setattr(advancing, "on_loop", lambda _: None)
    store = Store()
    capture = _capturing(store)
    _ask(capture)
    store.refuses = True
    before = clock.now()
    with pytest.raises(UnwrittenError, match=r"1 captured invocations of endpoint one .* s3://bucket/captured: .*Slow"):
        advancing.advance(before + 3600)
    with pytest.raises(UnwrittenError):
        capture.close()
    assert clock.now() < before + 3600
    store.refuses = False
    advancing.advance(before + 3600)
    (body,) = store.objects.values()
    assert len(body.splitlines()) == 1
    capture.close()


def test_what_an_endpoint_that_is_gone_cannot_write_is_told_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_ahead", 0.0)
    store = Store()
    capture = _capturing(store)
    _ask(capture)
    store.refuses = True
    for last_words in (capture.close, flush_all):
        with pytest.raises(UnwrittenError):
            last_words()
    flush_all()
    assert store.objects == {}


def test_hours_that_are_written_are_not_written_again_with_one_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    monkeypatch.setattr(capturing, "_FLUSH_SECONDS", _YEAR)
    capture = _capturing(store)
    for ahead in (0.0, 3600.0):
        monkeypatch.setattr(clock, "_ahead", ahead)
        _ask(capture)
    store.written_before_it_refuses = 1
    with pytest.raises(UnwrittenError):
        capture.flush()
    capture.close()
    assert [len(body.splitlines()) for body in store.objects.values()] == [1, 1]


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

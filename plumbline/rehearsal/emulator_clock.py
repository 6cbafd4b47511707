"""Which services of the emulator go by the rehearsal's clock: CloudWatch, EventBridge and S3.

The others keep the machine's: what they tell is checked against it by clients, or asked for by nobody.
"""

import datetime
import types
from collections.abc import Mapping

from ministack.services import cloudwatch, eventbridge, s3

from plumbline.rehearsal import clock

_EXPLICIT = ("x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date")
_own_object_lock = s3._apply_object_lock_from_headers


class _Moment(datetime.datetime):
    """Moments whose present is the clock's."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> "_Moment":
        """The present."""
        return cls.fromtimestamp(clock.now(), tz)


def register() -> None:
    """Has these services of the emulator of this process go by it; called before any of them is served."""
    # Of the library's module these services use this one function.
    cloudwatch.time = types.SimpleNamespace(time=clock.now)
    eventbridge._now_ts = clock.now
    # Of this class the service asks the present for one thing: when it has taken in an event (input transformers).
    eventbridge.datetime = _Moment
    # When objects are dated, and until when they are locked; what expires for a client has functions of its own.
    s3.now_iso = clock.iso_now
    s3._apply_object_lock_from_headers = _lock_object


def _lock_object(bucket: str, key: str, headers: Mapping[str, str], version: object) -> None:
    """Stands in for the emulator's own, which counts a bucket's default retention from the machine's time."""
    _own_object_lock(bucket, key, headers, version)
    retention = s3._object_retention.get((bucket, key, version))
    if retention is None or any(headers.get(name) for name in _EXPLICIT):
        return
    lasts = datetime.datetime.fromisoformat(retention["RetainUntilDate"]) - datetime.datetime.now(datetime.UTC)
    until = (clock.moment() + lasts).timestamp()
    s3._object_retention[bucket, key, version] = {**retention, "RetainUntilDate": clock.written(until, "milliseconds")}

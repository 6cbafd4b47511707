"""When windows begin and end: whole hours, days, weeks from Monday, or months, in UTC."""

import dataclasses
import datetime

_AT_MOST = {
    "hour": datetime.timedelta(hours=1),
    "day": datetime.timedelta(days=1),
    "week": datetime.timedelta(days=7),
    "month": datetime.timedelta(days=31),
}
_MOMENT = datetime.timedelta(microseconds=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Span:
    """From one moment up to another, which is not part of it.

    Attributes:
        since: The first moment, in UTC.
        until: The first moment after it.
    """

    since: datetime.datetime
    until: datetime.datetime

    @property
    def id(self) -> str:
        """Its name, e.g. `20130501T0000Z`: when it ended. It is part of object keys and of names of executions."""
        return f"{self.until:%Y%m%dT%H%MZ}"

    @property
    def days(self) -> list[datetime.date]:
        """The days that it touches, in order."""
        first, last = self.since.date(), (self.until - _MOMENT).date()
        return [first + datetime.timedelta(days=number) for number in range((last - first).days + 1)]

    def document(self) -> dict[str, str]:
        """As the runtime reads it."""
        return {"since": self.since.isoformat(), "until": self.until.isoformat()}


def moment(text: str) -> datetime.datetime:
    """A time as events have it, e.g. `2013-05-01T00:15:00Z`, in UTC.

    Raises:
        ValueError: It is none, or of no time zone.
    """
    found = datetime.datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} is in no time zone; accepted: a time such as 2013-05-01T00:15:00Z")
    return found.astimezone(datetime.UTC)


def ended_before(time: datetime.datetime, every: str) -> Span:
    """The last window that has ended at a time.

    Args:
        time: The time, in UTC.
        every: How long a window is: `hour`, `day`, `week` or `month`.

    Raises:
        ValueError: There are no such windows.
    """
    until = _floor(time, every)
    return Span(since=_floor(until - _MOMENT, every), until=until)


def before(span: Span, every: str) -> Span:
    """The window before one."""
    return ended_before(span.since, every)


def after(span: Span, every: str) -> Span:
    """The window after one."""
    return ended_before(span.until + _AT_MOST[every], every)


def _floor(time: datetime.datetime, every: str) -> datetime.datetime:
    if every not in _AT_MOST:
        raise ValueError(f"windows of a {every} are unknown; accepted: {', '.join(_AT_MOST)}")
    hour = time.replace(minute=0, second=0, microsecond=0)
    if every == "hour":
        return hour
    midnight = hour.replace(hour=0)
    if every == "week":
        return midnight - datetime.timedelta(days=midnight.weekday())
    return midnight.replace(day=1) if every == "month" else midnight

"""When a scheduled rule is due.

Sources: EventBridge user guide, "Setting a schedule pattern for scheduled rules (legacy)" with "Cron expressions
reference" and "Rate expressions": six fields, one of the two days is ``?``, all times are UTC; a rate of one has a unit
in the singular, a greater one in the plural, and begins when the rule is made.

The emulator reads the fields of a cron expression and knows the days that ``L``, ``W`` and ``#`` mean. It lets values
pass that no field has, which are refused here, and has no hours that pass midnight, such as ``20-2``.
"""

import datetime
import re
from collections.abc import Collection
from typing import Any

from ministack.services import eventbridge

_RATE = re.compile(r"rate\((?:1 (minute|hour|day)|([2-9]|[1-9]\d+) (minute|hour|day)s)\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_HOURS_RANGE = re.compile(r"\b(\d{1,2})-(\d{1,2})(?![\d/])")
_SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400}
_MINUTES, _HOURS, _DAYS, _MONTHS, _WEEKDAYS = range(60), range(24), range(1, 32), range(1, 13), range(1, 8)
_YEARS = range(1970, 2200)


def is_valid(expression: str) -> bool:
    """Whether EventBridge takes a rule with this expression."""
    return _interval(expression) is not None or _is_cron(expression)


def next_after(expression: str, *, created: float, after: float) -> float | None:
    """When a rule is due next.

    Args:
        expression: The rule's, a valid one.
        created: When the rule was made, in seconds.
        after: The time after which, and not at which, it is looked for.

    Returns:
        Seconds; None when it is never due again.
    """
    interval = _interval(expression)
    if interval is not None:
        passed = max(0, int((after - int(created)) // interval))
        return float(int(created) + (passed + 1) * interval)
    fields = _fields(expression)
    found = eventbridge._cron_next_fire(fields, datetime.datetime.fromtimestamp(after, datetime.UTC))
    return None if found is None else float(found.timestamp())


def _interval(expression: str) -> int | None:
    found = _RATE.fullmatch(expression)
    if found is None:
        return None
    one, number, unit = found.groups()
    return _SECONDS[one] if one else int(number) * _SECONDS[unit]


def _is_cron(expression: str) -> bool:
    written = _CRON.fullmatch(expression)
    if written is None:
        return False
    minute, hour, day, month, weekday, year = written.groups()
    if "?" in minute + hour + month + year or (day == "?") == (weekday == "?"):
        return False
    fields = _fields(expression)
    if fields is None:
        return False
    minutes, hours, days, months, weekdays, years, *_ = fields
    return (
        _within(minutes, _MINUTES)
        and _within(hours, _HOURS)
        and _within(months, _MONTHS)
        and (years is None or _within(years, _YEARS))
        and _names_days(days, _DAYS)
        and _names_days(weekdays, _WEEKDAYS)
    )


def _fields(expression: str) -> tuple[Any, ...] | None:
    """The emulator's reading of an expression."""
    minute, hour, *others = expression.removeprefix("cron(").removesuffix(")").split()
    hours = _HOURS_RANGE.sub(_past_midnight, hour)
    fields: tuple[Any, ...] | None = eventbridge._parse_cron_fields(f"cron({' '.join([minute, hours, *others])})")
    return fields


def _past_midnight(written: re.Match[str]) -> str:
    first, last = written.groups()
    return f"{first}-23,0-{last}" if int(last) < int(first) in _HOURS else written.group()


def _within(values: Collection[int], allowed: range) -> bool:
    return bool(values) and all(value in allowed for value in values)


def _names_days(field: dict[str, object], allowed: range) -> bool:
    """Whether a field of days has some: by number, or by what it calls them."""
    numbers = field["days"]
    known = isinstance(numbers, Collection) and all(number in allowed for number in numbers)
    return known and any(field.values())

"""How often a model may be trained anew, and by which signals: a JSON document in an SSM parameter."""

import dataclasses
import json
from decimal import Decimal
from typing import NoReturn

from refusal import RefusedError
from signals import Kind

_HOURS_OF_A_YEAR = 8_760
# It bounds the starts of a month that a state keeps: DynamoDB takes items up to 400 KB (developer guide, "Quotas").
_RUNS_A_DAY = 100
# Each is read before a run is started: a year of days.
_WINDOWS = 366
_MOST = 10**9


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a model.

    Attributes:
        signals: The kinds of signals that it takes.
        cooldown_hours: How many hours have to lie between the starts of two runs.
        runs_a_day: How many runs may start in a day of UTC.
        monthly_budget: What the runs that start in a month of UTC may cost together.
        run_cost: What a run costs.
        failures: After how many failed runs in a row it is stopped.
        labelled_windows: On how many labelled windows a run trains at most, the newest ones.
        leave_out: The names of labelled windows that no run trains on.
    """

    signals: frozenset[Kind]
    cooldown_hours: Decimal
    runs_a_day: int
    monthly_budget: Decimal
    run_cost: Decimal
    failures: int
    labelled_windows: int
    leave_out: frozenset[str]


def parsed(text: str, *, model: str) -> Settings:
    """Reads settings. Decimals stay such: 3 runs of 0.1 cost 0.3, and not a bit more.

    Args:
        text: The document.
        model: Whose.

    Raises:
        RefusedError: They are malformed.
    """
    try:
        said = json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise RefusedError(f"the settings of {model} are no JSON") from error
    names = {field.name for field in dataclasses.fields(Settings)}
    if not isinstance(said, dict) or said.keys() != names:
        raise RefusedError(f"the settings of {model} have other members than {', '.join(sorted(names))}")
    kinds = said["signals"]
    if not isinstance(kinds, list) or not all(isinstance(kind, str) and kind in set(Kind) for kind in kinds):
        raise RefusedError(f"the settings of {model} name signals other than {', '.join(Kind)}")
    windows = said["leave_out"]
    if not isinstance(windows, list) or not all(isinstance(window, str) for window in windows):
        raise RefusedError(f"leave_out in the settings of {model} is no list of windows")
    return Settings(
        signals=frozenset(map(Kind, kinds)),
        cooldown_hours=_number(said, "cooldown_hours", model, most=_HOURS_OF_A_YEAR),
        runs_a_day=_count(said, "runs_a_day", model, most=_RUNS_A_DAY),
        monthly_budget=_number(said, "monthly_budget", model, most=_MOST),
        run_cost=_number(said, "run_cost", model, most=_MOST),
        failures=_count(said, "failures", model, most=_RUNS_A_DAY),
        labelled_windows=_count(said, "labelled_windows", model, least=0, most=_WINDOWS),
        leave_out=frozenset(windows),
    )


def _number(said: dict[str, object], name: str, model: str, *, most: int) -> Decimal:
    value = said[name]
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= most:
        raise RefusedError(f"{name} in the settings of {model} is no number from 0 to {most}")
    return Decimal(value)


def _count(said: dict[str, object], name: str, model: str, *, least: int = 1, most: int) -> int:
    value = said[name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise RefusedError(f"{name} in the settings of {model} is no whole number from {least} to {most}")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)

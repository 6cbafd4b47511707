"""When an alarm is in which state.

Sources: CloudWatch user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data". AWS
evaluates every minute and looks back further than its periods when data is missing; here an alarm is evaluated when a
data point of its metric arrives, and whenever the rehearsal's clock is moved, over its last periods, counted back from
now.
"""

import dataclasses
import json
import logging
import operator
from collections.abc import Callable, Mapping, Sequence

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import cloudwatch

from plumbline.rehearsal import clock
from plumbline.rehearsal.emulator_loop import soon_on_loop

Alarm = dict[str, object]
_BREACHES: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanOrEqualToThreshold": operator.le,
    "LessThanThreshold": operator.lt,
}
_WORDS: Mapping[str, str] = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanOrEqualToThreshold": "less than or equal to",
    "LessThanThreshold": "less than",
}
_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """What an evaluation finds.

    Attributes:
        state: The alarm's state; None where it stays in the one it has.
        reason: Why, as CloudWatch words it.
        datapoints: The values of the periods that have one, the newest first.
    """

    state: str | None
    reason: str
    datapoints: Sequence[float]


def install() -> None:
    """Has the alarms of the emulator of this process be evaluated in this way."""
    own = cloudwatch.record_metric

    def record_metric(
        namespace: str,
        metric_name: str,
        value: float,
        unit: str = "None",
        dimensions: Mapping[str, str] | None = None,
    ) -> None:
        own(namespace, metric_name, value, unit, dimensions)
        account, region = str(get_account_id()), str(get_region())
        wanted = (namespace, metric_name, dict(dimensions or {}))

        def evaluate() -> None:
            with request_scope(account, region):
                for alarm in list(cloudwatch._alarms.values()):
                    if (alarm.get("Namespace"), alarm.get("MetricName"), _dimensions(alarm)) == wanted:
                        evaluate_alarm(alarm)

        soon_on_loop(evaluate)

    cloudwatch.record_metric = record_metric
    cloudwatch._evaluate_alarm = evaluate_alarm
    cloudwatch._evaluate_all_alarms = _evaluate_all_alarms


def evaluate_again() -> None:
    """Evaluates every alarm of every account at the time that the clock shows, also those without any data."""
    scopes = dict.fromkeys((account, region) for account, region, _ in list(cloudwatch._alarms._data))
    for account, region in scopes:
        with request_scope(account, region):
            for alarm in list(cloudwatch._alarms.values()):
                _evaluate(alarm, cloudwatch._metrics.get(_metric_of(alarm)) or ())


def _evaluate_all_alarms() -> None:
    for alarm in list(cloudwatch._alarms.values()):
        evaluate_alarm(alarm)


def evaluate_alarm(alarm: Alarm) -> None:
    """Stands in for the emulator's own: evaluates an alarm whose metric has ever had data, and tells of its change."""
    points = cloudwatch._metrics.get(_metric_of(alarm))
    if points is not None:
        _evaluate(alarm, points)


def _metric_of(alarm: Mapping[str, object]) -> tuple[object, object, str]:
    return alarm.get("Namespace"), alarm.get("MetricName"), str(cloudwatch._dims_key(_dimensions(alarm)))


def _evaluate(alarm: Alarm, points: Sequence[Mapping[str, object]]) -> None:
    if not alarm.get("MetricName"):
        return
    verdict = judge(alarm, points, now=clock.now())
    old = str(alarm["StateValue"])
    if verdict.state is None or verdict.state == old:
        return
    alarm |= {
        "StateValue": verdict.state,
        "StateReason": verdict.reason,
        "StateReasonData": _reason_data(alarm, verdict),
        "StateUpdatedTimestamp": int(clock.now()),
    }
    cloudwatch._record_history(alarm["AlarmName"], old, verdict.state, verdict.reason)
    cloudwatch._dispatch_alarm_actions(alarm, old, verdict.state, verdict.reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def judge(alarm: Mapping[str, object], points: Sequence[Mapping[str, object]], *, now: float) -> Verdict:
    """Which state the data points of its metric put an alarm into.

    Args:
        alarm: The alarm, as PutMetricAlarm takes it.
        points: The data points, as the emulator keeps them.
        now: The time, in seconds.
    """
    period, periods = _number(alarm, "Period", 60), _number(alarm, "EvaluationPeriods", 1)
    needed = _number(alarm, "DatapointsToAlarm", periods)
    comparison, threshold = str(alarm.get("ComparisonOperator")), float(str(alarm.get("Threshold") or 0))
    breaches = _BREACHES.get(comparison)
    if breaches is None:
        _logger.warning("alarm %s is not evaluated: %s", alarm.get("AlarmName"), comparison)
        return Verdict(state=None, reason="", datapoints=())
    statistic = str(alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average")
    values = [_value(points, statistic, now - (ago + 1) * period, now - ago * period) for ago in range(periods)]
    present = [value for value in values if value is not None]
    breaching = sum(breaches(value, threshold) for value in present)
    missing, treatment = periods - len(present), str(alarm.get("TreatMissingData") or "missing")
    if not present and treatment in {"missing", "ignore"}:
        state = "INSUFFICIENT_DATA" if treatment == "missing" else None
        return Verdict(state=state, reason="Insufficient Data: no datapoints were received.", datapoints=())
    counted = breaching + (missing if treatment == "breaching" else 0)
    state = "ALARM" if counted >= needed else "OK"
    if state == "OK" and missing and treatment in {"missing", "ignore"} and breaching == len(present):
        # "Avoiding premature transitions to alarm state": all that is there breaches, and it began long enough ago.
        if treatment == "ignore":
            return Verdict(state=None, reason="", datapoints=present)
        oldest = max(ago for ago, value in enumerate(values) if value is not None) + 1
        state = "ALARM" if oldest >= needed else "OK"
    if not present:
        treated = "Breaching" if treatment == "breaching" else "NonBreaching"
        reason = f"Threshold Crossed: {missing} missing datapoints were treated as [{treated}]."
        return Verdict(state=state, reason=reason, datapoints=())
    crossed = breaching if state == "ALARM" else len(present) - breaching
    listed, were = ", ".join(map(str, present)), "was" if crossed == 1 else "were"
    change = (
        f"minimum {needed} datapoint{'' if needed == 1 else 's'} for {alarm.get('StateValue')} -> {state} transition"
    )
    reason = (
        f"Threshold Crossed: {crossed} out of the last {periods} datapoints [{listed}] {were} "
        f"{'' if state == 'ALARM' else 'not '}{_WORDS[comparison]} the threshold ({threshold}) ({change})."
    )
    return Verdict(state=state, reason=reason, datapoints=present)


def _value(points: Sequence[Mapping[str, object]], statistic: str, after: float, until: float) -> float | None:
    within = [point for point in points if after < float(str(point["Timestamp"])) <= until]
    if not within:
        return None
    value = cloudwatch._stat_value(cloudwatch._calc_stats(within), statistic, within)
    return None if value is None else float(value)


def _dimensions(alarm: Mapping[str, object]) -> dict[str, str]:
    listed = alarm.get("Dimensions")
    return {str(one["Name"]): str(one["Value"]) for one in listed} if isinstance(listed, list) else {}


def _number(alarm: Mapping[str, object], member: str, otherwise: int) -> int:
    return int(str(alarm.get(member) or otherwise))


def _reason_data(alarm: Mapping[str, object], verdict: Verdict) -> str:
    """CloudWatch user guide, "Alarm events and EventBridge": the JSON of ``reasonData``, without its dates."""
    return json.dumps(
        {
            "version": "1.0",
            "statistic": alarm.get("ExtendedStatistic") or alarm.get("Statistic"),
            "period": _number(alarm, "Period", 60),
            "recentDatapoints": list(verdict.datapoints),
            "threshold": float(str(alarm.get("Threshold") or 0)),
        }
    )

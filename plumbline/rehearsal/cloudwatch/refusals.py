"""Alarms and dashboards that CloudWatch refuses, or that are not evaluated here.

Sources: CloudWatch API reference, "PutMetricAlarm" for ``Period``: "An alarm's total current evaluation period can be
no longer than seven days, so Period multiplied by EvaluationPeriods can't be more than 604,800 seconds. For alarms with
a period of less than one hour (3,600 seconds), the total evaluation period can't be longer than one day (86,400
seconds)"; "PutDashboard" for ``InvalidParameterInput``. The wording of limits is that of the service's own answers.
"""

import json
from collections.abc import Mapping

from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

from plumbline.rehearsal import clock

Refusal = tuple[str, str]
_DAY, _WEEK, _HOUR = 86_400, 604_800, 3_600
_SHORT_PERIODS = frozenset({10, 20, 30})
_TREATMENTS = frozenset({"breaching", "notBreaching", "ignore", "missing"})
_COMPARISONS = frozenset(
    {
        "GreaterThanOrEqualToThreshold",
        "GreaterThanThreshold",
        "LessThanOrEqualToThreshold",
        "LessThanThreshold",
    }
)
_MEMBERS = ("ComparisonOperator", "DatapointsToAlarm", "EvaluationPeriods", "Period", "ThresholdMetricId")
_own_put_metric_alarm = cloudwatch._put_metric_alarm
_own_put_dashboard = cloudwatch._put_dashboard
_own_alarm_record = provisioners._cw_metric_alarm_record
_own_dashboard_body = provisioners._cw_dashboard_body


class RefusedError(ValueError):
    """A template has what CloudWatch refuses; the message becomes the stack event's reason."""


def install() -> None:
    """Has the emulator of this process refuse them, through the API and through CloudFormation."""
    cloudwatch._put_metric_alarm = _put_metric_alarm
    cloudwatch._put_dashboard = _put_dashboard
    provisioners._cw_metric_alarm_record = _alarm_record
    provisioners._cw_dashboard_body = _dashboard_body


def of_alarm(alarm: Mapping[str, object]) -> Refusal | None:
    """Why an alarm is refused, as error code and message; None when it is not.

    Args:
        alarm: The members of PutMetricAlarm; an alarm of a template has the same.
    """
    comparison = alarm.get("ComparisonOperator")
    if alarm.get("Metrics") or alarm.get("ThresholdMetricId") or (comparison and comparison not in _COMPARISONS):
        return "RehearsalUnsupported", "the rehearsal's CloudWatch evaluates no expressions and no anomaly detection"
    period, periods = _number(alarm, "Period", 60), _number(alarm, "EvaluationPeriods", 1)
    needed, treatment = _number(alarm, "DatapointsToAlarm", periods), alarm.get("TreatMissingData")
    if period not in _SHORT_PERIODS and (period < 60 or period % 60):
        return "ValidationError", "Period must be 10, 20, 30 or a multiple of 60"
    if periods < 1:
        failed = "failed to satisfy constraint: Member must have value greater than or equal to 1"
        return "ValidationError", f"1 validation error detected: Value '{periods}' at 'evaluationPeriods' {failed}"
    if needed > periods:
        return "ValidationError", "DatapointsToAlarm must be less than or equal to EvaluationPeriods"
    if treatment and treatment not in _TREATMENTS:
        return "ValidationError", f"TreatMissingData value {treatment} is not one of {sorted(_TREATMENTS)}"
    return _too_long(period, period * periods)


def of_dashboard(body: str) -> Refusal | None:
    """Why a dashboard is refused, as error code and message; None when it is not."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if isinstance(document, dict):
        return None
    return "InvalidParameterInput", "The field DashboardBody must be a valid JSON object"


def _too_long(period: int, total: int) -> Refusal | None:
    if period < _HOUR and total > _DAY:
        span, limit, sort = "a day", _DAY, f"< {_HOUR}"
    elif total > _WEEK:
        span, limit, sort = "a week", _WEEK, f">= {_HOUR}"
    else:
        return None
    bound = f"(EvaluationPeriods * Period must be <= {limit}) for alarms using period {sort}"
    return "ValidationError", f"Metrics cannot be checked across more than {span} {bound}"


def _number(alarm: Mapping[str, object], member: str, otherwise: int) -> int:
    value = alarm.get(member)
    return otherwise if value in (None, "") else int(str(value))


def _put_metric_alarm(
    params: Mapping[str, object], given: Mapping[str, object], is_cbor: bool, is_json: bool = False
) -> object:
    alarm: Mapping[str, object] = given
    if not is_cbor and not is_json:
        alarm = {member: cloudwatch._p(params, member) for member in (*_MEMBERS, "TreatMissingData")}
        alarm |= {"Metrics": cloudwatch._p(params, "Metrics.member.1.Id")}
    return _refused(of_alarm(alarm), is_cbor, is_json) or _own_put_metric_alarm(params, given, is_cbor, is_json)


def _put_dashboard(
    params: Mapping[str, object], given: Mapping[str, object], is_cbor: bool, is_json: bool = False
) -> object:
    source = given if is_cbor or is_json else {"DashboardBody": cloudwatch._p(params, "DashboardBody")}
    refused = of_dashboard(str(source.get("DashboardBody") or ""))
    return _refused(refused, is_cbor, is_json) or _own_put_dashboard(params, given, is_cbor, is_json)


def _refused(refusal: Refusal | None, is_cbor: bool, is_json: bool) -> object:
    if refusal is None:
        return None
    code, message = refusal
    return cloudwatch._error(code, message, 400, use_json=is_json, use_cbor=is_cbor)


def _alarm_record(name: str, properties: Mapping[str, object]) -> dict[str, object]:
    refusal = of_alarm(properties)
    if refusal is not None:
        raise RefusedError(_reason(refusal))
    now = int(clock.now())
    record: dict[str, object] = _own_alarm_record(name, properties)
    known = name in cloudwatch._alarms
    # The emulator's CloudFormation dates what it makes by the machine's clock.
    return record | {"AlarmConfigurationUpdatedTimestamp": now} | ({} if known else {"StateUpdatedTimestamp": now})


def _dashboard_body(properties: Mapping[str, object]) -> str:
    body: str = _own_dashboard_body(properties)
    refusal = of_dashboard(body)
    if refusal is not None:
        raise RefusedError(_reason(refusal))
    return body


def _reason(refusal: Refusal) -> str:
    code, message = refusal
    return f"{message} (Service: CloudWatch, Error Code: {code})"

"""What becomes of an alarm some of whose data is missing: the examples of CloudWatch's own guide."""

import pytest

from plumbline.rehearsal.cloudwatch.evaluating import judge

_NOW = 1_800_000_000.0
_TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


def _state(points: str, needed: int, treatment: str) -> str | None:
    """The state after the given periods, the newest last: 0 is within the threshold, X is not, - is missing."""
    alarm = {
        "Period": 86_400,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": needed,
        "Statistic": "Maximum",
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": treatment,
        "StateValue": "OK",
    }
    data = [
        {"Timestamp": _NOW - ago * 86_400 - 1, "Value": {"0": 0.0, "X": 3.0}[point]}
        for ago, point in enumerate(reversed(points.split()))
        if point != "-"
    ]
    return judge(alarm, data, now=_NOW).state


# "How alarm state is evaluated when data is missing": the rows that need no older data than the alarm's periods; None
# is to stay in the state that it has
@pytest.mark.parametrize(("points", "needed", "states"), [
    ("- - - - -", 3, ("INSUFFICIENT_DATA", None, "ALARM", "OK")),
    ("- - X - -", 3, ("ALARM", None, "ALARM", "OK")),
    ("0 0 X 0 X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("- - - - 0", 2, ("OK", "OK", "ALARM", "OK")),
    ("- - - X -", 2, ("ALARM", None, "ALARM", "OK")),
])  # fmt: skip
def test_missing_data_is_treated_as_the_guides_examples_have_it(
    points: str, needed: int, states: tuple[str | None, ...]
) -> None:
    assert tuple(_state(points, needed, treatment) for treatment in _TREATMENTS) == states


def test_a_value_within_the_threshold_keeps_an_alarm_from_going_off_for_what_is_missing() -> None:
    assert [_state("- - - 0 X", 2, treatment) for treatment in _TREATMENTS] == ["OK", "OK", "ALARM", "OK"]


def test_an_alarm_does_not_go_off_before_its_data_is_old_enough() -> None:
    assert _state("- - - - X", 3, "missing") == "OK"
    assert _state("- - - X -", 3, "missing") == "OK"

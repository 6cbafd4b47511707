"""What is shown of a year."""

import dataclasses
import re

from plumbline.rehearsal.year.page import page
from plumbline.rehearsal.year.story import Passed, Retraining, Year


def passed(month: str, *, deviation: float = 0.05, retraining: Retraining | None = None) -> Passed:
    def quality(precision: float) -> dict[str, float]:
        return {"average_precision": precision, "log_loss": 0.5, "roc_auc": 0.7}

    return Passed(
        month=month,
        window="20270101T0000Z",
        flights=8_000,
        of_all=27_000,
        late=0.25,
        version="1",
        answered="2026-12-01T01:00:00+00:00",
        labelled="2027-01-01T02:00:00+00:00",
        deviations={"model-quality": deviation, "data-quality": 0.01},
        alarm=retraining is not None,
        retraining=retraining,
        served=quality(0.46),
        seconds=12.5,
        never_retrained=quality(0.44),
        seasonal_naive=quality(0.32),
    )


def year(*months: Passed) -> Year:
    return Year(
        model="flight_delays",
        line=0.1,
        windows_to_alarm=2,
        evaluation_windows=3,
        stationary=(dataclasses.replace(passed("2013-01"), never_retrained={}, seasonal_naive={}),),
        months=months,
        seconds=300.0,
    )


RELEASED = Retraining(verdict="started", run="Succeeded", version="2")
FAILED = Retraining(verdict="started", run="Failed", reason="The model does not beat <its> references")
BRAKED = Retraining(verdict="refused", why="fewer than 480 hours have passed")


def test_the_page_says_of_each_alarm_what_came_of_it() -> None:
    text = page(
        [
            year(
                passed("2013-04"),
                *(
                    passed(f"2013-0{5 + number}", deviation=0.3, retraining=one)
                    for number, one in enumerate((RELEASED, FAILED, BRAKED))
                ),
            )
        ]
    )
    assert text.count("Alarm. ") == 3
    assert "version 2 beat the champion and was released" in text
    assert "The model does not beat &lt;its&gt; references" in text
    assert "Not retrained: fewer than 480 hours have passed" in text
    assert "2 of the last 3" in text


def test_the_page_asks_for_nothing_and_runs_nothing() -> None:
    text = page([year(passed("2013-04"))])
    assert len(re.findall('src="data:image/svg', text)) == 3
    assert not re.search(r"<script|https?://|href=", text)
    assert text == page([year(passed("2013-04"))])


def test_rows_of_a_year_tell_quality_side_by_side_and_the_outcome() -> None:
    rows = dict(year(passed("2013-04"), passed("2013-05", deviation=0.3, retraining=RELEASED)).rows())
    assert rows["2013-04"] == "version 1, model-quality 0.050, average precision 0.460 / 0.440 / 0.320"
    assert rows["2013-05"].endswith("; alarm: version 2")
    assert rows["year"] == "2 months, 1 alarm, retrained once"
    assert rows["stationary"] == "1 window, no alarm, largest deviation 0.050"

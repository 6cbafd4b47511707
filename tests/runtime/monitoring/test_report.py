"""The page of a window: what it says, and what no data can make of it."""

import base64
import os
import pickle
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from runtime.monitoring import plots
from runtime.monitoring.attribution import Explanation
from runtime.monitoring.attribution_check import ComparedAttributions
from runtime.monitoring.bias import BiasAnalysis, BiasMetric, BiasViolation, FacetBias
from runtime.monitoring.constraints import suggested
from runtime.monitoring.data_quality import check
from runtime.monitoring.estimate import Estimate
from runtime.monitoring.fairness_check import ComparedBias
from runtime.monitoring.model_quality import ModelQuality, QualityViolation
from runtime.monitoring.quality_check import Compared, ComparedMetric, Measured
from runtime.monitoring.report import Checked, DataQualityOutcome, report
from runtime.monitoring.sketch import Distribution
from runtime.monitoring.statistics import statistics_of
from runtime.monitoring.summary import Summary
from tests.runtime.monitoring.tables import Columns, normal, statistics

ROWS = 1000
BASELINE: Columns = {
    "temp": normal(ROWS),
    "hour": [number % 24 for number in range(ROWS)],
    "carrier": ["UA", "AA", "B6", "DL"] * (ROWS // 4),
}
SHIFTED = BASELINE | {"temp": normal(ROWS, seed=2, mean=1.0)}
HOSTILE = "<script>alert(1)</script>"


class _Page(HTMLParser):
    """Texts, tags and images as a browser reads them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.images: list[ElementTree.Element] = []
        self.words: list[str] = []
        self._inside = ""
        self.feed(html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self._inside = tag
        source = dict(attrs).get("src")
        if tag == "img" and source:
            self.images.append(ElementTree.fromstring(base64.b64decode(source.partition("base64,")[2])))

    def handle_data(self, data: str) -> None:
        if self._inside != "style":
            self.words.append(data)


def _texts(image: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in image.iter("{http://www.w3.org/2000/svg}text")]


def _of_data(folder: Path, baseline: Columns, window: Columns) -> DataQualityOutcome:
    sides = []
    for name, columns in (("baseline", baseline), ("window", window)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        sides.append(statistics(folder / name, columns))
    then, now = sides
    return DataQualityOutcome(
        baseline=then, current=now, outcome=check(constraints=suggested(then), baseline=then, current=now)
    )


def _of_quality(*metrics: ComparedMetric, broken: tuple[str, ...] = ()) -> Compared:
    quality = ModelQuality(kind="binary", item_count=500, metrics={one.name: one.current for one in metrics}, curves={})
    said = [
        QualityViolation(metric_name=name, constraint_check_type="LessThanThreshold", description=f"{name} fell")
        for name in broken
    ]
    worst = max(metrics, key=lambda one: one.worsening or 0.0)
    return Compared(
        current=Measured(quality=quality, counts=Counter({"answers without a label": 7})),
        constraints={},
        metrics=metrics,
        violations=said,
        deviation=worst.worsening,
        worst=worst.name,
    )


RECALL = ComparedMetric(
    name="recall", baseline=0.8, current=Estimate(value=0.6, lower=0.56, upper=0.64), worsening=0.25
)
LOSS = ComparedMetric(name="log_loss", baseline=0.5, current=Estimate(value=0.45), worsening=0.0)


def _bias_metric(value: float | None, lower: float | None = None, upper: float | None = None) -> BiasMetric:
    return BiasMetric(value=value, lower=lower, upper=upper, description="Difference (DPPL)")


def _analysis(metrics: dict[str, BiasMetric], *, facet: str = "carrier") -> BiasAnalysis:
    faceted = FacetBias(facet=facet, value_or_threshold="AA", pre_training={}, post_training=metrics)
    return BiasAnalysis(label="late", label_value_or_threshold="1", facets=[faceted])


def _of_bias(then: dict[str, BiasMetric], now: dict[str, BiasMetric], *, broken: tuple[str, ...] = ()) -> ComparedBias:
    said = [BiasViolation(facet="carrier", facet_value="AA", metric_name=name, description="0.3") for name in broken]
    return ComparedBias(
        baseline=_analysis(then), current=_analysis(now), left_out=Counter(), violations=said, deviation=0.3
    )


def _of_attributions(then: dict[str, float], now: dict[str, float], *, deviation: float = 0.05) -> ComparedAttributions:
    return ComparedAttributions(
        baseline=Explanation(global_attributions=then, expected_value=None),
        current=Explanation(global_attributions=now, expected_value=None),
        left_out=Counter(),
        deviation=deviation,
        broken="NDCG 0.8 is less than 0.90" if deviation > 0.1 else "",
    )


def _all(folder: Path) -> Checked:
    return Checked(
        data_quality=_of_data(folder, BASELINE, SHIFTED),
        model_quality=_of_quality(RECALL, LOSS, broken=("recall",)),
        bias=_of_bias({"DPPL": _bias_metric(0.0, -0.1, 0.1)}, {"DPPL": _bias_metric(0.3, 0.2, 0.4)}, broken=("DPPL",)),
        explainability=_of_attributions({"hour": 3.0, "temp": 1.0}, {"hour": 1.0, "temp": 3.0}, deviation=0.2),
    )


def _read(checked: Checked, **facts: str) -> _Page:
    return _Page(report(title="Delays", facts=facts, checked=checked))


# ------------------------------------------------------------------------------------------------ the page as a whole
def test_the_summary_has_a_line_for_each_check_with_its_verdict_in_words(tmp_path: Path) -> None:
    checked = _all(tmp_path)
    deviation = checked.data_quality.outcome.deviation if checked.data_quality else None
    text = _read(checked).text
    assert "✗ 4 constraints broken" in text
    assert f"Data quality {deviation:.3f} above ✗ 1 broken temp" in text
    assert "Model quality 0.250 above ✗ 1 broken recall" in text
    assert "Bias 0.300 above ✗ 1 broken DPPL" in text
    assert "Explainability 0.200 above ✗ 1 broken hour" in text


@pytest.mark.parametrize("absent", ["data_quality", "model_quality", "bias", "explainability"])
def test_a_check_that_nobody_asked_for_has_a_line_and_no_section(absent: str, tmp_path: Path) -> None:
    whole = _all(tmp_path)
    page = report(title="", facts={}, checked=replace(whole, **{absent: None}))
    assert _Page(page).text.count("not looked at") == 1
    assert f'<h2 id="{absent}">' not in page
    assert page.count("<h2 ") == 3


def test_without_a_check_there_is_nothing_to_compare() -> None:
    page = _read(Checked())
    assert "Nothing to compare" in page.text
    assert page.tags["h2"] == 0


def test_a_window_that_breaks_nothing_is_told_so(tmp_path: Path) -> None:
    text = _read(Checked(data_quality=_of_data(tmp_path, BASELINE, BASELINE))).text
    assert "✓ No constraint broken" in text
    assert "Data quality 0.000 within ✓ none broken" in text
    assert "✗" not in text


def test_the_same_outcomes_give_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    checked = _all(tmp_path)
    (tmp_path / "checked").write_bytes(pickle.dumps(checked))
    script = (
        "import pathlib, pickle, sys; from runtime.monitoring.report import report\n"
        "checked = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())\n"
        "pathlib.Path(sys.argv[2]).write_text(report(title='T', facts={'a': 'b'}, checked=checked), encoding='utf-8')"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "checked"), str(tmp_path / "page")],
        check=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert (tmp_path / "page").read_text(encoding="utf-8") == report(title="T", facts={"a": "b"}, checked=checked)


def test_the_page_asks_for_nothing_beyond_itself_and_runs_no_script(tmp_path: Path) -> None:
    page = report(title="T", facts={}, checked=_all(tmp_path))
    assert not re.search(r"https?://|@import|\burl\(", page)
    read = _Page(page)
    assert not {"script", "link", "iframe", "object"} & set(read.tags)
    assert re.findall(r'src="(?!data:image/svg\+xml;base64,)', page) == []
    for image in read.images:
        references = [value for element in image.iter() for name, value in element.attrib.items() if "href" in name]
        assert all(reference.startswith("#") for reference in references)


def test_a_job_that_makes_no_report_does_not_pay_for_its_libraries() -> None:
    asked = "import sys, runtime.monitoring.report; print({'matplotlib', 'jinja2'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    assert done.stdout == "set()\n"


def test_facts_stand_on_top(tmp_path: Path) -> None:
    assert (
        "Delays ✓ No constraint broken Version 14 Check"
        in _read(Checked(data_quality=_of_data(tmp_path, BASELINE, BASELINE)), Version="14").text
    )


def test_a_deviation_just_above_the_line_does_not_look_like_the_line() -> None:
    above = ComparedMetric(name="recall", baseline=1.0, current=Estimate(value=0.8996), worsening=0.1004)
    assert "Model quality 0.1004 above" in _read(Checked(model_quality=_of_quality(above))).text


def test_a_metric_without_a_value_is_shown_with_the_reason_and_the_deviation_is_not_known() -> None:
    none = ComparedMetric(
        name="recall", baseline=0.8, current=Estimate(value=None), worsening=None, undefined="no label is positive"
    )
    outcome = replace(_of_quality(none, LOSS), deviation=None, worst="")
    text = _read(Checked(model_quality=outcome)).text
    assert "The deviation is not known: the window has no value of recall (no label is positive)." in text
    assert "recall 0.8 - - no value: no label is positive" in text


def test_a_metric_that_does_not_count_keeps_and_breaks_no_constraint() -> None:
    text = _read(Checked(model_quality=_of_quality(RECALL, replace(LOSS, counts=False), broken=("recall",)))).text
    assert "25.0% ✗ broken" in text
    assert "0.0% does not count" in text


def test_what_was_left_out_of_the_baseline_is_told_for_each_check(tmp_path: Path) -> None:
    whole, left_out = _all(tmp_path), Counter({"lines of the baseline": 3})
    assert whole.model_quality and whole.bias and whole.explainability
    for checked in (
        Checked(model_quality=replace(whole.model_quality, left_out_of_baseline=left_out)),
        Checked(bias=replace(whole.bias, left_out_of_baseline=left_out)),
        Checked(explainability=replace(whole.explainability, left_out_of_baseline=left_out)),
    ):
        text = _read(checked).text
        assert "Left out of the baseline How many Of what 3 lines of the baseline" in text


@pytest.mark.parametrize("deviation", [None, float("nan")])
def test_a_deviation_that_is_not_known_is_neither_above_nor_within(deviation: float | None, tmp_path: Path) -> None:
    found = _of_data(tmp_path, BASELINE, BASELINE)
    unknown = replace(found, outcome=replace(found.outcome, deviation=deviation))
    page = _read(Checked(data_quality=unknown))
    assert "Data quality not known nothing to compare ✓ none broken" in page.text
    assert "nan" not in page.text


# ------------------------------------------------------------------------------------------------ what data may hold
def test_names_and_texts_are_shown_and_never_run(tmp_path: Path) -> None:
    columns: Columns = {HOSTILE: normal(ROWS), "carrier": [HOSTILE, "$x_1$ & <b>"] * (ROWS // 2)}
    other = columns | {HOSTILE: normal(ROWS, mean=2.0), "carrier": ["$x_1$ & <b>"] * ROWS}
    quality = replace(_of_quality(RECALL), current=replace(_of_quality(RECALL).current, counts=Counter({HOSTILE: 1})))
    bias = ComparedBias(
        baseline=_analysis({"DPPL": _bias_metric(0.1)}, facet=HOSTILE),
        current=_analysis({"DPPL": _bias_metric(0.1)}, facet=HOSTILE),
        left_out=Counter({HOSTILE: 1}),
        violations=[BiasViolation(facet=HOSTILE, facet_value=HOSTILE, metric_name="DPPL", description=HOSTILE)],
        deviation=0.0,
    )
    checked = Checked(
        data_quality=_of_data(tmp_path, columns, other),
        model_quality=quality,
        bias=bias,
        explainability=_of_attributions({HOSTILE: 1.0}, {HOSTILE: 1.0}),
    )
    page = _Page(report(title=HOSTILE, facts={HOSTILE: HOSTILE}, checked=checked))
    assert page.tags["script"] == 0
    assert page.text.count(HOSTILE) >= 8
    drawn = [text for image in page.images for text in _texts(image)]
    assert "$x_1$ & <b>" in drawn
    assert HOSTILE[:17] + "…" in drawn


@pytest.mark.parametrize("name", ["\0\x1b[31m", "\ud800", "\u202eevil", "", "日本語の列" * 20, "x" * 100_000, "a\nb"])
def test_no_text_breaks_the_page(name: str) -> None:
    attributions = _of_attributions({name: 2.0, "other": 1.0}, {name: 1.0, "other": 2.0}, deviation=0.2)
    html = report(title=name, facts={"a": name}, checked=Checked(explainability=attributions))
    assert len(html.encode()) < 100_000
    page = _Page(html)
    assert "Feature Baseline Window Place before Place now" in page.text
    assert all(letter.isprintable() or letter in "\n" for letter in html)
    (image,) = page.images
    assert len([text for text in _texts(image) if text]) >= 4


def test_a_text_is_cut_to_its_width_and_says_so() -> None:
    assert plots.printable("abcdef", cells=6) == "abcdef"
    assert plots.printable("abcdefg", cells=6) == "abcde…"
    assert plots.printable("日本語の", cells=6) == "日本…"
    assert plots.printable("a\u202eb\tc", cells=9) == "a\ufffdb c"


def test_500_features_are_drawn_in_part_and_the_rest_is_counted(tmp_path: Path) -> None:
    columns: Columns = {f"feature {number:03}": normal(40, seed=number) for number in range(500)}
    moved: Columns = {name: [value + 9 for value in values] for name, values in columns.items()}  # type: ignore[operator]
    html = report(title="", facts={}, checked=Checked(data_quality=_of_data(tmp_path, columns, moved)))
    page = _Page(html)
    assert len(page.images) == 12
    assert "488 of 500 features are not drawn" in page.text
    assert "400 more features are not shown" in page.text
    assert "✗ 500 constraints broken" in page.text and "400 more broken constraints are not shown" in page.text
    assert len(html) < 1_000_000


# ------------------------------------------------------------------------------------------------ data quality
def test_features_are_ranked_and_the_broken_are_named_with_how_much(tmp_path: Path) -> None:
    found = _of_data(tmp_path, BASELINE, SHIFTED)
    text = _read(Checked(data_quality=found)).text
    (violation,) = found.outcome.violations
    assert f"temp baseline_drift_check {violation.description}" in text
    table = text[text.index("Jensen-Shannon") :]
    assert table.index("temp") < table.index("carrier") < table.index("hour")
    assert table.count("✗ broken") == 1 and table.count("✓ kept") == 2


def test_an_empty_window_has_nothing_to_compare_and_says_what_was_left_out(tmp_path: Path) -> None:
    then = statistics(tmp_path, BASELINE)
    now = statistics_of(Summary(faults=Counter({"lines that are no JSON": 1200})))
    outcome = check(constraints=suggested(then), baseline=then, current=now)
    page = _read(Checked(data_quality=DataQualityOutcome(baseline=then, current=now, outcome=outcome)))
    assert "Nothing to compare" in page.text
    assert "0 rows against 1,000 of the baseline." in page.text
    assert "Left out of the window How many Of what 1,200 lines that are no JSON" in page.text
    assert page.images == []


def test_identifiers_are_in_the_table_and_not_drawn(tmp_path: Path) -> None:
    columns: Columns = {"id": [f"i-{number}" for number in range(ROWS)], "hour": BASELINE["hour"]}
    page = _read(Checked(data_quality=_of_data(tmp_path, columns, columns)))
    assert len(page.images) == 1
    assert "1 of 2 features are not drawn" in page.text


def test_rare_categories_are_one_bar(tmp_path: Path) -> None:
    columns: Columns = {"carrier": [f"c{min(number % 40, 20)}" for number in range(ROWS)]}
    (image,) = _read(Checked(data_quality=_of_data(tmp_path, columns, columns))).images
    texts = _texts(image)
    assert [text for text in texts if text.startswith("c")] == ["c20", "c0", "c1", "c10", "c11", "c12", "c13", "c14"]
    assert "all others" in texts


def _steps(*points: float) -> Distribution:
    return Distribution(points=np.array(points), weights=np.ones(len(points)))


def _drawn(drawing: str) -> list[str]:
    return _texts(ElementTree.fromstring(drawing))


def test_whole_numbers_in_a_small_range_have_a_bin_each() -> None:
    assert _drawn(plots.numbers(_steps(1, 2, 3), _steps(3, 4), whole=True))[:4] == ["1", "2", "3", "4"]


def test_an_axis_of_shares_has_ticks_at_equal_steps() -> None:
    drawn = _drawn(plots.numbers(_steps(*range(24)), _steps(*range(11)), whole=True))  # up to 9.1 %
    ticks = [int(text.removesuffix("%")) for text in drawn if text.endswith("%")]
    assert len(ticks) >= 3 and len(set(np.diff(ticks).tolist())) == 1


@pytest.mark.parametrize(
    ("baseline", "window"),
    [
        (_steps(5.0), _steps(5.0)),
        (_steps(-1.7e308, 1.7e308), _steps(0.0)),
        (_steps(5e-324), _steps(0.0)),
        (_steps(1.0), _steps(np.nextafter(1.0, 2.0))),
        (_steps(1e300), _steps(1e300, 1.0)),
        (_steps(2.0**60, 2.0**60 + 4096), _steps(2.0**60)),
    ],
)
@pytest.mark.parametrize("whole", [False, True])
def test_numbers_of_any_size_are_drawn(baseline: Distribution, window: Distribution, whole: bool) -> None:
    texts = _drawn(plots.numbers(baseline, window, whole=whole))
    assert any(text.endswith("%") for text in texts)
    assert not {"nan", "inf", "-inf"} & set(texts)


# ------------------------------------------------------------------------------------------------ the other checks
def test_metrics_stand_beside_their_baseline_with_their_interval() -> None:
    page = _read(Checked(model_quality=_of_quality(RECALL, LOSS, broken=("recall",))))
    assert "500 answers with their truth." in page.text
    assert "recall 0.8 0.6 0.56 to 0.64 25.0% ✗ broken" in page.text
    assert "log_loss 0.5 0.45 0.0% ✓ kept" in page.text
    assert "7 answers without a label" in page.text
    (image,) = page.images
    assert {"✗ recall", "log_loss"} <= set(_texts(image))


def test_a_metric_without_a_baseline_to_be_relative_to_is_named_and_not_drawn() -> None:
    none = ComparedMetric(name="precision", baseline=0.0, current=Estimate(value=0.1), worsening=0.0)
    page = _read(Checked(model_quality=_of_quality(none)))
    assert "Not drawn, for they have no value, or the baseline has nothing to be relative to: precision." in page.text
    assert page.images == []


def test_bias_is_shown_before_and_now() -> None:
    then = {"DPPL": _bias_metric(0.05, 0.01, 0.09), "DI": _bias_metric(1.1), "TE": _bias_metric(None)}
    now = {"DPPL": _bias_metric(0.35, 0.3, 0.4), "DI": _bias_metric(9.0), "TE": _bias_metric(2.0)}
    page = _read(Checked(bias=_of_bias(then, now, broken=("DPPL",))))
    assert "0.05 0.01 to 0.09 0.35 0.3 to 0.4 0.3 ✗ broken" in page.text
    assert "DPPL of carrier AA bias_drift_check" in page.text
    assert "or have no value on one side: DI, TE." in page.text
    (image,) = page.images
    assert "✗ DPPL" in _texts(image)


def test_attributions_are_sorted_by_the_baseline_with_their_places() -> None:
    then = {"temp": 1.0, "hour": 3.0, "gone": 2.0}
    page = _read(Checked(explainability=_of_attributions(then, {"hour": 0.5, "temp": 4.0, "new": 0.1})))
    assert page.text.endswith("hour 3 0.5 1 2 gone 2 0 2 4 temp 1 4 3 1 new 0 0.1 4 3")
    (image,) = page.images
    assert [text for text in _texts(image) if text.isalpha()] == ["hour", "gone", "temp", "new"]


def test_features_that_the_baseline_ranks_low_are_counted_and_not_drawn() -> None:
    many = {f"f{number:03}": 1.0 + number for number in range(500)}
    page = _read(Checked(explainability=_of_attributions(many, many, deviation=0.0)))
    assert "480 of 500 features are not drawn" in page.text
    assert "400 more features are not shown" in page.text

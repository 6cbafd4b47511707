"""The checks of answers, bias and reasons on files: what they leave out, and what they refuse."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from runtime.errors import JobError
from runtime.monitoring import attribution_check, fairness_check
from runtime.monitoring.attribution_check import explanation_of
from runtime.monitoring.bias import MOST_GROUPS
from runtime.monitoring.constraints import read_constraints
from runtime.monitoring.fairness_check import Facet, bias_of
from runtime.monitoring.model_quality import MOST_CLASSES, Kind
from runtime.monitoring.quality_check import Measured, Problem, quality_of
from runtime.monitoring.statistics import read_statistics
from tests.runtime.monitoring.tables import parquet

LABELS = [1, 0, 1, 0] * 10
ANSWERS = [0.9, 0.1, 0.2, 0.8] * 10
CARRIERS = ["AA", "AA", "UA", "UA"] * 10
SHAP = {"hour": [1.0, -2.0], "temp": [0.5, 0.5]}


def _facet(*, values: Sequence[str] = ("AA",), above: float | None = None, group: str | None = None) -> Facet:
    return Facet(
        column="carrier", values=values, above=above, label="label", positive="1", answer="probability", group=group
    )


def _table(folder: Path, **columns: Sequence[object]) -> Path:
    whole: dict[str, Sequence[object]] = {"carrier": CARRIERS, "label": LABELS, "probability": ANSWERS}
    return parquet(folder / "a.parquet", whole | columns)


def _quality(paths: Sequence[Path], kind: Kind = "binary") -> Measured:
    return quality_of(Problem(kind=kind, answer="probability", label="label", positive="1", metrics=()), paths, None)


def _beside(folder: Path) -> list[Path]:
    (folder / "README.md").write_text("What lies here.")
    (folder / "empty.jsonl").write_text("")
    (folder / "header.csv").write_text("label\n")
    (folder / "nothing.csv").write_text("")
    (folder / "no.parquet").write_bytes(b"PAR1")
    return sorted(folder.iterdir())


BESIDE = {"files of an unknown kind": 1, "files without a row": 3, "files that cannot be read": 1}


def test_what_is_no_table_is_counted_and_the_rest_is_judged(tmp_path: Path) -> None:
    _table(tmp_path)
    assert _quality(_beside(tmp_path)).counts == BESIDE


def test_what_is_no_table_is_counted_and_bias_is_measured(tmp_path: Path) -> None:
    _table(tmp_path)
    assert bias_of(_facet(), _beside(tmp_path))[1] == BESIDE


def test_what_is_no_table_is_counted_and_the_rest_is_explained(tmp_path: Path) -> None:
    parquet(tmp_path / "shap.parquet", SHAP)
    assert explanation_of(_beside(tmp_path))[1] == BESIDE


def test_what_is_no_table_is_counted_among_labels(tmp_path: Path) -> None:
    data, truth = tmp_path / "data", tmp_path / "truth"
    for folder, name, values in ((data, "probability", [0.1, 0.9]), (truth, "label", [0, 1])):
        folder.mkdir()
        parquet(folder / "a.parquet", {"inference_id": ["x", "y"], name: values})
    problem = Problem(kind="binary", answer="probability", label="label", positive="1", metrics=())
    assert quality_of(problem, [data / "a.parquet"], _beside(truth)).counts == BESIDE


def test_a_line_without_the_label_is_counted_and_not_the_end(tmp_path: Path) -> None:
    rows = [{"label": 1, "probability": 0.9}, {"probability": 0.5}, {}]
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert _quality([tmp_path / "a.jsonl"]).counts == {"rows without an answer or a label": 2}


@pytest.mark.parametrize(
    ("column", "fault"),
    [("label", "labels that are no number"), ("probability", "answers that are no finite number")],
)
def test_a_row_of_not_a_number_is_left_out_of_bias(column: str, fault: str, tmp_path: Path) -> None:
    values = [math.nan, *(LABELS if column == "label" else ANSWERS)[1:]]
    analysis, counts = bias_of(_facet(), [_table(tmp_path, **{column: values})])
    assert counts == {fault: 1}
    whole, _ = bias_of(
        _facet(),
        [parquet(tmp_path / "b.parquet", {"carrier": CARRIERS[1:], "label": LABELS[1:], "probability": ANSWERS[1:]})],
    )
    assert analysis == whole


def test_an_answer_that_is_infinite_is_left_out_of_bias(tmp_path: Path) -> None:
    _, counts = bias_of(_facet(), [_table(tmp_path, probability=[math.inf, *ANSWERS[1:]])])
    assert counts == {"answers that are no finite number": 1}


def test_a_class_that_is_not_a_number_is_left_out(tmp_path: Path) -> None:
    path = _table(tmp_path, probability=[math.nan, *map(float, LABELS[1:])])
    assert _quality([path], "multiclass").counts == {"answers that are no number": 1}


def test_a_label_that_is_infinite_is_left_out_of_a_regression(tmp_path: Path) -> None:
    path = _table(tmp_path, label=[math.inf, *map(float, LABELS[1:])])
    measured = _quality([path], "regression")
    assert (measured.counts, measured.quality.item_count) == ({"labels that are infinite": 1}, 39)


def test_no_row_at_all_is_refused_with_what_was_left_out(tmp_path: Path) -> None:
    path = _table(tmp_path, label=[math.nan] * 40)
    with pytest.raises(JobError, match=r"^no row has label and probability \(40 labels that are no number\)\.$"):
        bias_of(_facet(), [path])


def test_a_threshold_of_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"^facet carrier holds no numbers; accepted with a threshold: numbers\.$"):
        bias_of(_facet(values=(), above=3.0), [_table(tmp_path)])


def test_more_groups_than_can_be_compared_are_refused(tmp_path: Path) -> None:
    rows = MOST_GROUPS + 1
    path = parquet(
        tmp_path / "a.parquet",
        {
            "carrier": ["AA", "UA"] * rows,
            "label": [1, 0] * rows,
            "probability": [0.5] * 2 * rows,
            "group": [row // 2 for row in range(2 * rows)],
        },
    )
    with pytest.raises(JobError, match=r"^there are 10,001 groups to compare within; accepted: 10,000 at most\.$"):
        bias_of(_facet(group="group"), [path])


def test_more_classes_than_a_matrix_can_have_are_refused(tmp_path: Path) -> None:
    classes = [f"class {number}" for number in range(MOST_CLASSES + 1)]
    path = parquet(tmp_path / "a.parquet", {"label": classes, "probability": classes})
    with pytest.raises(JobError, match=r"^labels and answers have 1,025 classes; accepted: 1,024 at most\.$"):
        _quality([path], "multiclass")


def test_a_column_that_only_a_later_file_explains_is_counted_by_name(tmp_path: Path) -> None:
    paths = [
        parquet(tmp_path / "1.parquet", SHAP),
        parquet(tmp_path / "2.parquet", SHAP | {"extra": [1.0, 1.0]}),
    ]
    explained, counts = explanation_of(paths)
    assert list(explained.global_attributions) == ["hour", "temp"]
    assert counts == {"rows with a column extra, which the first file does not have": 2}


def test_more_features_than_columns_may_be_are_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {f"f{number}": [1.0] for number in range(2001)})
    with pytest.raises(JobError, match=r"^a\.parquet has more than 2,000 columns; accepted: 2,000 at most\.$"):
        explanation_of([path])


def test_a_label_of_text_in_one_file_and_of_numbers_in_the_next_is_one_label(tmp_path: Path) -> None:
    paths = [
        parquet(tmp_path / "1.parquet", {"carrier": ["AA", "UA"] * 8, "label": [1.0, 0.0] * 8}),
        parquet(tmp_path / "2.parquet", {"carrier": ["AA", "UA"] * 8, "label": ["0", "1"] * 8}),
    ]
    facet = Facet(column="carrier", values=["AA"], above=None, label="label", positive="1", answer=None, group=None)
    (found,) = bias_of(facet, paths)[0].facets
    assert found.metrics["DPL"].value == 0.0


def test_a_column_that_csv_names_twice_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("label,probability,label\n1,0.5,0\n")
    path = _table(tmp_path)
    assert _quality([tmp_path / "a.csv", path]).counts == {"files of CSV whose first line names a column twice": 1}


def test_what_is_left_out_of_a_baseline_of_bias_is_told(tmp_path: Path) -> None:
    (tmp_path / "then").mkdir()
    _table(tmp_path / "then")
    (tmp_path / "then" / "README.md").write_text("What lies here.")
    outcome = fairness_check.compared(_facet(), baseline=tmp_path / "then", data=[_table(tmp_path)])
    assert (outcome.left_out_of_baseline, outcome.left_out) == ({"files of an unknown kind": 1}, {})


def test_what_is_left_out_of_a_baseline_of_reasons_is_told(tmp_path: Path) -> None:
    (tmp_path / "then").mkdir()
    now = parquet(tmp_path / "a.parquet", SHAP)
    parquet(tmp_path / "then" / "a.parquet", SHAP)
    (tmp_path / "then" / "README.md").write_text("What lies here.")
    outcome = attribution_check.compared(baseline=tmp_path / "then", data=[now])
    assert (outcome.left_out_of_baseline, outcome.left_out) == ({"files of an unknown kind": 1}, {})


def test_an_analysis_of_another_version_is_refused_by_the_path(tmp_path: Path) -> None:
    (tmp_path / "analysis.json").write_text('{"version": "2.0"}')
    now = parquet(tmp_path / "a.parquet", SHAP)
    with pytest.raises(JobError, match=r"analysis\.json: version: Input should be '1\.0'; accepted: "):
        attribution_check.compared(baseline=tmp_path / "analysis.json", data=[now])


def test_a_sketch_of_more_levels_than_there_are_values_is_refused(tmp_path: Path) -> None:
    levels = [list[float]()] * 1100 + [[1.0]]
    kll = {"kll": {"sketch": {"data": levels}}}
    numbers = {"common": {"num_present": 1, "num_missing": 0}, "distribution": kll}
    feature = {"name": "a", "inferred_type": "Integral", "numerical_statistics": numbers}
    document = {"version": 0, "dataset": {"item_count": 1}, "features": [feature]}
    (tmp_path / "statistics.json").write_text(json.dumps(document))
    with pytest.raises(JobError, match="should have at most 64 items"):
        read_statistics(tmp_path / "statistics.json")


@pytest.mark.parametrize("read", [read_statistics, read_constraints])
def test_a_baseline_of_another_version_is_refused(read: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"version": 1.0, "dataset": {"item_count": 1}, "features": []}')
    with pytest.raises(JobError, match=r"a\.json: version: Input should be less than 1; "):
        read(tmp_path / "a.json")

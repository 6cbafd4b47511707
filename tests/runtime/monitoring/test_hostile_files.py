"""Files that nobody meant to write: a check ends with an outcome or a sentence, and accounts for all it was given."""

import gzip
import io
import json
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.errors import JobError
from runtime.monitoring.analysis import read_bias, read_explanations
from runtime.monitoring.answers import joined, table_of
from runtime.monitoring.attribution_check import explanation_of
from runtime.monitoring.constraints import read_constraints
from runtime.monitoring.fairness_check import Facet, bias_of
from runtime.monitoring.model_quality import Kind
from runtime.monitoring.quality_check import Problem, quality_of, read_quality
from runtime.monitoring.statistics import read_statistics, statistics_of
from runtime.monitoring.tables import summarized

_NAMES = st.sampled_from(["inference_id", "probability", "label", "carrier", "captureData", "eventMetadata", "a"])
_KEYS = _NAMES | st.text(max_size=6)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**400), 2**63, 2**64, 1e400, float("nan"), 0, 1, 0.5])
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["\ud800", "\x00", "1e400", "nan", "1", "0.5", "AA", "x" * 300])
)
_NESTED = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3), max_leaves=8
)
_SIDES = st.fixed_dictionaries(
    {},
    optional={
        "data": _SCALARS | st.sampled_from(["1,2\n3", '[{"a": 1}]', "[[[", '{"probability": 0.5}', "0.5\n0.7", "/w=="]),
        "encoding": st.sampled_from(["CSV", "JSON", "BASE64"]) | _NESTED,
        "observedContentType": st.sampled_from(["text/csv", "application/json"]) | _NESTED,
    },
)
_CAPTURES = st.fixed_dictionaries(
    {
        "captureData": st.fixed_dictionaries(
            {}, optional={"endpointInput": _SIDES | _NESTED, "endpointOutput": _SIDES | _NESTED}
        ),
        "eventMetadata": st.dictionaries(st.sampled_from(["eventId", "inferenceId"]), _NESTED) | _NESTED,
    },
    optional={"groundTruthData": _SIDES | _NESTED},
)
_OBJECTS = st.dictionaries(_KEYS, _NESTED, max_size=5) | _CAPTURES
_DEEP = st.integers(1, 3).map(lambda size: '{"a": ' + "[" * 10**size + "]" * 10**size + "}")
_LINES = (
    _OBJECTS.map(json.dumps)
    | _NESTED.map(json.dumps)
    | _DEEP
    | st.sampled_from(
        ['{"a": 1, "a": 2}', '{"a": 1', "", '{"a": "\\ud800"}', '{"a": 1e400}', '{"label": 1' + "0" * 5000]
    )
    | st.text(max_size=20)
)
_LINE_FILES = st.lists(_LINES, max_size=8).map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass"))
_CELLS = st.sampled_from(
    ["", "1", "0.5", "AA", "nan", "inf", "1e400", '"', '"a\nb"', "1" * 400, "\x00", "\r", "é"]
) | st.sampled_from(['"AA', 'AA"', '""', '"""', '"1"', '"1"x', 'a"b'])
_HEADERS = st.lists(_NAMES | st.sampled_from(["", "a", '"']), min_size=1, max_size=5)
_CSV_FILES = st.tuples(_HEADERS, st.lists(st.lists(_CELLS, max_size=6), max_size=8)).map(
    lambda parts: "\n".join(",".join(row) for row in [parts[0], *parts[1]]).encode()
)
_ARRAYS = st.sampled_from(
    [
        pa.array([1.5, None, float("nan")]),
        pa.array([1, 0, 1]),
        pa.array([True, None, False]),
        pa.array(["1", "AA", None]),
        pa.array([b"\xff", b"a", None]),
        pa.array([[1], [], None]),
        pa.array([["x"], ["y", "x"], None]),
        pa.array([{"b": 1}, {"b": 2}, None]),
        pa.array([None, None, None]),
        pa.array([0, 1, None], pa.timestamp("us")),
        pa.array([0, 1, None], pa.timestamp("ns", "UTC")),
        pa.array([0, 1, None], pa.time64("us")),
        pa.array([0, 1, None], pa.duration("s")),
        pa.array([0, 1, None], pa.date32()),
        pa.array([1, 2, None], pa.decimal128(38, 20)),
        pa.array(["a", "b", None]).dictionary_encode(),
        pa.array([1, 2, None]).dictionary_encode(),
        pa.array([1, 2, None], pa.uint64()),
        pa.array([1, 2, None], pa.float16()) if hasattr(pa, "float16") else pa.array([1.0, 2.0, None]),
    ]
)


def _parquet(columns: dict[str, pa.Array]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


_PARQUET_FILES = st.dictionaries(_NAMES | st.sampled_from(["a.b", ""]), _ARRAYS, min_size=1, max_size=4).map(_parquet)


def _cut(parts: tuple[bytes, float]) -> bytes:
    content, share = parts
    return content[: int(len(content) * share)]


def _maybe_cut(files: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return files | st.tuples(files, st.floats(0, 1)).map(_cut)


_ANY = st.binary(max_size=200)
_FILES = st.one_of(
    st.tuples(st.sampled_from(["jsonl", "json"]), _maybe_cut(_LINE_FILES)),
    st.tuples(st.just("jsonl.gz"), _maybe_cut(_LINE_FILES.map(gzip.compress))),
    st.tuples(st.just("csv"), _maybe_cut(_CSV_FILES)),
    st.tuples(st.just("csv.gz"), _maybe_cut(_CSV_FILES.map(gzip.compress))),
    st.tuples(st.just("parquet"), _maybe_cut(_PARQUET_FILES)),
    st.tuples(st.sampled_from(["jsonl", "jsonl.gz", "csv", "csv.gz", "parquet", "parquet.gz", "md"]), _ANY),
    st.tuples(st.sampled_from(["jsonl", "jsonl.gz", "csv", "csv.gz", "parquet", "txt"]), st.just(b"")),
)
_FOLDERS = st.lists(_FILES, min_size=1, max_size=3)
hostile = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=200)


def _written(folder: Path, files: Sequence[tuple[str, bytes]]) -> list[Path]:
    paths = [folder / f"{number}.{suffix}" for number, (suffix, _) in enumerate(files)]
    for path, (_, content) in zip(paths, files, strict=True):
        path.write_bytes(content)
    return paths


@hostile
@given(files=_FOLDERS)
def test_data_quality_counts_each_file_or_its_rows(files: list[tuple[str, bytes]], tmp_path: Path) -> None:
    for path in _written(tmp_path, files):
        found = summarized([path], names=["a", "b"])
        assert found.rows or found.faults
        for column in found.columns.values():
            assert column.present + column.missing == found.rows
        json.loads(statistics_of(found).text())


@hostile
@given(lines=st.lists(_LINES.filter(lambda line: "\n" not in line and "captureData" not in line), max_size=8))
def test_data_quality_counts_each_line(lines: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    found = summarized([tmp_path / "a.jsonl"])
    of_lines = sum(count for fault, count in found.faults.items() if fault.startswith("lines"))
    assert found.rows + of_lines == sum(bool(line.strip()) for line in lines)


@hostile
@given(content=_CSV_FILES)
def test_data_quality_counts_each_line_of_csv(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    found = summarized([tmp_path / "a.csv"])
    if any(fault.startswith("files of CSV whose first line") for fault in found.faults):
        assert found.rows == 0
        return
    of_lines = sum(count for fault, count in found.faults.items() if fault.startswith(("lines", "blank lines")))
    lines = content.decode().removesuffix("\n").split("\n")
    of_the_header = any(line.strip() for line in lines)
    assert found.rows + of_lines == (len(lines) - of_the_header if content else 0)


@hostile
@given(files=_FOLDERS)
def test_a_table_counts_each_file_that_gives_it_no_row(files: list[tuple[str, bytes]], tmp_path: Path) -> None:
    for path in _written(tmp_path, files):
        counts: Counter[str] = Counter()
        try:
            table = table_of([path], ["label"], counts)
        except JobError:
            continue
        assert table.height or counts.total()


@hostile
@given(data=_FOLDERS, truth=st.none() | _FOLDERS, numeric=st.booleans())
def test_answers_are_joined_or_refused(
    data: list[tuple[str, bytes]], truth: list[tuple[str, bytes]] | None, numeric: bool, tmp_path: Path
) -> None:
    (tmp_path / "truth").mkdir(exist_ok=True)
    labels = None if truth is None else _written(tmp_path / "truth", truth)
    try:
        found = joined(_written(tmp_path, data), labels, answer="probability", label="label", numeric=numeric)
    except JobError:
        return
    assert len(found.answers) == len(found.labels)
    assert len(found.answers) or found.counts


_KINDS: tuple[Kind, ...] = ("binary", "multiclass", "regression")


def _quality(paths: Sequence[Path]) -> None:
    for kind in _KINDS:
        problem = Problem(kind=kind, answer="probability", label="label", positive="1", metrics=())
        _only_sentences(partial(quality_of, problem, paths, None))


def _bias(paths: Sequence[Path]) -> None:
    for values, above, answer in ((["AA"], None, "probability"), (list[str](), 0.5, None)):
        facet = Facet(
            column="carrier", values=values, above=above, label="label", positive="1", answer=answer, group="a"
        )
        _only_sentences(partial(bias_of, facet, paths))


def _explained(paths: Sequence[Path]) -> None:
    _only_sentences(lambda: explanation_of(paths))


def _only_sentences(run: Callable[[], object]) -> None:
    try:
        run()
    except JobError as error:
        assert str(error).endswith(".") and len(str(error)) < 5000


@pytest.mark.parametrize("check", [_quality, _bias, _explained])
@hostile
@given(files=_FOLDERS)
def test_a_check_ends_with_an_outcome_or_a_sentence(
    check: Callable[[Sequence[Path]], None], files: list[tuple[str, bytes]], tmp_path: Path
) -> None:
    check(_written(tmp_path, files))


_ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.sampled_from([0, 1, 0.5, "1", "AA", None, float("nan"), float("inf"), 1e308, 10**400, [1], "x"])
            for name in ("label", "probability", "carrier", "a")
        },
    ),
    max_size=12,
)


@pytest.mark.parametrize("check", [_quality, _bias, _explained])
@hostile
@given(rows=_ROWS)
def test_rows_with_odd_values_end_with_an_outcome_or_a_sentence(
    check: Callable[[Sequence[Path]], None], rows: list[dict[str, object]], tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    check([tmp_path / "a.jsonl"])


@pytest.mark.parametrize("check", [_quality, _bias, _explained])
@hostile
@given(
    columns=st.dictionaries(st.sampled_from(["label", "probability", "carrier", "a"]), _ARRAYS, min_size=3),
)
def test_columns_of_odd_types_end_with_an_outcome_or_a_sentence(
    check: Callable[[Sequence[Path]], None], columns: dict[str, pa.Array], tmp_path: Path
) -> None:
    (tmp_path / "a.parquet").write_bytes(_parquet(columns))
    check([tmp_path / "a.parquet"])


@pytest.mark.parametrize("read", [read_statistics, read_constraints, read_bias, read_explanations])
@hostile
@given(
    content=_ANY
    | _NESTED.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(
        st.sampled_from(["version", "dataset", "features", "explanations", "pre_training_bias_metrics"]), _NESTED
    ).map(lambda value: json.dumps(value).encode())
    | _DEEP.map(str.encode)
)
def test_a_document_is_read_or_refused(read: Callable[[Path], object], content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    _only_sentences(lambda: read(tmp_path / "a.json"))
    problem = Problem(kind="binary", answer="probability", label="label", positive="1", metrics=())
    _only_sentences(lambda: read_quality(tmp_path / "a.json", problem))

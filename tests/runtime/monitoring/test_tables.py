"""Tables read into a summary: every format, and everything that can be wrong with a file."""

import errno
import gzip
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.monitoring import lines, tables
from runtime.monitoring.lines import Scalar
from runtime.monitoring.statistics import statistics_of
from runtime.monitoring.summary import CATEGORIES, COLUMNS, LONGEST_TEXT, TEXTS, Kind, Summary
from runtime.monitoring.tables import add_rows, files_of, summarized, summarized_in, walked
from tests.runtime.monitoring.tables import Columns, normal, parquet, summary_of

TABLE = {
    "hour": [1, 2, 3, None],
    "temp": [1.5, None, math.nan, -2.0],
    "carrier": ["UA", "UA", None, "AA"],
}
Writer = Callable[[pl.DataFrame, Path], object]
WRITERS: dict[str, Writer] = {
    "table.parquet": lambda frame, path: frame.write_parquet(path),
    "table.csv": lambda frame, path: frame.write_csv(path),
    "table.jsonl": lambda frame, path: path.write_text(
        "".join(f"{json.dumps(row)}\n" for row in frame.iter_rows(named=True))
    ),
    "table.csv.gz": lambda frame, path: path.write_bytes(gzip.compress(frame.write_csv().encode())),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_table_comes_down_to_the_same_in_every_format(name: str, tmp_path: Path) -> None:
    WRITERS[name](pl.DataFrame(TABLE), tmp_path / name)
    found = summarized([tmp_path / name])
    assert (found.rows, list(found.columns), found.faults) == (4, ["hour", "temp", "carrier"], {})
    hour, temp, carrier = found.columns.values()
    assert (hour.kind, hour.present, hour.missing) == (Kind.INTEGRAL, 3, 1)
    assert (temp.kind, temp.present, temp.missing, temp.not_numbers) == (Kind.FRACTIONAL, 2, 2, 1)
    assert (temp.moments.low, temp.moments.high, temp.moments.mean) == (-2.0, 1.5, -0.25)
    assert (carrier.kind, dict(carrier.categories.counts), carrier.missing) == (Kind.STRING, {"UA": 2, "AA": 1}, 1)


@pytest.mark.parametrize(
    ("name", "content", "fault", "rows"),
    [
        ("cut.jsonl", b'{"a": 1}\n{"a": 2', "lines that are no JSON", 1),
        ("array.jsonl", b'[1]\n{"a": 1}\n', "lines that are no JSON object", 1),
        ("latin.jsonl", b'{"a": "\xe9"}\n{"a": 1}\n', "lines that are not UTF-8", 1),
        ("long.jsonl", b'{"a": "' + b"x" * 2**21 + b'"}\n{"a": 1}\n', "lines of more than 1048576 bytes", 1),
        ("deep.jsonl", b'{"a": ' + b"[" * 200_000 + b"\n" + b'{"a": 1}\n', "lines that are no JSON", 1),
        ("half.jsonl", b'{"a": "\\ud800"}\n{"a": "\\ud83d\\ude00"}\n', "lines with half a character", 1),
        ("empty.jsonl", b"", "files without a row", 0),
        ("blank.csv", b"\n\n", "files without a row", 0),
        ("header.csv", b"a,b\n", "files without a row", 0),
        ("short.csv", b"a,b\n1\n1,2\n", "lines of CSV with another number of cells than the first", 1),
        ("twice.csv", b"a,a\n1,2\n", "files of CSV whose first line names a column twice", 0),
        ("quote.csv", b'a,b\n1,2\n"3,4\n5,6\n', "lines of CSV with a quote that does not end", 2),
        ("quoted.csv", b'a,b\n"1","2"\n"3","4\n"5","6"\n', "lines of CSV with a quote that does not end", 2),
        ("later.csv", b'a,b\n1,2\n3,"4\n5,6"\n', "lines of CSV that a quoted cell of a line before takes", 2),
        ("first.csv", b'"a,b\n1,2\n', "files of CSV whose first line cannot be read", 0),
        ("latin.csv", "größe,c\n7.3,A\n".encode("latin-1"), "files of CSV whose first line cannot be read", 0),
        ("utf16.csv", "größe,c\n7.3,A\n".encode("utf-16"), "files of CSV whose first line cannot be read", 0),
        ("utf32.csv", "größe,c\n7.3,A\n".encode("utf-32"), "files of CSV whose first line cannot be read", 0),
        ("unmarked.csv", "size,c\n7.3,A\n".encode("utf-16-be"), "files of CSV whose first line cannot be read", 0),
        ("title.csv", b"x" * 1_100_000 + b"\n7.3\n", "files of CSV whose first line cannot be read", 0),
        ("latin2.csv", "c\nA\ngröße\nB\n".encode("latin-1"), "lines that are not UTF-8", 2),
        ("gaps.csv", b"a,b\n1,2\n\n3,4\n", "blank lines of CSV", 2),
        ("spaces.csv", b"a,b\r\n1,2\r\n \t \r\n3,4\r\n", "blank lines of CSV", 2),
        ("above.csv", b"\na,b\n1,2\n", "blank lines of CSV", 1),
        ("return.csv", b"a\n1\r2\n3\n", "lines of CSV that cannot be read", 1),
        ("wide.csv", b"a\n1\n" + b"x" * 200_000 + b"\n2\n", "lines of CSV that cannot be read", 2),
        ("no.parquet", b"PAR1", "files that are no Parquet", 0),
        ("zero.parquet", b"", "files that are no Parquet", 0),
        ("nothing.jsonl.gz", b"", "files without a row", 0),
        ("plain.jsonl.gz", b'{"a": 1}\n', "files that end early or cannot be read", 0),
        ("cut.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 9000)[:-4], "files that end early or cannot be read", 9000),
        ("notes.txt", b"a", "files of an unknown kind", 0),
    ],
)
def test_what_cannot_be_read_is_counted_by_what_is_wrong(
    name: str, content: bytes, fault: str, rows: int, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    found = summarized([tmp_path / name])
    assert (found.faults[fault], found.rows) == (1, rows)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    content=st.binary(max_size=400) | st.text(max_size=200).map(str.encode),
    suffix=st.sampled_from([".parquet", ".csv", ".jsonl", ".csv.gz", ".jsonl.gz"]),
)
def test_no_bytes_end_the_reading_or_make_a_document_that_is_no_json(
    content: bytes, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"any{suffix}"
    path.write_bytes(gzip.compress(content) if suffix.endswith(".gz") and len(content) % 2 else content)
    found = summarized([path])
    assert found.rows or found.faults
    assert json.loads(statistics_of(found).text(), parse_constant=_no_number)["dataset"]["item_count"] == found.rows


def _no_number(constant: str) -> float:
    raise AssertionError(f"{constant} is no number of JSON")


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abc"),
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.lists(st.none()),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_every_cell_is_counted_once(rows: list[dict[str, Scalar]]) -> None:
    found = Summary()
    for row in rows:
        add_rows(found, [row])
    for column in found.columns.values():
        assert column.present + column.missing == len(rows)
    statistics_of(found).text()


def test_infinities_are_missing_and_counted_by_name(tmp_path: Path) -> None:
    column = summary_of(tmp_path, {"a": [1.0, math.inf, -math.inf, math.nan]}).columns["a"]
    assert (column.present, column.missing, column.infinities, column.not_numbers) == (1, 3, 2, 1)


def test_numbers_that_no_float_can_sum_leave_a_document_that_can_be_read(tmp_path: Path) -> None:
    text = statistics_of(summary_of(tmp_path, {"a": [1.7e308, 1.7e308, -1.0]})).text()
    (feature,) = json.loads(text, parse_constant=_no_number)["features"]
    assert feature["numerical_statistics"]["common"] == {"num_present": 3, "num_missing": 0}
    assert feature["numerical_statistics"]["max"] == 1.7e308


def test_a_whole_number_beyond_every_float_is_infinite(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f'{{"a": {10**400}}}\n{{"a": -{10**400}}}\n{{"a": 1}}\n')
    assert summarized([tmp_path / "a.jsonl"]).columns["a"].infinities == 2


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([1, 2, None], dtype=pl.UInt64),
        pl.Series([1, 2, None], dtype=pl.Decimal(10, 0)),
        pl.Series([True, False, None]),
        pl.Series([1, 2, None]).cast(pl.Datetime("ms")),
        pl.Series([1, 2, None]).cast(pl.Date),
    ],
)
def test_whole_numbers_booleans_and_times_are_integral(values: pl.Series, tmp_path: Path) -> None:
    pl.DataFrame({"a": values}).write_parquet(tmp_path / "a.parquet")
    column = summarized([tmp_path / "a.parquet"]).columns["a"]
    assert (column.present, column.missing) == (2, 1)
    assert column.kind in (Kind.INTEGRAL, Kind.FRACTIONAL)


def test_lists_are_of_no_known_kind(tmp_path: Path) -> None:
    column = summary_of(tmp_path, {"a": [[1], [2, 3], None]}).columns["a"]
    assert (column.kind, column.unknown, column.missing) == (Kind.UNKNOWN, 2, 1)


def test_one_bad_cell_does_not_change_what_a_column_holds(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n" + "1\n" * 19 + "x\n")
    assert summarized([tmp_path / "a.csv"]).columns["a"].kind is Kind.INTEGRAL


def test_codes_that_read_as_numbers_are_texts_where_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n007\n010\n")
    column = summarized([tmp_path / "a.csv"], texts={"a"}).columns["a"]
    assert dict(column.categories.counts) == {"007": 1, "010": 1}


def test_a_column_that_one_file_lacks_is_missing_in_its_rows(tmp_path: Path) -> None:
    paths = [
        parquet(tmp_path / "1.parquet", {"a": [1, 2]}),
        parquet(tmp_path / "2.parquet", {"b": [3]}),
        parquet(tmp_path / "3.parquet", {"a": [4], "b": [5]}),
    ]
    found = summarized(paths)
    assert {name: (one.present, one.missing) for name, one in found.columns.items()} == {"a": (3, 1), "b": (2, 2)}


def test_instances_that_share_a_window_merge_to_it(tmp_path: Path) -> None:
    parts: list[Columns] = [{"a": normal(5000, seed=seed), "c": ["x", None] * 2500} for seed in range(3)]
    parts[1]["only"] = list(range(5000))
    whole = Summary()
    for number, part in enumerate(parts):
        whole.merge(summarized([parquet(tmp_path / f"{number}.parquet", part)]))
    values = np.concatenate([part["a"] for part in parts])
    a, c, only = (whole.columns[name] for name in ("a", "c", "only"))
    assert whole.rows == 15_000
    assert a.moments.mean == pytest.approx(values.mean())
    assert a.moments.standard_deviation == pytest.approx(values.std())
    assert (dict(c.categories.counts), c.missing) == ({"x": 7500}, 7500)
    assert (only.present, only.missing) == (5000, 10_000)


def test_identifiers_are_counted_together_beyond_the_most_frequent(tmp_path: Path) -> None:
    texts = [f"id{number}" for number in range(3 * CATEGORIES)] + ["often"] * 5
    (feature,) = statistics_of(summary_of(tmp_path, {"a": texts})).features
    assert feature.string_statistics is not None
    counts, others = feature.string_statistics.counts()
    assert (len(counts), counts["often"], counts.total() + others) == (CATEGORIES, 5, len(texts))


def _written(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text("a\n1\n")


def test_what_no_person_put_there_is_no_file_of_a_folder(tmp_path: Path) -> None:
    _written(tmp_path, "b/2.csv", "a/1.csv", "_SUCCESS", ".part.crc", "_temporary/0.csv", ".hidden/b/3.csv")
    files, passed = walked(tmp_path)
    assert [path.name for path in files] == ["1.csv", "2.csv"]
    assert passed.faults == {}
    assert [path.name for path in files_of(tmp_path / "_temporary")] == ["0.csv"]


def test_links_are_followed_and_no_folder_is_read_twice(tmp_path: Path) -> None:
    _written(tmp_path, "window/b/2.csv", "elsewhere/3.csv", "single.csv")
    window = tmp_path / "window"
    (window / "again").symlink_to(window / "b")
    (window / "b" / "up").symlink_to(window)
    (window / "linked").symlink_to(tmp_path / "elsewhere")
    (window / "4.csv").symlink_to(tmp_path / "single.csv")
    files, passed = walked(window)
    assert [str(path.relative_to(window)) for path in files] == ["4.csv", "b/2.csv", "linked/3.csv"]
    assert passed.places == {"links to folders that are read already": ["again", "b/up"]}


def test_what_a_folder_holds_besides_files_is_counted_and_named(tmp_path: Path) -> None:
    _written(tmp_path, "1.csv")
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    os.mkfifo(tmp_path / "pipe.csv")
    found = summarized_in(tmp_path)
    assert found.rows == 1
    assert found.faults == {"links that lead to no file": 1, "files that cannot be read": 1, "pipes and devices": 1}
    assert found.places == {
        "links that lead to no file": ["gone.csv"],
        "files that cannot be read": ["self"],
        "pipes and devices": ["pipe.csv"],
    }


def test_folders_and_files_that_may_not_be_read_are_counted_and_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _written(tmp_path, "1.csv", "shut/2.csv", "listed/3.csv")
    WRITERS["table.parquet"](pl.DataFrame({"a": [1]}), tmp_path / "listed" / "4.parquet")
    scandir, opened, metadata = os.scandir, Path.open, pq.read_metadata

    def refuse(path: object, name: str) -> None:
        if Path(str(path)).name == name:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

    def scan(path: Path) -> object:
        refuse(path, "shut")
        return scandir(path)

    def open_(path: Path, mode: str) -> object:
        refuse(path, "3.csv")
        return opened(path, mode)

    def read(path: Path) -> object:
        refuse(path, "4.parquet")
        return metadata(path)

    monkeypatch.setattr(os, "scandir", scan)
    monkeypatch.setattr(Path, "open", open_)
    monkeypatch.setattr(pq, "read_metadata", read)
    found = summarized_in(tmp_path)
    assert found.rows == 1
    assert found.places == {
        "folders that cannot be read": ["shut"],
        "files that end early or cannot be read": ["listed/3.csv"],
        "files that cannot be read": ["listed/4.parquet"],
        "files without a row": ["listed/3.csv", "listed/4.parquet"],
    }


def test_of_a_fault_that_many_files_have_the_first_three_are_named(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.jsonl").write_text('{"a": 1}\n' + "x\n" * (number != 1))
    (tmp_path / "b\n9.jsonl").write_text("")
    found = summarized_in(tmp_path)
    assert found.faults == {"lines that are no JSON": 8, "files without a row": 1}
    assert found.places == {
        "lines that are no JSON": ["0.jsonl", "2.jsonl", "3.jsonl"],
        "files without a row": ["'b\\n9.jsonl'"],
    }


def test_a_file_of_parquet_that_names_a_column_twice_is_counted(tmp_path: Path) -> None:
    twice = pa.table([pa.array([1, 2]), pa.array([100, 200]), pa.array([7, 8])], names=["a", "a", "b"])
    pq.write_table(twice, tmp_path / "a.parquet")
    found = summarized([tmp_path / "a.parquet"])
    assert (found.rows, found.faults["files of Parquet that name a column twice"]) == (0, 1)


def test_a_mark_of_byte_order_is_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("\ufeffa\n1\n".encode())
    assert list(summarized([tmp_path / "a.csv"]).columns) == ["a"]


def test_numbers_at_both_ends_of_what_a_float_can_hold_have_buckets(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1.7e308\n-1.7e308\n")
    (feature,) = statistics_of(summarized([tmp_path / "a.csv"])).features
    assert feature.numerical_statistics is not None
    assert sum(bucket.count for bucket in feature.numerical_statistics.distribution.kll.buckets) == 2


def test_keys_that_are_new_in_each_row_are_counted_beyond_the_most_columns(tmp_path: Path) -> None:
    rows = "".join(f'{{"known": 1, "key{number}": 1}}\n' for number in range(COLUMNS + 100))
    (tmp_path / "a.jsonl").write_text(rows)
    found = summarized([tmp_path / "a.jsonl"])
    assert (found.rows, len(found.columns)) == (COLUMNS + 100, COLUMNS)
    assert found.faults == {"cells of columns beyond the first 2,000": 101}


@pytest.mark.parametrize("name", ["table.parquet", "table.csv", "table.jsonl"])
def test_columns_beyond_the_most_are_counted_in_every_format(name: str, tmp_path: Path) -> None:
    wide = pl.DataFrame({f"column{number}": [1, 2, 3] for number in range(COLUMNS + 2)})
    WRITERS[name](wide, tmp_path / name)
    found = summarized([tmp_path / name])
    assert (len(found.columns), found.faults) == (COLUMNS, {"cells of columns beyond the first 2,000": 6})


def test_a_name_that_is_as_long_as_a_text_is_no_column(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f'{{"{"n" * 300}": 1, "a": 1}}\n')
    found = summarized([tmp_path / "a.jsonl"])
    assert (list(found.columns), sum(found.faults.values())) == (["a"], 1)


def test_merged_instances_have_no_more_columns_than_one() -> None:
    sides = Summary(), Summary()
    for number, side in enumerate(sides):
        add_rows(side, [{f"{number} {key}": 1 for key in range(1500)}])
    sides[0].merge(sides[1])
    assert (sides[0].rows, len(sides[0].columns)) == (2, COLUMNS)
    assert sides[0].faults == {"cells of columns beyond the first 2,000": 1000}


@pytest.mark.parametrize("more", [1, 131_072 - LONGEST_TEXT])
@pytest.mark.parametrize("name", ["table.parquet", "table.csv", "table.jsonl"])
def test_long_texts_are_told_apart_by_their_beginning_and_counted(name: str, more: int, tmp_path: Path) -> None:
    long = "x" * LONGEST_TEXT
    WRITERS[name](pl.DataFrame({"a": [long + "1" * more, long + "2" * more, "short", None]}), tmp_path / name)
    found = summarized([tmp_path / name])
    assert found.columns["a"].categories.counts == {long: 2, "short": 1}
    assert statistics_of(found).dataset.faults == {"ends of texts of more than 256 characters": 2}


def test_columns_of_texts_share_what_may_be_held_of_them() -> None:
    found, columns = Summary(), 200
    for batch in range(6):
        rows = [{f"c{column}": f"{batch} {row}" for column in range(columns)} for row in range(1000)]
        add_rows(found, rows)
    assert sum(len(column.categories.counts) for column in found.columns.values()) <= 2 * TEXTS
    assert all(column.present == 6000 for column in found.columns.values())
    for feature in statistics_of(found).features:
        assert feature.string_statistics is not None
        assert len(feature.string_statistics.counts()[0]) == TEXTS // columns


def test_a_batch_of_lines_has_no_more_rows_than_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tables, "_CHARACTERS", 100)
    sizes: list[int] = []

    def noted(summary: Summary, rows: Sequence[Mapping[str, Scalar]]) -> None:
        sizes.append(len(rows))
        add_rows(summary, rows)

    monkeypatch.setattr(tables, "add_rows", noted)
    (tmp_path / "a.jsonl").write_text(f'{{"a": "{"x" * 40}"}}\n' * 9)
    assert summarized([tmp_path / "a.jsonl"]).rows == 9
    assert sizes == [3, 3, 3]  # of 50 characters each


def test_a_quote_that_does_not_end_costs_its_line_alone(tmp_path: Path) -> None:
    rows = [f"{number % 24},{number},AA" for number in range(2000)]
    rows[100] = '4,100,"AA'
    (tmp_path / "a.csv").write_text("\n".join(["hour,distance,carrier", *rows]))
    found = summarized([tmp_path / "a.csv"])
    assert (found.rows, found.faults) == (1999, {"lines of CSV with a quote that does not end": 1})
    assert found.columns["distance"].moments.high == 1999


def test_a_cell_of_csv_may_hold_lines_which_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('a,b\n1,"one\ntwo\nthree"\n2,"one ""and"" two"\n3,"plain" \n')
    found = summarized([tmp_path / "a.csv"])
    assert found.columns["b"].categories.counts == {"one\ntwo\nthree": 1, 'one "and" two': 1, "plain": 1}
    assert (found.rows, found.faults) == (3, {"lines of CSV that a quoted cell of a line before takes": 2})


def test_a_blank_line_of_one_column_is_a_row_whose_cell_is_empty(tmp_path: Path) -> None:
    pl.DataFrame({"x": [1.0, None, 2.0, None]}).write_csv(tmp_path / "a.csv")
    found = summarized([tmp_path / "a.csv"])
    assert (found.rows, found.columns["x"].present, found.columns["x"].missing, found.faults) == (4, 2, 2, {})


def test_blank_lines_of_a_quoted_cell_belong_to_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('a,b\n1,"one\n\n  \ntwo"\n\n2,"three"\n')
    found = summarized([tmp_path / "a.csv"])
    assert found.columns["b"].categories.counts == {"one\n\n  \ntwo": 1, "three": 1}
    assert found.faults == {"lines of CSV that a quoted cell of a line before takes": 3, "blank lines of CSV": 1}


def test_a_row_of_csv_that_goes_on_and_on_is_read_line_by_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lines, "_LONGEST", 100)
    (tmp_path / "a.csv").write_text("a,b\n1,2\n" + 'x","\n' * 500 + '"\n3,4\n')
    found = summarized([tmp_path / "a.csv"])
    assert (found.rows, found.faults.total()) == (2, 501)
    assert found.faults["lines of CSV with a quote that does not end"] > 450


def test_parquet_that_breaks_off_keeps_what_was_read_and_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tables, "_BATCH", 1000)
    path = tmp_path / "half.parquet"
    columns = {"a": normal(3000), "b": [f"text {number}" for number in range(3000)]}
    pl.DataFrame(columns).write_parquet(path, row_group_size=1000)
    broken = pq.read_metadata(path).row_group(2).column(1)
    content = bytearray(path.read_bytes())
    start = broken.dictionary_page_offset or broken.data_page_offset
    content[start : start + broken.total_compressed_size] = b"\xff" * broken.total_compressed_size
    path.write_bytes(content)
    found = summarized([path])
    assert found.rows == 2000
    assert found.faults == {"files whose rest cannot be read": 1}
    assert found.places == {"files whose rest cannot be read": ["half.parquet"]}
    assert {column.present + column.missing for column in found.columns.values()} == {found.rows}


def test_a_batch_of_parquet_that_cannot_be_counted_leaves_no_half(tmp_path: Path) -> None:
    bad = pa.array([b"\xff"] * 3).view(pa.string())
    pq.write_table(pa.table({"a": [1, 2, 3], "b": bad}), tmp_path / "a.parquet")
    found = summarized([tmp_path / "a.parquet"])
    assert (found.rows, found.columns) == (0, {})
    assert found.faults == {"files whose rest cannot be read": 1, "files without a row": 1}


def test_rows_of_parquet_that_are_long_are_read_a_few_at_a_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tables, "_BYTES", 1 << 14)
    texts = [f"{number} " * 500 for number in range(100)]
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": texts}), path, use_dictionary=False, compression="none")
    assert tables._batch_of(pq.read_metadata(path)) < 20
    assert summarized([path]).rows == 100


def test_columns_come_down_to_the_same_in_any_order(tmp_path: Path) -> None:
    columns: Columns = {name: normal(20_000, seed=seed) for seed, name in enumerate("abc")}
    backwards = dict(reversed(columns.items()))
    one = summary_of(tmp_path, columns)
    other = summary_of(tmp_path, backwards)
    for name in columns:
        for first, second in zip(one.columns[name].sketch.levels, other.columns[name].sketch.levels, strict=True):
            assert np.array_equal(first, second)


def test_columns_of_the_same_values_err_by_themselves(tmp_path: Path) -> None:
    values = normal(50_000)
    one, other = summary_of(tmp_path, {"a": values, "b": values}).columns.values()
    assert not np.array_equal(one.sketch.levels[-1], other.sketch.levels[-1])

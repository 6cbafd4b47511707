"""How an audit is written down: page, JSON, CSV, exit."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

from plumbline.audit.auditing import commit_of, write_record
from plumbline.audit.controls import map_controls
from plumbline.audit.examination import JudgedFinding
from plumbline.audit.inventory import take_inventory
from plumbline.audit.page import render_page
from plumbline.audit.record import Matrix, MatrixRow, Record, findings_csv, findings_json, record_json
from plumbline.errors import PlumblineError
from tests.plumbline.audit.subjects import TODAY, examined, finding, reported, template, waived

_ROW = MatrixRow(
    principal="plumbline-dev-train",
    request="read data",
    circumstances="",
    expected="allowed",
    decided="allowed",
    holds=True,
    why="It trains.",
    rule="train's own work",
    by="ReadObjects",
)


def _record(tmp_path: Path, *, matrix: Matrix | None = None, waive: bool = True) -> Record:
    resources = {"Queue": {"Type": "AWS::S3::Bucket"}}
    subject = template(tmp_path, resources, constructs={"Queue": "dev/Queue"})
    rule = "AwsSolutions::AwsSolutions-S1"
    excuse = (waived(rule, "dev/Queue"),) if waive else ()
    examination = examined(subject, waivers=excuse, said=reported((rule, "dev/Queue")))
    kept = tuple(judged for judged in examination.findings if judged.finding.rule == rule)
    examination = replace(examination, findings=kept)
    return Record(
        subject="this checkout",
        commit="0123abc",
        date=TODAY,
        examination=examination,
        unresolved=(),
        matrix=matrix or Matrix(rows=(_ROW,)),
        inventory=take_inventory([subject]),
        controls=map_controls([subject], examination),
    )


def _with_findings(record: Record, found: Sequence[JudgedFinding]) -> Record:
    return replace(record, examination=replace(record.examination, findings=tuple(found)))


class _Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids |= {str(value) for key, value in attrs if key == "id"}
        self.links |= {str(value) for key, value in attrs if key == "href"}

    def handle_data(self, data: str) -> None:
        self.text.append(data.strip())


def test_an_audit_without_anything_open_passes(tmp_path: Path) -> None:
    record = _record(tmp_path)
    assert record.passes
    assert record.figures["findings open"] == "0"
    assert record.figures["waivers"] == "1 decisions, 1 findings excused"
    assert record.figures["matrix rows"] == "1 of 1 hold"


def test_an_open_finding_fails_it(tmp_path: Path) -> None:
    assert not _record(tmp_path, waive=False).passes


def test_a_row_of_the_matrix_that_does_not_hold_fails_it(tmp_path: Path) -> None:
    record = _record(tmp_path, matrix=Matrix(rows=(_ROW, replace(_ROW, decided="denied", holds=False))))
    assert not record.passes
    assert record.figures["matrix rows"] == "1 of 2 hold"


def test_a_role_without_a_row_fails_it(tmp_path: Path) -> None:
    assert not _record(tmp_path, matrix=Matrix(rows=(_ROW,), problems=("no rule says of the role x",))).passes


def test_a_waiver_that_cannot_stand_fails_it(tmp_path: Path) -> None:
    record = _record(tmp_path)
    assert not replace(record, examination=replace(record.examination, problems=("it ended",))).passes


def test_the_same_audit_gives_the_same_report_on_another_day_but_for_the_date(tmp_path: Path) -> None:
    today, tomorrow = _record(tmp_path), replace(_record(tmp_path), date=date(2026, 11, 26))
    for render in (render_page, record_json):
        first, second = render(today).splitlines(), render(tomorrow).splitlines()
        different = [(one, other) for one, other in zip(first, second, strict=True) if one != other]
        assert [one.replace("2026-11-25", "") for one, _ in different] == [
            other.replace("2026-11-26", "") for _, other in different
        ]
        assert len(different) == 1
    assert findings_csv(today) == findings_csv(tomorrow)


def test_whatever_a_template_is_called_the_page_runs_nothing(tmp_path: Path) -> None:
    hostile = '<script>alert("x")</script>'
    judged = JudgedFinding(
        finding=finding(rule=f"A::{hostile}", file=hostile, resource=hostile, path=hostile, message=hostile),
        construct=hostile,
    )
    excused = replace(judged, waived=replace(waived("A::x", "y"), reason=hostile, decision=hostile))
    row = replace(_ROW, principal=hostile, request=hostile, rule=hostile, why=hostile)
    record = _with_findings(_record(tmp_path, matrix=Matrix(rows=(row,))), [judged, excused])
    page = _Page(render_page(replace(record, subject=hostile, commit=hostile)))
    assert "script" not in page.tags
    assert hostile in page.text


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    page = _Page(render_page(_record(tmp_path)))
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert all(link.startswith("#") for link in page.links)


def test_every_link_of_the_page_leads_somewhere(tmp_path: Path) -> None:
    page = _Page(render_page(_record(tmp_path)))
    assert {link.removeprefix("#") for link in page.links} <= page.ids
    assert {"accounts", "keys", "network", "roles", "matrix", "findings", "waivers", "controls", "evidence"} <= page.ids


def test_the_page_says_why_a_waiver_stands_and_until_when(tmp_path: Path) -> None:
    text = " ".join(_Page(render_page(_record(tmp_path))).text)
    assert "It is so." in text
    assert "Owner platform, until 2099-01-01, 1 finding" in text


def test_the_page_names_what_could_not_be_worked_out(tmp_path: Path) -> None:
    record = replace(_record(tmp_path), unresolved=("f: Resources.R: it is not known",))
    assert "f: Resources.R: it is not known" in _Page(render_page(record)).text


def test_the_page_names_a_row_that_does_not_hold_with_what_decides_it(tmp_path: Path) -> None:
    wrong = replace(_ROW, decided="denied", holds=False, by="DenyAll")
    text = " ".join(_Page(render_page(_record(tmp_path, matrix=Matrix(rows=(wrong,))))).text)
    assert "denied, should be allowed DenyAll" in text


def test_rows_that_are_alike_are_one_line(tmp_path: Path) -> None:
    rows = tuple(
        replace(_ROW, principal=f"plumbline-{env}-train", request=f"read {env}/{number}")
        for env in ("dev", "staging")
        for number in range(5)
    )
    text = " ".join(_Page(render_page(_record(tmp_path, matrix=Matrix(rows=rows)))).text)
    assert "read on each of 10" in text
    assert "allowed 10 rows" in text


def test_the_json_holds_every_finding_and_every_row(tmp_path: Path) -> None:
    document = json.loads(record_json(_record(tmp_path)))
    (entry,) = document["findings"]
    assert entry["rule"] == "AwsSolutions::AwsSolutions-S1"
    assert (entry["decision"], entry["reason"], entry["until"]) == ("a-decision", "It is so.", "2099-01-01")
    assert document["matrix"][0]["principal"] == "plumbline-dev-train"
    assert document["passes"] is True


def test_a_finding_for_scripts_has_what_scripts_look_for() -> None:
    judged = JudgedFinding(finding=finding(path="Properties.X"), construct="")
    assert json.loads(findings_json([judged])) == [
        {
            "rule": "Plumbline::PL-XX-01",
            "severity": "high",
            "file": "f",
            "resource": "R",
            "path": "Properties.X",
            "message": "m",
        }
    ]


def test_the_csv_has_open_and_waived_findings(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(findings_csv(_record(tmp_path)))))
    assert [(row["rule"], row["state"], row["owner"]) for row in rows] == [
        ("AwsSolutions::AwsSolutions-S1", "waived", "platform")
    ]


def test_no_cell_of_the_csv_is_a_formula(tmp_path: Path) -> None:
    judged = JudgedFinding(finding=finding(message='=HYPERLINK("x")', resource="@x"), construct="")
    (row,) = csv.DictReader(io.StringIO(findings_csv(_with_findings(_record(tmp_path), [judged]))))
    assert (row["message"], row["resource"]) == ('\'=HYPERLINK("x")', "'@x")


def test_the_report_is_written_into_a_folder_that_is_made(tmp_path: Path) -> None:
    write_record(_record(tmp_path), tmp_path / "a" / "b")
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == {"audit.html", "audit.json", "audit.csv"}


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PlumblineError, match=r"file: the report cannot be written there: .*; accepted: a folder\."):
        write_record(_record(tmp_path), tmp_path / "file")


def test_outside_git_there_is_no_commit(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == ""


def test_what_the_accounts_do_not_protect_is_said_and_fails_nothing(tmp_path: Path) -> None:
    record = replace(_with_findings(_record(tmp_path), []), caveats=("production shares its account",))
    assert '<li class="">production shares its account</li>' in render_page(record)
    assert json.loads(record_json(record))["caveats"] == ["production shares its account"]
    assert record.passes

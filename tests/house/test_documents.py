"""What the documents point at is there, and nothing in them waits to be filled in."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from plumbline.cli.application import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_plumb_command_exists(document: Path) -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    named = set(re.findall(r"\./plumb ([a-z]+)", document.read_text()))
    assert named - set(commands) == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_waits_to_be_filled_in(document: Path) -> None:
    assert re.findall(r"\b[A-Z]{3,}_(?:OUTPUT|COUNT|COST)\b|\bTBD\b", document.read_text()) == []

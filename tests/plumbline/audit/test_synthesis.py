"""An app is synthesized in a process of its own, and what keeps it from that is told."""

from pathlib import Path

import pytest

from plumbline.audit.synthesis import deployed_templates, synthesize_app
from plumbline.errors import PlumblineError
from tests.plumbline.audit.tiny_app import write_app

_RESOURCES = {"Queue": {"Type": "AWS::SQS::Queue"}}


def test_the_templates_of_an_app_are_read(tmp_path: Path) -> None:
    synthesize_app(write_app(tmp_path, _RESOURCES), tmp_path / "out")
    (template,) = deployed_templates(tmp_path, tmp_path / "out")
    assert (template.stack_name, template.account, template.constructs) == (
        "stack",
        "111111111111",
        {"Queue": "app/Queue"},
    )


def test_rules_are_on_though_the_shell_has_switched_them_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_VALIDATION", "false")
    app = write_app(tmp_path, _RESOURCES, ending='(folder / "seen").write_text(str(os.environ.get("CDK_VALIDATION")))')
    synthesize_app(app, tmp_path / "out")
    assert (tmp_path / "out" / "seen").read_text() == "None"


def test_an_app_that_the_gate_refuses_is_synthesized_all_the_same(tmp_path: Path) -> None:
    synthesize_app(write_app(tmp_path, _RESOURCES, ending="raise SystemExit(1)"), tmp_path / "out")
    assert deployed_templates(tmp_path, tmp_path / "out")


def test_an_app_that_breaks_off_is_told_in_its_own_last_words(tmp_path: Path) -> None:
    write_app(tmp_path, _RESOURCES)
    (tmp_path / "app.py").write_text("raise ValueError('no such bucket')")
    with pytest.raises(PlumblineError) as failed:
        synthesize_app(tmp_path, tmp_path / "out")
    assert str(failed.value) == (
        "the app does not synthesize, so there is nothing to audit: ValueError: no such bucket"
    )
    assert failed.value.exit_code == 2


def test_an_app_that_ends_with_2_after_it_has_written_is_no_refusal(tmp_path: Path) -> None:
    with pytest.raises(PlumblineError, match="it says nothing"):
        synthesize_app(write_app(tmp_path, _RESOURCES, ending="raise SystemExit(2)"), tmp_path / "out")


@pytest.mark.parametrize("text", [None, "{", "{}"])
def test_a_folder_that_is_no_app_is_told(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "cdk.json").write_text(text)
    with pytest.raises(PlumblineError, match=r"cdk\.json: it cannot be read: .*; accepted: a CDK app\."):
        synthesize_app(tmp_path, tmp_path / "out")

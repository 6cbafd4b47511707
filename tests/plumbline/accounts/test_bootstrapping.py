"""The commands that a person can type instead, and the CDK's command line in the foreground."""

import shlex
import sys
from pathlib import Path

import pytest

from plumbline.accounts.bootstrapping import commands
from plumbline.accounts.cdk_tool import run_cdk
from plumbline.accounts.templates import template_digest
from plumbline.configuration import Platform, bootstrap_parameters, cdk_bootstrap_arguments
from plumbline.errors import PlumblineError
from tests.plumbline.accounts.conftest import ROOT


def test_the_commands_of_an_account_survive_the_shell(platform: Platform) -> None:
    deploy, protect, cdk = (shlex.split(command) for command in commands(platform, "111111111111"))
    overrides = deploy[deploy.index("--parameter-overrides") + 1 :]
    assert overrides == [f"{key}={value}" for key, value in bootstrap_parameters(platform).items()]
    assert protect[-1] == "--enable-termination-protection"
    assert cdk == ["./plumb", "cdk", *cdk_bootstrap_arguments(platform, "111111111111")]


def test_the_commands_name_a_template_that_is_there(platform: Platform) -> None:
    deploy = shlex.split(commands(platform, "111111111111")[0])
    assert (ROOT / deploy[deploy.index("--template-file") + 1]).is_file()


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the command line: writes down who it is, and fails when told to."""
    tool, said = tmp_path / "cdk", tmp_path / "said"
    tool.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        f"open({str(said)!r}, 'w').write(f\"{{os.environ['AWS_ACCESS_KEY_ID']}} {{os.environ.get('AWS_PROFILE')}}\")\n"
        "sys.exit(3 if sys.argv[1] == 'fail' else 0)\n"
    )
    tool.chmod(0o755)
    monkeypatch.setattr("plumbline.accounts.cdk_tool.CDK", tool)
    return said


def test_the_tool_is_the_caller_who_was_asked_about_and_not_a_profiles(
    said: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "somebody-else")
    run_cdk(("bootstrap",), root=tmp_path, credentials={"AWS_ACCESS_KEY_ID": "caller"})
    assert said.read_text() == "caller None"


@pytest.mark.usefixtures("said")
def test_a_tool_that_fails_is_one_sentence_with_its_exit_code(tmp_path: Path) -> None:
    with pytest.raises(PlumblineError, match="`cdk fail` failed with exit code 3"):
        run_cdk(("fail",), root=tmp_path, credentials={"AWS_ACCESS_KEY_ID": "caller"})


def test_a_tool_that_is_not_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plumbline.accounts.cdk_tool.CDK", tmp_path / "nowhere")
    with pytest.raises(PlumblineError, match="nowhere cannot be run: No such file"):
        run_cdk(("bootstrap",), root=tmp_path, credentials={})


_TEMPLATE = (
    "Description: one\nResources:\n  Key:\n    Type: AWS::KMS::Key\n    Properties: {Description: !Sub '${Name}'}\n"
)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (("Resources:", "# why\nResources:"), True),
        (("Description: one", "Description: two"), True),
        (("!Sub", "!Ref"), False),
        (("AWS::KMS::Key", "AWS::KMS::Alias"), False),
    ],
    ids=["a comment", "the description", "a tag", "a type"],
)
def test_templates_are_compared_by_what_an_update_changes(change: tuple[str, str], same: bool) -> None:
    assert (template_digest(_TEMPLATE) == template_digest(_TEMPLATE.replace(*change))) is same


@pytest.mark.parametrize("text", ["a: [", "just words"])
def test_what_is_no_template_has_no_digest(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        template_digest(text)

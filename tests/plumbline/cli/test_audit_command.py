"""`./plumb audit`: what it prints where, and how it ends."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from plumbline.audit.auditing import audit_files
from plumbline.audit.steps import silently
from plumbline.cli import audit as command
from plumbline.errors import PlumblineError
from tests.plumbline.audit.subjects import TODAY
from tests.plumbline.audit.tiny_app import commit, write_app
from tests.plumbline.cli.calling import ROOT, plumb

# The smallest that breaks no rule.
_CLEAN = {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}
_OPEN = {"Queue": {"Type": "AWS::SQS::Queue"}}


def _template(folder: Path, resources: Any, name: str = "one.template.json") -> Path:
    path = folder / name
    path.write_text(json.dumps({"Resources": resources}))
    return path


def test_findings_are_a_json_list_and_alone_on_standard_output(tmp_path: Path) -> None:
    path = _template(tmp_path, _OPEN)
    done = plumb("audit", "--json", "--template", str(path))
    found = json.loads(done.stdout)
    assert done.code == 1
    assert {"rule", "severity", "file", "resource", "path", "message"} == found[0].keys()
    assert ("Plumbline::PL-MSG-01", str(path), "Queue") in {(f["rule"], f["file"], f["resource"]) for f in found}


def test_what_was_not_asked_is_said_on_standard_error(tmp_path: Path) -> None:
    said = plumb("audit", "--json", "--template", str(_template(tmp_path, _OPEN))).stderr
    assert "plumb: not asked: AwsSolutions, HIPAA.Security, NIST.800.53.R5, PCI.DSS.321: cdk-nag judges" in said
    assert "plumb: not evaluated: the access matrix is about this platform's own accounts" in said


def test_an_intrinsic_that_cannot_be_worked_out_is_named_on_standard_error(tmp_path: Path) -> None:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": {"Fn::ImportValue": "x"}}
    policy = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": {"Statement": statement}}}
    path = _template(tmp_path, {"Policy": policy})
    assert (
        f"plumb: not worked out: {path}: Resources.Policy.Properties.PolicyDocument.Statement.Resource: "
        "Fn::ImportValue is not understood\n"
    ) in plumb("audit", "--json", "--template", str(path)).stderr


def test_a_template_without_findings_is_an_empty_list_and_exits_with_0(tmp_path: Path) -> None:
    done = plumb("audit", "--json", "--template", str(_template(tmp_path, _CLEAN)))
    assert (done.code, json.loads(done.stdout)) == (0, [])


def test_a_yaml_template_is_audited_and_so_is_another_beside_it(tmp_path: Path) -> None:
    first = tmp_path / "first.yaml"
    first.write_text("Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: !Sub 'q'\n")
    second = _template(tmp_path, _OPEN)
    done = plumb("audit", "--json", "--template", str(first), "--template", str(second))
    assert {finding["file"] for finding in json.loads(done.stdout)} == {str(first), str(second)}


def test_the_report_of_an_assembly_is_written_and_its_figures_are_printed(tmp_path: Path) -> None:
    app = write_app(tmp_path, _OPEN)
    subprocess.run([sys.executable, "app.py"], cwd=app, env=os.environ | {"CDK_OUTDIR": "out"}, check=True)
    done = plumb("audit", "--assembly", str(tmp_path / "out"), "--output", str(tmp_path / "report"))
    assert done.code == 1
    assert "findings open" in done.stdout
    assert "Plumbline::PL-MSG-01 (medium) at stack.template.json Queue" in done.stdout
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"audit.html", "audit.json", "audit.csv"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "the file is missing; accepted: a CloudFormation template, JSON or YAML."),
        ("{", "it is no template: "),
        ("a: [", "it is no template: "),
        ("- just\n- a list\n", "accepted: a CloudFormation template, JSON or YAML."),
        ("name: value\n", "it has no Resources; accepted: a CloudFormation template, JSON or YAML."),
        ("", "accepted: a CloudFormation template, JSON or YAML."),
        ("Resources: 3\n", "it has no Resources; accepted: a CloudFormation template, JSON or YAML."),
    ],
    ids=["missing", "half JSON", "half YAML", "a list", "no template", "empty", "no resources"],
)
def test_what_is_no_template_is_one_sentence(content: str | None, told: str, tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(PlumblineError) as failed:
        audit_files([path], today=TODAY, step=silently)
    assert str(failed.value).startswith(f"{path}: ")
    assert told in str(failed.value)
    assert "\n" not in str(failed.value)
    assert failed.value.exit_code == 2


def test_an_empty_folder_is_one_sentence_and_exits_with_2(tmp_path: Path) -> None:
    done = plumb("audit", "--assembly", str(tmp_path))
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == (
        f"plumb: {tmp_path}/manifest.json: the file is missing; accepted: a folder that `cdk synth` wrote.\n"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("--assembly", "a", "--template", "b"),
            "audit: --assembly and --template exclude each other; give one of them.",
        ),
        (
            ("--template", "a", "--against", "b"),
            "audit: --template and --against exclude each other; give one of them.",
        ),
        (("--against", "a", "--json"), "audit: --against prints Markdown, and --json JSON; give one of them."),
    ],
)
def test_options_that_exclude_each_other_are_told(words: tuple[str, ...], told: str) -> None:
    done = plumb("audit", *words)
    assert (done.code, done.stdout, done.stderr) == (2, "", f"plumb: {told}\n")


def test_an_unknown_commit_exits_with_2() -> None:
    done = plumb("audit", "--against", "no-such-branch")
    assert (done.code, done.stdout) == (2, "")
    assert "plumb: no-such-branch: git knows no such commit here; accepted: a branch, tag or commit." in done.stderr


def test_an_app_that_does_not_synthesize_exits_with_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_app(tmp_path, _CLEAN)
    (tmp_path / "app.py").write_text("raise ValueError('no such bucket')")
    monkeypatch.setattr(command, "ROOT", tmp_path)
    with pytest.raises(PlumblineError, match=r"the app does not synthesize.*: ValueError: no such bucket$") as failed:
        command.audit(output=tmp_path / "report")
    assert failed.value.exit_code == 2
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(("after", "code"), [(_CLEAN, None), ({**_CLEAN, **_OPEN}, 1)])
def test_a_comparison_is_markdown_on_standard_output(
    after: dict[str, Any],
    code: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    commit(write_app(tmp_path, _CLEAN))
    (tmp_path / "resources.json").write_text(json.dumps(after))
    monkeypatch.setattr(command, "ROOT", tmp_path)
    if code is None:
        command.audit(against="HEAD")
    else:
        with pytest.raises(typer.Exit) as ended:
            command.audit(against="HEAD")
        assert ended.value.exit_code == code
    assert capsys.readouterr().out.startswith("## Audit against `HEAD`\n")


@pytest.mark.rehearsal
def test_the_audit_of_this_checkout_passes(tmp_path: Path) -> None:
    done = plumb("audit", "--output", str(tmp_path))
    assert done.code == 0, done.stdout
    document = json.loads((tmp_path / "audit.json").read_text())
    assert document["passes"] is True
    assert document["figures"]["findings open"] == "0"
    assert len(document["matrix"]) >= 250


def test_the_folder_of_reports_is_none_of_gits_business(tmp_path: Path) -> None:
    # In a repository of its own: a checkout that was unpacked from an archive is none.
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    ignored = subprocess.run(["git", "check-ignore", "--quiet", ".plumb/audit/audit.html"], cwd=tmp_path, check=False)
    assert ignored.returncode == 0

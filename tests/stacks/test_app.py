"""The app as the CDK CLI starts it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plumbline.audit.templates import read_assembly
from plumbline.configuration import Environment
from tests.house.assembly import ROOT, Assembly

_PARTS = ("app.py", "constructs", "package.json", "pipeline_definitions", "plumbline", "runtime", "stacks")


def _run(root: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / "app.py")],
        cwd=cwd,
        env={
            **os.environ,
            "CDK_CONTEXT_JSON": json.dumps(json.loads((ROOT / "cdk.json").read_text())["context"]),
            "CDK_OUTDIR": str(root / "cdk.out"),
            "CDK_VALIDATION": "false",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _repository(root: Path, platform: str) -> Path:
    root.mkdir()
    for part in _PARTS:
        (root / part).symlink_to(ROOT / part)
    (root / "app.py").unlink()
    shutil.copy2(ROOT / "app.py", root / "app.py")  # a link would lead back to the repository's own configuration
    (root / "platform.toml").write_text(platform)
    return root


def test_a_bad_configuration_ends_in_a_sentence_and_exit_code_2(tmp_path: Path) -> None:
    text = (ROOT / "platform.toml").read_text()
    root = _repository(tmp_path / "repository", f'nmae = "oops"\n{text}')
    done = _run(root, tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("platform.toml: ")
    assert "nmae" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.thorough(reason="it takes a process that synthesizes up to the stack with the definition")
def test_a_definition_that_the_stack_cannot_fill_ends_in_a_sentence_and_exit_code_2(tmp_path: Path) -> None:
    root = _repository(tmp_path / "repository", (ROOT / "platform.toml").read_text())
    (root / "pipeline_definitions").unlink()
    shutil.copytree(ROOT / "pipeline_definitions", root / "pipeline_definitions")
    (definition, *_) = sorted((root / "pipeline_definitions").glob("*/definition.json"))
    definition.write_text(definition.read_text().replace("${RuntimeImage}", "${RuntimeImagge}"))
    done = _run(root, tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{definition.parent.name}/definition.json: ${{RuntimeImagge}} is not a placeholder")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.thorough(reason="it takes a process that synthesizes all")
def test_the_configuration_beside_the_app_counts_and_not_the_one_of_the_current_folder(tmp_path: Path) -> None:
    root = _repository(tmp_path / "repository", (ROOT / "platform.toml").read_text())
    (tmp_path / "platform.toml").write_text("not = 'a platform'\n")
    done = _run(root, tmp_path)
    assert done.returncode == 0, done.stderr
    assert list((root / "cdk.out").rglob("*.template.json"))


def test_the_cli_adds_nothing_to_a_template() -> None:
    # Version reporting would put a resource of the CDK's own into every template.
    assert json.loads((ROOT / "cdk.json").read_text())["versionReporting"] is False


def test_every_stack_of_production_and_every_stack_with_state_is_protected_from_termination(assembly: Assembly) -> None:
    production = next(d for d in assembly.platform.deployments() if d.environment is Environment.PRODUCTION)
    stacks = {template.stack_name: template for template in read_assembly(assembly.folder)}
    unprotected = {name for name, template in stacks.items() if not template.termination_protection}
    assert [name for name in unprotected if stacks[name].account == production.account] == []
    with_state = {name for name in stacks if name.endswith(("-foundation", "-delivery", "-workbench"))}
    assert len(with_state) >= len(list(assembly.platform.deployments())) + 1
    assert unprotected.isdisjoint(with_state)

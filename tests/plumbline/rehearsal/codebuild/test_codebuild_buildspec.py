"""Buildspecs: what is read, and how what cannot be used is refused."""

import pytest

from plumbline.rehearsal.codebuild import image
from plumbline.rehearsal.codebuild.buildspec import Artifact, parse
from plumbline.rehearsal.codebuild.errors import YamlFileError

WHOLE = """
version: 0.2
env:
  shell: bash
  variables: {REGION: eu-west-1, COUNT: 3}
  parameter-store: {TOKEN: /build/token}
  exported-variables: [TAG]
phases:
  install:
    runtime-versions: {python: 3.11, nodejs: 24}
    commands: npm ci
  build:
    on-failure: CONTINUE
    commands: [make, make check]
    finally: [make clean]
artifacts:
  files: ["**/*"]
  base-directory: cdk.out
  exclude-paths: ["**/*.map"]
  discard-paths: yes
  secondary-artifacts:
    Reports: {files: report.html}
cache:
  paths: ["/root/.cache/**/*"]
reports:
  group: {file-format: JUNITXML}
"""


def refusal(text: str) -> str:
    with pytest.raises(YamlFileError) as error:
        parse(text)
    assert error.value.context.code == "YAML_FILE_ERROR"
    return error.value.context.message


def one_phase(**phase: object) -> str:
    lines = "".join(f"    {name.replace('_', '-')}: {value}\n" for name, value in phase.items())
    return f"version: 0.2\nphases:\n  build:\n{lines}"


def test_variables_are_texts_as_they_are_written() -> None:
    found = parse(WHOLE)
    assert found.shell == "bash"
    assert found.variables == {"REGION": "eu-west-1", "COUNT": "3"}
    assert found.parameters == {"TOKEN": "/build/token"}
    assert found.exported == ("TAG",)


def test_phases_have_their_commands_and_what_follows_a_failure() -> None:
    phases = parse(WHOLE).phases
    assert phases["install"].commands == ("npm ci",)
    build = phases["build"]
    assert (build.commands, build.finally_commands, build.on_failure) == (
        ("make", "make check"),
        ("make clean",),
        "CONTINUE",
    )


def test_a_version_keeps_its_last_zero() -> None:
    assert parse(WHOLE.replace("3.11", "3.10")).runtimes == {"python": "3.10", "nodejs": "24"}


def test_primary_and_secondary_artifacts_are_read() -> None:
    found = parse(WHOLE)
    assert found.artifact == Artifact(
        files=("**/*",), base_directory="cdk.out", exclude_paths=("**/*.map",), discard_paths=True
    )
    assert found.secondary == {"Reports": Artifact(files=("report.html",))}


def test_json_is_a_buildspec_too() -> None:
    assert parse('{"version": "0.2", "phases": {"build": {"commands": ["make"]}}}').phases["build"].commands == (
        "make",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 0.2\nphases: [", "at line 2"),
        ("- version: 0.2", "wrong number of container tags, expected 1"),
        ("version: 0.1\nphases: {build: {commands: make}}", "invalid buildspec version 0.1"),
        ("version: 0.2", "at least one phase is required"),
        (one_phase(commands="[{echo: hello}]"), "Expected Commands[0] to be of string type: found subkeys instead"),
        (one_phase(commands="{a: b}"), "Expected Commands to be of list type"),
        (one_phase(commands="make", on_failure="RETRY"), "phases.build.on-failure"),
        (one_phase(commands="make", run_as="builder"), "phases.build.run-as"),
        (one_phase(commands="make", comands="make"), "phases.build.comands"),
        (
            one_phase(commands="make", runtime_versions="{python: 3.11}"),
            "runtime-versions belongs to the phase install",
        ),
        (one_phase(commands="make") + "env: {secrets-manager: {A: b}}", "env.secrets-manager"),
        (one_phase(commands="make") + "env: {exported-variables: [a-b]}", "invalid exported variable name a-b"),
        (one_phase(commands="make") + "env: {shell: powershell.exe}", "invalid shell powershell.exe"),
        (one_phase(commands="make") + "reports: {unit: {files: junit.xml}}", "reports.unit"),
        (one_phase(commands="make") + "artifacts: {files: []}", "artifacts.files"),
        (one_phase(commands="make") + "batch: {fast-fail: true}", "batch is no part"),
    ],
)
def test_what_cannot_be_used_is_named(text: str, message: str) -> None:
    assert message in refusal(text)


def test_an_unknown_runtime_version_is_refused_in_the_words_of_aws() -> None:
    with pytest.raises(YamlFileError, match="Unknown runtime version named '10' of nodejs"):
        image.check_runtimes({"nodejs": "10"})


def test_an_unknown_runtime_is_refused_by_name() -> None:
    with pytest.raises(YamlFileError, match="Unknown runtime named 'java'"):
        image.check_runtimes({"java": "corretto21"})

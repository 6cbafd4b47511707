"""Builds on a running rehearsal: under their role, with their inputs, to their end."""

import json
from typing import Any

import pytest

from tests.plumbline.rehearsal.codebuild.world import World, because

pytestmark = pytest.mark.rehearsal


def buildspec(*commands: str, **more: Any) -> str:
    return json.dumps({"version": "0.2", "phases": {"build": {"commands": list(commands)}}, **more})


def test_a_build_reads_its_input_and_writes_its_output_in_its_role(world: World) -> None:
    spec = buildspec(
        "cp -r site out && cp $CODEBUILD_SRC_DIR_Extra/more.txt out/",
        artifacts={"files": ["**/*"], "base-directory": "out"},
    )
    role = world.role()
    project = world.project(spec, role=role, source="CODEPIPELINE")
    inputs = {"Source": {"site/index.html": "hello"}, "Extra": {"more.txt": "more"}}
    build = world.ended(world.start_in_pipeline(project, inputs=inputs, outputs=["Site"]))
    assert build["buildStatus"] == "SUCCEEDED", world.log(build)
    assert world.output(build, "Site") == {"index.html": "hello", "more.txt": "more"}
    asked = {one.action for one in world.decisions(role.rpartition("/")[2])}
    assert {"s3:GetObject", "kms:Decrypt", "s3:PutObject", "kms:GenerateDataKey", "logs:PutLogEvents"} <= asked


def test_a_failing_command_fails_its_phase_in_the_words_of_aws(world: World) -> None:
    project = world.project(buildspec("echo before", "false", "echo never"), role=world.role())
    build = world.ended(world.start(project))
    assert build["buildStatus"] == "FAILED"
    message = "Error while executing command: false. Reason: exit status 1"
    assert because(build, "BUILD") == ("FAILED", "COMMAND_EXECUTION_ERROR", message)
    assert "never" not in world.log(build).replace("Running command echo never", "")

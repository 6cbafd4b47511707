"""What does not change is not built twice."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.plumbline.rehearsal.codebuild.world import World, allow, policy, running

pytestmark = pytest.mark.rehearsal

ARTIFACTS = {"files": ["*.txt"]}


def spec(*commands: str) -> str:
    phases = {"build": {"commands": list(commands)}}
    env = {"exported-variables": ["TAG"]}
    return json.dumps({"version": "0.2", "env": env, "phases": phases, "artifacts": ARTIFACTS})


def project(world: World, *commands: str, role: str = "") -> str:
    return world.project(spec(*commands), role=role or world.role(), source="CODEPIPELINE")


def built(world: World, name: str, files: dict[str, str], **more: Any) -> Any:
    return world.ended(world.start_in_pipeline(name, inputs={"Source": files}, outputs=["Out"], **more))


def test_an_unchanged_build_is_answered_from_memory_with_log_output_and_variables(world: World) -> None:
    name = project(world, "echo built once", "export TAG=v7", "cp in one.txt")
    first, second = (built(world, name, {"in": "unchanged"}) for _ in range(2))
    assert (world.recorded(first).replayed, world.recorded(second).replayed) == (False, True)
    assert second["buildStatus"] == "SUCCEEDED"
    assert world.output(second, "Out") == {"one.txt": "unchanged"}
    assert {one["name"]: one["value"] for one in second["exportedEnvironmentVariables"]} == {"TAG": "v7"}
    log = world.log(second).splitlines()
    assert "built once" in log
    assert any(f"Nothing has changed since build {first['id']}" in line for line in log)


def test_what_git_keeps_about_itself_changes_nothing(world: World) -> None:
    name = project(world, "cp in two.txt")
    built(world, name, {"in": "same tree", ".git/HEAD": "one commit"})
    second = built(world, name, {"in": "same tree", ".git/HEAD": "another commit"})
    assert world.recorded(second).replayed


def test_a_changed_input_is_built(world: World) -> None:
    name = project(world, "cp in three.txt")
    built(world, name, {"in": "before"})
    second = built(world, name, {"in": "after"})
    assert not world.recorded(second).replayed
    assert world.output(second, "Out") == {"three.txt": "after"}


def test_a_changed_variable_is_built(world: World) -> None:
    name = project(world, "echo $WORD > four.txt")
    for word in ("one", "two"):
        build = built(world, name, {"in": "x"}, environment=[{"name": "WORD", "value": word}])
        assert world.output(build, "Out") == {"four.txt": f"{word}\n"}


def test_a_failed_build_is_built_again(world: World) -> None:
    name = project(world, "cp in five.txt", "false")
    built(world, name, {"in": "fails"})
    assert not world.recorded(built(world, name, {"in": "fails"})).replayed


def test_a_build_that_asked_aws_for_something_is_built_again(world: World) -> None:
    call = f"'{sys.executable}' -c 'import boto3; boto3.client(\"sqs\").list_queues()'"
    name = project(world, call, "cp in six.txt", role=world.role(allow("sqs:ListQueues", "*")))
    first = built(world, name, {"in": "asks"})
    assert first["buildStatus"] == "SUCCEEDED", world.log(first)
    assert not world.recorded(built(world, name, {"in": "asks"})).replayed


def test_a_build_that_only_asked_who_it_is_is_remembered(world: World) -> None:
    call = f"'{sys.executable}' -c 'import boto3; boto3.client(\"sts\").get_caller_identity()'"
    name = project(world, call, "cp in six.txt")
    first = built(world, name, {"in": "is"})
    assert first["buildStatus"] == "SUCCEEDED", world.log(first)
    assert world.recorded(built(world, name, {"in": "is"})).replayed


def test_the_role_of_a_repeated_build_still_needs_its_permissions(world: World) -> None:
    role, files = world.role(), {"in": "needs"}
    name = project(world, "cp in seven.txt", role=role)
    built(world, name, files)
    denied = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}
    world.client("iam").put_role_policy(
        RoleName=role.rpartition("/")[2], PolicyName="denied", PolicyDocument=policy(denied)
    )
    second = built(world, name, files)
    assert world.recorded(second).replayed
    assert second["buildStatus"] == "FAILED"


def test_a_rehearsal_may_be_told_to_remember_nothing(tmp_path: Path) -> None:
    with running(tmp_path / "forgetful", "--forget-builds") as world:
        name = project(world, "cp in eight.txt")
        for _ in range(2):
            assert not world.recorded(built(world, name, {"in": "forgotten"})).replayed

"""Builds on a running rehearsal: under their role, with their inputs, to their end."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from plumbline.rehearsal.sagemaker.containers import Isolation
from plumbline.rehearsal.server import read_address
from tests.plumbline.rehearsal.codebuild.world import ACCOUNT, BUCKET, REGION, World, allow, because, phase

pytestmark = pytest.mark.rehearsal


def buildspec(*commands: str, **more: Any) -> str:
    return json.dumps({"version": "0.2", "phases": {"build": {"commands": list(commands)}}, **more})


def phases(**commands: list[str]) -> str:
    return json.dumps({"version": "0.2", "phases": {name: {"commands": given} for name, given in commands.items()}})


def said(world: World, build: dict[str, Any]) -> list[str]:
    """What the commands of a build wrote."""
    return [line for line in world.log(build).splitlines() if not line.startswith("[Container]")]


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


def test_several_outputs_are_the_secondary_artifacts_of_their_names(world: World) -> None:
    secondary = {"One": {"files": ["one.txt"]}, "Two": {"files": ["two.txt"]}}
    spec = buildspec("echo 1 > one.txt; echo 2 > two.txt", artifacts={"secondary-artifacts": secondary})
    project = world.project(spec, role=world.role(), source="CODEPIPELINE")
    build = world.ended(world.start_in_pipeline(project, inputs={"Source": {"a": "a"}}, outputs=["One", "Two"]))
    assert (world.output(build, "One"), world.output(build, "Two")) == ({"one.txt": "1\n"}, {"two.txt": "2\n"})


def test_an_output_is_encrypted_with_the_projects_key(world: World) -> None:
    project = world.project(buildspec("true", artifacts={"files": ["a"]}), role=world.role(), source="CODEPIPELINE")
    build = world.ended(world.start_in_pipeline(project, inputs={"Source": {"a": "a"}}, outputs=["Out"]))
    key = build["artifacts"]["location"].removeprefix(f"arn:aws:s3:::{BUCKET}/")
    found = world.client("s3").head_object(Bucket=BUCKET, Key=key)
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", world.key)


def test_a_role_that_may_not_use_the_key_of_its_input_says_so(world: World) -> None:
    project = world.project(buildspec("true"), role=world.role(without="kms:Decrypt"), source="CODEPIPELINE")
    build = world.ended(world.start_in_pipeline(project, inputs={"Source": {"a": "a"}}))
    status, code, message = because(build, "DOWNLOAD_SOURCE")
    assert (status, code) == ("FAILED", "CLIENT_ERROR")
    assert "AccessDenied" in message
    assert "kms:Decrypt" in message


def test_a_role_that_may_not_write_logs_fails_the_build_in_the_words_of_aws(world: World) -> None:
    role = world.role(without="logs:CreateLogStream")
    build = world.ended(world.start(world.project(buildspec("true"), role=role)))
    status, code, message = because(build, "SUBMITTED")
    assert (status, code) == ("FAILED", "ACCESS_DENIED")
    assert f"Service role {role} does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams" in message


def test_a_role_that_does_not_trust_codebuild_fails_the_build(world: World) -> None:
    role = world.role()
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    name = role.rpartition("/")[2]
    world.client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=document)
    build = world.ended(world.start(world.project(buildspec("true"), role=role)))
    message = f"CodeBuild is not authorized to perform: sts:AssumeRole on {role}"
    assert because(build, "SUBMITTED") == ("FAILED", "ACCESS_DENIED", message)


def test_the_log_goes_where_the_project_says(world: World) -> None:
    logs = {"cloudWatchLogs": {"status": "ENABLED", "groupName": "/builds", "streamName": "mine"}}
    build = world.ended(world.start(world.project(buildspec("echo hello"), role=world.role(), logsConfig=logs)))
    assert build["logs"]["groupName"] == "/builds"
    assert build["logs"]["streamName"] == f"mine/{build['id'].rpartition(':')[2]}"
    assert said(world, build) == ["hello"]


def test_a_failing_command_fails_its_phase_in_the_words_of_aws(world: World) -> None:
    build = world.ended(world.start(world.project(buildspec("false", "touch never"), role=world.role())))
    message = "Error while executing command: false. Reason: exit status 1"
    assert because(build, "BUILD") == ("FAILED", "COMMAND_EXECUTION_ERROR", message)
    assert build["buildStatus"] == "FAILED"
    assert "Running command touch never" not in world.log(build)


def test_what_follows_a_failed_build_knows_that_it_failed(world: World) -> None:
    spec = phases(build=["false"], post_build=["echo succeeding=$CODEBUILD_BUILD_SUCCEEDING"])
    build = world.ended(world.start(world.project(spec, role=world.role())))
    assert said(world, build) == ["succeeding=0"]


def test_nothing_follows_a_failed_installation(world: World) -> None:
    spec = phases(install=["false"], build=["echo never"])
    build = world.ended(world.start(world.project(spec, role=world.role())))
    kinds = [one["phaseType"] for one in build["phases"]]
    assert kinds[kinds.index("INSTALL") :] == ["INSTALL", "FINALIZING", "COMPLETED"]


def test_finally_runs_after_a_failure(world: World) -> None:
    spec = json.dumps({"version": "0.2", "phases": {"build": {"commands": ["exit 7"], "finally": ["echo cleaned"]}}})
    build = world.ended(world.start(world.project(spec, role=world.role())))
    assert said(world, build) == ["cleaned"]
    assert because(build, "BUILD")[2].endswith("Reason: exit status 7")


def test_folder_and_variables_carry_over_from_phase_to_phase(world: World) -> None:
    spec = phases(
        install=["mkdir 'a b' && cd 'a b'", "export GREETING=\"hello 'world'\"", "PLAIN=plain"],
        build=['basename "$PWD"', 'echo "$GREETING $PLAIN"'],
    )
    build = world.ended(world.start(world.project(spec, role=world.role())))
    assert said(world, build) == ["a b", "hello 'world' plain"]


def test_a_build_that_goes_well_has_all_phases_in_order(world: World) -> None:
    build = world.ended(world.start(world.project(buildspec("true"), role=world.role())))
    assert [one["phaseType"] for one in build["phases"]] == [
        *("SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD"),
        *("UPLOAD_ARTIFACTS", "FINALIZING", "COMPLETED"),
    ]
    assert {one.get("phaseStatus", "SUCCEEDED") for one in build["phases"]} == {"SUCCEEDED"}
    assert (build["buildStatus"], build["currentPhase"]) == ("SUCCEEDED", "COMPLETED")


def test_an_exported_variable_is_the_last_value_that_the_commands_gave_it(world: World) -> None:
    env = {"variables": {"TAG": "none"}, "exported-variables": ["TAG", "CODEBUILD_BUILD_ID"]}
    build = world.ended(world.start(world.project(buildspec("export TAG=v1", env=env), role=world.role())))
    exported = {one["name"]: one["value"] for one in build["exportedEnvironmentVariables"]}
    assert exported == {"TAG": "v1", "CODEBUILD_BUILD_ID": build["id"]}


def test_variables_of_the_start_go_before_the_projects_and_these_before_the_buildspecs(world: World) -> None:
    spec = buildspec("echo $A $B $C", env={"variables": {"A": "spec", "B": "spec", "C": "spec"}})
    settings = {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"}
    own = [{"name": "B", "value": "project"}, {"name": "C", "value": "project"}]
    project = world.project(spec, role=world.role(), environment=settings | {"environmentVariables": own})
    build = world.ended(world.start(project, environmentVariablesOverride=[{"name": "C", "value": "start"}]))
    assert said(world, build) == ["spec project start"]


def test_a_parameter_is_read_in_the_role(world: World) -> None:
    world.client("ssm").put_parameter(Name="/build/word", Value="hello", Type="String")
    spec = buildspec("echo $WORD", env={"parameter-store": {"WORD": "/build/word"}})
    parameter = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/build/word"
    permitted = world.ended(world.start(world.project(spec, role=world.role(allow("ssm:GetParameters", parameter)))))
    assert said(world, permitted) == ["hello"]
    denied = world.ended(world.start(world.project(spec, role=world.role())))
    status, code, message = because(denied, "DOWNLOAD_SOURCE")
    assert (status, code) == ("FAILED", "Decrypted Variables Error")
    assert "ssm:GetParameters" in message


def test_a_call_that_the_role_may_not_make_is_denied_inside_the_build(world: World) -> None:
    call = "import boto3; boto3.client('sqs').list_queues()"
    commands = [f'"$REHEARSAL_PYTHON" -c "{call}"']
    settings = {"name": "REHEARSAL_PYTHON", "value": sys.executable}
    project = world.project(buildspec(*commands), role=world.role())
    build = world.ended(world.start(project, environmentVariablesOverride=[settings]))
    assert build["buildStatus"] == "FAILED"
    assert "AccessDenied" in world.log(build)
    name = f"AWSCodeBuild-{build['id'].rpartition(':')[2]}-commands"
    assert [(one.action, one.allowed) for one in world.decisions(name)] == [("sqs:ListQueues", False)]


def test_a_buildspec_that_is_not_there_fails_where_the_source_is_fetched(world: World) -> None:
    project = world.project("ci/build.yml", role=world.role(), source="CODEPIPELINE")
    build = world.ended(world.start_in_pipeline(project, inputs={"Source": {"a": "a"}}))
    status, code, message = because(build, "DOWNLOAD_SOURCE")
    assert (status, code) == ("FAILED", "YAML_FILE_ERROR")
    assert message.endswith("ci/build.yml: no such file or directory")


def test_a_buildspec_of_the_source_is_used(world: World) -> None:
    project = world.project("ci/build.yml", role=world.role(), source="CODEPIPELINE")
    inputs = {"Source": {"ci/build.yml": buildspec("echo from a file")}}
    assert said(world, world.ended(world.start_in_pipeline(project, inputs=inputs))) == ["from a file"]


def test_missing_files_of_an_output_fail_the_upload_in_the_words_of_aws(world: World) -> None:
    project = world.project(buildspec("true", artifacts={"files": ["b"]}), role=world.role(), source="CODEPIPELINE")
    build = world.ended(world.start_in_pipeline(project, inputs={"Source": {"a": "a"}}, outputs=["Out"]))
    assert because(build, "UPLOAD_ARTIFACTS") == ("FAILED", "CLIENT_ERROR", "no matching artifact paths found")


def test_an_unknown_image_is_refused_by_name(world: World) -> None:
    settings = {"type": "LINUX_CONTAINER", "image": "alpine:3", "computeType": "BUILD_GENERAL1_SMALL"}
    build = world.ended(world.start(world.project(buildspec("true"), role=world.role(), environment=settings)))
    status, code, message = because(build, "PROVISIONING")
    assert (status, code) == ("FAILED", "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE")
    assert "alpine:3" in message


def test_the_image_has_python_node_npm_and_git(world: World) -> None:
    spec = buildspec("python3 -c 'print(1)'", "node -e 'console.log(2)'", "npm --version", "git --version")
    build = world.ended(world.start(world.project(spec, role=world.role())))
    assert build["buildStatus"] == "SUCCEEDED", world.log(build)


def test_a_build_sees_nothing_of_the_persons_environment_and_home(world: World) -> None:
    spec = buildspec("env", "ls -a ~", f'ls -a "{Path.home()}" | grep -v -e pyenv -e cache -e local || true')
    build = world.ended(world.start(world.project(spec, role=world.role())))
    log = world.log(build)
    assert "CODEBUILD_BUILD_ID=" in log
    assert "a-persons" not in log
    if read_address(world.state).network_isolation == Isolation.NAMESPACE:  # type: ignore[union-attr]
        assert not {".bashrc", ".profile", ".gitconfig", ".npmrc", ".ssh", ".aws"} & set(log.splitlines())


def test_a_stopped_build_ends_with_all_that_it_started(world: World) -> None:
    project = world.project(buildspec("sleep 2719 & sleep 2719"), role=world.role())
    started = world.start(project)
    client = world.client("codebuild")
    _until(lambda: "sleep 2719" in _processes())
    client.stop_build(id=started)
    build = world.ended(started)
    assert (build["buildStatus"], phase(build, "BUILD")["phaseStatus"]) == ("STOPPED", "STOPPED")
    assert "sleep 2719" not in _processes()


def test_no_more_builds_of_a_project_run_than_it_lets(world: World) -> None:
    project = world.project(buildspec("sleep 2720"), role=world.role(), concurrentBuildLimit=1)
    started = world.start(project)
    with pytest.raises(ClientError, match="Cannot have more than 1 active builds for the project") as error:
        world.start(project)
    assert error.value.response["Error"]["Code"] == "AccountLimitExceededException"
    world.client("codebuild").stop_build(id=started)
    world.ended(started)


def test_no_more_builds_run_at_once_than_the_machine_stands(world: World) -> None:
    project, client = world.project(buildspec("sleep 2721"), role=world.role()), world.client("codebuild")
    running = [world.start(project) for _ in range(2)]
    _until(lambda: all(_current(world, one) == "BUILD" for one in running))
    third = world.start(project)
    _until(lambda: _current(world, third) == "QUEUED")
    client.stop_build(id=third)
    assert because(world.ended(third), "QUEUED")[0] == "STOPPED"
    for one in running:
        client.stop_build(id=one)
        world.ended(one)


def test_a_build_out_of_time_ends_with_all_that_it_started(world: World) -> None:
    project = world.project(buildspec("sleep 2723 & sleep 2723"), role=world.role(), source="CODEPIPELINE")
    started = world.start_in_pipeline(project, inputs={"Source": {"a": "a"}}, settings={"timeoutInMinutes": 0.03})
    build = world.ended(started)
    assert build["buildStatus"] == "TIMED_OUT"
    assert because(build, "BUILD") == ("TIMED_OUT", "BUILD_TIMED_OUT", "Build has timed out.")
    assert "sleep 2723" not in _processes()


def test_a_build_that_waits_too_long_for_its_turn_is_out_of_time(world: World) -> None:
    project, client = world.project(buildspec("sleep 2724"), role=world.role()), world.client("codebuild")
    running = [world.start(project) for _ in range(2)]
    _until(lambda: all(_current(world, one) == "BUILD" for one in running))
    waiting = world.project(buildspec("true"), role=world.role(), source="CODEPIPELINE")
    settings = {"queuedTimeoutInMinutes": 0.005}
    build = world.ended(world.start_in_pipeline(waiting, inputs={"Source": {"a": "a"}}, settings=settings))
    assert (build["buildStatus"], because(build, "QUEUED")[0]) == ("TIMED_OUT", "TIMED_OUT")
    for one in running:
        client.stop_build(id=one)
        world.ended(one)


def test_a_failed_source_is_followed_by_the_end(world: World) -> None:
    build = world.ended(world.start(world.project("none.yml", role=world.role())))
    kinds = [one["phaseType"] for one in build["phases"]]
    assert kinds[kinds.index("DOWNLOAD_SOURCE") :] == ["DOWNLOAD_SOURCE", "FINALIZING", "COMPLETED"]


def test_a_secret_is_refused_by_name(world: World) -> None:
    project = world.project(buildspec("true"), role=world.role())
    secret = {"name": "TOKEN", "value": "build:token", "type": "SECRETS_MANAGER"}
    build = world.ended(world.start(project, environmentVariablesOverride=[secret]))
    assert because(build, "DOWNLOAD_SOURCE")[2].startswith("TOKEN: variables of the type SECRETS_MANAGER")


def test_without_a_key_of_the_projects_the_artifact_stores_encrypts(world: World) -> None:
    project = world.project(
        buildspec("true", artifacts={"files": ["a"]}),
        role=world.role(),
        source="CODEPIPELINE",
        encryptionKey="alias/aws/s3",
    )
    build = world.ended(world.start_in_pipeline(project, inputs={"Source": {"a": "a"}}, outputs=["Out"]))
    key = build["artifacts"]["location"].removeprefix(f"arn:aws:s3:::{BUCKET}/")
    assert world.client("s3").head_object(Bucket=BUCKET, Key=key)["SSEKMSKeyId"] == world.key


def test_a_project_of_a_pipeline_is_not_started_by_hand(world: World) -> None:
    project = world.project(buildspec("true"), role=world.role(), source="CODEPIPELINE")
    with pytest.raises(ClientError, match="source type CODEPIPELINE") as error:
        world.start(project)
    assert error.value.response["Error"]["Code"] == "InvalidInputException"


def test_builds_of_a_project_are_listed_newest_first(world: World) -> None:
    project = world.project(buildspec("true"), role=world.role())
    started = [world.start(project) for _ in range(2)]
    for one in started:
        world.ended(one)
    assert world.client("codebuild").list_builds_for_project(projectName=project)["ids"] == started[::-1]


def _processes() -> str:
    return subprocess.run(["ps", "-A", "-o", "args"], capture_output=True, text=True, check=True).stdout


def _current(world: World, build_id: str) -> str:
    return str(world.client("codebuild").batch_get_builds(ids=[build_id])["builds"][0]["currentPhase"])


def _until(true: Any) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "it did not come to be so"
        time.sleep(0.05)

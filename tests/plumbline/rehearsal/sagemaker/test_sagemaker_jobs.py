"""Jobs, end to end: data, isolation, limits, ends."""

import io
import json
import subprocess
import tarfile

import pytest
from botocore.exceptions import ClientError

from plumbline.rehearsal.sagemaker import UNSUPPORTED_FILE
from tests.plumbline.rehearsal.sagemaker.world import (
    EXTERNAL_IMAGE,
    IMAGE,
    World,
    channel,
    job_statements,
    processing_input,
    wait,
)

pytestmark = pytest.mark.rehearsal


def test_a_job_reads_its_input_and_writes_its_output(world: World, job_role: str) -> None:
    raw = world.put("jobs/raw/numbers.csv", "1\n2\n")
    code = """
import pathlib
total = sum(map(int, pathlib.Path("/opt/ml/processing/input/raw/numbers.csv").read_text().split()))
pathlib.Path("/opt/ml/processing/out/total").write_text(str(total))
print("the total is", total)
"""
    job = world.processing(
        code,
        role=job_role,
        inputs=[processing_input("raw", raw.rsplit("/", 1)[0])],
        outputs={"out": "jobs/total"},
    )
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert world.get("s3://tiny-111111111111/jobs/total/total") == b"3"
    assert "the total is 3" in world.log("/aws/sagemaker/ProcessingJobs", job["ProcessingJobName"])


def test_a_job_reads_what_a_manifest_names_where_its_keys_say(world: World, job_role: str) -> None:
    for name in ("day=1/one.csv", "day=2/two.csv", "day=3/three.csv"):
        world.put(f"jobs/days/{name}", name)
    prefix = world.put("jobs/days/none", "").removesuffix("none")
    manifest = world.put("jobs/manifest", json.dumps([{"prefix": prefix}, "day=1/one.csv", "day=3/three.csv"]))
    code = """
import pathlib
base = pathlib.Path("/opt/ml/processing/input/days")
print("files:", *sorted(path.relative_to(base).as_posix() for path in base.rglob("*.csv")))
"""
    given = processing_input("days", manifest)
    given["S3Input"]["S3DataType"] = "ManifestFile"
    job = world.processing(code, role=job_role, inputs=[given])
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    log = world.log("/aws/sagemaker/ProcessingJobs", job["ProcessingJobName"])
    assert "files: day=1/one.csv day=3/three.csv" in log


def test_a_job_whose_manifest_names_what_is_not_there_fails_naming_it(world: World, job_role: str) -> None:
    prefix = world.put("jobs/gone/one", "").removesuffix("one")
    manifest = world.put("jobs/gone-manifest", json.dumps([{"prefix": prefix}, "one", "two"]))
    given = processing_input("gone", manifest)
    given["S3Input"]["S3DataType"] = "ManifestFile"
    job = world.processing("", role=job_role, inputs=[given])
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed:NoSuchKey (404)")
    assert f'"{prefix}two"' in job["FailureReason"]


def test_an_isolated_job_sees_nothing_of_the_machine_and_no_credentials(world: World, job_role: str) -> None:
    code = """
import os, pathlib
home = pathlib.Path("~").expanduser()
print("variables:", *sorted(os.environ))
print("profiles:", *(path.name for path in home.glob(".aws/*")))
"""
    job = world.processing(code, role=job_role)
    log = world.log("/aws/sagemaker/ProcessingJobs", job["ProcessingJobName"])
    assert "profiles:\n" in f"{log}\n"
    variables = next(line for line in log.splitlines() if line.startswith("variables:")).split()[1:]
    assert set(variables) - {"LC_CTYPE", "PWD"} == {
        "AWS_REGION",
        "PATH",
        "PROCESSING_JOB_ARN",
        "PROCESSING_JOB_NAME",
        "TINY",
    }


def test_an_isolated_job_has_loopback_and_no_other_network(world: World, job_role: str) -> None:
    port = world.endpoint.rsplit(":", 1)[1]
    code = f"""
import socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname()).close()
print("loopback works")
for address in (("127.0.0.1", {port}), ("192.0.2.1", 443)):
    try:
        socket.create_connection(address, timeout=3)
    except OSError as error:
        print("refused", address[1], error)
    else:
        print("reached", address)
"""
    job = world.processing(code, role=job_role)
    log = world.log("/aws/sagemaker/ProcessingJobs", job["ProcessingJobName"])
    assert "loopback works" in log
    assert "refused 443" in log
    assert f"refused {port}" in log or world.isolation == "guard"


def test_a_job_without_isolation_acts_in_its_role(world: World, job_role: str) -> None:
    code = """
import boto3
print("I am", boto3.client("sts").get_caller_identity()["Arn"])
"""
    job = world.processing(code, role=job_role, isolated=False)
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    log = world.log("/aws/sagemaker/ProcessingJobs", job["ProcessingJobName"])
    assert "I am arn:aws:sts::111111111111:assumed-role/tiny-job/SageMaker" in log


@pytest.mark.parametrize(
    "action",
    [
        "s3:ListBucket",
        "s3:GetObject",
        "s3:PutObject",
        "kms:GenerateDataKey",
        "kms:CreateGrant",
        "ecr:BatchGetImage",
        "ec2:CreateNetworkInterface",
        "ec2:CreateNetworkInterfacePermission",
        "logs:PutLogEvents",
        "cloudwatch:PutMetricData",
    ],
)
def test_a_job_role_without_an_action_fails_its_job_naming_role_and_action(world: World, action: str) -> None:
    name = f"job-without-{action.replace(':', '-')}"
    role = world.role(name, job_statements(world.key, without=action))
    code = "import pathlib\npathlib.Path('/opt/ml/processing/out/x').write_text('x')\nprint('x')"
    job = world.processing(code, role=role, outputs={"out": "jobs/denied"})
    assert job["ProcessingJobStatus"] == "Failed"
    assert "AccessDenied" in job["FailureReason"]
    assert f"assumed-role/{name}/SageMaker is not authorized to perform: {action}" in job["FailureReason"]


def test_a_role_that_does_not_trust_sagemaker_for_this_account_is_refused(world: World) -> None:
    role = world.role("distrustful", [], principal={"Service": "ec2.amazonaws.com"})
    with pytest.raises(ClientError, match="Could not assume role"):
        world.processing("", role=role)


def test_a_job_is_stopped_when_its_time_is_up(world: World, job_role: str) -> None:
    job = world.processing("import time\ntime.sleep(60)", role=job_role, seconds=1)
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "MaxRuntimeExceeded" in job["FailureReason"]


def test_a_stopped_job_ends_and_leaves_no_process(world: World, job_role: str) -> None:
    client = world.client("sagemaker")
    name = world.processing("import time\nprint('begun', flush=True)\ntime.sleep(3141)", role=job_role, wait_for=False)[
        "ProcessingJobName"
    ]
    world.until(lambda: "ProcessingStartTime" in client.describe_processing_job(ProcessingJobName=name))
    client.stop_processing_job(ProcessingJobName=name)
    job = wait(lambda: client.describe_processing_job(ProcessingJobName=name), "ProcessingJobStatus")
    assert job["ProcessingJobStatus"] == "Stopped"
    assert name not in subprocess.run(["ps", "-A", "-o", "args"], capture_output=True, text=True, check=True).stdout


def test_a_failure_file_becomes_the_failure_reason(world: World, job_role: str) -> None:
    code = "import pathlib, sys\npathlib.Path('/opt/ml/output/failure').write_text('the dog ate it')\nsys.exit(7)"
    job = world.processing(code, role=job_role)
    assert job["FailureReason"] == "AlgorithmError: the dog ate it, exit code: 7"


def test_an_unknown_operation_is_named_and_written_down(world: World) -> None:
    with pytest.raises(ClientError, match="sagemaker:ListImages is not part of the rehearsal's SageMaker"):
        world.client("sagemaker").list_images()
    records = (world.state / "jobs" / UNSUPPORTED_FILE).read_text()
    assert "sagemaker:ListImages" in records


def test_a_user_needs_the_condition_that_the_policy_names(world: World, job_role: str) -> None:
    deny = {
        "Effect": "Deny",
        "Action": "sagemaker:CreateProcessingJob",
        "Resource": "*",
        "Condition": {"BoolIfExists": {"sagemaker:NetworkIsolation": "false"}},
    }
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    world.role("scientist", [allow, deny], principal={"AWS": "arn:aws:iam::111111111111:root"})
    script = world.put("code/any/script.py", "")
    request = {
        "RoleArn": job_role,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["true"]},
        "ProcessingInputs": [processing_input("code", script)],
        "ProcessingResources": world.cluster(),
    }
    client = world.role_client("sagemaker", "scientist")
    client.create_processing_job(ProcessingJobName="alone", NetworkConfig={"EnableNetworkIsolation": True}, **request)
    with pytest.raises(ClientError, match="with an explicit deny"):
        client.create_processing_job(
            ProcessingJobName="not-alone", NetworkConfig={"EnableNetworkIsolation": False}, **request
        )


@pytest.mark.parametrize(("mode", "path"), [("File", "train/numbers.csv"), ("Pipe", "train_0")])
def test_a_channel_arrives_in_its_input_mode(world: World, job_role: str, mode: str, path: str) -> None:
    data = world.put("channels/numbers.csv", "5\n")
    code = f"""
import pathlib
base = pathlib.Path("/opt/ml")
(base / "model/seen").write_text((base / "input/data/{path}").read_text())
"""
    job = world.training(
        f"channel-{mode.lower()}", code, role=job_role, channels=[{**channel("train", data), "InputMode": mode}]
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    with tarfile.open(fileobj=io.BytesIO(world.get(job["ModelArtifacts"]["S3ModelArtifacts"]))) as archive:
        seen = archive.extractfile("seen")
        assert seen is not None
        assert seen.read() == b"5\n"


def test_a_job_with_an_image_that_is_not_ours_runs_in_the_given_environment(world: World, job_role: str) -> None:
    client = world.client("sagemaker")
    script = world.put("code/external/script.py", "import sklearn\nprint('found', sklearn.__name__)")
    client.create_processing_job(
        ProcessingJobName="external",
        RoleArn=job_role,
        AppSpecification={
            "ImageUri": f"{EXTERNAL_IMAGE}-cpu-py3",
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/script.py"],
        },
        ProcessingInputs=[processing_input("code", script)],
        ProcessingResources=world.cluster(),
    )
    job = wait(lambda: client.describe_processing_job(ProcessingJobName="external"), "ProcessingJobStatus")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert "found sklearn" in world.log("/aws/sagemaker/ProcessingJobs", "external/")


def test_a_training_job_finds_the_checkpoints_of_the_one_before(world: World, job_role: str) -> None:
    code = """
import pathlib
state = pathlib.Path("/opt/ml/checkpoints/state")
before = int(state.read_text()) if state.exists() else 0
state.write_text(str(before + 1))
"""
    for name in ("first", "resumed"):
        job = world.training(
            name, code, role=job_role, CheckpointConfig={"S3Uri": "s3://tiny-111111111111/checkpoints/resumed"}
        )
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert world.get("s3://tiny-111111111111/checkpoints/resumed/state") == b"2"


def test_an_image_whose_job_names_no_entry_point_is_run_with_train(world: World, job_role: str) -> None:
    job = world.training("own-entry-point", None, role=job_role)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")


def test_a_training_job_whose_time_is_up_says_so_and_keeps_its_model(world: World, job_role: str) -> None:
    code = "import pathlib, time\npathlib.Path('/opt/ml/model/half').write_text('x')\ntime.sleep(60)"
    job = world.training("late", code, role=job_role, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert world.get(job["ModelArtifacts"]["S3ModelArtifacts"])


def test_spot_without_enough_waiting_time_is_refused(world: World, job_role: str) -> None:
    with pytest.raises(ClientError, match="Invalid MaxWaitTimeInSeconds"):
        world.training(
            "impatient",
            None,
            role=job_role,
            EnableManagedSpotTraining=True,
            StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 30},
        )

"""Without any one of the actions that it uses, a role's step fails, and says which action of which role is missing."""

import copy
import dataclasses
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from plumbline.configuration import ModelJob
from plumbline.rehearsal.denials import principal_of
from tests.plumbline.rehearsal.shared import Rehearsed

pytestmark = pytest.mark.rehearsal

# What every job role uses: data, keys, image, network, logs, metrics.
OF_JOBS = (
    "cloudwatch:PutMetricData",
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:GenerateDataKey",
    "logs:CreateLogStream",
    "logs:DescribeLogStreams",
    "logs:PutLogEvents",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
)
OF_PIPELINES = (
    "iam:PassRole",
    "kms:Decrypt",
    "s3:GetObject",
    "sagemaker:AddTags",
    "sagemaker:CreateModelPackage",
    "sagemaker:CreateProcessingJob",
    "sagemaker:CreateTrainingJob",
    "sagemaker:DescribeModelPackage",
    "sagemaker:DescribeProcessingJob",
    "sagemaker:DescribeTrainingJob",
)
USED = {
    ModelJob.PREPARE: OF_JOBS,
    ModelJob.DATA_CHECK: OF_JOBS,
    ModelJob.TRAIN: OF_JOBS,
    ModelJob.EVALUATE: OF_JOBS,
    ModelJob.PIPELINE: OF_PIPELINES,
}
CASES = [(job, action) for job, actions in USED.items() for action in actions]

# Does nothing but leave something behind wherever a job may. (One argument holds at most 256 characters.)
_TINY = """import os,pathlib as p
b=p.Path(os.getenv("SAGEMAKER_BASE_DIR","/opt/ml"))
for d in "model checkpoints Otrain Otest Ocheck Oevaluation".replace("O","processing/output/").split():
 d=b/d
 d.mkdir(511,1,1)
 (d/"left.json").write_text('{"gate":1}')
print(1)"""
_ENTRY = ["python", "-c", _TINY]
_SMALL = {"code", "baseline"}
_LIMIT_SECONDS = 240
_ROLE_NAME = 64  # API_CreateRole
# The step of a processing job, and below what it writes.
_PROCESSING = {
    ModelJob.PREPARE: ("Prepare", "/prepared/"),
    ModelJob.DATA_CHECK: ("Check", "/checks/"),
    ModelJob.EVALUATE: ("Evaluate", "/evaluations/"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ending:
    """How a job or an execution ended."""

    role: str
    status: str
    reason: str


class Bench:
    """Tiny jobs and pipelines, modelled on those of the rehearsal's run, in roles that lack something.

    Args:
        rehearsal: The rehearsal.
    """

    def __init__(self, rehearsal: Rehearsed) -> None:
        self._rehearsal = rehearsal
        self._client = rehearsal.client(rehearsal.staging, "sagemaker")
        steps = self._client.list_pipeline_execution_steps(PipelineExecutionArn=rehearsal.way.run.arn)
        self._jobs = {
            step["StepName"]: next(iter(step["Metadata"].values()))["Arn"].rsplit("/", 1)[-1]
            for step in steps["PipelineExecutionSteps"]
            if step["StepName"] in {"Train", *(name for name, _ in _PROCESSING.values())}
        }

    def role_without(self, job: ModelJob, action: str | None) -> str:
        """A copy of a job's role that lacks one action, or none. Its name begins and ends as the original's, for the
        policies of the registry and the like name roles by pattern."""
        rehearsal = self._rehearsal
        original = rehearsal.staging.role_name(rehearsal.model, job)
        policy = rehearsal.role_policy(rehearsal.staging, original)
        for statement in policy["Statement"]:
            actions = statement["Action"]
            statement["Action"] = [one for one in ([actions] if isinstance(actions, str) else actions) if one != action]
        policy["Statement"] = [statement for statement in policy["Statement"] if statement["Action"]]
        iam = rehearsal.client(rehearsal.staging, "iam")
        trust = iam.get_role(RoleName=original)["Role"]["AssumeRolePolicyDocument"]
        label = (action or "nothing").replace(":", "-")
        name = f"{rehearsal.staging.prefix}-{label}"[: _ROLE_NAME - len(job) - 1] + f"-{job}"
        made = iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(trust),
            PermissionsBoundary=rehearsal.staging.boundary_arn,
        )["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="job", PolicyDocument=json.dumps(policy))
        return str(made)

    def start(self, job: ModelJob, action: str | None) -> Callable[[], Ending | None]:
        """Starts what a role is for; the returned function tells the ending once there is one."""
        role = self.role_without(job, action)
        name = f"without-{(action or 'nothing').replace(':', '-')}"
        if job in _PROCESSING:
            name = f"{job}-{name}"
            self._client.create_processing_job(ProcessingJobName=name, **self.processing(role, job))
            return lambda: self._ending(
                role, self._client.describe_processing_job(ProcessingJobName=name), "ProcessingJob"
            )
        if job is ModelJob.TRAIN:
            self._client.create_training_job(TrainingJobName=name, **self.training(role))
            return lambda: self._ending(role, self._client.describe_training_job(TrainingJobName=name), "TrainingJob")
        pipeline = f"{self._rehearsal.staging.prefix}-{name}"
        self._client.create_pipeline(
            PipelineName=pipeline,
            RoleArn=role,
            PipelineDefinition=json.dumps(self.definition()),
            ClientRequestToken="t" * 32,
        )
        arn = self._client.start_pipeline_execution(PipelineName=pipeline)["PipelineExecutionArn"]
        return lambda: self._execution_ending(role, arn)

    def processing(self, role: str, job: ModelJob) -> dict[str, Any]:
        """A request for a processing job: one small input, one small output, everything else as in the run."""
        step, below = _PROCESSING[job]
        described = self._client.describe_processing_job(ProcessingJobName=self._jobs[step])
        wanted = ("ProcessingResources", "StoppingCondition", "AppSpecification", "NetworkConfig")
        request = {member: copy.deepcopy(described[member]) for member in (*wanted, "ProcessingOutputConfig")}
        request["AppSpecification"] |= {"ContainerEntrypoint": _ENTRY}
        request["AppSpecification"].pop("ContainerArguments", None)
        request["ProcessingInputs"] = [one for one in described["ProcessingInputs"] if one["InputName"] in _SMALL]
        for output in request["ProcessingOutputConfig"]["Outputs"]:
            bucket, _, _ = output["S3Output"]["S3Uri"].partition(below)
            output["S3Output"]["S3Uri"] = f"{bucket}{below}probe/{output['OutputName']}"
        return request | {"RoleArn": role}

    def training(self, role: str) -> dict[str, Any]:
        """The like for a training job, with checkpoints."""
        described = self._client.describe_training_job(TrainingJobName=self._jobs["Train"])
        wanted = (
            "AlgorithmSpecification",
            "OutputDataConfig",
            "ResourceConfig",
            "VpcConfig",
            "StoppingCondition",
            "EnableNetworkIsolation",
            "EnableInterContainerTrafficEncryption",
            "EnableManagedSpotTraining",
        )
        request = {member: copy.deepcopy(described[member]) for member in wanted}
        request["AlgorithmSpecification"] |= {"ContainerEntrypoint": _ENTRY, "MetricDefinitions": []}
        request["InputDataConfig"] = [one for one in described["InputDataConfig"] if one["ChannelName"] == "code"]
        bucket, _, _ = described["CheckpointConfig"]["S3Uri"].partition("/checkpoints/")
        request["CheckpointConfig"] = described["CheckpointConfig"] | {"S3Uri": f"{bucket}/checkpoints/probe"}
        return request | {"RoleArn": role}

    def definition(self) -> dict[str, Any]:
        """A pipeline that uses whatever a pipeline's role may: both kinds of job, a property file, a registration."""
        rehearsal = self._rehearsal
        processing = self.processing(rehearsal.staging.role_arn(rehearsal.model, ModelJob.EVALUATE), ModelJob.PREPARE)
        (uri, output) = (
            f"s3://{rehearsal.staging.data_bucket}/{rehearsal.model.name}/evaluations/probe",
            processing["ProcessingOutputConfig"]["Outputs"][0],
        )
        output["S3Output"]["S3Uri"] = uri
        processing["ProcessingOutputConfig"]["Outputs"] = [output]
        training = self.training(rehearsal.staging.role_arn(rehearsal.model, ModelJob.TRAIN))
        image = training["AlgorithmSpecification"]["TrainingImage"]
        return {
            "Version": "2020-12-01",
            "Parameters": [],
            "Steps": [
                {
                    "Name": "Tell",
                    "Type": "Processing",
                    "Arguments": processing,
                    "PropertyFiles": [
                        {"PropertyFileName": "told", "OutputName": output["OutputName"], "FilePath": "left.json"}
                    ],
                },
                {"Name": "Learn", "Type": "Training", "Arguments": training, "DependsOn": ["Tell"]},
                {
                    "Name": "Gate",
                    "Type": "Condition",
                    "DependsOn": ["Learn"],
                    "Arguments": {
                        "Conditions": [
                            {
                                "Type": "GreaterThan",
                                "LeftValue": {
                                    "Std:JsonGet": {
                                        "PropertyFile": {"Get": "Steps.Tell.PropertyFiles.told"},
                                        "Path": "gate",
                                    }
                                },
                                "RightValue": 0,
                            }
                        ],
                        "IfSteps": [
                            {
                                "Name": "Register",
                                "Type": "RegisterModel",
                                "Arguments": {
                                    "ModelPackageGroupName": rehearsal.staging.model_package_group(rehearsal.model),
                                    "ModelApprovalStatus": "PendingManualApproval",
                                    "InferenceSpecification": {
                                        "Containers": [
                                            {
                                                "Image": image,
                                                "ModelDataUrl": {"Get": "Steps.Learn.ModelArtifacts.S3ModelArtifacts"},
                                            }
                                        ],
                                        "SupportedContentTypes": ["application/jsonlines"],
                                        "SupportedResponseMIMETypes": ["application/jsonlines"],
                                    },
                                },
                            }
                        ],
                        "ElseSteps": [],
                    },
                },
            ],
        }

    def _ending(self, role: str, described: dict[str, Any], kind: str) -> Ending | None:
        status = described[f"{kind}Status"]
        if status in {"InProgress", "Stopping"}:
            return None
        return Ending(role=role, status=status, reason=described.get("FailureReason", ""))

    def _execution_ending(self, role: str, arn: str) -> Ending | None:
        status = self._client.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]
        if status in {"Executing", "Stopping"}:
            return None
        steps = self._client.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        reasons = [step["FailureReason"] for step in steps if step.get("FailureReason")]
        return Ending(role=role, status=status, reason="; ".join(reasons))


@pytest.fixture(scope="module")
def endings(rehearsal: Rehearsed) -> dict[tuple[ModelJob, str | None], Ending]:
    """Every case's ending; all of them run side by side, as many at a time as the rehearsal has workers."""
    bench = Bench(rehearsal)
    complete: Iterable[tuple[ModelJob, str | None]] = [(job, None) for job in USED]
    waiting = {case: bench.start(*case) for case in [*complete, *CASES]}
    found: dict[tuple[ModelJob, str | None], Ending] = {}
    deadline = time.monotonic() + _LIMIT_SECONDS
    while waiting:
        assert time.monotonic() < deadline, f"still running: {sorted(waiting, key=str)}"
        for case, ask in list(waiting.items()):
            if ending := ask():
                found[case] = ending
                del waiting[case]
        time.sleep(0.2)
    return found


Endings = dict[tuple[ModelJob, str | None], Ending]


@pytest.mark.parametrize("job", USED)
def test_a_complete_copy_of_the_role_succeeds(endings: Endings, job: ModelJob) -> None:
    ending = endings[job, None]
    assert ending.status in {"Completed", "Succeeded"}, ending.reason


@pytest.mark.parametrize(("job", "action"), CASES, ids=lambda value: str(value))
def test_without_the_action_the_step_fails_and_names_role_and_action(
    endings: Endings, job: ModelJob, action: str
) -> None:
    ending = endings[job, action]
    assert ending.status == "Failed"
    assert "AccessDenied" in ending.reason
    assert ending.role.rpartition("/")[2] in ending.reason
    assert action in ending.reason


@pytest.mark.parametrize(("job", "cases"), USED.items())
def test_the_cases_are_all_the_actions_that_the_run_used(
    rehearsal: Rehearsed, job: ModelJob, cases: tuple[str, ...]
) -> None:
    role = rehearsal.staging.role_arn(rehearsal.model, job)
    used = {decision.action for decision in rehearsal.decisions if decision.allowed and principal_of(decision) == role}
    assert used == set(cases)

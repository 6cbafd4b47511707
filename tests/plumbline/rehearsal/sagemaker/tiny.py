"""A pipeline of a few lines: prepare, train, evaluate, gate, register or fail."""

import json
import uuid
from typing import Any

from tests.plumbline.rehearsal.sagemaker.world import (
    BUCKET,
    HOME,
    IMAGE,
    REGION,
    World,
    processing_input,
    processing_output,
    wait,
)

Document = dict[str, Any]
PREPARE = """
import os, pathlib, sys
if os.environ.get("BREAK"):
    print("something was written before")
    sys.exit("the numbers are not even numbers")
numbers = pathlib.Path("/opt/ml/processing/input/raw/numbers.csv").read_text()
pathlib.Path("/opt/ml/processing/train/numbers.csv").write_text(numbers)
"""
TRAIN = """
import json, pathlib
base = pathlib.Path("/opt/ml")
parameters = json.loads((base / "input/config/hyperparameters.json").read_text())
numbers = [float(line) for line in (base / "input/data/train/numbers.csv").read_text().split()]
weight = sum(numbers) / len(numbers) * float(parameters["factor"])
(base / "checkpoints/state.json").write_text(json.dumps({"weight": weight}))
(base / "model/model.json").write_text(json.dumps({"weight": weight, "sick": parameters.get("sick") == "true"}))
print(f"score={weight};")
"""
EVALUATE = """
import json, pathlib, tarfile
base = pathlib.Path("/opt/ml/processing")
with tarfile.open(base / "input/model/model.tar.gz") as archive:
    model = json.load(archive.extractfile("model.json"))
(base / "evaluation/evaluation.json").write_text(json.dumps({"gate": {"score": model["weight"]}}))
"""


def pipeline_statements(world: World, *, without: str = "") -> list[Document]:
    """What the pipeline's role needs, and nothing more; less one action when a test says so."""
    arn = f"arn:aws:sagemaker:{REGION}:{HOME}"
    jobs = [f"{arn}:processing-job/*", f"{arn}:training-job/*"]
    actions: list[tuple[list[str], list[str]]] = [
        (["sagemaker:CreateProcessingJob", "sagemaker:CreateTrainingJob", "sagemaker:AddTags"], jobs),
        (["sagemaker:DescribeProcessingJob", "sagemaker:DescribeTrainingJob"], jobs),
        (["sagemaker:StopProcessingJob", "sagemaker:StopTrainingJob"], jobs),
        (
            ["sagemaker:CreateModelPackage", "sagemaker:DescribeModelPackage"],
            [f"{arn}:model-package/*", f"{arn}:model-package-group/*"],
        ),
        (["s3:GetObject"], [f"arn:aws:s3:::{BUCKET}/*"]),
        (["kms:Decrypt"], [world.key]),
    ]
    allowed: list[Document] = [
        {"Effect": "Allow", "Action": [action for action in found if action != without], "Resource": resources}
        for found, resources in actions
        if found != [without]
    ]
    passing = {
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": f"arn:aws:iam::{HOME}:role/tiny-job",
        "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    }
    return [*allowed, *([passing] if without != "iam:PassRole" else [])]


def definition(world: World, *, job_role: str, group: str, cached: bool = False) -> Document:
    """The pipeline's definition, over code that lies in the bucket."""
    code = {name: world.put(f"tiny/code/{name}.py", text) for name, text in _CODE.items()}
    raw = world.put("tiny/raw/numbers.csv", "1\n2\n3\n").rsplit("/", 1)[0]
    cache = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}} if cached else {}
    train_data = {"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"}
    gate = {
        "Type": "GreaterThanOrEqualTo",
        "LeftValue": {
            "Std:JsonGet": {
                "PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Report"},
                "Path": "gate.score",
            }
        },
        "RightValue": {"Get": "Parameters.Threshold"},
    }
    return {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": [
            {"Name": "Threshold", "Type": "Float", "DefaultValue": 1.5},
            {"Name": "Raw", "Type": "String", "DefaultValue": raw},
            {"Name": "Factor", "Type": "Integer", "DefaultValue": 1},
            {"Name": "Break", "Type": "String", "DefaultValue": ""},
            {"Name": "Commit", "Type": "String", "DefaultValue": "none"},
        ],
        "Steps": [
            {
                "Name": "Prepare",
                "Type": "Processing",
                **cache,
                "Arguments": _processing(
                    world,
                    job_role,
                    inputs=[
                        processing_input("code", code["prepare"]),
                        {**processing_input("raw", ""), "S3Input": _raw_input()},
                    ],
                    outputs=[processing_output("train", f"tiny/{group}/train")],
                    script="prepare",
                    environment={"BREAK": {"Get": "Parameters.Break"}},
                ),
            },
            {
                "Name": "Train",
                "Type": "Training",
                **cache,
                "Arguments": _training(world, job_role, group, code["train"], train_data),
            },
            {
                "Name": "Evaluate",
                "Type": "Processing",
                "Arguments": _processing(
                    world,
                    job_role,
                    inputs=[
                        processing_input("code", code["evaluate"]),
                        {
                            **processing_input("model", ""),
                            "S3Input": {
                                **processing_input("model", "")["S3Input"],
                                "S3Uri": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"},
                            },
                        },
                    ],
                    outputs=[processing_output("evaluation", f"tiny/{group}/evaluation")],
                    script="evaluate",
                    environment={},
                ),
                "PropertyFiles": [
                    {"PropertyFileName": "Report", "OutputName": "evaluation", "FilePath": "evaluation.json"}
                ],
            },
            {
                "Name": "Gate",
                "Type": "Condition",
                "Arguments": {
                    "Conditions": [gate],
                    "IfSteps": [
                        {"Name": "Register", "Type": "RegisterModel", "Arguments": _registration(group)},
                    ],
                    "ElseSteps": [
                        {
                            "Name": "Refuse",
                            "Type": "Fail",
                            "Arguments": {
                                "ErrorMessage": {
                                    "Std:Join": {"On": " ", "Values": ["score below", {"Get": "Parameters.Threshold"}]}
                                }
                            },
                        }
                    ],
                },
            },
        ],
    }


def create(world: World, name: str, *, job_role: str, pipeline_role: str, cached: bool = False) -> None:
    """Makes the pipeline and the group that it registers in, both of one name."""
    client = world.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName=name)
    client.create_pipeline(
        PipelineName=name,
        PipelineDefinition=json.dumps(definition(world, job_role=job_role, group=name, cached=cached)),
        RoleArn=pipeline_role,
        ClientRequestToken=str(uuid.uuid4()),
    )


def run(world: World, name: str, **parameters: str) -> tuple[Document, dict[str, Document]]:
    """Runs the pipeline to its end.

    Returns:
        The execution, and its steps by name.
    """
    client = world.client("sagemaker")
    arn = client.start_pipeline_execution(
        PipelineName=name,
        PipelineParameters=[{"Name": key, "Value": value} for key, value in parameters.items()],
        ClientRequestToken=str(uuid.uuid4()),
    )["PipelineExecutionArn"]
    return finished(world, arn)


def finished(world: World, arn: str) -> tuple[Document, dict[str, Document]]:
    """Waits for an execution's end."""
    client = world.client("sagemaker")
    execution = wait(lambda: client.describe_pipeline_execution(PipelineExecutionArn=arn), "PipelineExecutionStatus")
    steps = client.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    return execution, {step["StepName"]: step for step in steps}


_CODE = {"prepare": PREPARE, "train": TRAIN, "evaluate": EVALUATE}


def _raw_input() -> Document:
    return {**processing_input("raw", "")["S3Input"], "S3Uri": {"Get": "Parameters.Raw"}}


def _network(world: World) -> Document:
    return {"Subnets": [world.subnet], "SecurityGroupIds": [world.group]}


def _processing(
    world: World, role: str, *, inputs: list[Document], outputs: list[Document], script: str, environment: Document
) -> Document:
    return {
        "RoleArn": role,
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python", f"/opt/ml/processing/input/code/{script}.py"],
        },
        "Environment": environment,
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"Outputs": outputs, "KmsKeyId": world.key},
        "ProcessingResources": world.cluster(),
        "NetworkConfig": {"EnableNetworkIsolation": True, "VpcConfig": _network(world)},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


def _training(world: World, role: str, group: str, code: str, data: Document) -> Document:
    def channel(name: str, uri: object) -> Document:
        source = {"S3Uri": uri, "S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated"}
        return {"ChannelName": name, "DataSource": {"S3DataSource": source}}

    return {
        "RoleArn": role,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "FastFile",
            "ContainerEntrypoint": ["python", "/opt/ml/input/data/code/train.py"],
            "MetricDefinitions": [{"Name": "score", "Regex": "score=([0-9.]+);"}],
        },
        "HyperParameters": {"factor": {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Factor"}]}}},
        "InputDataConfig": [channel("code", code), channel("train", data)],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/tiny/{group}/model", "KmsKeyId": world.key},
        "ResourceConfig": {
            "InstanceCount": 1,
            "InstanceType": "ml.m5.large",
            "VolumeSizeInGB": 1,
            "VolumeKmsKeyId": world.key,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60},
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/tiny/{group}/checkpoints"},
        "EnableNetworkIsolation": True,
        "EnableInterContainerTrafficEncryption": True,
        "VpcConfig": _network(world),
    }


def _registration(group: str) -> Document:
    container = {"Image": IMAGE, "ModelDataUrl": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}}
    return {
        "ModelPackageGroupName": group,
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        "CustomerMetadataProperties": {
            "commit": {"Get": "Parameters.Commit"},
            "execution": {"Get": "Execution.PipelineExecutionArn"},
        },
    }

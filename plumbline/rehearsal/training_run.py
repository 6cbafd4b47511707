"""One run of a model's training pipeline: its inputs brought to the bucket, the run started and followed."""

import contextlib
import dataclasses
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import botocore.exceptions

from plumbline.accounts.access import Client, Clients
from plumbline.configuration import Deployment, KeyPurpose, Model, code_digest
from plumbline.errors import PlumblineError

_POLL_SECONDS = 0.25
_LIMIT_SECONDS = 900.0
_ENDED = frozenset({"Succeeded", "Failed", "Stopped"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a run is started with, all of it in the environment's buckets.

    Attributes:
        dataset_id: The dataset's identifier, a hash of its content.
        dataset_version: The S3 version of its ``dataset.json``.
        code_digest: The hash of the model's code.
    """

    dataset_id: str
    dataset_version: str
    code_digest: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunStep:
    """One step of a run.

    Attributes:
        name: The step.
        status: For example ``Succeeded``.
        seconds: From its start to its end.
        cached: Whether an earlier run's result was taken.
        failure: Why it failed; empty otherwise.
    """

    name: str
    status: str
    seconds: float
    cached: bool
    failure: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """A run that has ended.

    Attributes:
        arn: The execution's ARN.
        status: ``Succeeded``, ``Failed`` or ``Stopped``.
        steps: Its steps, in the order in which they began.
        failure: Why it failed; empty otherwise.
        model_package_arn: What it registered; empty when it registered nothing.
        seconds: How long it took.
    """

    arn: str
    status: str
    steps: tuple[RunStep, ...]
    failure: str
    model_package_arn: str
    seconds: float

    @property
    def execution_id(self) -> str:
        """The last part of the ARN."""
        return self.arn.rsplit("/", 1)[-1]


def upload_dataset(
    *, deployment: Deployment, model: Model, caller: Clients, make_dataset: Callable[[Path], str]
) -> Inputs:
    """Brings a dataset to the environment's bucket, each object under the bucket's own key, named in the request.

    Args:
        deployment: The environment.
        model: The model.
        caller: Who uploads.
        make_dataset: Writes the dataset's files into a folder and returns its identifier.
    """
    s3 = caller.client("s3")
    name = deployment.parameter(f"keys/{KeyPurpose.DATA}")
    encryption_key = caller.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]

    def put(key: str, body: bytes) -> str:
        written = s3.put_object(
            Bucket=deployment.data_bucket,
            Key=key,
            Body=body,
            ServerSideEncryption="aws:kms",
            SSEKMSKeyId=encryption_key,
        )
        return str(written["VersionId"])

    with tempfile.TemporaryDirectory() as folder:
        dataset_id = make_dataset(Path(folder))
        versions = {
            path.name: put(f"{model.name}/datasets/{dataset_id}/{path.name}", path.read_bytes())
            for path in sorted(Path(folder).iterdir())
        }
    return Inputs(dataset_id=dataset_id, dataset_version=versions["dataset.json"], code_digest=code_digest(model))


def register(
    *,
    deployment: Deployment,
    model: Model,
    inputs: Inputs,
    commit: str,
    reason: str,
    caller: Clients,
    tell: Callable[[str], None],
    limit_seconds: float = _LIMIT_SECONDS,
    poll_seconds: float = _POLL_SECONDS,
) -> Run:
    """Starts a run and waits until it has registered a version; whatever ends the waiting stops the run, too.

    Args:
        deployment: Where.
        model: The model.
        inputs: What to train on, with which code.
        commit: What the version records.
        reason: What the version records.
        caller: Who starts it.
        tell: Called with one line whenever the steps have moved.
        limit_seconds: How long to wait.
        poll_seconds: How long between two looks.

    Raises:
        PlumblineError: It does not end in time; or it fails, with the failed step's last words, or registers nothing.
    """
    arn = start(deployment=deployment, model=model, inputs=inputs, commit=commit, reason=reason, caller=caller)
    try:
        run = follow(arn=arn, caller=caller, tell=tell, limit_seconds=limit_seconds, poll_seconds=poll_seconds)
    except BaseException:
        # Whoever may not stop it leaves it to its own end.
        with contextlib.suppress(botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError):
            caller.client("sagemaker").stop_pipeline_execution(PipelineExecutionArn=arn)
        raise
    if run.status != "Succeeded":
        raise failure(run)
    if not run.model_package_arn:
        raise PlumblineError(f"the run {run.arn} succeeded and registered no version", exit_code=1)
    return run


def start(
    *,
    deployment: Deployment,
    model: Model,
    inputs: Inputs,
    commit: str,
    reason: str,
    caller: Clients,
    champion_uri: str | None = None,
) -> str:
    """Starts a run by hand.

    Args:
        deployment: Where.
        model: The model.
        inputs: What to train on, with which code.
        commit: What the version records.
        reason: What the version records.
        caller: Who starts it.
        champion_uri: The artifact that the new version has to beat; None when there is none yet.

    Returns:
        The execution's ARN.
    """
    parameters = {
        "CommitId": commit,
        "DatasetId": inputs.dataset_id,
        "DatasetVersion": inputs.dataset_version,
        "Trigger": "person",
        "TriggerReason": reason,
        **({"ChampionUri": champion_uri} if champion_uri else {}),
    }
    answer = caller.client("sagemaker").start_pipeline_execution(
        PipelineName=deployment.pipeline_name(model),
        PipelineParameters=[{"Name": name, "Value": value} for name, value in parameters.items()],
    )
    return str(answer["PipelineExecutionArn"])


def follow(
    *,
    arn: str,
    caller: Clients,
    tell: Callable[[str], None],
    limit_seconds: float = _LIMIT_SECONDS,
    poll_seconds: float = _POLL_SECONDS,
) -> Run:
    """Waits for the end of a run and tells what goes on meanwhile.

    Args:
        arn: The execution.
        caller: Who looks.
        tell: Called with one line whenever the steps have moved.
        limit_seconds: How long to wait.
        poll_seconds: How long between two looks.

    Raises:
        PlumblineError: The run does not end in time.
    """
    client = caller.client("sagemaker")
    began = time.monotonic()
    told = ""
    while True:
        execution = client.describe_pipeline_execution(PipelineExecutionArn=arn)
        raw = _raw_steps(client, arn)
        line = ", ".join(f"{step['StepName']} {step['StepStatus'].lower()}" for step in raw)
        if line != told:
            tell(line)
            told = line
        if execution["PipelineExecutionStatus"] in _ENDED:
            break
        if time.monotonic() - began > limit_seconds:
            raise PlumblineError(f"the run {arn} has not ended after {limit_seconds:.0f} s: {line}", exit_code=1)
        time.sleep(poll_seconds)
    packages = [step.get("Metadata", {}).get("RegisterModel", {}).get("Arn", "") for step in raw]
    return Run(
        arn=arn,
        status=execution["PipelineExecutionStatus"],
        steps=tuple(_step(step) for step in raw),
        failure=execution.get("FailureReason", ""),
        model_package_arn=next((package for package in packages if package), ""),
        seconds=round(time.monotonic() - began, 2),
    )


def failure(run: Run) -> PlumblineError:
    """What to say of a run that did not succeed: the step and its own last words."""
    failed = [step for step in run.steps if step.failure]
    words = "; ".join(f"{step.name}: {step.failure}" for step in failed) or run.failure or "no reason was given"
    return PlumblineError(f"the training run ended as {run.status}. {words}", exit_code=1)


def evaluation(*, run: Run, deployment: Deployment, model: Model, caller: Clients) -> Mapping[str, object]:
    """The report that the run's evaluation wrote, ``evaluation.json``."""
    client = caller.client("s3")
    prefix = f"{model.name}/evaluations/{run.execution_id}/"
    for entry in client.list_objects_v2(Bucket=deployment.data_bucket, Prefix=prefix).get("Contents", []):
        if str(entry["Key"]).endswith("/evaluation.json"):
            body = client.get_object(Bucket=deployment.data_bucket, Key=entry["Key"])["Body"].read()
            report: Mapping[str, object] = json.loads(body)
            return report
    raise PlumblineError(f"the run wrote no evaluation.json below s3://{deployment.data_bucket}/{prefix}", exit_code=1)


def _raw_steps(client: Client, arn: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("list_pipeline_execution_steps").paginate(
        PipelineExecutionArn=arn, SortOrder="Ascending"
    )
    return [step for page in pages for step in page["PipelineExecutionSteps"]]


def _step(raw: Mapping[str, Any]) -> RunStep:
    began, ended = raw.get("StartTime"), raw.get("EndTime")
    seconds = (ended - began).total_seconds() if began and ended else 0.0
    return RunStep(
        name=str(raw["StepName"]),
        status=str(raw["StepStatus"]),
        seconds=round(seconds, 2),
        cached="CacheHitResult" in raw,
        failure=str(raw.get("FailureReason", "")),
    )

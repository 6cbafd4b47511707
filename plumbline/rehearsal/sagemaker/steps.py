"""What each type of step does, in the pipeline's role, by calling the emulator as AWS's executor calls AWS."""

import dataclasses
import hashlib
import json
import secrets
import string
import threading
from collections.abc import Callable, Mapping

from botocore.exceptions import BotoCoreError, ClientError

from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.sagemaker import transfer
from plumbline.rehearsal.sagemaker.definition import Step
from plumbline.rehearsal.sagemaker.jobs import Job
from plumbline.rehearsal.sagemaker.scope import Scope
from plumbline.rehearsal.sagemaker.sessions import RoleSession, reason
from plumbline.rehearsal.sagemaker.transfer import S3Uri

# What makes two runs of a step the same (developer guide, "Default cache key attributes by pipeline step type").
_CACHE_KEYS: Mapping[str, tuple[str, ...]] = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification",
        "CheckpointConfig",
        "DebugHookConfig",
        "DebugRuleConfigurations",
        "Environment",
        "HyperParameters",
        "InputDataConfig",
    ),
}
_JOB_NAME_LENGTH = 63
_POLL_SECONDS = 0.05
_SUFFIX = string.ascii_letters + string.digits


class StepFailedError(Exception):
    """A step did not do its work.

    Args:
        message: Becomes the step's FailureReason.
        kind: The exception type that a retry policy may name; None when none of them fits.
        metadata: What the step made before it failed.
    """

    def __init__(self, message: str, *, kind: str | None = None, metadata: Document | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.metadata = metadata or {}


class StepStoppedError(Exception):
    """The execution was told to stop while the step ran."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a step leaves behind.

    Attributes:
        output: What expressions of later steps find under ``Steps.<name>``.
        metadata: The step's entry in ListPipelineExecutionSteps.
    """

    output: Document
    metadata: Document


@dataclasses.dataclass(frozen=True, kw_only=True)
class Context:
    """What a step acts with.

    Attributes:
        scope: Where the pipeline lives.
        session: The pipeline's role.
        execution_id: The execution's own id.
        execution_arn: The execution's ARN.
        stopping: Set when the execution is told to stop.
        job: Finds a job that was created, by kind (``Processing``, ``Training``) and name.
    """

    scope: Scope
    session: RoleSession
    execution_id: str
    execution_arn: str
    stopping: threading.Event
    job: Callable[[str, str], Job]


def run(step: Step, arguments: Document, job_name: str, context: Context) -> Outcome:
    """Does a step's work.

    Args:
        step: The step.
        arguments: Its arguments, every expression resolved.
        job_name: The name that its job or model gets.
        context: What it acts with.

    Raises:
        StepFailedError: It did not do its work.
        StepStoppedError: The execution was told to stop meanwhile.
    """
    work = {
        "Processing": _process,
        "Training": _train,
        "RegisterModel": _register,
        "Model": _create_model,
        "Lambda": _invoke,
        "Fail": _fail,
    }[step.type]
    try:
        return work(step, _without_none(arguments), job_name, context)
    except ClientError as error:
        raise StepFailedError(reason(error), kind=_kind(error)) from error
    except BotoCoreError as error:  # parameters that the service's model does not allow
        raise StepFailedError(f"ClientError: ValidationException: {error}") from error


def name_job(step: Step, arguments: Document, execution_id: str) -> str:
    """The name of a step's job: ``pipelines-<execution>-<step>-<ten characters>``, or after the prefix it asks for."""
    suffix = "".join(secrets.choice(_SUFFIX) for _ in range(10))
    prefix = next(
        (value for name, value in arguments.items() if name.endswith("JobName") and isinstance(value, str)), None
    )
    middle = f"{prefix}-{execution_id}" if prefix else f"pipelines-{execution_id}-{step.name}"
    return f"{middle[: _JOB_NAME_LENGTH - 11].rstrip('-_').replace('_', '-')}-{suffix}"


def cache_key(step: Step, arguments: Document) -> str | None:
    """What is compared to find an earlier run of a step; None for a type that is not cached."""
    names = _CACHE_KEYS.get(step.type)
    if names is None:
        return None
    chosen = {name: arguments[name] for name in names if arguments.get(name) is not None}
    return hashlib.sha256(json.dumps(chosen, sort_keys=True, default=str).encode()).hexdigest()


def property_file(step: Step, name: str, output: Document, session: RoleSession) -> object:
    """The content of a property file, read from S3 in the pipeline's role.

    Raises:
        StepFailedError: It is not there, is no JSON, or the role may not read it.
    """
    file = next(item for item in step.property_files if item.name == name)
    outputs = output.get("ProcessingOutputConfig", {}).get("Outputs", [])
    target = next((item for item in outputs if item["OutputName"] == file.output), None)
    if target is None:
        raise StepFailedError(f"ClientError: Property file {name}: step {step.name} has no output {file.output}")
    return json_object(S3Uri.parse(target["S3Output"]["S3Uri"]) / file.path, session)


def json_object(uri: S3Uri, session: RoleSession) -> object:
    """The JSON document in an object.

    Raises:
        StepFailedError: It is not there, is no JSON, or the role may not read it.
    """
    try:
        return json.loads(transfer.read(uri, session=session))
    except ClientError as error:
        raise StepFailedError(f"{reason(error)} ({uri})") from error
    except ValueError as error:
        raise StepFailedError(f"ClientError: {uri} is no JSON: {error}") from error


def _process(step: Step, arguments: Document, job_name: str, context: Context) -> Outcome:
    client = context.session.client("sagemaker")
    client.create_processing_job(
        **{**arguments, "ProcessingJobName": job_name, "Tags": _tags(step, arguments, context)}
    )
    _await(context, "Processing", job_name, lambda: client.stop_processing_job(ProcessingJobName=job_name))
    described = client.describe_processing_job(ProcessingJobName=job_name)
    metadata = {"ProcessingJob": {"Arn": described["ProcessingJobArn"]}}
    return _ended(described, described["ProcessingJobStatus"], metadata, context)


def _train(step: Step, arguments: Document, job_name: str, context: Context) -> Outcome:
    client = context.session.client("sagemaker")
    client.create_training_job(**{**arguments, "TrainingJobName": job_name, "Tags": _tags(step, arguments, context)})
    _await(context, "Training", job_name, lambda: client.stop_training_job(TrainingJobName=job_name))
    described = client.describe_training_job(TrainingJobName=job_name)
    metadata = {"TrainingJob": {"Arn": described["TrainingJobArn"]}}
    return _ended(described, described["TrainingJobStatus"], metadata, context)


def _register(_step: Step, arguments: Document, _job_name: str, context: Context) -> Outcome:
    client = context.session.client("sagemaker")
    try:
        created = client.create_model_package(**arguments)
    except ClientError as error:
        group = arguments.get("ModelPackageGroupName")
        if not group or "does not exist" not in error.response["Error"]["Message"]:
            raise
        client.create_model_package_group(ModelPackageGroupName=group)
        created = client.create_model_package(**arguments)
    described = client.describe_model_package(ModelPackageName=created["ModelPackageArn"])
    return Outcome(output=described, metadata={"RegisterModel": {"Arn": created["ModelPackageArn"]}})


def _create_model(step: Step, arguments: Document, job_name: str, context: Context) -> Outcome:
    name = arguments.get("ModelName", job_name)
    tags = _tags(step, arguments, context)
    created = context.session.client("sagemaker").create_model(**{**arguments, "ModelName": name, "Tags": tags})
    output = {**arguments, "ModelName": name, "ModelArn": created["ModelArn"]}
    return Outcome(output=output, metadata={"Model": {"Arn": created["ModelArn"]}})


def _invoke(step: Step, arguments: Document, _job_name: str, context: Context) -> Outcome:
    answer = context.session.client("lambda").invoke(
        FunctionName=step.function_arn, Payload=json.dumps(arguments).encode()
    )
    body = answer["Payload"].read().decode()
    if answer.get("FunctionError"):
        raise StepFailedError(f"ClientError: Lambda function {step.function_arn} failed: {body[:800]}")
    returned = json.loads(body or "null")
    values = returned if isinstance(returned, dict) else {}
    missing = [name for name in step.output_parameters if name not in values]
    if missing:
        raise StepFailedError(f"ClientError: Lambda function {step.function_arn} did not return [{', '.join(missing)}]")
    outputs = {name: values[name] for name in step.output_parameters}
    listed = [{"Name": name, "Value": str(value)} for name, value in outputs.items()]
    return Outcome(
        output={"OutputParameters": outputs},
        metadata={"Lambda": {"Arn": step.function_arn, "OutputParameters": listed}},
    )


def _fail(_step: Step, arguments: Document, _job_name: str, _context: Context) -> Outcome:
    message = str(arguments.get("ErrorMessage", ""))
    raise StepFailedError(message, metadata={"Fail": {"ErrorMessage": message}})


def _await(context: Context, kind: str, name: str, stop: Callable[[], object]) -> None:
    job = context.job(kind, name)
    told = False
    while not job.ended.wait(_POLL_SECONDS):
        if context.stopping.is_set() and not told:
            stop()
            told = True


def _ended(described: Document, status: str, metadata: Document, context: Context) -> Outcome:
    if status == "Completed":
        return Outcome(output=described, metadata=metadata)
    if status == "Stopped" and context.stopping.is_set():
        raise StepStoppedError
    failure = described.get("FailureReason") or (
        f"ClientError: the job ended as {described.get('SecondaryStatus', status)}"
    )
    kind = None
    if failure.startswith("InternalServerError"):
        kind = "SageMaker.JOB_INTERNAL_ERROR"
    elif failure.startswith("CapacityError"):
        kind = "SageMaker.CAPACITY_ERROR"
    raise StepFailedError(failure, kind=kind, metadata=metadata)


def _kind(error: ClientError) -> str | None:
    code = error.response["Error"]["Code"]
    if code == "ResourceLimitExceeded":
        return "SageMaker.RESOURCE_LIMIT"
    if code in ("ThrottlingException", "Throttling", "TooManyRequestsException"):
        return "Step.THROTTLING"
    return "Step.SERVICE_FAULT" if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500 else None


def _tags(step: Step, arguments: Document, context: Context) -> list[dict[str, str]]:
    """The step's own tags, and those that Pipelines gives every job it starts."""
    own: list[dict[str, str]] = arguments.get("Tags", [])
    return [
        *own,
        {"Key": "sagemaker:pipeline-execution-arn", "Value": context.execution_arn},
        {"Key": "sagemaker:pipeline-step-name", "Value": step.name},
    ]


def _without_none(arguments: Document) -> Document:
    """Arguments without the members that the SDK writes as null."""
    return {
        name: _without_none(value) if isinstance(value, dict) else value
        for name, value in arguments.items()
        if value is not None
    }

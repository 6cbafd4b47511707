"""Steps of SageMaker pipelines, inside the rendered definition."""

from collections.abc import Iterator

from plumbline.audit.findings import Severity
from plumbline.audit.rules.areas.models import secrets_in
from plumbline.audit.rules.controls import (
    AUDITABILITY,
    AVAILABILITY,
    CHANGE_CONTROL,
    ENCRYPTION_AT_REST,
    ENCRYPTION_IN_TRANSIT,
    HARDENING,
    INTEGRITY,
    LEAST_PRIVILEGE,
    LIMITS,
    NETWORK_BOUNDARY,
    SECRETS,
    SEPARATION_OF_DUTIES,
    answers,
)
from plumbline.audit.rules.definition import Step, UnreadableError, readable_steps, steps
from plumbline.audit.rules.expectations import (
    is_true,
    known_number,
    must_be_a_key,
    must_be_between,
    must_be_given,
    must_be_in_a_vpc,
    must_be_one_of,
    must_be_true,
    must_not_be_true,
)
from plumbline.audit.rules.images import pinned
from plumbline.audit.rules.part import Part
from plumbline.audit.rules.rule import Violation, rule
from plumbline.audit.rules.template import Resource
from plumbline.audit.rules.values import Unknown

PIPELINE = "AWS::SageMaker::Pipeline"
PROCESSING_JOB = "AWS::SageMaker::ProcessingJob"
_JOBS = ("Processing", "QualityCheck", "ClarifyCheck", "Training", "Tuning", "AutoML")
# Steps that run nothing beside the pipeline, or that a rule of their own looks at.
_OTHERS = ("Condition", "Fail", "Model", "RegisterModel", "Transform")
_LONGEST = 432_000


def _jobs(pipeline: Resource) -> Iterator[tuple[Step, Part]]:
    """Every step that starts a job, with the arguments of the job: a tuning step may have several.

    A job that a template has itself is taken as such a step.
    """
    if pipeline.type == PROCESSING_JOB:
        yield Step(name="", type="Processing", arguments=pipeline.properties), pipeline.properties
        return
    for step in readable_steps(pipeline, *_JOBS):
        if step.type == "Tuning":
            many = step.arguments.at("TrainingJobDefinitions")
            for job in many.items if many.is_there else (step.arguments.at("TrainingJobDefinition"),):
                yield step, job
        else:
            yield step, step.arguments


def _has_jobs(pipeline: Resource) -> bool:
    return any(True for _ in _jobs(pipeline))


def _network(step: Step, job: Part, name: str) -> Part:
    """A setting of the network, which each kind of job keeps elsewhere."""
    if step.type in ("Training", "Tuning"):
        return job.at(name)
    if step.type == "AutoML":
        return job.at(f"AutoMLJobConfig.SecurityConfig.{name}")
    return job.at(f"NetworkConfig.{name}")


@rule(
    id="PL-PD-01",
    title="Pipeline definitions can be read",
    sense="Steps that are not in the template are reviewed and judged by nobody.",
    remedy="Put the definition into PipelineDefinitionBody; one over 100 KB into S3 under a versioned key, with a "
    "waiver.",
    severity=Severity.MEDIUM,
    controls=answers(AUDITABILITY, CHANGE_CONTROL),
    types=(PIPELINE,),
)
def definitions_can_be_read(pipeline: Resource) -> Iterator[Violation]:
    try:
        steps(pipeline)
    except UnreadableError as error:
        message = f"The definition's steps cannot be judged: {error.reason}; accepted: JSON with Steps in the template."
        yield Violation(path=error.path, message=message)


@rule(
    id="PL-PD-02",
    title="Jobs are isolated from the network",
    sense="A job reads all of the training data; a connection of its own could carry it away.",
    remedy="Set EnableNetworkIsolation of each job to true; code comes in by a channel.",
    severity=Severity.HIGH,
    controls=answers(NETWORK_BOUNDARY),
    types=(PIPELINE, PROCESSING_JOB),
    applies=_has_jobs,
)
def jobs_are_isolated(pipeline: Resource) -> Iterator[Violation]:
    for step, job in _jobs(pipeline):
        # AutoML has no such setting (API reference, "AutoMLSecurityConfig").
        if step.type != "AutoML":
            yield from must_be_true(_network(step, job, "EnableNetworkIsolation"), subject=step.name)


@rule(
    id="PL-PD-03",
    title="Jobs run in a VPC, in two subnets",
    sense="Outside a VPC no security group, endpoint policy or flow log sees what a job does with the training data.",
    remedy="Give each job a VpcConfig with private subnets of at least two zones and a closed security group.",
    severity=Severity.HIGH,
    controls=answers(NETWORK_BOUNDARY),
    types=(PIPELINE, PROCESSING_JOB),
    applies=_has_jobs,
)
def jobs_run_in_a_vpc(pipeline: Resource) -> Iterator[Violation]:
    for step, job in _jobs(pipeline):
        yield from must_be_in_a_vpc(_network(step, job, "VpcConfig"), subject=step.name)


@rule(
    id="PL-PD-04",
    title="Jobs encrypt what their instances exchange",
    sense="A distributed job sends data and weights from one instance to another.",
    remedy="Set EnableInterContainerTrafficEncryption of each job to true.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_IN_TRANSIT),
    types=(PIPELINE, PROCESSING_JOB),
    applies=_has_jobs,
)
def jobs_encrypt_between_instances(pipeline: Resource) -> Iterator[Violation]:
    for step, job in _jobs(pipeline):
        yield from must_be_true(_network(step, job, "EnableInterContainerTrafficEncryption"), subject=step.name)


@rule(
    id="PL-PD-05",
    title="Volumes of jobs are encrypted with a customer managed key",
    sense="The volume holds the training data while the job runs.",
    remedy="Set VolumeKmsKeyId of each job's cluster.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST),
    types=(PIPELINE, PROCESSING_JOB),
    applies=_has_jobs,
)
def job_volumes_are_encrypted(pipeline: Resource) -> Iterator[Violation]:
    for step, job in _jobs(pipeline):
        if step.type in ("Training", "Tuning"):
            groups = job.at("HyperParameterTuningResourceConfig")
            cluster = groups if groups.is_there else job.at("ResourceConfig")
        elif step.type == "AutoML":
            cluster = job.at("AutoMLJobConfig.SecurityConfig")
        else:
            cluster = job.at("ProcessingResources.ClusterConfig")
        yield from must_be_a_key(cluster.at("VolumeKmsKeyId"), subject=step.name)


@rule(
    id="PL-PD-06",
    title="Outputs of jobs are encrypted with a customer managed key",
    sense="The output is prepared data, or the model itself.",
    remedy="Set KmsKeyId of each job's output configuration.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST),
    types=(PIPELINE, PROCESSING_JOB),
    applies=_has_jobs,
)
def job_outputs_are_encrypted(pipeline: Resource) -> Iterator[Violation]:
    for step, job in _jobs(pipeline):
        is_processing = step.type not in ("Training", "Tuning", "AutoML")
        output = job.at("ProcessingOutputConfig" if is_processing else "OutputDataConfig")
        if output.is_there or not is_processing:
            yield from must_be_a_key(output.at("KmsKeyId"), subject=step.name)


@rule(
    id="PL-PD-07",
    title="Jobs have a time limit",
    sense="A job that hangs is billed until somebody looks.",
    remedy=f"Set StoppingCondition.MaxRuntimeInSeconds of each job, to at most {_LONGEST} s.",
    severity=Severity.LOW,
    controls=answers(LIMITS),
    types=(PIPELINE, PROCESSING_JOB),
    applies=_has_jobs,
)
def jobs_end(pipeline: Resource) -> Iterator[Violation]:
    """SageMaker API reference, "ProcessingStoppingCondition" and "StoppingCondition"; over five days is a mistake."""
    for step, job in _jobs(pipeline):
        at = "AutoMLJobConfig.CompletionCriteria.MaxAutoMLJobRuntimeInSeconds"
        limit = job.at(at if step.type == "AutoML" else "StoppingCondition.MaxRuntimeInSeconds")
        yield from must_be_between(limit, 1, _LONGEST, unit=" s", subject=step.name)


@rule(
    id="PL-PD-08",
    title="Images of jobs are pinned",
    sense="A tag that can be pushed again lets other code train tomorrow than was reviewed today.",
    remedy="Name the image by its digest, or by a tag that says its content in a repository with immutable tags.",
    severity=Severity.HIGH,
    controls=answers(INTEGRITY, CHANGE_CONTROL),
    types=(PIPELINE, PROCESSING_JOB),
    applies=_has_jobs,
)
def job_images_are_pinned(pipeline: Resource) -> Iterator[Violation]:
    for step, job in _jobs(pipeline):
        if step.type == "AutoML" or job.at("AlgorithmSpecification.AlgorithmName").is_there:
            continue
        is_training = step.type in ("Training", "Tuning")
        image = job.at("AlgorithmSpecification.TrainingImage" if is_training else "AppSpecification.ImageUri")
        yield from pinned(image, pipeline, subject=step.name)


@rule(
    id="PL-PD-09",
    title="Pipelines register models for approval",
    sense="A pipeline that registers a model as approved lets it into production past everybody.",
    remedy="Set ModelApprovalStatus of the registration to PendingManualApproval; waive it where a model may "
    "approve itself.",
    severity=Severity.HIGH,
    controls=answers(SEPARATION_OF_DUTIES, CHANGE_CONTROL),
    types=(PIPELINE,),
    applies=lambda pipeline: bool(readable_steps(pipeline, "RegisterModel")),
)
def models_are_registered_for_approval(pipeline: Resource) -> Iterator[Violation]:
    for step in readable_steps(pipeline, "RegisterModel"):
        status = step.arguments.at("ModelApprovalStatus")
        yield from must_be_one_of(status, "PendingManualApproval", "Rejected", subject=step.name)


@rule(
    id="PL-PD-10",
    title="Jobs have roles of their own",
    sense="A job under the pipeline's role may start further jobs and register models.",
    remedy="Give each job a role with what that job reads and writes, and let the pipeline's role pass it.",
    severity=Severity.MEDIUM,
    controls=answers(LEAST_PRIVILEGE, SEPARATION_OF_DUTIES),
    types=(PIPELINE,),
    applies=_has_jobs,
)
def jobs_have_roles_of_their_own(pipeline: Resource) -> Iterator[Violation]:
    own = pipeline.at("RoleArn").text
    for step, job in _jobs(pipeline):
        role = (step.arguments if step.type == "AutoML" else job).at("RoleArn")
        yield from must_be_given(role, "a role of the job's own", subject=step.name)
        if role.is_there and role.text == own:
            message = f"{role.name} is the pipeline's own role; accepted: a role of the job's own."
            yield Violation(path=role.path, message=message, subject=step.name)


@rule(
    id="PL-PD-11",
    title="Spot training keeps its progress",
    sense="Without checkpoints an interruption starts the training over; over a day of it, spot is dearer than on "
    "demand.",
    remedy="Add a CheckpointConfig, and a MaxWaitTimeInSeconds of at least MaxRuntimeInSeconds.",
    severity=Severity.LOW,
    controls=answers(AVAILABILITY, LIMITS),
    types=(PIPELINE,),
    applies=lambda pipeline: any(_is_spot(job) for _, job in _jobs(pipeline)),
)
def spot_training_keeps_its_progress(pipeline: Resource) -> Iterator[Violation]:
    """SageMaker API reference, "StoppingCondition": the wait is at least the runtime."""
    for step, job in _jobs(pipeline):
        if _is_spot(job):
            yield from must_be_given(job.at("CheckpointConfig.S3Uri"), "a place for checkpoints", subject=step.name)
            runtime = known_number(job.at("StoppingCondition.MaxRuntimeInSeconds"))
            wait = job.at("StoppingCondition.MaxWaitTimeInSeconds")
            if runtime is not None:
                yield from must_be_between(wait, int(runtime), 2_419_200, unit=" s", subject=step.name)


@rule(
    id="PL-PD-12",
    title="Jobs carry no secret in their environment",
    sense="Whoever may describe the job, or read the template, reads the secret.",
    remedy="Keep the secret in Secrets Manager, and its ARN in the environment.",
    severity=Severity.CRITICAL,
    controls=answers(SECRETS),
    types=(PIPELINE, PROCESSING_JOB),
    applies=_has_jobs,
)
def jobs_carry_no_secret(pipeline: Resource) -> Iterator[Violation]:
    for step, job in _jobs(pipeline):
        for name in ("Environment", "HyperParameters", "StaticHyperParameters"):
            yield from secrets_in(job.at(name), subject=step.name)


@rule(
    id="PL-PD-13",
    title="Nobody opens a shell in a training job",
    sense="Remote debugging lets a person into the container, past isolation, beside the data.",
    remedy="Leave RemoteDebugConfig out.",
    severity=Severity.HIGH,
    controls=answers(HARDENING, LEAST_PRIVILEGE),
    types=(PIPELINE,),
    applies=_has_jobs,
)
def jobs_have_no_shell(pipeline: Resource) -> Iterator[Violation]:
    """SageMaker developer guide, "Access a training container through AWS Systems Manager for remote debugging"."""
    for step, job in _jobs(pipeline):
        yield from must_not_be_true(job.at("RemoteDebugConfig.EnableRemoteDebug"), subject=step.name)


@rule(
    id="PL-PD-14",
    title="Models that pipelines make are isolated, in a VPC",
    sense="A model that a step creates is bound by no template's model resource.",
    remedy="Set EnableNetworkIsolation to true and give the model a VpcConfig with two subnets.",
    severity=Severity.HIGH,
    controls=answers(NETWORK_BOUNDARY),
    types=(PIPELINE,),
    applies=lambda pipeline: bool(readable_steps(pipeline, "Model")),
)
def models_of_pipelines_are_isolated(pipeline: Resource) -> Iterator[Violation]:
    for step in readable_steps(pipeline, "Model"):
        yield from must_be_true(step.arguments.at("EnableNetworkIsolation"), subject=step.name)
        yield from must_be_in_a_vpc(step.arguments.at("VpcConfig"), subject=step.name)


@rule(
    id="PL-PD-15",
    title="Steps of pipelines are of a kind that is looked at",
    sense="A step that calls a function, a queue or a cluster runs past every rule about jobs.",
    remedy="Use steps that start jobs of SageMaker, or waive the step with a reason.",
    severity=Severity.MEDIUM,
    controls=answers(CHANGE_CONTROL, NETWORK_BOUNDARY),
    types=(PIPELINE,),
    applies=lambda pipeline: bool(readable_steps(pipeline)),
)
def steps_are_looked_at(pipeline: Resource) -> Iterator[Violation]:
    for step in readable_steps(pipeline):
        if step.type not in (*_JOBS, *_OTHERS):
            yield Violation(
                path=step.arguments.path,
                message=f"Step {step.name} is of type {step.type or 'none'}, which no rule looks into; accepted: "
                f"{', '.join((*_JOBS, *_OTHERS))}.",
                subject=step.name,
            )


@rule(
    id="PL-PD-16",
    title="Batch transforms are encrypted with a customer managed key",
    sense="A transform reads all that is to be predicted, and writes what was.",
    remedy="Set TransformResources.VolumeKmsKeyId and TransformOutput.KmsKeyId.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST),
    types=(PIPELINE,),
    applies=lambda pipeline: bool(readable_steps(pipeline, "Transform")),
)
def transforms_are_encrypted(pipeline: Resource) -> Iterator[Violation]:
    for step in readable_steps(pipeline, "Transform"):
        for path in ("TransformResources.VolumeKmsKeyId", "TransformOutput.KmsKeyId"):
            yield from must_be_a_key(step.arguments.at(path), subject=step.name)


def _is_spot(job: Part) -> bool:
    """Whether a job runs on spot instances, or may: what a parameter says can be said anew with every run."""
    return any(isinstance(value, Unknown) or is_true(value) for value in job.at("EnableManagedSpotTraining").possible)

"""What the builds of a pipeline have in common."""

import json

from aws_cdk import Duration, RemovalPolicy, pipelines
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from mlops_constructs.log_retention import retention
from plumbline.configuration import Delivery, DeliveryStep

# Of what the image has (CodeBuild user guide, "Available runtimes"); what runs in it, the repository's locks pin.
_IMAGE = codebuild.LinuxBuildImage.STANDARD_7_0
_RUNTIMES = {"python": "3.11", "nodejs": "22"}


class BuildLogs(Construct):
    """Log groups of the builds, one each, encrypted with the given key and kept as long as all logs are.

    Attributes:
        groups: The log groups, by step.
    """

    def __init__(self, scope: Construct, construct_id: str, *, delivery: Delivery, key: kms.IKey) -> None:
        """Defines the log groups.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            delivery: What delivers.
            key: Key of the logs; its policy admits CloudWatch Logs for these groups.
        """
        super().__init__(scope, construct_id)
        self.groups = {
            step: logs.LogGroup(
                self,
                step.action,
                log_group_name=delivery.log_group(step),
                encryption_key=key,
                retention=retention(delivery.platform),
                removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
            )
            for step in DeliveryStep
        }


def build_options(log_group: logs.ILogGroup, *, minutes: int) -> pipelines.CodeBuildOptions:
    """Options of a build that the pipeline makes by itself.

    Args:
        log_group: Where it logs.
        minutes: After how many minutes it is stopped.
    """
    return pipelines.CodeBuildOptions(
        build_environment=codebuild.BuildEnvironment(build_image=_IMAGE, compute_type=codebuild.ComputeType.SMALL),
        partial_build_spec=_with_runtimes(),
        logging=_logging(log_group),
        timeout=Duration.minutes(minutes),
    )


def build_step(
    step: DeliveryStep,
    *,
    delivery: Delivery,
    role: iam.IRole,
    log_group: logs.ILogGroup,
    source: pipelines.IFileSetProducer,
    command: str,
    minutes: int,
    construct_id: str | None = None,
    output: str | None = None,
    inputs: dict[str, pipelines.IFileSetProducer] | None = None,
    environment: dict[str, str] | None = None,
    privileged: bool = False,
    compute_type: codebuild.ComputeType = codebuild.ComputeType.SMALL,
) -> pipelines.CodeBuildStep:
    """A build of the platform's own.

    Args:
        step: What it is for.
        delivery: What delivers.
        role: The role that it runs in.
        log_group: Where it logs.
        source: What it runs in.
        command: What it runs: one word after `./plumb`, so that how a step works is the repository's to say and not
            the deployed pipeline's.
        minutes: After how many minutes it is stopped.
        construct_id: Name of the action; left out, that of the step.
        output: Folder that it hands on; left out, it hands nothing on.
        inputs: Folders that it finds beside its source; left out, none.
        environment: Further variables; may be variables of the pipeline.
        privileged: Whether it may build container images.
        compute_type: How large its machine is.
    """
    return pipelines.CodeBuildStep(
        construct_id or step.action,
        project_name=delivery.project_name(step),
        input=source,
        additional_inputs=inputs,
        commands=[f"./plumb deliver {command}"],
        primary_output_directory=output,
        role=role,
        env=environment,
        build_environment=codebuild.BuildEnvironment(
            build_image=_IMAGE, compute_type=compute_type, privileged=privileged
        ),
        partial_build_spec=_with_runtimes(),
        logging=_logging(log_group),
        timeout=Duration.minutes(minutes),
    )


def build_spec(command: str) -> str:
    """The buildspec of a build that the pipeline makes by itself, when it is to run the repository's own command.

    Args:
        command: The word after `./plumb deliver`.
    """
    phases = {"install": {"runtime-versions": dict(_RUNTIMES)}, "build": {"commands": [f"./plumb deliver {command}"]}}
    return json.dumps({"version": "0.2", "phases": phases}, indent=2)


def _with_runtimes() -> codebuild.BuildSpec:
    return codebuild.BuildSpec.from_object(
        {"version": "0.2", "phases": {"install": {"runtime-versions": dict(_RUNTIMES)}}}
    )


def _logging(log_group: logs.ILogGroup) -> codebuild.LoggingOptions:
    return codebuild.LoggingOptions(cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=log_group))

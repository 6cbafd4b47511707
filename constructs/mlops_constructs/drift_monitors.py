"""The monitors of a deployed model: a job a window, started by a schedule."""

import json

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.function_rule import FunctionRule
from mlops_constructs.monitor_functions import PUBLISHER, WINDOW
from mlops_constructs.monitor_metric import monitor_metric
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.running_jobs import pass_job_roles, pipeline_jobs, run_jobs
from mlops_constructs.service_trust import sagemaker_trust
from mlops_constructs.waiver import waive
from plumbline.configuration import Deployment, Model, ModelJob, Monitoring

_PROCESSING = "/opt/ml/processing"
# The image is the served version's: what has trained it, and measured its baselines, looks at it.
_PARAMETERS = ("WindowId", "AnsweredId", "BaselineUri", "ModelUri", "ImageDigest")


class DriftMonitors(Construct):
    """A SageMaker pipeline of one processing job, the schedule of its windows, and what publishes its findings.

    Works in every account, for it needs neither Model Monitor nor Clarify, which take no new customers; for accounts
    that have them there are `ManagedMonitors`, which say what they find by metrics of the same shape.

    Guarantees: the job has neither network nor credentials, runs with the monitoring role of the model, in the job
    subnets and security group, and its volume and output are encrypted; a window without a file starts no job; what
    cannot be delivered is kept in a queue, and told.

    Leaves out: alarms (`ModelAlarms`); the functions, which all models share (`MonitorFunctions`); baselines, which the
    training run has measured and the release has brought.

    Attributes:
        role: The role of the pipeline.
        pipeline: The pipeline.
        schedule: When it is looked for a window that has ended.
        ended: When its job has.
        metrics: What alarms look at, by check.
        between_calls: The time from one look for a window to the next.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        model: Model,
        monitoring: Monitoring,
        values: EnvironmentValues,
    ) -> None:
        """Defines pipeline, schedule and rule.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            model: The model.
            monitoring: What is watched of it.
            values: Network and keys of the environment.
        """
        super().__init__(scope, construct_id)
        self._deployment, self._model = deployment, model
        self.metrics = {
            monitor: monitor_metric(
                deployment, model, monitor, name="sustained_deviation", of_window="deviation", line=monitoring.line
            )
            for monitor in monitoring.checks
        }
        self.between_calls = monitoring.every.between_calls
        job_role = deployment.role_arn(model, ModelJob.MONITOR)
        self.role = PlatformRole(
            self,
            "Role",
            platform=deployment.platform,
            account=deployment.account,
            role_name=deployment.role_name(model, ModelJob.MONITOR_PIPELINE),
            description=f"Monitoring runs of {model.name}",
            trust=[sagemaker_trust(deployment)],
            statements=[
                *run_jobs(deployment, values, machines={"Processing": [model.compute.monitor]}),
                pass_job_roles([job_role]),
            ],
        )
        waive(self.role, pipeline_jobs(deployment, ["Processing"]))
        self.pipeline = sagemaker.CfnPipeline(
            self,
            "Pipeline",
            pipeline_name=deployment.monitor_pipeline_name(model),
            pipeline_description=f"Looks at a window of what {model.name} was asked and has answered",
            pipeline_definition={
                "PipelineDefinitionBody": Stack.of(self).to_json_string(self._definition(job_role, values))
            },
            role_arn=self.role.role_arn,
        )
        windows = {"every": monitoring.every.value}
        self.schedule = self._rule(
            "Schedule",
            name=f"{deployment.model_name(model)}-window",
            description=f"A window of {model.name} may have ended ({monitoring.every})",
            schedule=monitoring.every.calls,
            function=WINDOW,
            constants={
                **windows,
                "labelsAfterHours": monitoring.labels_after_hours,
                "closedAfterHours": int(monitoring.looked_at_after.total_seconds()) // 3_600,
            },
            taken={"time": "$.time"},
        )
        self.ended = self._rule(
            "Ended",
            name=f"{deployment.model_name(model)}-watched",
            description=f"A window of {model.name} was looked at, or could not be",
            pattern={
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker Model Building Pipeline Execution Status Change"],
                "resources": [deployment.arn("sagemaker", f"pipeline/{deployment.monitor_pipeline_name(model)}")],
                "detail": {"currentPipelineExecutionStatus": ["Succeeded", "Failed", "Stopped"]},
            },
            function=PUBLISHER,
            constants={
                **windows,
                "windowsToAlarm": monitoring.windows_to_alarm,
                "evaluationWindows": monitoring.evaluation_windows,
            },
            taken={
                "window": "$.detail.pipelineExecutionDisplayName",
                "status": "$.detail.currentPipelineExecutionStatus",
            },
        )

    def _definition(self, job_role: str, values: EnvironmentValues) -> dict[str, object]:
        """The pipeline's definition (SageMaker developer guide, "Pipeline Definition JSON Schema")."""
        deployment, model = self._deployment, self._model
        compute = model.compute.monitor
        window = {"Get": "Parameters.WindowId"}
        windows = [f"s3://{deployment.capture_bucket}/{model.name}/windows/", window]
        cluster: dict[str, object] = {
            "InstanceCount": 1,
            "InstanceType": compute.instance_type,
            "VolumeSizeInGB": compute.volume_gb,
        }
        if not compute.local_nvme:
            cluster["VolumeKmsKeyId"] = values.data_key_arn
        arguments = {
            "AppSpecification": {
                "ImageUri": _joined(f"{deployment.image_repository_uri}@sha256:", {"Get": "Parameters.ImageDigest"}),
                "ContainerEntrypoint": ["python", "-m", "runtime", "monitor"],
                "ContainerArguments": ["--window", _joined("windows/", window, "/window.json")],
            },
            "ProcessingInputs": [
                _input("data", _joined(*windows, "/manifest.json"), kind="ManifestFile"),
                _input("baseline", {"Get": "Parameters.BaselineUri"}),
                _input("model", {"Get": "Parameters.ModelUri"}),
            ],
            "ProcessingOutputConfig": {
                "KmsKeyId": values.data_key_arn,
                "Outputs": [
                    _output("report", f"s3://{deployment.data_bucket}/{model.name}/monitoring/", window),
                    # Of the older window, whose truth is known by now: it goes where models are trained.
                    _output("labelled", deployment.labelled_uri(model), {"Get": "Parameters.AnsweredId"}),
                ],
            },
            "ProcessingResources": {"ClusterConfig": cluster},
            "NetworkConfig": {
                "EnableNetworkIsolation": True,
                "EnableInterContainerTrafficEncryption": True,
                "VpcConfig": {"SecurityGroupIds": [values.job_security_group], "Subnets": values.subnets},
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": compute.max_runtime_seconds},
            "RoleArn": job_role,
        }
        return {
            "Version": "2020-12-01",
            "Parameters": [{"Name": name, "Type": "String"} for name in _PARAMETERS],
            "Steps": [{"Name": "Monitor", "Type": "Processing", "Arguments": arguments, "RetryPolicies": _RETRIES}],
        }

    def _rule(
        self,
        construct_id: str,
        *,
        name: str,
        description: str,
        function: str,
        constants: dict[str, object],
        taken: dict[str, str],
        schedule: str | None = None,
        pattern: dict[str, object] | None = None,
    ) -> FunctionRule:
        """A rule that calls a function with the model's settings and what it takes of the event."""
        told = json.dumps({"model": self._model.name, **constants})[:-1]
        # EventBridge puts quotes around a text that stands by itself ("Input transformation").
        template = told + "".join(f', "{key}": <{key}>' for key in taken) + "}"
        return FunctionRule(
            self,
            construct_id,
            placement=self._deployment,
            name=name,
            description=description,
            function=function,
            pattern=pattern,
            schedule=schedule,
            told=events.CfnRule.InputTransformerProperty(input_paths_map=taken, input_template=template),
        )


# As the jobs of a training run: throttling, then a wait for instances, then a failure of the service's own.
_RETRIES: list[dict[str, object]] = [
    {
        "ExceptionType": ["Step.SERVICE_FAULT", "Step.THROTTLING"],
        "IntervalSeconds": 10,
        "BackoffRate": 2.0,
        "MaxAttempts": 5,
    },
    {
        "ExceptionType": ["SageMaker.RESOURCE_LIMIT"],
        "IntervalSeconds": 60,
        "BackoffRate": 2.0,
        "ExpireAfterMin": 120,
    },
    {
        "ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR"],
        "IntervalSeconds": 60,
        "BackoffRate": 2.0,
        "MaxAttempts": 3,
    },
]


def _joined(*parts: object) -> dict[str, object]:
    return {"Std:Join": {"On": "", "Values": list(parts)}}


def _input(name: str, uri: object, *, kind: str = "S3Prefix") -> dict[str, object]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"{_PROCESSING}/input/{name}",
            "S3DataType": kind,
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        },
    }


def _output(name: str, *uri: object) -> dict[str, object]:
    return {
        "OutputName": name,
        "S3Output": {
            "LocalPath": f"{_PROCESSING}/output/{name}",
            "S3UploadMode": "EndOfJob",
            "S3Uri": _joined(*uri),
        },
    }

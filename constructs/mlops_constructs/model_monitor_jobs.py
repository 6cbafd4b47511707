"""SageMaker Model Monitor's job definitions and schedules for one released version of a model."""

from datetime import timedelta

from aws_cdk import CfnResource, Fn
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from mlops_constructs.clarify_explanations import explaining
from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.guarded_endpoint import IMAGES_OF_ECR
from mlops_constructs.model_monitor_configs import config_path, inputs_of
from mlops_constructs.waiver import waive
from plumbline.configuration import (
    Deployment,
    Model,
    ModelJob,
    Monitor,
    Monitoring,
    image_uri,
    refuse_unmanageable,
    schedule,
)

_KINDS = {
    Monitor.DATA_QUALITY: "DataQuality",
    Monitor.MODEL_QUALITY: "ModelQuality",
    Monitor.BIAS: "ModelBias",
    Monitor.EXPLAINABILITY: "ModelExplainability",
}
_PROBLEMS = {
    "binary": "BinaryClassification",
    "multiclass": "MulticlassClassification",
    "regression": "Regression",
}
_OF_LABELS = (Monitor.MODEL_QUALITY, Monitor.BIAS)
_INPUT, _OUTPUT = "/opt/ml/processing/input/endpoint", "/opt/ml/processing/output"


class ModelMonitorJobs(Construct):
    """A job definition and a schedule for each check that the model asks for.

    | check | compares | with |
    |---|---|---|
    | data quality | captured requests | `baselines/data-quality/` |
    | model quality | captured answers and their truth | `baselines/model-quality/` |
    | bias | the same | `baselines/bias/` |
    | explainability | reasons of answers, for which a copy is asked | `baselines/explainability/` |

    They are of a version: a release brings its baselines and replaces the definitions, which therefore have no fixed
    names; the schedules keep theirs.

    Guarantees: jobs run in the job subnets and security group with a monitoring role of the model, volumes and reports
    are encrypted, and all but explainability are isolated from the network; what Model Monitor would refuse is refused
    here.

    Leaves out: publishing what they find (`ManagedMonitors`).

    Attributes:
        definitions: The job definitions, by check.
        schedules: The schedules, by check.
        explained: The SageMaker model that Clarify makes its endpoints of; none without explainability.
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
        served: sagemaker.CfnModel,
        endpoint: sagemaker.CfnEndpoint,
        version: str,
    ) -> None:
        """Defines definitions and schedules.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            model: The model.
            monitoring: What is watched of it.
            values: Network and keys of the environment.
            served: What the endpoint serves.
            endpoint: The endpoint, which has to be there before it is watched.
            version: The number of the released version, below which its baselines lie; may be a token.

        Raises:
            PlumblineError: Model Monitor does not do what the model asks for.
        """
        super().__init__(scope, construct_id)
        refuse_unmanageable(model, monitoring)
        self._deployment, self._model, self._monitoring, self._values = deployment, model, monitoring, values
        self._released = f"s3://{deployment.models_bucket}/{deployment.artifacts_prefix(model)}{version}"
        self._features = ", ".join(f'"{name}"' for name in inputs_of(model, monitoring))
        self.definitions: dict[Monitor, CfnResource] = {}
        self.schedules: dict[Monitor, CfnResource] = {}
        for monitor in monitoring.checks:
            definition = self._definition(monitor)
            definition.add_resource_dependency(endpoint)
            self.definitions[monitor] = definition
            self.schedules[monitor] = self._schedule(monitor, definition)
        self.explained = self._explained(served, version) if monitoring.explainability else None
        if self.explained is not None:
            definition = self.definitions[Monitor.EXPLAINABILITY]
            definition.add_resource_dependency(self.explained)
            waive(definition, explaining("Plumbline::PL-MON-03"))
            waive(self.explained, explaining("Plumbline::PL-SM-06"))

    def _definition(self, monitor: Monitor) -> CfnResource:
        deployment, model, values = self._deployment, self._model, self._values
        compute, kind = model.compute.monitor, _KINDS[monitor]
        application: dict[str, object] = {
            "ImageUri": image_uri(deployment.platform, monitor),
            # What is found is published by the platform itself.
            "Environment": {"publish_cloudwatch_metrics": "Disabled"},
        }
        baselines = f"{self._released}/baselines/{monitor}"
        baseline: dict[str, object] = {"ConstraintsResource": {"S3Uri": f"{baselines}/constraints.json"}}
        job = ModelJob.MONITOR
        match monitor:
            case Monitor.DATA_QUALITY:
                baseline["StatisticsResource"] = {"S3Uri": f"{baselines}/statistics.json"}
            case Monitor.MODEL_QUALITY:
                application["ProblemType"] = _PROBLEMS[self._monitoring.answers]
            case Monitor.BIAS | Monitor.EXPLAINABILITY:
                application["ConfigUri"] = f"{self._released}/{config_path(monitor)}"
                # Clarify's own name for what its analyses are compared with.
                baseline["ConstraintsResource"] = {"S3Uri": f"{baselines}/analysis.json"}
                job = ModelJob.EXPLAIN if monitor is Monitor.EXPLAINABILITY else ModelJob.MONITOR
        job_input: dict[str, object] = {"EndpointInput": self._input(monitor)}
        if monitor in _OF_LABELS:
            job_input["GroundTruthS3Input"] = {"S3Uri": f"s3://{deployment.capture_bucket}/{model.name}/labels"}
        return CfnResource(
            self,
            kind,
            type=f"AWS::SageMaker::{kind}JobDefinition",
            properties={
                f"{kind}AppSpecification": application,
                f"{kind}BaselineConfig": baseline,
                f"{kind}JobInput": job_input,
                f"{kind}JobOutputConfig": {
                    "KmsKeyId": values.data_key_arn,
                    "MonitoringOutputs": [
                        {
                            "S3Output": {
                                "LocalPath": _OUTPUT,
                                "S3UploadMode": "EndOfJob",
                                "S3Uri": f"s3://{deployment.data_bucket}/{model.name}/monitoring/{monitor}",
                            }
                        }
                    ],
                },
                "JobResources": {
                    "ClusterConfig": {
                        "InstanceCount": 1,
                        "InstanceType": compute.instance_type,
                        "VolumeSizeInGB": compute.volume_gb,
                        "VolumeKmsKeyId": values.data_key_arn,
                    }
                },
                "NetworkConfig": {
                    "EnableInterContainerTrafficEncryption": True,
                    "EnableNetworkIsolation": monitor is not Monitor.EXPLAINABILITY,
                    "VpcConfig": {"SecurityGroupIds": [values.job_security_group], "Subnets": values.subnets},
                },
                "RoleArn": deployment.role_arn(model, job),
                "StoppingCondition": {"MaxRuntimeInSeconds": compute.max_runtime_seconds},
            },
        )

    def _input(self, monitor: Monitor) -> dict[str, object]:
        monitoring = self._monitoring
        found: dict[str, object] = {
            "EndpointName": self._deployment.endpoint_name(self._model),
            "LocalPath": _INPUT,
            "S3DataDistributionType": "FullyReplicated",
            "S3InputMode": "File",
        }
        if monitor in _OF_LABELS:
            if monitoring.answers == "binary":
                found |= {"ProbabilityAttribute": monitoring.answer, "ProbabilityThresholdAttribute": 0.5}
            else:
                found["InferenceAttribute"] = monitoring.answer
            # The job of a window looks at the older one whose truth is known by then.
            late = timedelta(hours=monitoring.labels_after_hours)
            found |= {"StartTimeOffset": _before(late + monitoring.every.shortest), "EndTimeOffset": _before(late)}
        if monitor in (Monitor.BIAS, Monitor.EXPLAINABILITY):
            # JMESPath, of a request of one row.
            found["FeaturesAttribute"] = f"[{self._features}]"
        return found

    def _schedule(self, monitor: Monitor, definition: CfnResource) -> CfnResource:
        arn = definition.get_att("JobDefinitionArn").to_string()
        return CfnResource(
            self,
            f"{_KINDS[monitor]}Schedule",
            type="AWS::SageMaker::MonitoringSchedule",
            properties={
                "MonitoringScheduleName": self._deployment.monitoring_schedule(self._model, monitor),
                "MonitoringScheduleConfig": {
                    # The definition's name is an invented one, the end of its ARN.
                    "MonitoringJobDefinitionName": Fn.select(1, Fn.split("/", arn)),
                    "MonitoringType": _KINDS[monitor],
                    "ScheduleConfig": {"ScheduleExpression": schedule(self._monitoring)},
                },
            },
        )

    def _explained(self, served: sagemaker.CfnModel, version: str) -> sagemaker.CfnModel:
        """The served version once more: Clarify finds it by a name, which another version does not have."""
        explained = sagemaker.CfnModel(
            self,
            "Explained",
            model_name=self._deployment.explained_model(self._model, version),
            execution_role_arn=served.execution_role_arn,
            enable_network_isolation=True,
            primary_container=served.primary_container,
            vpc_config=served.vpc_config,
        )
        waive(explained, IMAGES_OF_ECR)
        return explained


def _before(time: timedelta) -> str:
    """How long before a window's end, as ISO 8601 has durations."""
    hours = int(time.total_seconds()) // 3_600
    return f"-PT{hours}H"

"""The SageMaker pipeline of one model, from its rendered definition."""

from collections.abc import Mapping

from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.job_permissions import decrypt_objects
from mlops_constructs.job_role import JobRole
from mlops_constructs.model_registry import ModelRegistry
from mlops_constructs.object_prefix import ObjectPrefix
from mlops_constructs.pipeline_definition import read_definition
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.running_jobs import pass_job_roles, pipeline_jobs, run_jobs
from mlops_constructs.service_trust import sagemaker_trust
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import OBJECT_NAMES, ONE_A_MODEL
from plumbline.configuration import Deployment, Model, ModelJob


class TrainingPipeline(Construct):
    """A pipeline and the role that runs it.

    Guarantees: the role starts, watches and stops jobs that SageMaker Pipelines named, with the model's own four job
    roles and no other, and only isolated, in the job subnets and security group, with traffic between instances
    encrypted and with the environment's keys for volume and output; it registers into the model's own group only and
    reads nothing but the evaluation reports.

    Leaves out: starting executions.

    Attributes:
        role: The role of the pipeline.
        pipeline: The pipeline.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        model: Model,
        runtime_image: str,
        values: EnvironmentValues,
        job_roles: Mapping[ModelJob, JobRole],
        registry: ModelRegistry,
        evaluations: ObjectPrefix,
    ) -> None:
        """Defines the pipeline.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            model: The model; its `definition.json` is read.
            runtime_image: URI of the image that every job runs.
            values: Network and keys of the environment.
            job_roles: The roles of prepare, data check, train and evaluate.
            registry: Where a model that passes the gate is registered.
            evaluations: Where evaluation reports lie, which the gate reads.

        Raises:
            PlumblineError: The definition is missing, too large, or has an unknown placeholder.
        """
        super().__init__(scope, construct_id)
        jobs = (ModelJob.PREPARE, ModelJob.DATA_CHECK, ModelJob.TRAIN, ModelJob.EVALUATE)
        roles = {job: job_roles[job] for job in jobs}
        name = deployment.pipeline_name(model)
        definition = read_definition(
            model.definition_path,
            placeholders={
                "PipelineName": name,
                "PrepareRoleArn": roles[ModelJob.PREPARE].role_arn,
                "CheckRoleArn": roles[ModelJob.DATA_CHECK].role_arn,
                "TrainRoleArn": roles[ModelJob.TRAIN].role_arn,
                "EvaluateRoleArn": roles[ModelJob.EVALUATE].role_arn,
                "DataBucket": deployment.data_bucket,
                "ModelsBucket": deployment.models_bucket,
                "DataKeyArn": values.data_key_arn,
                "ModelsKeyArn": values.models_key_arn,
                "SubnetA": values.subnet_a,
                "SubnetB": values.subnet_b,
                "JobSecurityGroup": values.job_security_group,
                "RuntimeImage": runtime_image,
                "ModelPackageGroupName": deployment.model_package_group(model),
            },
        )
        self.role = PlatformRole(
            self,
            "Role",
            platform=deployment.platform,
            account=deployment.account,
            role_name=deployment.role_name(model, ModelJob.PIPELINE),
            description=f"Training runs of {model.name}",
            trust=[sagemaker_trust(deployment)],
            statements=[
                *run_jobs(
                    deployment,
                    values,
                    machines={
                        "Processing": [model.compute.prepare, model.compute.evaluate],
                        "Training": [model.compute.train],
                    },
                ),
                pass_job_roles([role.role_arn for role in roles.values()]),
                *_register(deployment, model),
                _read_reports(evaluations),
                *decrypt_objects(deployment, [evaluations]),
            ],
        )
        self._waive(deployment, model, evaluations)
        self.pipeline = sagemaker.CfnPipeline(
            self,
            "Pipeline",
            pipeline_name=name,
            pipeline_description=model.description,
            pipeline_definition={"PipelineDefinitionBody": definition},
            role_arn=self.role.role_arn,
        )
        self.pipeline.node.add_dependency(registry.group)

    def _waive(self, deployment: Deployment, model: Model, evaluations: ObjectPrefix) -> None:
        waive(
            self.role,
            pipeline_jobs(deployment, ["Processing", "Training"]),
            ONE_A_MODEL.on(_versions_arn(deployment, model)),
            OBJECT_NAMES.on(evaluations.objects_arn),
        )


def _versions_arn(deployment: Deployment, model: Model) -> str:
    return deployment.arn("sagemaker", f"model-package/{deployment.model_package_group(model)}/*")


def _register(deployment: Deployment, model: Model) -> list[Statement]:
    group = deployment.arn("sagemaker", f"model-package-group/{deployment.model_package_group(model)}")
    resources = [group, _versions_arn(deployment, model)]
    return [
        Statement(
            sid="RegisterVersions",
            actions=["sagemaker:CreateModelPackage"],
            resources=resources,
            # Whoever may change or start the pipeline does not thereby approve what it registers.
            conditions={"StringEquals": {"sagemaker:ModelApprovalStatus": model.approval.status}},
        ),
        Statement(sid="ReadVersions", actions=["sagemaker:DescribeModelPackage"], resources=resources),
    ]


def _read_reports(evaluations: ObjectPrefix) -> Statement:
    return Statement(sid="ReadReports", actions=["s3:GetObject"], resources=[evaluations.objects_arn])

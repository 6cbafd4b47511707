"""The SageMaker pipeline of one model, from its rendered definition."""

from collections.abc import Mapping
from datetime import date

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
from mlops_constructs.service_trust import sagemaker_trust
from mlops_constructs.waiver import Waiver, waive
from mlops_constructs.wildcards import OBJECT_NAMES, ONE_A_MODEL
from plumbline.configuration import Deployment, Model, ModelJob

_REVIEW = date(2027, 11, 30)


class TrainingPipeline(Construct):
    """A pipeline and the role that runs it.

    Guarantees: the role starts, watches and stops jobs that SageMaker Pipelines named, with the model's own three job
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
            job_roles: The roles of prepare, train and evaluate.
            registry: Where a model that passes the gate is registered.
            evaluations: Where evaluation reports lie, which the gate reads.

        Raises:
            PlumblineError: The definition is missing, too large, or has an unknown placeholder.
        """
        super().__init__(scope, construct_id)
        roles = {job: job_roles[job] for job in (ModelJob.PREPARE, ModelJob.TRAIN, ModelJob.EVALUATE)}
        name = deployment.pipeline_name(model)
        definition = read_definition(
            model.definition_path,
            placeholders={
                "PipelineName": name,
                "PrepareRoleArn": roles[ModelJob.PREPARE].role_arn,
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
                *_run_jobs(deployment, model, values),
                _pass_roles([role.role_arn for role in roles.values()]),
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
            Waiver(
                id="pipeline-jobs",
                rule="AwsSolutions::AwsSolutions-IAM5",
                reason="SageMaker Pipelines names its jobs pipelines-<execution>-<step>-<attempt>; iam:PassRole bounds "
                "what such a job can do to the three job roles of this model.",
                owner="platform",
                until=_REVIEW,
                findings=tuple(f"Resource::{arn}" for arn in _job_arns(deployment)),
            ),
            ONE_A_MODEL.on(_versions_arn(deployment, model)),
            OBJECT_NAMES.on(evaluations.objects_arn),
        )


def _job_arns(deployment: Deployment) -> tuple[str, str]:
    return (
        deployment.arn("sagemaker", "processing-job/pipelines-*"),
        deployment.arn("sagemaker", "training-job/pipelines-*"),
    )


def _versions_arn(deployment: Deployment, model: Model) -> str:
    return deployment.arn("sagemaker", f"model-package/{deployment.model_package_group(model)}/*")


def _run_jobs(deployment: Deployment, model: Model, values: EnvironmentValues) -> list[Statement]:
    """Starting jobs, when they are as the platform makes them, and looking after them."""
    jobs = list(_job_arns(deployment))
    compute = model.compute
    with_volume_key = [
        f"sagemaker:Create{kind}Job"
        for kind, machines in (("Processing", [compute.prepare, compute.evaluate]), ("Training", [compute.train]))
        if not any(machine.local_nvme for machine in machines)
    ]
    create = ["sagemaker:CreateProcessingJob", "sagemaker:CreateTrainingJob"]
    keys = [values.data_key_arn, values.models_key_arn]
    # The service reference names each of these keys one way, older pages the other; which of them a request carries is
    # not documented. Neither may have another value, and a key is missing when it is under neither name.
    volume = ("sagemaker:VolumeKmsKey", "sagemaker:VolumeKmsKeyArn")
    output = ("sagemaker:OutputKmsKey", "sagemaker:OutputKmsKeyArn")
    denied_without = [("Output", create, output)]
    if with_volume_key:
        denied_without.append(("Volume", with_volume_key, volume))
    return [
        Statement(
            sid="StartJobsInTheVpc",
            actions=create,
            resources=jobs,
            conditions={
                "Bool": {"sagemaker:InterContainerTrafficEncryption": "true", "sagemaker:NetworkIsolation": "true"},
                "ForAllValues:StringEquals": {
                    "sagemaker:VpcSecurityGroupIds": values.job_security_group,
                    "sagemaker:VpcSubnets": values.subnets,
                },
                # ForAllValues holds for a request without the key, too.
                "Null": {"sagemaker:VpcSecurityGroupIds": "false", "sagemaker:VpcSubnets": "false"},
                "StringEqualsIfExists": dict.fromkeys((*volume, *output), keys),
            },
        ),
        *(
            Statement(
                sid=f"DenyJobsWithout{what}Key",
                effect="Deny",
                actions=actions,
                resources=jobs,
                conditions={"Null": dict.fromkeys(names, "true")},
            )
            for what, actions, names in denied_without
        ),
        Statement(
            sid="LookAfterJobs",
            actions=[
                "sagemaker:AddTags",
                "sagemaker:DescribeProcessingJob",
                "sagemaker:DescribeTrainingJob",
                "sagemaker:StopProcessingJob",
                "sagemaker:StopTrainingJob",
            ],
            resources=jobs,
        ),
    ]


def _pass_roles(role_arns: list[str]) -> Statement:
    return Statement(
        sid="PassJobRoles",
        actions=["iam:PassRole"],
        resources=role_arns,
        conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )


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

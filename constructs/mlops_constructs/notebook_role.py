"""The role in which Studio spaces run."""

from datetime import date

from constructs import Construct

from mlops_constructs import job_permissions as may
from mlops_constructs import notebook_actions as notebooks
from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.object_prefix import Storage
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.service_trust import sagemaker_trust
from mlops_constructs.waiver import Waiver, waive
from mlops_constructs.wildcards import LOG_STREAMS, NETWORK_INTERFACES, OBJECT_NAMES, ONE_A_MODEL, WITHOUT_RESOURCES
from plumbline.configuration import Deployment, Workbench

STUDIO_LOG_GROUP = "/aws/sagemaker/studio"


class NotebookRole(Construct):
    """What a notebook may do: read the environment's objects, write experiments, run pipelines, keep its space.

    Guarantees: only SageMaker assumes it, only for this account; spaces run on the configured instance types; objects
    are read and written through the VPC's endpoint only (the boundary denies the rest); it starts no job but through a
    pipeline and passes no role.

    Attributes:
        role: The role.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        workbench: Workbench,
        values: EnvironmentValues,
        key_arn: str,
    ) -> None:
        """Defines the role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            workbench: Its instance types.
            values: Network and keys of the environment.
            key_arn: Key of the spaces' volumes and of the home folders.
        """
        super().__init__(scope, construct_id)
        storage = Storage(deployment=deployment, data_key_arn=values.data_key_arn, models_key_arn=values.models_key_arn)
        data, models, experiments = storage.data(""), storage.models(""), storage.data("experiments/")
        spaces = [deployment.arn("sagemaker", f"{kind}/*") for kind in ("app", "space")]
        domains = [deployment.arn("sagemaker", f"{kind}/*") for kind in ("domain", "user-profile")]
        pipelines = deployment.arn("sagemaker", f"pipeline/{deployment.prefix}-*")
        self.role = PlatformRole(
            self,
            "Role",
            platform=deployment.platform,
            account=deployment.account,
            role_name=deployment.notebook_role_name,
            description="Studio spaces",
            trust=[sagemaker_trust(deployment)],
            statements=[
                Statement(sid="ListObjects", actions=["s3:ListBucket"], resources=[data.bucket_arn, models.bucket_arn]),
                Statement(
                    sid="ReadObjects", actions=["s3:GetObject"], resources=[data.objects_arn, models.objects_arn]
                ),
                *may.write_objects([experiments]),
                *may.decrypt_objects(deployment, [data, models]),
                *may.encrypt_objects(deployment, [experiments]),
                *may.encrypt_volume(key_arn),
                *may.pull_image([deployment.image_repository_arn]),
                may.write_logs(deployment, STUDIO_LOG_GROUP),
                *may.join_network(deployment, subnets=values.subnets, security_group=values.workbench_security_group),
                Statement(sid="RunPipelines", actions=notebooks.RUNS, resources=[pipelines]),
                Statement(
                    sid="KeepSpaces",
                    actions=notebooks.SPACES,
                    resources=spaces,
                    # Absent for what says nothing of machines, such as deleting.
                    conditions={
                        "ForAllValues:StringEquals": {"sagemaker:InstanceTypes": [*workbench.instance_types, "system"]}
                    },
                ),
                Statement(
                    sid="SeeSpaces",
                    actions=[*notebooks.LOOKS_AT_SPACES, *notebooks.LOOKS_AT_DOMAINS],
                    resources=[*spaces, *domains],
                ),
                Statement(sid="ListSpaces", actions=notebooks.LISTS_SPACES, resources=["*"]),
            ],
        )
        waive(
            self.role,
            OBJECT_NAMES.on(data.objects_arn, models.objects_arn, experiments.objects_arn),
            Waiver(
                id="studio-ids",
                rule="AwsSolutions::AwsSolutions-IAM5",
                reason="SageMaker invents the ids of domains and what is in them; there is one domain, the platform's.",
                owner="platform",
                until=date(2027, 11, 30),
                findings=tuple(f"Resource::{resource}" for resource in (*spaces, *domains)),
            ),
            ONE_A_MODEL.on(pipelines),
            LOG_STREAMS.on(deployment.arn("logs", f"log-group:{STUDIO_LOG_GROUP}:*")),
            NETWORK_INTERFACES.on(deployment.arn("ec2", "network-interface/*")),
            WITHOUT_RESOURCES.on("*"),
        )

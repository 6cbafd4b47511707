"""The role of one job of one model."""

from collections.abc import Sequence

from constructs import Construct

from mlops_constructs import job_permissions as may
from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.object_prefix import ObjectPrefix
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.service_trust import sagemaker_trust
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import LOG_STREAMS, NETWORK_INTERFACES, OBJECT_NAMES, WITHOUT_RESOURCES
from plumbline.configuration import Deployment, Model, ModelJob


class JobRole(Construct):
    """A role that SageMaker assumes for one kind of job (or the endpoint) of one model.

    Guarantees: only SageMaker assumes it, only for this account; it reads and writes the given prefixes and nothing
    else in S3, uses keys of objects through S3 only, pulls the runtime image, writes to one log group and one namespace
    of metrics, and places network interfaces into the job subnets. Whoever waits for it waits for its permissions.

    Leaves out: creating log groups, passing roles, calling SageMaker.

    Attributes:
        role: The role.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        model: Model,
        job: ModelJob,
        values: EnvironmentValues,
        log_group: str,
        metrics_namespace: str,
        reads: Sequence[ObjectPrefix],
        writes: Sequence[ObjectPrefix],
        volume_key_arn: str,
        pulls: Sequence[str] = (),
        also: Sequence[Statement] = (),
    ) -> None:
        """Defines the role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            model: The model.
            job: What the role is for; its name follows from it.
            values: Subnets and security group of the environment.
            log_group: Name of the log group of the containers.
            metrics_namespace: CloudWatch namespace of the metrics that SageMaker takes of the containers.
            reads: What is read.
            writes: What is written.
            volume_key_arn: Key of the storage volume.
            pulls: ARNs of the repositories whose images it runs; left out, the runtime image's.
            also: What else it may do, which whoever gives it has to waive.
        """
        super().__init__(scope, construct_id)
        statements = [
            *may.read_objects(reads),
            *may.write_objects(writes),
            *may.decrypt_objects(deployment, reads),
            *may.encrypt_objects(deployment, writes),
            *may.encrypt_volume(volume_key_arn),
            *may.pull_image(pulls or [deployment.image_repository_arn]),
            may.write_logs(deployment, log_group),
            may.publish_metrics(metrics_namespace),
            *may.join_network(deployment, subnets=values.subnets, security_group=values.job_security_group),
            *also,
        ]
        self.role = PlatformRole(
            self,
            "Role",
            platform=deployment.platform,
            account=deployment.account,
            role_name=deployment.role_name(model, job),
            description=f"{job.value.capitalize().replace('-', ' ')} of {model.name}",
            trust=[sagemaker_trust(deployment)],
            statements=statements,
        )
        self._waive(deployment, log_group, [*reads, *writes])

    @property
    def role_arn(self) -> str:
        """ARN of the role."""
        return self.role.role_arn

    def _waive(self, deployment: Deployment, log_group: str, prefixes: Sequence[ObjectPrefix]) -> None:
        waive(
            self.role,
            OBJECT_NAMES.on(*(prefix.objects_arn for prefix in prefixes)),
            LOG_STREAMS.on(deployment.arn("logs", f"log-group:{log_group}:*")),
            NETWORK_INTERFACES.on(deployment.arn("ec2", "network-interface/*")),
            WITHOUT_RESOURCES.on("*"),
        )

"""The role of one job of one model."""

from collections.abc import Sequence
from datetime import date

from aws_cdk import aws_iam as iam
from constructs import Construct

from mlops_constructs import job_permissions as may
from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.object_prefix import ObjectPrefix
from mlops_constructs.policy import document
from mlops_constructs.sagemaker_trust import sagemaker_principal
from mlops_constructs.waiver import Waiver, waive
from plumbline.configuration import Deployment, Model, ModelJob


class JobRole(Construct):
    """A role that SageMaker assumes for one kind of job (or the endpoint) of one model.

    Guarantees: only SageMaker assumes it, only for this account; it reads and writes the given prefixes and nothing
    else in S3, uses keys of objects through S3 only, pulls the runtime image, writes to one log group and one namespace
    of metrics, and places network interfaces into the job subnets. All of it is in the role itself: whoever waits for
    the role waits for its permissions.

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
        """
        super().__init__(scope, construct_id)
        statements = [
            *may.read_objects(reads),
            *may.write_objects(writes),
            *may.decrypt_objects(deployment, reads),
            *may.encrypt_objects(deployment, writes),
            *may.encrypt_volume(volume_key_arn),
            *may.pull_image(deployment),
            may.write_logs(deployment, log_group),
            may.publish_metrics(metrics_namespace),
            *may.join_network(deployment, subnets=values.subnets, security_group=values.job_security_group),
        ]
        self.role = iam.Role(
            self,
            "Role",
            role_name=deployment.role_name(model, job),
            description=f"{job.value.capitalize()} of {model.name}",
            assumed_by=sagemaker_principal(deployment),
            inline_policies={"job": document(statements)},
        )
        self._waive(deployment, log_group, [*reads, *writes])

    def _waive(self, deployment: Deployment, log_group: str, prefixes: Sequence[ObjectPrefix]) -> None:
        waive(
            self.role,
            _waiver(
                "Names of objects are not known before the job runs; the job's own prefix of one bucket bounds them.",
                [prefix.objects_arn for prefix in prefixes],
            ),
            _waiver(
                "SageMaker names a log stream after the job; the log group bounds them.",
                [deployment.arn("logs", f"log-group:{log_group}:*")],
            ),
            _waiver(
                "EC2 invents the ids of network interfaces; creation is bound to the job subnets and security group, "
                "use and deletion to interfaces of the job subnets (ec2:Subnet).",
                [deployment.arn("ec2", "network-interface/*")],
            ),
            _waiver(
                "ecr:GetAuthorizationToken, ec2:Describe* and cloudwatch:PutMetricData know no resource but * (Service "
                "Authorization Reference); the token opens only what the repository policy allows, metrics go to one "
                "namespace (cloudwatch:namespace).",
                ["*"],
            ),
            *_foreign_key_waivers(prefixes),
        )


def _foreign_key_waivers(prefixes: Sequence[ObjectPrefix]) -> list[Waiver]:
    patterns = [prefix.key_arn for prefix in prefixes if prefix.key_alias is not None]
    if not patterns:
        return []
    return [
        _waiver(
            "The id of another account's key is not known here and an alias is no valid resource; kms:ResourceAliases "
            "binds the pattern to one key, whose own policy admits this role.",
            patterns,
        )
    ]


def _waiver(reason: str, resources: Sequence[str]) -> Waiver:
    return Waiver(
        rule="AwsSolutions::AwsSolutions-IAM5",
        reason=reason,
        owner="platform",
        until=date(2027, 11, 30),
        findings=tuple(dict.fromkeys(f"Resource::{resource}" for resource in resources)),
    )

"""The role in which a release copies what it serves into the environment that serves it."""

from constructs import Construct

from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.job_permissions import decrypt_objects, encrypt_objects
from mlops_constructs.object_prefix import Storage, foreign_artifacts
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.service_trust import pipeline_trust
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import FOREIGN_KEYS, OBJECT_NAMES, ONE_A_MODEL
from plumbline.configuration import Deployment, Model, ModelJob, ReleaseStep

_PULL = ("ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer")
_PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:DescribeImages",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)


class CopyRole(Construct):
    """What copies a model's released artifact and image assumes in the environment that gets them.

    Guarantees: only that function of the delivery account assumes it; it reads the model's registered versions, their
    artifacts and the runtime image where they are, and writes the copies: below one prefix, to one repository, and as
    approved versions of one group. It overwrites no version of an object, for the bucket keeps them all, and no image,
    for the repository's tags never change; it deletes nothing.

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
        values: EnvironmentValues,
        registered_in: Deployment,
    ) -> None:
        """Defines the role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            model: The model.
            values: Keys of the environment.
            registered_in: The environment whose registry holds what is copied.
        """
        super().__init__(scope, construct_id)
        release = deployment.platform.release(model)
        storage = Storage(deployment=deployment, data_key_arn=values.data_key_arn, models_key_arn=values.models_key_arn)
        source = foreign_artifacts(registered_in, registered_in.artifacts_prefix(model))
        copies = storage.artifacts(deployment.artifacts_prefix(model))
        registered = f"{registered_in.versions_arn(model)}*"
        versions = f"{deployment.versions_arn(model)}*"
        self.role = PlatformRole(
            self,
            "Role",
            platform=deployment.platform,
            account=deployment.account,
            role_name=deployment.role_name(model, ModelJob.COPY),
            description=f"Copies released versions of {model.name}",
            trust=[
                pipeline_trust(deployment, sid="AssumeFromCopier", role_names=[release.step_name(ReleaseStep.COPIER)])
            ],
            statements=[
                Statement(sid="ReadRegistered", actions=["sagemaker:DescribeModelPackage"], resources=[registered]),
                Statement(
                    sid="ReadArtifacts",
                    actions=["s3:GetObject", "s3:GetObjectVersion"],
                    resources=[source.objects_arn],
                ),
                *decrypt_objects(deployment, [source]),
                Statement(
                    sid="WriteCopies",
                    actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
                    resources=[copies.objects_arn],
                ),
                *encrypt_objects(deployment, [copies]),
                Statement(sid="PullImage", actions=_PULL, resources=[registered_in.image_repository_arn]),
                Statement(sid="PushImage", actions=_PUSH, resources=[deployment.image_repository_arn]),
                Statement(
                    sid="RegisterCopies",
                    actions=["sagemaker:CreateModelPackage"],
                    resources=[
                        deployment.arn("sagemaker", f"model-package-group/{deployment.model_package_group(model)}"),
                        versions,
                    ],
                    conditions={"StringEquals": {"sagemaker:ModelApprovalStatus": "Approved"}},
                ),
            ],
        )
        waive(
            self.role,
            ONE_A_MODEL.on(registered, versions),
            OBJECT_NAMES.on(source.objects_arn, copies.objects_arn),
            FOREIGN_KEYS.on(source.key_arn),
        )

"""The role in which a release looks at what was registered."""

from constructs import Construct

from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.job_permissions import decrypt_objects
from mlops_constructs.object_prefix import Storage
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.service_trust import pipeline_trust
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import OBJECT_NAMES, ONE_A_MODEL
from plumbline.configuration import Deployment, Model, ModelJob, ReleaseStep


class RegistryReaderRole(Construct):
    """What makes and verifies the records of a model's releases assumes where its versions are registered.

    Guarantees: only these two functions of the delivery account assume it; it reads the model's versions, artifacts and
    evaluations, and changes nothing.

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
    ) -> None:
        """Defines the role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            model: The model.
            values: Keys of the environment.
        """
        super().__init__(scope, construct_id)
        release = deployment.platform.release(model)
        storage = Storage(deployment=deployment, data_key_arn=values.data_key_arn, models_key_arn=values.models_key_arn)
        reads = [
            storage.artifacts(deployment.artifacts_prefix(model)),
            storage.data(f"{model.name}/evaluations/"),
        ]
        objects = [prefix.objects_arn for prefix in reads]
        versions = f"{deployment.versions_arn(model)}*"
        self.role = PlatformRole(
            self,
            "Role",
            platform=deployment.platform,
            account=deployment.account,
            role_name=deployment.role_name(model, ModelJob.REGISTRY_READER),
            description=f"Reads versions of {model.name} to release them",
            trust=[
                pipeline_trust(
                    deployment,
                    sid="AssumeFromRelease",
                    role_names=[release.step_name(step) for step in (ReleaseStep.RECORDER, ReleaseStep.VERIFIER)],
                )
            ],
            statements=[
                Statement(sid="ReadVersions", actions=["sagemaker:DescribeModelPackage"], resources=[versions]),
                Statement(sid="ReadObjects", actions=["s3:GetObject"], resources=objects),
                *decrypt_objects(deployment, reads),
            ],
        )
        waive(self.role, ONE_A_MODEL.on(versions), OBJECT_NAMES.on(*objects))

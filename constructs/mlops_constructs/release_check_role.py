"""The role in which a release asks the endpoint that it has deployed."""

from constructs import Construct

from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.job_permissions import decrypt_objects
from mlops_constructs.object_prefix import Storage
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.service_trust import pipeline_trust
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import OBJECT_NAMES
from plumbline.configuration import Deployment, Model, ModelJob, ReleaseStep


class ReleaseCheckRole(Construct):
    """What checks a model's release assumes in an environment.

    Guarantees: only that function of the delivery account assumes it; it asks the model's endpoint, reads the model's
    held-back sample where that was made, and changes nothing.

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
        endpoint = deployment.arn("sagemaker", f"endpoint/{deployment.endpoint_name(model)}")
        storage = Storage(deployment=deployment, data_key_arn=values.data_key_arn, models_key_arn=values.models_key_arn)
        samples = [storage.data(f"{model.name}/evaluations/")] if deployment.registers else []
        objects = [prefix.objects_arn for prefix in samples]
        reading = Statement(sid="ReadSample", actions=["s3:GetObjectVersion"], resources=objects)
        self.role = PlatformRole(
            self,
            "Role",
            platform=deployment.platform,
            account=deployment.account,
            role_name=deployment.role_name(model, ModelJob.RELEASE_CHECK),
            description=f"Checks releases of {model.name}",
            trust=[
                pipeline_trust(deployment, sid="AssumeFromCheck", role_names=[release.step_name(ReleaseStep.CHECKER)])
            ],
            statements=[
                Statement(
                    sid="AskEndpoint",
                    actions=["sagemaker:DescribeEndpoint", "sagemaker:InvokeEndpoint"],
                    resources=[endpoint],
                ),
                *([reading, *decrypt_objects(deployment, samples)] if samples else []),
            ],
        )
        if objects:
            waive(self.role, OBJECT_NAMES.on(*objects))

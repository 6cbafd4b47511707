"""The role with which delivery brings code and data to a model and starts its runs."""

from constructs import Construct

from mlops_constructs.environment_values import EnvironmentValues, key_value_arns
from mlops_constructs.job_permissions import encrypt_objects, write_objects
from mlops_constructs.object_prefix import Storage
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.service_trust import pipeline_trust
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import OBJECT_NAMES, ONE_A_MODEL
from plumbline.configuration import DeliveryStep, Deployment, Model, ModelJob


class DeliveryRole(Construct):
    """What the delivery account assumes in an environment to have a model trained.

    Guarantees: only the build that brings code, in the delivery account, assumes it; it writes code, datasets and the
    champion's mark of its own model and starts its own pipeline; it reads nothing and changes nothing that is deployed.

    Attributes:
        role: The role.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: Deployment, model: Model, values: EnvironmentValues
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
        platform = deployment.platform
        storage = Storage(deployment=deployment, data_key_arn=values.data_key_arn, models_key_arn=values.models_key_arn)
        writes = [
            storage.data(f"{model.name}/datasets/"),
            storage.models(f"{model.name}/code/"),
            storage.models(f"{model.name}/champion/"),
        ]
        pipeline = deployment.arn("sagemaker", f"pipeline/{deployment.pipeline_name(model)}")
        executions = f"{pipeline}/execution/*"
        self.role = PlatformRole(
            self,
            "Role",
            platform=platform,
            account=deployment.account,
            role_name=deployment.role_name(model, ModelJob.DELIVER),
            description=f"Brings code and data to {model.name} and starts its runs",
            trust=[
                pipeline_trust(
                    deployment, sid="AssumeFromDelivery", role_names=[platform.delivery.role_name(DeliveryStep.CODE)]
                )
            ],
            statements=[
                *write_objects(writes),
                *encrypt_objects(deployment, writes),
                Statement(sid="FindKeys", actions=["ssm:GetParameter"], resources=key_value_arns(deployment)),
                Statement(sid="StartRuns", actions=["sagemaker:StartPipelineExecution"], resources=[pipeline]),
                Statement(
                    sid="FollowRuns",
                    actions=["sagemaker:DescribePipelineExecution", "sagemaker:ListPipelineExecutionSteps"],
                    resources=[executions],
                ),
            ],
        )
        waive(
            self.role,
            OBJECT_NAMES.on(*(prefix.objects_arn for prefix in writes)),
            ONE_A_MODEL.on(executions),
        )

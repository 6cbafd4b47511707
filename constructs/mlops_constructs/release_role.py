"""The role that deploys the serving stack of a model."""

from constructs import Construct

from mlops_constructs.environment_values import serving_value_arns
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.service_trust import pipeline_trust
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import FOREIGN_KEYS, OBJECT_NAMES, STACK_IDS
from plumbline.configuration import Deployment, Model, ModelJob


class ReleaseRole(Construct):
    """What the release pipeline of a model assumes in an environment.

    Guarantees: only the model's own release role of the delivery account assumes it; it does nothing but make and
    execute change sets of the model's serving stack, from templates that the model's own pipeline hands it, which
    CloudFormation carries out with the release execution role: whatever a change set holds, nothing but the model's
    endpoint comes of it.

    Attributes:
        role: The role.
    """

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment, model: Model) -> None:
        """Defines the role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            model: The model.
        """
        super().__init__(scope, construct_id)
        platform = deployment.platform
        stacks = deployment.arn("cloudformation", f"stack/{deployment.stack_name('serving', model)}/*")
        templates = platform.delivery.artifact_objects(platform.release(model).pipeline_name)
        keys = platform.delivery.arn("kms", "key/*")
        self.role = PlatformRole(
            self,
            "Role",
            platform=platform,
            account=deployment.account,
            role_name=deployment.role_name(model, ModelJob.RELEASE),
            description=f"Deploys the serving stack of {model.name}",
            trust=[
                pipeline_trust(
                    deployment, sid="AssumeFromReleasePipeline", role_names=[platform.release(model).pipeline_name]
                )
            ],
            statements=[
                Statement(
                    sid="DeployServingStack",
                    actions=[
                        "cloudformation:CreateChangeSet",
                        "cloudformation:DeleteChangeSet",
                        "cloudformation:DescribeChangeSet",
                        "cloudformation:DescribeStacks",
                        "cloudformation:ExecuteChangeSet",
                    ],
                    resources=[stacks],
                ),
                Statement(sid="ReadTemplates", actions=["s3:GetObject", "s3:GetObjectVersion"], resources=[templates]),
                Statement(
                    sid="DecryptTemplates",
                    actions=["kms:Decrypt"],
                    # The id of delivery's key is known to its account only, and an alias is no valid resource.
                    resources=[keys],
                    conditions={
                        "ForAnyValue:StringEquals": {"kms:ResourceAliases": platform.delivery.key_alias},
                        "StringEquals": {"kms:ViaService": f"s3.{platform.delivery.region}.amazonaws.com"},
                    },
                ),
                # CreateChangeSet evaluates SSM parameters for its caller, says the CDK's bootstrap template.
                Statement(sid="ReadValues", actions=["ssm:GetParameters"], resources=serving_value_arns(deployment)),
                Statement(
                    sid="PassExecutionRole",
                    actions=["iam:PassRole"],
                    resources=[deployment.role_arn(model, ModelJob.RELEASE_EXECUTION)],
                    conditions={"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
                ),
            ],
        )
        waive(self.role, STACK_IDS.on(stacks), OBJECT_NAMES.on(templates), FOREIGN_KEYS.on(keys))

"""The role with which CloudFormation carries a release of a model out."""

from constructs import Construct

from mlops_constructs.environment_values import EnvironmentValues, serving_value_arns
from mlops_constructs.guarded_endpoint import endpoint_log_group
from mlops_constructs.model_monitor_permissions import ModelMonitorPermissions
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.service_trust import service_trust
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import INVENTED_NAMES, LOG_STREAMS, ONE_A_MODEL, WITHOUT_RESOURCES
from plumbline.configuration import Deployment, Model, ModelJob


class ReleaseExecutionRole(Construct):
    """What a serving stack is made with.

    Guarantees: only CloudFormation assumes it, only for this account; it makes SageMaker models that are isolated and
    in the job subnets, endpoint configurations with a volume key, and the model's endpoint with its log group; it
    passes the model's serve role to SageMaker, and no other role. It makes no role, no policy, no key and no bucket.

    Where Model Monitor watches the model, it makes the job definitions and schedules of the released version too, and
    passes the roles that monitor.

    Leaves out: bounding the names of models, endpoint configurations and job definitions, which CloudFormation invents.

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
            values: Network and keys of the environment.
        """
        super().__init__(scope, construct_id)
        models = deployment.arn("sagemaker", "model/*")
        configs = deployment.arn("sagemaker", "endpoint-config/*")
        endpoint = deployment.arn("sagemaker", f"endpoint/{deployment.endpoint_name(model)}")
        versions = f"{deployment.versions_arn(model)}*"
        log_group = deployment.arn("logs", f"log-group:{endpoint_log_group(deployment, model)}")
        watching = ModelMonitorPermissions(deployment=deployment, model=model, values=values)
        self.role = PlatformRole(
            self,
            "Role",
            platform=deployment.platform,
            account=deployment.account,
            role_name=deployment.role_name(model, ModelJob.RELEASE_EXECUTION),
            description=f"CloudFormation deploys the serving stack of {model.name}",
            # CloudFormation is not documented to say for which stack it assumes a service role. It takes one of the
            # stack's own account only, from whoever may pass it.
            trust=[service_trust("cloudformation.amazonaws.com")],
            statements=[
                Statement(
                    sid="MakeIsolatedModels",
                    # One statement for all that is isolated: a policy holds 6,144 characters.
                    actions=["sagemaker:CreateModel", *watching.making_isolated],
                    resources=[models, *watching.isolated_definitions],
                    conditions={
                        "Bool": {"sagemaker:NetworkIsolation": "true"},
                        "ForAllValues:StringEquals": {"sagemaker:VpcSubnets": values.subnets},
                        # ForAllValues holds for a request without the key, too.
                        "Null": {"sagemaker:VpcSubnets": "false"},
                    },
                ),
                # A model of a registered version is decided upon the version as well.
                Statement(
                    sid="TakeRegisteredVersions",
                    actions=["sagemaker:CreateModel", "sagemaker:DescribeModelPackage"],
                    resources=[versions],
                ),
                Statement(
                    sid="ConfigureEncryptedEndpoints", actions=["sagemaker:CreateEndpointConfig"], resources=[configs]
                ),
                Statement(
                    sid="DenyUnencryptedVolumes",
                    effect="Deny",
                    actions=["sagemaker:CreateEndpointConfig"],
                    resources=[configs],
                    # The service reference names the key one way, older pages the other: denied when neither is there.
                    conditions={"Null": {"sagemaker:VolumeKmsKey": "true", "sagemaker:VolumeKmsKeyArn": "true"}},
                ),
                Statement(
                    sid="DeployEndpoint",
                    actions=["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"],
                    resources=[endpoint, configs],
                ),
                Statement(
                    sid="LookAfterThem",
                    actions=[
                        "sagemaker:AddTags",
                        "sagemaker:DeleteEndpoint",
                        "sagemaker:DeleteEndpointConfig",
                        "sagemaker:DeleteModel",
                        "sagemaker:DeleteTags",
                        "sagemaker:DescribeEndpoint",
                        "sagemaker:DescribeEndpointConfig",
                        "sagemaker:DescribeModel",
                        "sagemaker:ListTags",
                        *watching.looking_after,
                    ],
                    resources=[models, configs, endpoint, *watching.patterns],
                ),
                *watching.making_others,
                Statement(
                    sid="PassServeRole",
                    actions=["iam:PassRole"],
                    resources=[deployment.role_arn(model, job) for job in (ModelJob.SERVE, *watching.jobs)],
                    conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
                ),
                Statement(
                    sid="KeepLogs",
                    actions=[
                        "logs:AssociateKmsKey",
                        "logs:CreateLogGroup",
                        "logs:DeleteLogGroup",
                        "logs:DeleteRetentionPolicy",
                        "logs:DisassociateKmsKey",
                        "logs:GetDataProtectionPolicy",
                        "logs:ListTagsForResource",
                        "logs:PutRetentionPolicy",
                        "logs:TagResource",
                        "logs:UntagResource",
                    ],
                    resources=[log_group, f"{log_group}:*"],
                ),
                Statement(sid="FindLogs", actions=["logs:DescribeLogGroups"], resources=["*"]),
                Statement(sid="DescribeVolumeKey", actions=["kms:DescribeKey"], resources=[values.models_key_arn]),
                Statement(
                    sid="EncryptVolumes",
                    actions=["kms:CreateGrant"],
                    resources=[values.models_key_arn],
                    conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
                ),
                Statement(sid="ReadValues", actions=["ssm:GetParameters"], resources=serving_value_arns(deployment)),
            ],
        )
        waive(
            self.role,
            INVENTED_NAMES.on(models, configs, *watching.patterns),
            ONE_A_MODEL.on(versions),
            LOG_STREAMS.on(f"{log_group}:*"),
            WITHOUT_RESOURCES.on("*"),
        )

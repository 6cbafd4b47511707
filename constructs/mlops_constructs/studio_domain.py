"""SageMaker Studio without a way to the internet."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.log_retention import retention
from mlops_constructs.notebook_role import STUDIO_LOG_GROUP
from plumbline.configuration import Deployment, Workbench


class StudioDomain(Construct):
    """A domain in VPC-only mode with one profile for each that the configuration names.

    Guarantees: spaces reach what the VPC's endpoints let through and nothing else; home folders and volumes are
    encrypted with the given key; idle spaces are stopped, and nobody can set a longer time; files are not shared out of
    Studio.

    Leaves out: what people do with what they see on their screens, copying from the browser and the terminal's output
    among it: Studio cannot forbid it. Root inside a space's container cannot be taken away either.

    Attributes:
        domain: The domain.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        workbench: Workbench,
        values: EnvironmentValues,
        key: kms.IKey,
        role_arn: str,
    ) -> None:
        """Defines the domain.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            workbench: Profiles, idle time and instance types.
            values: Network of the environment.
            key: Key of home folders and volumes.
            role_arn: Role in which spaces run.
        """
        super().__init__(scope, construct_id)
        logs.LogGroup(
            self,
            "Logs",
            log_group_name=STUDIO_LOG_GROUP,
            encryption_key=kms.Key.from_key_arn(self, "LogKey", values.operations_key_arn),
            retention=retention(deployment.platform),
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        idle = sagemaker.CfnDomain.IdleSettingsProperty(
            lifecycle_management="ENABLED",
            idle_timeout_in_minutes=workbench.idle_minutes,
            # Whoever changes a space may shorten the time and not lengthen it.
            min_idle_timeout_in_minutes=60,
            max_idle_timeout_in_minutes=workbench.idle_minutes,
        )
        lifecycle = sagemaker.CfnDomain.AppLifecycleManagementProperty(idle_settings=idle)
        self.domain = sagemaker.CfnDomain(
            self,
            "Domain",
            domain_name=f"{deployment.prefix}-workbench",
            auth_mode="IAM",
            app_network_access_type="VpcOnly",
            vpc_id=values.vpc,
            subnet_ids=values.subnets,
            kms_key_id=key.key_arn,
            default_user_settings=sagemaker.CfnDomain.UserSettingsProperty(
                execution_role=role_arn,
                security_groups=[values.workbench_security_group],
                studio_web_portal="ENABLED",
                default_landing_uri="studio::",
                sharing_settings=sagemaker.CfnDomain.SharingSettingsProperty(notebook_output_option="Disabled"),
                jupyter_lab_app_settings=sagemaker.CfnDomain.JupyterLabAppSettingsProperty(
                    app_lifecycle_management=lifecycle
                ),
                code_editor_app_settings=sagemaker.CfnDomain.CodeEditorAppSettingsProperty(
                    app_lifecycle_management=lifecycle
                ),
            ),
        )
        # The home folders are in the domain's file system, which goes with the domain.
        self.domain.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        for profile in workbench.profiles:
            sagemaker.CfnUserProfile(
                self,
                f"Profile{profile.title().replace('-', '')}",
                domain_id=self.domain.attr_domain_id,
                user_profile_name=profile,
                user_settings=sagemaker.CfnUserProfile.UserSettingsProperty(
                    execution_role=role_arn, security_groups=[values.workbench_security_group]
                ),
            )

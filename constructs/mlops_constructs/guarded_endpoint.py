"""An endpoint that answers with one registered version of a model."""

from datetime import date

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from mlops_constructs.deployment_strategy import DeploymentStrategy
from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.log_retention import retention
from mlops_constructs.object_prefix import ObjectPrefix
from mlops_constructs.waiver import Waiver, waive
from plumbline.configuration import Deployment, Model

# Guardrails move traffic between fleets only when the variant keeps its name.
_VARIANT = "primary"
# For each SageMaker model of a registered version.
IMAGES_OF_ECR = Waiver(
    id="images-of-ecr",
    rule="Plumbline::PL-SM-03",
    reason="The image is in Amazon ECR, which SageMaker reaches through AWS's network; "
    "RepositoryAccessMode is for registries that a team runs in its VPC (CreateModel, ImageConfig).",
    owner="platform",
    until=date(2027, 11, 30),
    findings=("PrimaryContainer",),
)


def endpoint_log_group(deployment: Deployment, model: Model) -> str:
    """Name of the log group to which SageMaker sends what the containers of an endpoint print."""
    return f"/aws/sagemaker/Endpoints/{deployment.endpoint_name(model)}"


class GuardedEndpoint(Construct):
    """Model, endpoint configuration and endpoint.

    Guarantees: the container has neither network nor credentials, its volume is encrypted, requests and answers are
    captured and encrypted, its log group is encrypted and has an end; the endpoint keeps its name, its weights and its
    instance counts while models come and go below it.

    Leaves out: alarms and autoscaling.

    Attributes:
        log_group: The containers' log group.
        model: The model.
        endpoint_config: The endpoint configuration.
        endpoint: The endpoint.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        model: Model,
        model_package_arn: str,
        role_arn: str,
        values: EnvironmentValues,
        capture: ObjectPrefix,
        strategy: DeploymentStrategy,
    ) -> None:
        """Defines the endpoint.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            model: The model; instances and capture come from its `serving` table.
            model_package_arn: The registered version; may be a token.
            role_arn: ARN of the role with which SageMaker fetches the artifact and writes capture and logs; it exists
                before the stack does.
            values: Network and keys of the environment.
            capture: Where captured requests and answers go.
            strategy: How a new version takes over.
        """
        super().__init__(scope, construct_id)
        self.log_group = logs.LogGroup(
            self,
            "LogGroup",
            log_group_name=endpoint_log_group(deployment, model),
            encryption_key=kms.Key.from_key_arn(self, "OperationsKey", values.operations_key_arn),
            retention=retention(deployment.platform),
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        self.model = sagemaker.CfnModel(
            self,
            "Model",
            execution_role_arn=role_arn,
            enable_network_isolation=True,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(model_package_name=model_package_arn),
            vpc_config=sagemaker.CfnModel.VpcConfigProperty(
                security_group_ids=[values.job_security_group], subnets=values.subnets
            ),
        )
        self.endpoint_config = self._endpoint_config(deployment, model, values, capture)
        self.endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=deployment.endpoint_name(model),
            endpoint_config_name=self.endpoint_config.attr_endpoint_config_name,
            deployment_config=strategy.deployment_config(),
            # The split of traffic outlives a deployment; the number of instances is what model.toml says.
            retain_all_variant_properties=True,
            exclude_retained_variant_properties=[
                sagemaker.CfnEndpoint.VariantPropertyProperty(variant_property_type="DesiredInstanceCount")
            ],
        )
        self.endpoint.node.add_dependency(self.log_group)
        waive(self.model, IMAGES_OF_ECR)
        waive(
            self.endpoint,
            Waiver(
                id="rollback-alarms",
                rule="Plumbline::PL-EP-05",
                reason="A release moves all traffic at once after the smoke test, and no alarm is defined yet; a "
                "version that fails is taken back by releasing the one before.",
                owner="platform",
                until=date(2027, 3, 31),
            ),
        )

    def _endpoint_config(
        self, deployment: Deployment, model: Model, values: EnvironmentValues, capture: ObjectPrefix
    ) -> sagemaker.CfnEndpointConfig:
        serving = model.serving
        return sagemaker.CfnEndpointConfig(
            self,
            "EndpointConfig",
            kms_key_id=values.models_key_arn,
            production_variants=[
                sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                    variant_name=_VARIANT,
                    model_name=self.model.attr_model_name,
                    instance_type=serving.instance_type,
                    initial_instance_count=serving.instance_count(deployment.environment),
                    initial_variant_weight=1.0,
                )
            ],
            data_capture_config=sagemaker.CfnEndpointConfig.DataCaptureConfigProperty(
                enable_capture=True,
                initial_sampling_percentage=serving.capture_percent,
                destination_s3_uri=f"s3://{capture.bucket}/{capture.prefix.rstrip('/')}",
                kms_key_id=capture.key_arn,
                capture_options=[
                    sagemaker.CfnEndpointConfig.CaptureOptionProperty(capture_mode="Input"),
                    sagemaker.CfnEndpointConfig.CaptureOptionProperty(capture_mode="Output"),
                ],
                capture_content_type_header=sagemaker.CfnEndpointConfig.CaptureContentTypeHeaderProperty(
                    csv_content_types=["text/csv"], json_content_types=["application/json", "application/jsonlines"]
                ),
            ),
        )

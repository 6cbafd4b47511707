"""SageMaker's types: what their handlers ask for besides the requests that SageMaker itself decides.

What creates, changes, tags and passes roles is decided where SageMaker does it, for the same role and with the
condition keys of the request.
"""

from collections.abc import Mapping

from plumbline.rehearsal.provisioning.notation import Handler, calls, uses_key

_GROUP = ("sagemaker:DescribeModelPackageGroup", "sagemaker:GetModelPackageGroupPolicy", "sagemaker:ListTags")

HANDLERS: Mapping[str, Handler] = {
    "AWS::SageMaker::ModelPackageGroup": Handler(
        on="sagemaker:{here}:model-package-group/{name}",
        name="ModelPackageGroupName",
        create=calls(*_GROUP),
        update=(
            *calls(*_GROUP),
            *calls("sagemaker:DeleteModelPackageGroupPolicy", of="ModelPackageGroupPolicy"),
        ),
        delete=(
            *calls("sagemaker:DescribeModelPackageGroup", "sagemaker:GetModelPackageGroupPolicy"),
            *calls("sagemaker:DeleteModelPackageGroupPolicy", of="ModelPackageGroupPolicy"),
            *calls("sagemaker:DeleteModelPackageGroup"),
        ),
        replacing=frozenset({"ModelPackageGroupName", "ModelPackageGroupDescription"}),
    ),
    "AWS::SageMaker::Pipeline": Handler(
        on="sagemaker:{here}:pipeline/{name}",
        name="PipelineName",
        create=calls("sagemaker:DescribePipeline", "sagemaker:ListTags"),
        update=calls("sagemaker:DescribePipeline", "sagemaker:ListTags"),
        delete=calls("sagemaker:DeletePipeline"),
        replacing=frozenset({"PipelineName"}),
    ),
    "AWS::SageMaker::Model": Handler(
        on="sagemaker:{here}:model/{name}",
        name="ModelName",
        delete=calls("sagemaker:DeleteModel"),
        replacing=frozenset(
            {"ModelName", "ExecutionRoleArn", "EnableNetworkIsolation", "InferenceExecutionConfig", "PrimaryContainer"}
            | {"Containers", "VpcConfig"}
        ),
    ),
    # Without a handler in the registry. SageMaker API reference, "DeleteEndpointConfig".
    "AWS::SageMaker::EndpointConfig": Handler(
        on="sagemaker:{here}:endpoint-config/{name}",
        name="EndpointConfigName",
        delete=calls("sagemaker:DeleteEndpointConfig"),
        replacing=frozenset(
            {"EndpointConfigName", "ProductionVariants", "ShadowProductionVariants", "DataCaptureConfig", "KmsKeyId"}
            | {"AsyncInferenceConfig", "ExplainerConfig", "VpcConfig", "EnableNetworkIsolation", "ExecutionRoleArn"}
        ),
    ),
    "AWS::SageMaker::Domain": Handler(
        on="sagemaker:{here}:domain/{id}",
        create=(
            *calls("sagemaker:DescribeDomain"),
            # the first domain of an account brings the role in which SageMaker looks after Studio
            *calls(
                "iam:CreateServiceLinkedRole",
                on="iam::{account}:role/aws-service-role/sagemaker.amazonaws.com/"
                "AWSServiceRoleForAmazonSageMakerNotebooks",
                keys={"iam:AWSServiceName": "sagemaker.amazonaws.com"},
            ),
            *uses_key(
                "KmsKeyId",
                "kms:DescribeKey",
                "kms:CreateGrant",
                "kms:Decrypt",
                "kms:GenerateDataKeyWithoutPlaintext",
                through="sagemaker",
            ),
        ),
        update=calls("sagemaker:DescribeDomain", "sagemaker:ListTags"),
        delete=calls("sagemaker:DescribeDomain", "sagemaker:DeleteDomain"),
        replacing=frozenset({"AuthMode", "DomainName", "KmsKeyId"}),
        system_tags=False,
    ),
    "AWS::SageMaker::UserProfile": Handler(
        on="sagemaker:{here}:user-profile/{DomainId}/{name}",
        name="UserProfileName",
        create=calls("sagemaker:DescribeUserProfile", "sagemaker:ListTags"),
        update=calls("sagemaker:DescribeUserProfile", "sagemaker:ListTags"),
        delete=calls("sagemaker:DescribeUserProfile", "sagemaker:DeleteUserProfile"),
        replacing=frozenset({"DomainId", "UserProfileName", "SingleSignOnUserIdentifier", "SingleSignOnUserValue"}),
        system_tags=False,
    ),
    "AWS::SageMaker::Endpoint": Handler(
        on="sagemaker:{here}:endpoint/{name}",
        name="EndpointName",
        create=calls("sagemaker:DescribeEndpoint"),
        update=calls("sagemaker:DescribeEndpoint"),
        delete=calls("sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint"),
        replacing=frozenset({"EndpointName"}),
    ),
}

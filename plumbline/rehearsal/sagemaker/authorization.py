"""What a caller must be allowed for each operation: actions, resources and condition keys, as AWS decides on them.

Source: the service authorization reference of Amazon SageMaker AI, and "SageMaker AI API permissions" of its developer
guide for what an operation needs beyond its own action.
"""

from collections.abc import Callable, Iterator, Mapping

from plumbline.rehearsal.api.authorization import Check, Context, resource_tag_context, tag_context
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.sagemaker.expressions import UnresolvedError, follow
from plumbline.rehearsal.sagemaker.scope import Arn, Scope, name_of

# The kind of resource that an operation is decided upon and the members of the request that name it. Operations that
# are not here are decided upon "*", as AWS decides on List operations.
_RESOURCES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "CreatePipeline": (("pipeline", "PipelineName"),),
    "UpdatePipeline": (("pipeline", "PipelineName"),),
    "DescribePipeline": (("pipeline", "PipelineName"),),
    "DeletePipeline": (("pipeline", "PipelineName"),),
    "StartPipelineExecution": (("pipeline", "PipelineName"),),
    "ListPipelineExecutions": (("pipeline", "PipelineName"),),
    "DescribePipelineExecution": (("pipeline", "PipelineExecutionArn"),),
    "DescribePipelineDefinitionForExecution": (("pipeline", "PipelineExecutionArn"),),
    "ListPipelineExecutionSteps": (("pipeline", "PipelineExecutionArn"),),
    "ListPipelineParametersForExecution": (("pipeline", "PipelineExecutionArn"),),
    "StopPipelineExecution": (("pipeline", "PipelineExecutionArn"),),
    "RetryPipelineExecution": (("pipeline", "PipelineExecutionArn"),),
    "UpdatePipelineExecution": (("pipeline", "PipelineExecutionArn"),),
    "CreateTrainingJob": (("training-job", "TrainingJobName"),),
    "DescribeTrainingJob": (("training-job", "TrainingJobName"),),
    "StopTrainingJob": (("training-job", "TrainingJobName"),),
    "CreateProcessingJob": (("processing-job", "ProcessingJobName"),),
    "DescribeProcessingJob": (("processing-job", "ProcessingJobName"),),
    "StopProcessingJob": (("processing-job", "ProcessingJobName"),),
    "CreateModelPackageGroup": (("model-package-group", "ModelPackageGroupName"),),
    "DescribeModelPackageGroup": (("model-package-group", "ModelPackageGroupName"),),
    "DeleteModelPackageGroup": (("model-package-group", "ModelPackageGroupName"),),
    "PutModelPackageGroupPolicy": (("model-package-group", "ModelPackageGroupName"),),
    "GetModelPackageGroupPolicy": (("model-package-group", "ModelPackageGroupName"),),
    "DeleteModelPackageGroupPolicy": (("model-package-group", "ModelPackageGroupName"),),
    "CreateModelPackage": (("model-package-group", "ModelPackageGroupName"),),
    "DescribeModelPackage": (("model-package", "ModelPackageName"),),
    "UpdateModelPackage": (("model-package", "ModelPackageArn"),),
    "DeleteModelPackage": (("model-package", "ModelPackageName"),),
    "CreateModel": (("model", "ModelName"),),
    "DescribeModel": (("model", "ModelName"),),
    "DeleteModel": (("model", "ModelName"),),
    "CreateEndpointConfig": (("endpoint-config", "EndpointConfigName"),),
    "DescribeEndpointConfig": (("endpoint-config", "EndpointConfigName"),),
    "DeleteEndpointConfig": (("endpoint-config", "EndpointConfigName"),),
    "CreateEndpoint": (("endpoint", "EndpointName"), ("endpoint-config", "EndpointConfigName")),
    "UpdateEndpoint": (("endpoint", "EndpointName"), ("endpoint-config", "EndpointConfigName")),
    "DescribeEndpoint": (("endpoint", "EndpointName"),),
    "DeleteEndpoint": (("endpoint", "EndpointName"),),
    "InvokeEndpoint": (("endpoint", "EndpointName"),),
    # a domain has no id before it is made
    "CreateDomain": (("domain", "*"),),
    "DescribeDomain": (("domain", "DomainId"),),
    "UpdateDomain": (("domain", "DomainId"),),
    "DeleteDomain": (("domain", "DomainId"),),
    "CreateUserProfile": (("user-profile", "DomainId/UserProfileName"),),
    "DescribeUserProfile": (("user-profile", "DomainId/UserProfileName"),),
    "UpdateUserProfile": (("user-profile", "DomainId/UserProfileName"),),
    "DeleteUserProfile": (("user-profile", "DomainId/UserProfileName"),),
    "CreatePresignedDomainUrl": (("user-profile", "DomainId/UserProfileName"),),
    "AddTags": (("", "ResourceArn"),),
    "ListTags": (("", "ResourceArn"),),
    "DeleteTags": (("", "ResourceArn"),),
}

# Condition keys of a request, and where in it their values are; "*" walks a list.
_JOB_KEYS: Mapping[str, Mapping[str, str]] = {
    "CreateTrainingJob": {
        "sagemaker:VpcSubnets": "VpcConfig.Subnets",
        "sagemaker:VpcSecurityGroupIds": "VpcConfig.SecurityGroupIds",
        "sagemaker:NetworkIsolation": "EnableNetworkIsolation",
        "sagemaker:InterContainerTrafficEncryption": "EnableInterContainerTrafficEncryption",
        # the reference has renamed these two; which a live request carries is not documented, so both are here
        "sagemaker:VolumeKmsKey": "ResourceConfig.VolumeKmsKeyId",
        "sagemaker:VolumeKmsKeyArn": "ResourceConfig.VolumeKmsKeyId",
        "sagemaker:OutputKmsKey": "OutputDataConfig.KmsKeyId",
        "sagemaker:OutputKmsKeyArn": "OutputDataConfig.KmsKeyId",
        "sagemaker:InstanceTypes": "ResourceConfig.InstanceType",
        "sagemaker:MaxRuntimeInSeconds": "StoppingCondition.MaxRuntimeInSeconds",
    },
    "CreateProcessingJob": {
        "sagemaker:VpcSubnets": "NetworkConfig.VpcConfig.Subnets",
        "sagemaker:VpcSecurityGroupIds": "NetworkConfig.VpcConfig.SecurityGroupIds",
        "sagemaker:NetworkIsolation": "NetworkConfig.EnableNetworkIsolation",
        "sagemaker:InterContainerTrafficEncryption": "NetworkConfig.EnableInterContainerTrafficEncryption",
        "sagemaker:VolumeKmsKey": "ProcessingResources.ClusterConfig.VolumeKmsKeyId",
        "sagemaker:VolumeKmsKeyArn": "ProcessingResources.ClusterConfig.VolumeKmsKeyId",
        "sagemaker:OutputKmsKey": "ProcessingOutputConfig.KmsKeyId",
        "sagemaker:OutputKmsKeyArn": "ProcessingOutputConfig.KmsKeyId",
        "sagemaker:InstanceTypes": "ProcessingResources.ClusterConfig.InstanceType",
        "sagemaker:MaxRuntimeInSeconds": "StoppingCondition.MaxRuntimeInSeconds",
    },
    "CreateModel": {
        "sagemaker:VpcSubnets": "VpcConfig.Subnets",
        "sagemaker:VpcSecurityGroupIds": "VpcConfig.SecurityGroupIds",
        "sagemaker:NetworkIsolation": "EnableNetworkIsolation",
    },
    "CreateEndpointConfig": {
        "sagemaker:VolumeKmsKey": "KmsKeyId",
        "sagemaker:VolumeKmsKeyArn": "KmsKeyId",
        "sagemaker:InstanceTypes": "ProductionVariants.*.InstanceType",
    },
    "CreateDomain": {
        "sagemaker:AppNetworkAccessType": "AppNetworkAccessType",
        "sagemaker:AuthMode": "AuthMode",
        "sagemaker:VolumeKmsKey": "KmsKeyId",
        "sagemaker:VolumeKmsKeyArn": "KmsKeyId",
        "sagemaker:VpcSubnets": "SubnetIds",
        "sagemaker:VpcSecurityGroupIds": "DefaultUserSettings.SecurityGroups",
    },
    "UpdateDomain": {
        "sagemaker:AppNetworkAccessType": "AppNetworkAccessType",
        "sagemaker:VpcSubnets": "SubnetIds",
        "sagemaker:VpcSecurityGroupIds": "DefaultUserSettings.SecurityGroups",
    },
    "CreateUserProfile": {"sagemaker:VpcSecurityGroupIds": "UserSettings.SecurityGroups"},
    "UpdateUserProfile": {"sagemaker:VpcSecurityGroupIds": "UserSettings.SecurityGroups"},
    "CreateModelPackage": {"sagemaker:ModelApprovalStatus": "ModelApprovalStatus"},
    "UpdateModelPackage": {"sagemaker:ModelApprovalStatus": "ModelApprovalStatus"},
}

_ROLES = (
    "RoleArn",
    "ExecutionRoleArn",
    "DefaultSpaceSettings.ExecutionRole",
    "DefaultUserSettings.ExecutionRole",
    "UserSettings.ExecutionRole",
)


def checks(
    operation: str, request: Document, scope: Scope, tags_of: Callable[[str], Mapping[str, str]]
) -> Iterator[Check]:
    """The decisions that a request needs, its own action's first.

    Args:
        operation: For example ``CreateTrainingJob``.
        request: Its parameters.
        scope: Where the request arrives.
        tags_of: The tags of an existing resource, by ARN.
    """
    resources = [_arn(kind, _named(members, request), scope) for kind, members in _RESOURCES.get(operation, ())]
    if operation == "ListModelPackages" and request.get("ModelPackageGroupName"):
        # The reference names model packages as its resource; which it is for a group, it does not say.
        resources = [scope.arn(f"model-package/{name_of(request['ModelPackageGroupName'])}/*")]
    context = _context(operation, request)
    for resource in resources or ["*"]:
        tags = resource_tag_context(tags_of(resource))
        yield Check(action=f"sagemaker:{operation}", resource=resource, context={**tags, **context})
    if operation == "CreateModelPackage" and request.get("ModelPackageGroupName"):
        group = name_of(request["ModelPackageGroupName"])
        yield Check(
            action="sagemaker:CreateModelPackage", resource=scope.arn(f"model-package/{group}/*"), context=context
        )
    if operation == "CreateModel":
        for package in foreign_packages(request, scope):
            yield Check(action="sagemaker:CreateModel", resource=package)
    if operation.startswith("Create") and request.get("Tags"):
        yield Check(action="sagemaker:AddTags", resource=resources[0], context=_tag_context(request))
    changing = operation.startswith(("Create", "Update"))
    for role in (role for path in _ROLES if changing for role in _values(request, path)):
        yield Check(
            action="iam:PassRole",
            resource=role,
            context={
                "iam:PassedToService": "sagemaker.amazonaws.com",
                "iam:AssociatedResourceArn": resources[0] if resources else "*",
            },
        )


def foreign_packages(request: Document, scope: Scope) -> list[str]:
    """The model packages of other accounts that a CreateModel request takes its containers from.

    Their group's resource policy must let the caller: developer guide, "Deploy a Model Version from a Different
    Account", whose example policy allows ``sagemaker:CreateModel`` on the packages.
    """
    containers = [request.get("PrimaryContainer", {}), *request.get("Containers", [])]
    names = [str(container["ModelPackageName"]) for container in containers if container.get("ModelPackageName")]
    located = [(name, Arn.parse(name)) for name in names]
    return [name for name, arn in located if arn is not None and arn.scope.account != scope.account]


def _named(members: str, request: Document) -> str:
    """The values of members such as ``DomainId/UserProfileName``; ``*`` is no member and stands for any name."""
    return "/".join("*" if member == "*" else str(request.get(member, "")) for member in members.split("/"))


def _arn(kind: str, value: str, scope: Scope) -> str:
    if Arn.parse(value) is not None or not kind:
        return value
    return scope.arn(f"{kind}/{value}")


def _context(operation: str, request: Document) -> Context:
    context = _tag_context(request)
    for key, path in _JOB_KEYS.get(operation, {}).items():
        value = _values(request, path)
        if value:
            context[key] = (
                value if len(value) > 1 or path.endswith(("Subnets", "Ids", "Groups")) or "*" in path else value[0]
            )
    if operation == "UpdateModelPackage":
        for name, value in request.get("CustomerMetadataProperties", {}).items():
            context[f"sagemaker:CustomerMetadataProperties/{name}"] = value
    return context


def _tag_context(request: Document) -> Context:
    return tag_context({tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}, request.get("TagKeys", []))


def _values(request: Document, path: str) -> list[str]:
    before, star, after = path.partition(".*.")
    if star:
        return [value for item in request.get(before, []) for value in _values(item, after)]
    try:
        found = follow(request, path)
    except UnresolvedError:
        return []
    if isinstance(found, bool):
        return [str(found).lower()]
    return [str(item) for item in found] if isinstance(found, list) else [str(found)]

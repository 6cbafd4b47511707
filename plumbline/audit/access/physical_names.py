"""The names and ids that resources have once they are deployed, or stand-ins where AWS invents them.

What `Ref` and `Fn::GetAtt` give is on each type's page of the CloudFormation Template Reference Guide, "Return values".
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from plumbline.audit.json_value import Json

# The property that names a resource of a type; without it, CloudFormation invents the name.
_NAME = {
    "AWS::CloudTrail::Trail": "TrailName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CodeBuild::Project": "Name",
    "AWS::CodePipeline::Pipeline": "Name",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::ECR::Repository": "RepositoryName",
    "AWS::Events::EventBus": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SSM::Parameter": "Name",
    "AWS::SageMaker::Endpoint": "EndpointName",
    "AWS::SageMaker::ModelPackageGroup": "ModelPackageGroupName",
    "AWS::SageMaker::Pipeline": "PipelineName",
}
# Beginnings of the ids that EC2 invents.
_EC2_ID = {
    "AWS::EC2::FlowLog": "fl",
    "AWS::EC2::NetworkAcl": "acl",
    "AWS::EC2::RouteTable": "rtb",
    "AWS::EC2::SecurityGroup": "sg",
    "AWS::EC2::Subnet": "subnet",
    "AWS::EC2::VPC": "vpc",
    "AWS::EC2::VPCEndpoint": "vpce",
}
# ARNs by type (Service Authorization Reference, "Resource types defined by ..."); {name} is the resource's name or id.
_ARN = {
    "AWS::CloudWatch::Alarm": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}",
    "AWS::CodeBuild::Project": "arn:{partition}:codebuild:{region}:{account}:project/{name}",
    "AWS::CodePipeline::Pipeline": "arn:{partition}:codepipeline:{region}:{account}:{name}",
    "AWS::DynamoDB::Table": "arn:{partition}:dynamodb:{region}:{account}:table/{name}",
    "AWS::CloudTrail::Trail": "arn:{partition}:cloudtrail:{region}:{account}:trail/{name}",
    "AWS::ECR::Repository": "arn:{partition}:ecr:{region}:{account}:repository/{name}",
    "AWS::Events::EventBus": "arn:{partition}:events:{region}:{account}:event-bus/{name}",
    "AWS::Events::Rule": "arn:{partition}:events:{region}:{account}:rule/{name}",
    "AWS::IAM::ManagedPolicy": "arn:{partition}:iam::{account}:policy/{name}",
    "AWS::IAM::Role": "arn:{partition}:iam::{account}:role/{name}",
    "AWS::KMS::Key": "arn:{partition}:kms:{region}:{account}:key/{name}",
    "AWS::Lambda::Function": "arn:{partition}:lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "arn:{partition}:logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "arn:{partition}:s3:::{name}",
    "AWS::SNS::Topic": "arn:{partition}:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "arn:{partition}:sqs:{region}:{account}:{name}",
    "AWS::SageMaker::Domain": "arn:{partition}:sagemaker:{region}:{account}:domain/{name}",
    "AWS::SageMaker::Endpoint": "arn:{partition}:sagemaker:{region}:{account}:endpoint/{name}",
    "AWS::SageMaker::ModelPackageGroup": "arn:{partition}:sagemaker:{region}:{account}:model-package-group/{name}",
    "AWS::SageMaker::Pipeline": "arn:{partition}:sagemaker:{region}:{account}:pipeline/{name}",
}
# Attributes that are the resource's ARN, its id or its name.
_ARN_ATTRIBUTES = frozenset(("Arn", "DomainArn", "ModelPackageGroupArn", "PolicyArn", "TopicArn"))
_ID_ATTRIBUTES = frozenset(("DomainId", "GroupId", "Id", "KeyId", "RouteTableId", "SubnetId", "VpcId"))
_NAME_ATTRIBUTES = frozenset(("EndpointName", "ModelPackageGroupName", "Name", "QueueName", "TopicName"))
# Resources whose Ref is their ARN.
_REF_IS_ARN = frozenset(("AWS::IAM::ManagedPolicy", "AWS::SNS::Topic"))


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a stack is deployed.

    Attributes:
        stack_name: Its name.
        account: 12-digit id of its account.
        region: Its region.
    """

    stack_name: str
    account: str
    region: str

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov` (AWS General Reference, "ARN format")."""
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    @property
    def url_suffix(self) -> str:
        """Domain of the partition's service endpoints."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"


def physical_name(*, resource_type: str, logical_id: str, properties: Mapping[str, Json], place: Place) -> str:
    """The name or id of a resource; one that AWS invents is made of the stack's name and the logical id.

    Args:
        resource_type: CloudFormation type.
        logical_id: Logical id in the template.
        properties: Resolved properties; only the one that names the resource is read.
        place: Where its stack is deployed.
    """
    digest = hashlib.sha256(f"{place.account}\0{place.stack_name}\0{logical_id}".encode()).hexdigest()
    if resource_type == "AWS::KMS::Key":
        return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
    if resource_type in _EC2_ID:
        return f"{_EC2_ID[resource_type]}-{digest[:17]}"
    given = properties.get(_NAME.get(resource_type, ""))
    return given if isinstance(given, str) else f"{place.stack_name}-{logical_id}-{digest[:12].upper()}"


def naming_property(resource_type: str) -> str | None:
    """The property that names resources of a type; none if CloudFormation or the service always invents the name."""
    return _NAME.get(resource_type)


def arn(*, resource_type: str, name: str, place: Place) -> str | None:
    """The ARN of a resource; none for a type whose ARN is not known here."""
    pattern = _ARN.get(resource_type)
    if pattern is None:
        return None
    return pattern.format(partition=place.partition, region=place.region, account=place.account, name=name)


def reference(*, resource_type: str, name: str, place: Place) -> str:
    """What `Ref` gives."""
    if resource_type == "AWS::SQS::Queue":
        return f"https://sqs.{place.region}.amazonaws.com/{place.account}/{name}"
    if resource_type in _REF_IS_ARN:
        return arn(resource_type=resource_type, name=name, place=place) or name
    return name


def attribute(*, resource_type: str, name: str, attribute_name: str, place: Place) -> str | None:
    """What `Fn::GetAtt` gives; none if it is not known here."""
    if attribute_name in _ARN_ATTRIBUTES:
        return arn(resource_type=resource_type, name=name, place=place)
    if attribute_name == "DefaultSecurityGroup":
        return f"sg-{name.partition('-')[2]}"
    return name if attribute_name in _ID_ATTRIBUTES | _NAME_ATTRIBUTES else None

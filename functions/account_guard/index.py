"""Keeps in an account what no template can say: stack policies, termination protection, a closed default group.

CloudFormation takes a stack policy from no change set, and deploying by change sets, as pipelines do, sets no
termination protection; the default security group of a VPC belongs to nobody's template. So this runs whenever a stack
of the environment has been made or changed, and sets all three again, whoever deployed.
"""

import json
import os
from typing import Any

import boto3
from botocore.exceptions import ClientError

# "Prevent updates to stack resources", CloudFormation user guide.
STATEFUL_TYPES = [
    "AWS::CloudTrail::Trail",
    "AWS::DynamoDB::Table",
    "AWS::ECR::Repository",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SageMaker::Domain",
    "AWS::SageMaker::ModelPackageGroup",
]
STACK_POLICY = {
    "Statement": [
        {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
        {
            "Effect": "Deny",
            "Action": ["Update:Replace", "Update:Delete"],
            "Principal": "*",
            "Resource": "*",
            "Condition": {"StringEquals": {"ResourceType": STATEFUL_TYPES}},
        },
    ]
}


def handler(event: dict[str, Any], context: object) -> dict[str, list[str]]:  # noqa: ARG001 - as Lambda calls it
    """Guards the stacks that come before this one, and the one that the event is about.

    Args:
        event: "CloudFormation Stack Status Change", with `detail.stack-id`.
        context: Of no use here.

    Returns:
        The names of the stacks that were guarded.
    """
    before = os.environ["STACKS_BEFORE"].split(",")
    changed = str(event["detail"]["stack-id"]).split("/")[1]
    protected = os.environ["PROTECTED"].split(",")
    guarded = []
    cloudformation = boto3.client("cloudformation")
    for stack in dict.fromkeys([*before, changed]):
        try:
            cloudformation.set_stack_policy(StackName=stack, StackPolicyBody=json.dumps(STACK_POLICY))
            if "*" in protected or stack in protected:
                cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=True)
        except ClientError as error:
            # A stack that is just being deleted, or is not there yet, has nothing to guard.
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            continue
        guarded.append(stack)
    vpc_id = os.environ.get("VPC_ID")
    if vpc_id:
        close_default_group(boto3.client("ec2"), vpc_id)
    return {"guarded": guarded}


def close_default_group(ec2: Any, vpc_id: str) -> None:
    """Takes every rule from a VPC's default security group."""
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": ["default"]}]
    for group in ec2.describe_security_groups(Filters=filters)["SecurityGroups"]:
        if group.get("IpPermissions"):
            ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
        if group.get("IpPermissionsEgress"):
            ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])

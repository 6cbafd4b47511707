"""CloudFormation's own calls are decided for the role that a stack is deployed with, each by its name."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest

from plumbline.rehearsal.calls import Decision, read_call_log
from plumbline.rehearsal.cloud import Cloud
from tests.plumbline.rehearsal.stack import ACCOUNT, Stack

pytestmark = pytest.mark.rehearsal

Document = dict[str, Any]
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
_HERE = f"eu-west-1:{ACCOUNT}"
_numbers = itertools.count()


class Deployer:
    """A role that CloudFormation deploys with.

    Args:
        cloud: The cloud.
        name: The role's name.
    """

    def __init__(self, cloud: Cloud, name: str) -> None:
        self._cloud = cloud
        self._iam = cloud.administrator(ACCOUNT).client("iam")
        self._name = name
        created = self._iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST))
        self.arn = str(created["Role"]["Arn"])

    def may(self, *statements: Document) -> None:
        policy = {"Version": "2012-10-17", "Statement": list(statements)}
        self._iam.put_role_policy(RoleName=self._name, PolicyName="may", PolicyDocument=json.dumps(policy))

    def stack(self) -> Stack:
        return Stack(self._cloud, f"{self._name}-{next(_numbers)}", role=self.arn)

    def asked(self) -> list[Decision]:
        """What CloudFormation was decided upon in this role, oldest first."""
        principal = f"assumed-role/{self._name}/AWSCloudFormation"
        log = read_call_log(self._cloud.options.call_log)
        return [decision for decision in log if decision.principal.endswith(principal)]


def allow(*actions: str, resource: str = "*", **condition: Any) -> Document:
    statement: Document = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return statement | ({"Condition": condition} if condition else {})


@pytest.fixture
def deployer(cloud: Cloud) -> Deployer:
    return Deployer(cloud, f"deployer-{next(_numbers)}")


def _storage(number: int) -> Document:
    """A key, a bucket and what belongs to them."""
    bucket = f"deployed-{number}"
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*"}
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*"}
    return {
        "Key": {
            "Type": "AWS::KMS::Key",
            "Properties": {
                "EnableKeyRotation": True,
                "KeyPolicy": {"Version": "2012-10-17", "Statement": [root | {"Resource": "*"}]},
                "Tags": [{"Key": "team", "Value": "one"}],
            },
        },
        "Alias": {
            "Type": "AWS::KMS::Alias",
            "Properties": {"AliasName": f"alias/deployed-{number}", "TargetKeyId": {"Ref": "Key"}},
        },
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "BucketName": bucket,
                "VersioningConfiguration": {"Status": "Enabled"},
                "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
            },
        },
        "BucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": {"Ref": "Bucket"},
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [statement | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}],
                },
            },
        },
    }


def _identity(number: int) -> Document:
    """A role with a policy of its own, for a function to run in."""
    policy = {"Version": "2012-10-17", "Statement": [allow("s3:ListAllMyBuckets")]}
    trust = json.loads(json.dumps(_TRUST).replace("cloudformation", "lambda"))
    return {
        "Policy": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"ManagedPolicyName": f"deployed-{number}", "PolicyDocument": policy},
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": f"deployed-{number}",
                "AssumeRolePolicyDocument": trust,
                "ManagedPolicyArns": [{"Ref": "Policy"}],
                "Policies": [{"PolicyName": "inline", "PolicyDocument": policy}],
            },
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": f"deployed-{number}",
                "Code": {"ZipFile": "def handler(event, context): return 1"},
                "Handler": "index.handler",
                "Runtime": "python3.11",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            },
        },
    }


def _network(number: int) -> Document:
    """A subnet with an endpoint, and the log of what passes."""
    vpc = {"VpcId": {"Ref": "Vpc"}}
    return {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.60.0.0/20", "EnableDnsSupport": True}},
        "Table": {"Type": "AWS::EC2::RouteTable", "Properties": vpc},
        "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": vpc | {"CidrBlock": "10.60.0.0/24"}},
        "Association": {
            "Type": "AWS::EC2::SubnetRouteTableAssociation",
            "Properties": {"SubnetId": {"Ref": "Subnet"}, "RouteTableId": {"Ref": "Table"}},
        },
        "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": vpc | {"GroupDescription": "one"}},
        "Rule": {
            "Type": "AWS::EC2::SecurityGroupIngress",
            "Properties": {"GroupId": {"Ref": "Group"}, "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
            | {"CidrIp": "10.60.0.0/20"},
        },
        "Endpoint": {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": vpc
            | {
                "ServiceName": "com.amazonaws.eu-west-1.logs",
                "VpcEndpointType": "Interface",
                "SubnetIds": [{"Ref": "Subnet"}],
                "SecurityGroupIds": [{"Ref": "Group"}],
            },
        },
        "Traffic": {
            "Type": "AWS::EC2::FlowLog",
            "Properties": {
                "ResourceType": "VPC",
                "ResourceId": {"Ref": "Vpc"},
                "TrafficType": "ALL",
                "LogGroupName": f"/deployed-{number}",
            },
        },
    }


def _operations(number: int) -> Document:
    """What tells of an event: a rule, a topic, a queue, an alarm."""
    name = f"deployed-{number}"
    topic = {"Ref": "Topic"}
    publish = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish"}
    send = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    return {
        "Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"/{name}", "RetentionInDays": 7}},
        "Parameter": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": f"/{name}", "Type": "String", "Value": "1"},
        },
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}},
        "TopicPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [topic],
                "PolicyDocument": {"Version": "2012-10-17", "Statement": [publish | {"Resource": topic}]},
            },
        },
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}},
        "QueuePolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Queue"}],
                "PolicyDocument": {"Version": "2012-10-17", "Statement": [send | {"Resource": "*"}]},
            },
        },
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "DependsOn": "TopicPolicy",
            "Properties": {"TopicArn": topic, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]}},
        },
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": name}},
        "BusPolicy": {
            "Type": "AWS::Events::EventBusPolicy",
            "Properties": {"EventBusName": {"Ref": "Bus"}, "StatementId": "one", "Principal": "222222222222"}
            | {"Action": "events:PutEvents"},
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": name,
                "EventPattern": {"source": ["aws.sts"]},
                "Targets": [{"Id": "one", "Arn": topic}],
            },
        },
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": name,
                "AlarmActions": [topic],
                "Namespace": "one",
                "MetricName": "one",
                "Statistic": "Sum",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 1,
                "ComparisonOperator": "GreaterThanThreshold",
            },
        },
        "Dashboard": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {"DashboardName": name, "DashboardBody": "{}"},
        },
        "Repository": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": name}},
        "Items": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": name,
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        },
    }


# The policy that every new topic has lets its account do this.
_BY_DEFAULT = frozenset({"sns:SetTopicAttributes"})
_CREATE: Mapping[str, tuple[Any, tuple[str, ...]]] = {
    "storage": (
        _storage,
        (
            *("kms:CreateAlias", "kms:CreateKey", "kms:EnableKeyRotation", "kms:TagResource", "s3:CreateBucket"),
            *("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging"),
            "s3:PutBucketVersioning",
        ),
    ),
    "identity": (
        _identity,
        (
            *("iam:AttachRolePolicy", "iam:CreatePolicy", "iam:CreateRole", "iam:GetRole", "iam:PassRole"),
            *("iam:PutRolePolicy", "lambda:CreateFunction", "lambda:GetFunction", "lambda:TagResource"),
        ),
    ),
    "network": (
        _network,
        (
            *("ec2:AssociateRouteTable", "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateFlowLogs"),
            *("ec2:CreateRouteTable", "ec2:CreateSecurityGroup", "ec2:CreateSubnet", "ec2:CreateTags"),
            *("ec2:CreateVpc", "ec2:CreateVpcEndpoint", "ec2:DescribeFlowLogs", "ec2:DescribeRouteTables"),
            *("ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets"),
            *("ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs", "ec2:ModifyVpcAttribute"),
        ),
    ),
    "operations": (
        _operations,
        (
            *("cloudwatch:DescribeAlarms", "cloudwatch:GetDashboard", "cloudwatch:PutDashboard"),
            *("cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "dynamodb:CreateTable", "dynamodb:DescribeTable"),
            *("ecr:CreateRepository", "ecr:TagResource", "events:TagResource", "logs:TagResource", "sns:TagResource"),
            *("events:CreateEventBus", "events:DescribeEventBus", "events:DescribeRule", "events:PutPermission"),
            *("events:PutRule", "events:PutTargets", "logs:CreateLogGroup", "logs:DescribeLogGroups"),
            *("logs:PutRetentionPolicy", "sns:CreateTopic", "sns:GetTopicAttributes", "sns:SetTopicAttributes"),
            *("sns:Subscribe", "sqs:CreateQueue", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"),
            *("sqs:SetQueueAttributes", "ssm:AddTagsToResource", "ssm:GetParameters", "ssm:PutParameter"),
        ),
    ),
}


@pytest.mark.parametrize("family", _CREATE)
def test_a_stack_takes_each_action_of_its_resources_and_no_other(deployer: Deployer, family: str) -> None:
    template, actions = _CREATE[family]
    deployer.may(allow(*actions))
    stack = deployer.stack()
    assert stack.create(template(next(_numbers))) == "CREATE_COMPLETE", stack.reasons()
    asked = deployer.asked()
    assert {decision.action for decision in asked} == set(actions)
    assert all(decision.allowed for decision in asked)


_DELETE: Mapping[str, tuple[str, ...]] = {
    "storage": (
        *("kms:DeleteAlias", "kms:DescribeKey", "kms:ScheduleKeyDeletion", "s3:DeleteBucket", "s3:DeleteBucketPolicy"),
        "s3:GetBucketPolicy",
    ),
    "identity": (
        *("iam:DeletePolicy", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:GetPolicy"),
        *("iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListEntitiesForPolicy", "iam:ListPolicyVersions"),
        *("iam:ListRolePolicies", "lambda:DeleteFunction", "lambda:GetFunction"),
    ),
    "network": (
        *("ec2:DeleteFlowLogs", "ec2:DeleteRouteTable", "ec2:DeleteSecurityGroup", "ec2:DeleteSubnet", "ec2:DeleteVpc"),
        *("ec2:DeleteVpcEndpoints", "ec2:DescribeFlowLogs", "ec2:DescribeInstances", "ec2:DescribeRouteTables"),
        *("ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets"),
        *("ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs", "ec2:DisassociateRouteTable"),
        "ec2:RevokeSecurityGroupIngress",
    ),
    "operations": (
        *("cloudwatch:DeleteAlarms", "cloudwatch:DeleteDashboards", "cloudwatch:DescribeAlarms"),
        *("cloudwatch:GetDashboard", "dynamodb:DeleteTable", "dynamodb:DescribeTable", "ecr:DeleteRepository"),
        *("events:DeleteEventBus", "events:DeleteRule", "events:DescribeEventBus", "events:DescribeRule"),
        *("events:ListTargetsByRule", "events:RemovePermission", "events:RemoveTargets", "logs:DeleteLogGroup"),
        *("logs:DescribeLogGroups", "sns:DeleteTopic", "sns:GetSubscriptionAttributes", "sns:GetTopicAttributes"),
        *("sns:SetTopicAttributes", "sns:Unsubscribe", "sqs:DeleteQueue", "sqs:GetQueueAttributes"),
        *("sqs:SetQueueAttributes", "ssm:DeleteParameter"),
    ),
}


@pytest.mark.parametrize("family", _DELETE)
def test_deleting_a_stack_takes_each_action_of_its_resources_and_no_other(deployer: Deployer, family: str) -> None:
    deployer.may(allow("*"))
    stack = deployer.stack()
    assert stack.create(_CREATE[family][0](next(_numbers))) == "CREATE_COMPLETE", stack.reasons()
    before = len(deployer.asked())
    deployer.may(allow(*_DELETE[family]))
    assert stack.delete() == "DELETE_COMPLETE", stack.reasons()
    assert {decision.action for decision in deployer.asked()[before:]} == set(_DELETE[family])


@pytest.mark.parametrize("family", _CREATE)
def test_each_action_that_is_missing_fails_the_stack_by_its_name(deployer: Deployer, family: str) -> None:
    template, actions = _CREATE[family]
    for missing in (action for action in actions if action not in _BY_DEFAULT):
        deployer.may({"Effect": "Allow", "NotAction": [missing], "Resource": "*"})
        stack = deployer.stack()
        status = stack.create(template(next(_numbers)))
        assert f"is not authorized to perform: {missing}" in stack.reasons(), (missing, stack.reasons())
        assert status == "ROLLBACK_COMPLETE"
        assert "HandlerErrorCode: AccessDenied" in stack.reasons()
        assert [decision.action for decision in deployer.asked() if not decision.allowed][-1] == missing


def _parameter(name: str, **properties: object) -> Document:
    return {"One": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": name, "Type": "String", **properties}}}


_READ, _ADMIN = (f"arn:aws:iam::aws:policy/{name}" for name in ("ReadOnlyAccess", "AdministratorAccess"))
_ROLE: Document = {"AssumeRolePolicyDocument": _TRUST, "ManagedPolicyArns": [_READ]}
_GROUP: Document = {"LogGroupName": "/updated", "RetentionInDays": 7}
_RULE: Document = {
    "Name": "updated",
    "EventPattern": {"source": ["one"]},
    "Targets": [{"Id": "a", "Arn": f"arn:aws:sqs:{_HERE}:a"}],
}
# A type, what a resource of it has, what it comes to have, and what that takes.
_UPDATES: Mapping[str, tuple[str, Document, Document, set[str]]] = {
    "a property that is set": (
        "AWS::S3::Bucket",
        {"BucketName": "updated"},
        {"BucketName": "updated", "VersioningConfiguration": {"Status": "Enabled"}},
        {"s3:PutBucketVersioning"},
    ),
    "a policy in another's place": (
        "AWS::IAM::Role",
        _ROLE,
        _ROLE | {"ManagedPolicyArns": [_ADMIN]},
        {"iam:AttachRolePolicy", "iam:DetachRolePolicy"},
    ),
    "a policy more": (
        "AWS::IAM::Role",
        _ROLE,
        _ROLE | {"ManagedPolicyArns": [_READ, _ADMIN]},
        {"iam:AttachRolePolicy"},
    ),
    "a boundary": ("AWS::IAM::Role", _ROLE, _ROLE | {"PermissionsBoundary": _READ}, {"iam:PutRolePermissionsBoundary"}),
    "no boundary any more": (
        "AWS::IAM::Role",
        _ROLE | {"PermissionsBoundary": _READ},
        _ROLE,
        {"iam:DeleteRolePermissionsBoundary"},
    ),
    "another value": (
        "AWS::Logs::LogGroup",
        _GROUP,
        _GROUP | {"RetentionInDays": 30},
        {"logs:DescribeLogGroups", "logs:PutRetentionPolicy"},
    ),
    "a property that is taken away": (
        "AWS::Logs::LogGroup",
        _GROUP,
        {"LogGroupName": "/updated"},
        {"logs:DescribeLogGroups", "logs:DeleteRetentionPolicy"},
    ),
    "a target that is taken away": (
        "AWS::Events::Rule",
        _RULE,
        _RULE | {"Targets": [{"Id": "b", "Arn": f"arn:aws:sqs:{_HERE}:b"}]},
        {"events:DescribeRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets"},
    ),
    "a name that makes it another": (
        "AWS::Events::Rule",
        _RULE,
        _RULE | {"Name": "renamed"},
        {"events:DescribeRule", "events:PutRule", "events:PutTargets", "events:TagResource"}
        | {"events:DeleteRule", "events:ListTargetsByRule", "events:RemoveTargets"},
    ),
}


@pytest.mark.parametrize("change", _UPDATES)
def test_an_update_takes_the_actions_of_what_it_changes(deployer: Deployer, change: str) -> None:
    resource_type, old, new, actions = _UPDATES[change]
    deployer.may(allow("*"))
    stack = deployer.stack()
    assert stack.create({"One": {"Type": resource_type, "Properties": old}}) == "CREATE_COMPLETE", stack.reasons()
    before = len(deployer.asked())
    assert stack.update({"One": {"Type": resource_type, "Properties": new}}) == "UPDATE_COMPLETE", stack.reasons()
    assert {decision.action for decision in deployer.asked()[before:]} == actions
    assert stack.delete() == "DELETE_COMPLETE"


def test_an_update_that_the_role_may_not_make_is_rolled_back(deployer: Deployer) -> None:
    deployer.may(allow("*"))
    stack, name = deployer.stack(), f"/refused-{next(_numbers)}"
    assert stack.create(_parameter(name, Value="1")) == "CREATE_COMPLETE"
    deployer.may(allow("ssm:PutParameter", StringEquals={"ssm:Overwrite": "false"}))
    assert stack.update(_parameter(name, Value="2")) == "UPDATE_ROLLBACK_COMPLETE"
    assert "is not authorized to perform: ssm:PutParameter" in stack.reasons()


def test_a_deletion_is_decided_for_the_role_that_the_stack_was_last_deployed_with(
    cloud: Cloud, deployer: Deployer
) -> None:
    deployer.may(allow("ssm:PutParameter", "ssm:AddTagsToResource", "ssm:GetParameters"))
    stack, name = deployer.stack(), f"/kept-{next(_numbers)}"
    assert stack.create(_parameter(name, Value="1")) == "CREATE_COMPLETE"
    assert stack.delete() == "DELETE_FAILED"
    assert "is not authorized to perform: ssm:DeleteParameter" in stack.reasons()
    ssm = cloud.administrator(ACCOUNT).client("ssm")
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == "1"


@pytest.mark.parametrize("bounded", [True, False])
def test_a_role_is_created_only_with_the_boundary_that_the_policy_names(deployer: Deployer, bounded: bool) -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary-{next(_numbers)}"
    named = {"iam:PermissionsBoundary": boundary}
    deployer.may(
        allow("iam:CreatePolicy", "iam:*Policies", "iam:GetRole", "iam:GetPolicy", "iam:DeletePolicy", "iam:List*"),
        allow("iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRole", StringEquals=named),
    )
    policy = {"Version": "2012-10-17", "Statement": [allow("s3:ListAllMyBuckets")]}
    role: Document = {
        "AssumeRolePolicyDocument": _TRUST,
        "Policies": [{"PolicyName": "one", "PolicyDocument": policy}],
    }
    stack = deployer.stack()
    status = stack.create(
        {
            "Boundary": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"ManagedPolicyName": boundary.rpartition("/")[2], "PolicyDocument": policy},
            },
            "Role": {
                "Type": "AWS::IAM::Role",
                "DependsOn": "Boundary",
                "Properties": role | ({"PermissionsBoundary": boundary} if bounded else {}),
            },
        }
    )
    assert status == ("CREATE_COMPLETE" if bounded else "ROLLBACK_COMPLETE"), stack.reasons()
    assert ("is not authorized to perform: iam:CreateRole" in stack.reasons()) is not bounded


def test_only_the_policies_that_are_named_are_attached(deployer: Deployer) -> None:
    named = {"iam:PolicyARN": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    deployer.may(
        allow("iam:CreateRole", "iam:DeleteRole", "iam:GetRole", "iam:List*", "iam:DetachRolePolicy"),
        allow("iam:AttachRolePolicy", ArnEquals=named),
    )
    properties = {"AssumeRolePolicyDocument": _TRUST}
    for name, ends in (("ReadOnlyAccess", "CREATE_COMPLETE"), ("AdministratorAccess", "ROLLBACK_COMPLETE")):
        attached = properties | {"ManagedPolicyArns": [f"arn:aws:iam::aws:policy/{name}"]}
        assert deployer.stack().create({"Role": {"Type": "AWS::IAM::Role", "Properties": attached}}) == ends


def test_a_role_is_passed_to_the_service_that_works_in_it(deployer: Deployer) -> None:
    number = next(_numbers)
    passed = {"iam:PassedToService": "lambda.amazonaws.com"}
    deployer.may(
        {"Effect": "Allow", "NotAction": ["iam:PassRole"], "Resource": "*"},
        allow("iam:PassRole", resource=f"arn:aws:iam::{ACCOUNT}:role/deployed-{number}", StringEquals=passed),
    )
    stack = deployer.stack()
    assert stack.create(_identity(number)) == "CREATE_COMPLETE", stack.reasons()
    passed["iam:PassedToService"] = "sagemaker.amazonaws.com"
    deployer.may(
        {"Effect": "Allow", "NotAction": ["iam:PassRole"], "Resource": "*"},
        allow("iam:PassRole", StringEquals=passed),
    )
    other = deployer.stack()
    assert other.create(_identity(next(_numbers))) == "ROLLBACK_COMPLETE"
    assert "is not authorized to perform: iam:PassRole" in other.reasons()


def test_tags_of_a_template_are_tags_of_the_request(deployer: Deployer) -> None:
    deployer.may(
        allow("ssm:PutParameter", "ssm:AddTagsToResource", StringEquals={"aws:RequestTag/team": "one"}),
        allow("ssm:GetParameters"),
    )
    stack = deployer.stack()
    assert stack.create(_parameter(f"/tagged-{next(_numbers)}", Value="1", Tags={"team": "one"})) == "CREATE_COMPLETE"
    other = deployer.stack().create(_parameter(f"/tagged-{next(_numbers)}", Value="1", Tags={"team": "two"}))
    assert other == "ROLLBACK_COMPLETE"


def test_a_new_key_is_under_its_own_policy_at_once(cloud: Cloud, deployer: Deployer) -> None:
    deployer.may(allow("kms:*"))
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                "Action": ["kms:Put*", "kms:DescribeKey", "kms:ScheduleKeyDeletion"],
                "Resource": "*",
            }
        ],
    }
    key = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": policy, "EnableKeyRotation": True}}
    stack = deployer.stack()
    assert stack.create({"Key": key}) == "ROLLBACK_COMPLETE"
    assert "is not authorized to perform: kms:EnableKeyRotation" in stack.reasons()
    refused = [decision for decision in deployer.asked() if not decision.allowed]
    client = cloud.administrator(ACCOUNT).client("kms")
    assert client.describe_key(KeyId=refused[-1].resource)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_a_function_whose_code_was_never_published_is_not_made(cloud: Cloud, deployer: Deployer) -> None:
    deployer.may(allow("*"))
    bucket = f"unpublished-{next(_numbers)}"
    cloud.administrator(ACCOUNT).client("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    resources = _identity(next(_numbers))
    resources["Function"]["Properties"]["Code"] = {"S3Bucket": bucket, "S3Key": "code.zip"}
    stack = deployer.stack()
    assert stack.create(resources) == "ROLLBACK_COMPLETE"
    assert "S3 Error Code: NoSuchKey" in stack.reasons()


def test_a_type_that_nobody_has_written_down_fails_by_name(deployer: Deployer) -> None:
    deployer.may(allow("*"))
    stack = deployer.stack()
    stream = {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": f"unwritten-{next(_numbers)}", "ShardCount": 1}}
    assert stack.create({"Stream": stream}) == "ROLLBACK_COMPLETE"
    assert "AWS::Kinesis::Stream: no table of the rehearsal says which IAM actions" in stack.reasons()


def test_a_role_that_does_not_trust_cloudformation_provisions_nothing(cloud: Cloud) -> None:
    iam = cloud.administrator(ACCOUNT).client("iam")
    trust = json.dumps(_TRUST).replace("cloudformation", "lambda")
    arn = iam.create_role(RoleName=f"untrusting-{next(_numbers)}", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    stack = Stack(cloud, f"untrusting-{next(_numbers)}", role=str(arn))
    assert stack.create(_parameter(f"/untrusting-{next(_numbers)}", Value="1")) == "ROLLBACK_COMPLETE"
    assert f"Could not assume role {arn}" in stack.reasons()

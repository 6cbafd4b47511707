"""Accounts, keys, network and roles, as an auditor asks for them."""

from pathlib import Path

from plumbline.audit.inventory import Inventory, take_inventory
from plumbline.audit.readable import readable, unresolved_in_policies
from tests.plumbline.audit.subjects import ACCOUNT, Resource, allow, policy, template

_KEY = {
    "Type": "AWS::KMS::Key",
    "Properties": {
        "Description": "Data of the platform",
        "EnableKeyRotation": True,
        "KeyPolicy": policy(allow("kms:Decrypt", "*", Principal={"Service": "logs.amazonaws.com"})),
    },
}
_ALIAS = {
    "Type": "AWS::KMS::Alias",
    "Properties": {"AliasName": "alias/data", "TargetKeyId": {"Fn::GetAtt": ["Key", "Arn"]}},
}
_VPC = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}
_GROUP = {
    "Type": "AWS::EC2::SecurityGroup",
    "Properties": {
        "GroupDescription": "Jobs",
        "VpcId": {"Ref": "Vpc"},
        "SecurityGroupEgress": [
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0", "Description": "HTTPS"}
        ],
    },
}
_BETWEEN = {
    "Type": "AWS::EC2::SecurityGroupIngress",
    "Properties": {
        "GroupId": {"Fn::GetAtt": ["Group", "GroupId"]},
        "SourceSecurityGroupId": {"Fn::GetAtt": ["Group", "GroupId"]},
        "IpProtocol": "50",
    },
}


def _inventory(tmp_path: Path, **resources: Resource) -> Inventory:
    return take_inventory([template(tmp_path, resources, Description="What it is for")])


def test_an_account_lists_its_stacks(tmp_path: Path) -> None:
    (account,) = _inventory(tmp_path, Vpc=_VPC).accounts
    (stack,) = account.stacks
    assert (account.account, stack.name, stack.description, stack.resources, stack.protected) == (
        ACCOUNT,
        "stack",
        "What it is for",
        1,
        True,
    )


def test_a_key_has_its_alias_its_purpose_and_its_users(tmp_path: Path) -> None:
    (key,) = _inventory(tmp_path, Key=_KEY, Alias=_ALIAS).keys
    assert (key.name, key.purpose, key.rotates, key.window) == ("alias/data", "Data of the platform", True, "30")
    assert key.users[0].principals == ("logs.amazonaws.com",)


def test_a_key_that_does_not_rotate_is_told(tmp_path: Path) -> None:
    (key,) = _inventory(tmp_path, Key={"Type": "AWS::KMS::Key"}).keys
    assert (key.name, key.rotates) == ("Key", False)


def test_a_group_has_the_rules_that_stand_apart(tmp_path: Path) -> None:
    (network,) = _inventory(tmp_path, Vpc=_VPC, Group=_GROUP, Between=_BETWEEN).networks
    (group,) = network.groups
    assert group.inward == ("ESP from <Jobs>",)
    assert group.outward == ("TCP 443 to 0.0.0.0/0 (HTTPS)",)


def test_a_group_without_a_rule_for_going_out_goes_everywhere(tmp_path: Path) -> None:
    open_group = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "Open"}}
    (network,) = _inventory(tmp_path, Vpc=_VPC, Group=open_group).networks
    assert network.groups[0].outward == ("everything, to everywhere",)


def test_a_way_out_of_the_network_is_told(tmp_path: Path) -> None:
    (network,) = _inventory(tmp_path, Vpc=_VPC, Way={"Type": "AWS::EC2::InternetGateway"}).networks
    assert network.gateways == ("internet gateway Way",)


def test_an_endpoint_tells_what_it_admits(tmp_path: Path) -> None:
    endpoint = {
        "Type": "AWS::EC2::VPCEndpoint",
        "Properties": {
            "ServiceName": "com.amazonaws.eu-west-1.ecr.api",
            "VpcEndpointType": "Interface",
            "PolicyDocument": policy(allow("ecr:BatchGetImage", "*", Principal="*")),
        },
    }
    (network,) = _inventory(tmp_path, Vpc=_VPC, Endpoint=endpoint).networks
    assert (network.endpoints[0].service, network.endpoints[0].admits[0].reads) == ("ecr.api", ("BatchGetImage",))


def test_a_role_may_what_its_policies_of_every_kind_say(tmp_path: Path) -> None:
    attached = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": policy(allow("s3:GetObject", "*"))}}
    apart = {
        "Type": "AWS::IAM::Policy",
        "Properties": {
            "PolicyName": "p",
            "Roles": [{"Ref": "Role"}],
            "PolicyDocument": policy(allow("sns:Publish", "*")),
        },
    }
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": "trains",
            "Description": "Trains",
            "PermissionsBoundary": "arn:aws:iam::111111111111:policy/boundary",
            "AssumeRolePolicyDocument": policy(
                {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ),
            "ManagedPolicyArns": [{"Ref": "Attached"}],
            "Policies": [{"PolicyName": "q", "PolicyDocument": policy(allow("kms:Decrypt", "*"))}],
        },
    }
    (entry,) = _inventory(tmp_path, Role=role, Attached=attached, Apart=apart).roles
    assert (entry.name, entry.purpose, entry.boundary, entry.hours) == ("trains", "Trains", "boundary", 1)
    assert entry.trust[0].principals == ("sagemaker.amazonaws.com",)
    assert [one.service for one in entry.may] == ["S3", "KMS", "SNS"]


def test_an_invented_id_stands_by_what_people_call_it(tmp_path: Path) -> None:
    used = {"Type": "AWS::SQS::Queue", "Properties": {"KmsMasterKeyId": {"Fn::GetAtt": ["Key", "Arn"]}}}
    ((_, resources),) = readable([template(tmp_path, {"Key": _KEY, "Alias": _ALIAS, "Queue": used})])
    assert resources["Queue"]["KmsMasterKeyId"] == "<key data>"


def test_a_parameter_of_another_stack_is_worked_out(tmp_path: Path) -> None:
    published = {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/key", "Value": {"Fn::GetAtt": ["Key", "Arn"]}}}
    first = template(tmp_path, {"Key": _KEY, "Alias": _ALIAS, "Published": published}, name="first")
    second = template(
        tmp_path,
        {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"KmsMasterKeyId": {"Ref": "Key"}}}},
        name="second",
        Parameters={"Key": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/key"}},
    )
    assert readable([first, second])[1][1]["Queue"]["KmsMasterKeyId"] == "<key data>"


def test_what_only_deploying_tells_is_named(tmp_path: Path) -> None:
    properties = {
        "A": {"Ref": "Unset"},
        "B": {"Fn::Join": ["", ["arn:", {"Ref": "Unset"}]]},
        "C": {"Fn::Sub": "x-${Unset}"},
        "D": {"Fn::ImportValue": "x"},
        "E": [{"Fn::GetAtt": ["Queue", "Odd"]}],
    }
    subject = template(
        tmp_path,
        {"Queue": {"Type": "AWS::SQS::Queue", "Properties": properties}},
        Parameters={"Unset": {"Type": "String"}},
    )
    ((_, resources),) = readable([subject])
    assert resources["Queue"] == {
        "A": "${Unset}",
        "B": "arn:${Unset}",
        "C": "x-${Unset}",
        "D": '${ImportValue "x"}',
        "E": ["${Queue.Odd}"],
    }


def test_an_intrinsic_of_a_policy_that_nothing_tells_is_named_with_its_path(tmp_path: Path) -> None:
    statements = [allow("s3:GetObject", [{"Fn::ImportValue": "x"}]), {**allow("a", "b"), "Action": {"Ref": "Unset"}}]
    role = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": policy(*statements)}}
    found = unresolved_in_policies([template(tmp_path, {"Role": role}, Parameters={"Unset": {"Type": "String"}})])
    path = "stack.template.json: Resources.Role.Properties.PolicyDocument.Statement"
    assert [sentence.removeprefix(path) for sentence in found] == [
        "[0].Resource[0]: Fn::ImportValue is not understood",
        "[1].Action.Ref: the parameter Unset has no default and is not given",
    ]


def test_what_a_template_says_itself_is_worked_out(tmp_path: Path) -> None:
    role = {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"PolicyDocument": policy(allow("kms:Decrypt", [{"Fn::GetAtt": ["Key", "Arn"]}]))},
    }
    assert unresolved_in_policies([template(tmp_path, {"Role": role, "Key": _KEY})]) == ()

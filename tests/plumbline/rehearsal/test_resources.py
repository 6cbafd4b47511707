"""The added CloudFormation types: made, changed and deleted with their effect; unknown ones are refused by name."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest

from plumbline.rehearsal.cloud import Cloud
from tests.plumbline.rehearsal.asking import queue
from tests.plumbline.rehearsal.stack import ACCOUNT, Stack

pytestmark = pytest.mark.rehearsal


def _network(**rules: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.50.0.0/20"}},
        "Group": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"GroupDescription": "one", "VpcId": {"Ref": "Vpc"}},
        },
        **rules,
    }


def _rule(direction: str, port: int) -> dict[str, Any]:
    return {
        "Type": f"AWS::EC2::SecurityGroup{direction}",
        "Properties": {
            "GroupId": {"Ref": "Group"},
            "IpProtocol": "tcp",
            "FromPort": port,
            "ToPort": port,
            "CidrIp": {"Fn::GetAtt": ["Vpc", "CidrBlock"]},
        },
    }


def _ports(cloud: Cloud, group: str, side: str) -> list[tuple[int | None, list[str]]]:
    described = cloud.administrator(ACCOUNT).client("ec2").describe_security_groups(GroupIds=[group])
    return [
        (rule.get("FromPort"), [entry["CidrIp"] for entry in rule["IpRanges"]])
        for rule in described["SecurityGroups"][0][side]
    ]


@pytest.mark.parametrize(
    ("direction", "side", "without"),
    [("Ingress", "IpPermissions", []), ("Egress", "IpPermissionsEgress", [])],
)
def test_a_rule_of_a_security_group_comes_changes_and_goes(
    cloud: Cloud, direction: str, side: str, without: list[tuple[int, list[str]]]
) -> None:
    stack = Stack(cloud, f"rules-{direction.lower()}")
    assert stack.create(_network(Rule=_rule(direction, 443))) == "CREATE_COMPLETE"
    group = stack.id_of("Group")
    assert _ports(cloud, group, side) == [(443, ["10.50.0.0/20"])]
    assert stack.update(_network(Rule=_rule(direction, 8080))) == "UPDATE_COMPLETE"
    assert _ports(cloud, group, side) == [(8080, ["10.50.0.0/20"])]
    assert stack.update(_network()) == "UPDATE_COMPLETE"
    assert _ports(cloud, group, side) == without
    stack.delete()


def test_a_rule_of_a_group_that_is_not_there_fails_the_stack(cloud: Cloud) -> None:
    stack = Stack(cloud, "rule-of-none")
    rule = _rule("Ingress", 443)
    rule["Properties"] |= {"GroupId": "sg-none", "CidrIp": "10.0.0.0/8"}
    assert stack.create({"Rule": rule}) == "ROLLBACK_COMPLETE"
    assert "The security group 'sg-none' does not exist" in stack.reasons()


def _flow_log(traffic: str) -> dict[str, Any]:
    return {
        "Type": "AWS::EC2::FlowLog",
        "Properties": {
            "ResourceType": "VPC",
            "ResourceId": {"Ref": "Vpc"},
            "TrafficType": traffic,
            "LogGroupName": "/flow-logs",
        },
    }


def test_a_flow_log_watches_its_vpc(cloud: Cloud) -> None:
    stack = Stack(cloud, "flow-log")
    ec2 = cloud.administrator(ACCOUNT).client("ec2")
    assert stack.create(_network(Log=_flow_log("ALL"))) == "CREATE_COMPLETE"

    def watching() -> list[str]:
        filters = [{"Name": "resource-id", "Values": [stack.id_of("Vpc")]}]
        return [log["TrafficType"] for log in ec2.describe_flow_logs(Filters=filters)["FlowLogs"]]

    assert watching() == ["ALL"]
    assert stack.update(_network(Log=_flow_log("REJECT"))) == "UPDATE_COMPLETE"
    assert watching() == ["REJECT"]
    assert stack.update(_network()) == "UPDATE_COMPLETE"
    assert watching() == []
    stack.delete()


def _bus(*principals: str) -> dict[str, Any]:
    return {
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "policy-bus"}},
        **{
            f"Policy{principal}": {
                "Type": "AWS::Events::EventBusPolicy",
                "Properties": {
                    "EventBusName": {"Ref": "Bus"},
                    "StatementId": f"from-{principal}",
                    "Statement": {
                        "Effect": "Allow",
                        "Principal": {"AWS": f"arn:aws:iam::{principal}:root"},
                        "Action": "events:PutEvents",
                        "Resource": {"Fn::GetAtt": ["Bus", "Arn"]},
                    },
                },
            }
            for principal in principals
        },
    }


def test_the_statements_of_a_bus_policy_come_and_go_one_by_one(cloud: Cloud) -> None:
    stack = Stack(cloud, "bus-policy")
    events = cloud.administrator(ACCOUNT).client("events")

    def statements() -> list[str]:
        policy = json.loads(events.describe_event_bus(Name="policy-bus").get("Policy", '{"Statement": []}'))
        return sorted(statement["Sid"] for statement in policy["Statement"])

    assert stack.create(_bus("222222222222")) == "CREATE_COMPLETE"
    assert statements() == ["from-222222222222"]
    assert stack.update(_bus("222222222222", "333333333333")) == "UPDATE_COMPLETE"
    assert statements() == ["from-222222222222", "from-333333333333"]
    assert stack.update(_bus("333333333333")) == "UPDATE_COMPLETE"
    assert statements() == ["from-333333333333"]
    stack.delete()


def test_an_unknown_type_is_refused_by_name(cloud: Cloud) -> None:
    stack = Stack(cloud, "unknown")
    with pytest.raises(Exception, match=r"AWS::Unheard::Of"):
        stack.create({"One": {"Type": "AWS::Unheard::Of", "Properties": {}}})


def test_what_is_retained_except_on_create_goes_when_the_first_create_fails(cloud: Cloud) -> None:
    stack = Stack(cloud, "retained")
    kept = {"Type": "AWS::SSM::Parameter", "DeletionPolicy": "RetainExceptOnCreate"}
    rule = _rule("Ingress", 443)
    rule["Properties"] |= {"GroupId": "sg-none", "CidrIp": "10.0.0.0/8"}
    resources = {
        "Kept": kept | {"Properties": {"Name": "/retained", "Type": "String", "Value": "1"}},
        "Rule": rule | {"DependsOn": "Kept"},
    }
    assert stack.create(resources) == "ROLLBACK_COMPLETE"
    ssm = cloud.administrator(ACCOUNT).client("ssm")
    assert ssm.get_parameters(Names=["/retained"])["InvalidParameters"] == ["/retained"]


def test_a_protected_stack_is_not_deleted(cloud: Cloud) -> None:
    client = cloud.administrator(ACCOUNT).client("cloudformation")
    template = {"Resources": {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}
    client.create_stack(StackName="protected", TemplateBody=json.dumps(template), EnableTerminationProtection=True)
    with pytest.raises(Exception, match="TerminationProtection"):
        client.delete_stack(StackName="protected")


def test_a_condition_compares_what_its_functions_give(cloud: Cloud) -> None:
    body = {
        "Parameters": {"Trusted": {"Type": "CommaDelimitedList", "Default": ""}},
        "Conditions": {
            "Trusting": {"Fn::Not": [{"Fn::Equals": ["", {"Fn::Join": ["", {"Ref": "Trusted"}]}]}]},
            "Here": {"Fn::Equals": [{"Ref": "AWS::AccountId"}, ACCOUNT]},
            "Both": {"Fn::And": [{"Condition": "Trusting"}, {"Condition": "Here"}]},
        },
        "Resources": {
            name: {"Type": "AWS::CloudFormation::WaitConditionHandle", "Condition": name}
            for name in ("Trusting", "Here", "Both")
        },
    }
    client = cloud.administrator(ACCOUNT).client("cloudformation")
    for trusted, made in (("", {"Here"}), ("222222222222,333333333333", {"Trusting", "Here", "Both"})):
        parameters = [{"ParameterKey": "Trusted", "ParameterValue": trusted}]
        name = f"conditions-{len(made)}"
        client.create_stack(StackName=name, TemplateBody=json.dumps(body), Parameters=parameters)
        listed = client.describe_stack_resources(StackName=name)["StackResources"]
        assert {resource["LogicalResourceId"] for resource in listed} == made


def _outputs(cloud: Cloud, stack: str) -> dict[str, str]:
    described = cloud.administrator(ACCOUNT).client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def _alarm(name: str) -> dict[str, Any]:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": name,
            "Namespace": "composite",
            "MetricName": "one",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanThreshold",
        },
    }


def _either(name: str, rule: str) -> dict[str, Any]:
    properties = {"AlarmName": name, "AlarmRule": rule, "AlarmActions": []}
    return {"Type": "AWS::CloudWatch::CompositeAlarm", "DependsOn": ["One", "Two"], "Properties": properties}


def test_a_composite_alarm_comes_changes_and_goes(cloud: Cloud) -> None:
    stack, client = Stack(cloud, "composite"), cloud.administrator(ACCOUNT).client("cloudwatch")
    alarms = {"One": _alarm("composite-one"), "Two": _alarm("composite-two")}
    either = _either("composite-either", "ALARM(composite-one) OR ALARM(composite-two)")
    outputs = {"Arn": {"Value": {"Fn::GetAtt": ["Either", "Arn"]}}, "Ref": {"Value": {"Ref": "Either"}}}
    assert stack.create({**alarms, "Either": either}, outputs) == "CREATE_COMPLETE", stack.reasons()
    arn = f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:composite-either"
    assert _outputs(cloud, stack.name) == {"Arn": arn, "Ref": "composite-either"}

    def state() -> tuple[str, str]:
        found = client.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]
        return found["AlarmRule"], found["StateValue"]

    client.set_alarm_state(AlarmName="composite-two", StateValue="ALARM", StateReason="a test")
    assert state() == ("ALARM(composite-one) OR ALARM(composite-two)", "ALARM")
    assert stack.update({**alarms, "Either": _either("composite-either", "ALARM(composite-one)")}) == "UPDATE_COMPLETE"
    assert state()[0] == "ALARM(composite-one)"
    assert stack.update(alarms) == "UPDATE_COMPLETE"
    assert client.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"] == []


def test_a_composite_alarm_of_an_alarm_that_is_not_there_fails_the_stack(cloud: Cloud) -> None:
    either = _either("composite-none", "ALARM(composite-nobody)")
    del either["DependsOn"]
    stack = Stack(cloud, "composite-none")
    assert stack.create({"Either": either}) == "ROLLBACK_COMPLETE"
    assert "composite-nobody] in the alarm rule do not exist" in stack.reasons()


def _budget(amount: int) -> dict[str, Any]:
    budget = {
        "BudgetName": "a-budget",
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": amount, "Unit": "USD"},
    }
    return {"Budget": {"Type": "AWS::Budgets::Budget", "Properties": {"Budget": budget}}}


def test_a_budget_comes_changes_and_goes(cloud: Cloud) -> None:
    stack, client = Stack(cloud, "budget"), cloud.administrator(ACCOUNT).client("budgets")

    def limits() -> list[str]:
        listed = client.describe_budgets(AccountId=ACCOUNT).get("Budgets", [])
        return [budget["BudgetLimit"]["Amount"] for budget in listed]

    assert stack.create(_budget(100)) == "CREATE_COMPLETE", stack.reasons()
    assert stack.id_of("Budget") == "a-budget"
    assert limits() == ["100"]
    assert stack.update(_budget(200)) == "UPDATE_COMPLETE"
    assert limits() == ["200"]
    assert stack.delete() == "DELETE_COMPLETE"
    assert limits() == []


def _trail(name: str, *, logging: bool = True, **properties: object) -> dict[str, Any]:
    bucket = f"files-of-{name}"
    arn = f"arn:aws:cloudtrail:eu-west-1:{ACCOUNT}:trail/{name}"
    admitted = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
    source = {"aws:SourceArn": arn}
    statements = [
        admitted
        | {
            "Action": "s3:GetBucketAcl",
            "Resource": f"arn:aws:s3:::{bucket}",
            "Condition": {"StringEquals": source},
        },
        admitted
        | {
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{bucket}/AWSLogs/{ACCOUNT}/*",
            "Condition": {"StringEquals": source | {"s3:x-amz-acl": "bucket-owner-full-control"}},
        },
    ]
    return {
        "Files": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}},
        "Policy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": {"Ref": "Files"},
                "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
            },
        },
        "Trail": {
            "Type": "AWS::CloudTrail::Trail",
            "DependsOn": "Policy",
            "Properties": {
                "TrailName": name,
                "S3BucketName": {"Ref": "Files"},
                "IsLogging": logging,
                "IsMultiRegionTrail": True,
                "EnableLogFileValidation": True,
                "EventSelectors": [
                    {
                        "ReadWriteType": "All",
                        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::watched/"]}],
                    }
                ],
                **properties,
            },
        },
    }


def test_a_trail_comes_logging_changes_and_goes(cloud: Cloud) -> None:
    stack, client = Stack(cloud, "trail"), cloud.administrator(ACCOUNT).client("cloudtrail")
    outputs = {"Arn": {"Value": {"Fn::GetAtt": ["Trail", "Arn"]}}, "Ref": {"Value": {"Ref": "Trail"}}}
    assert stack.create(_trail("a-trail"), outputs) == "CREATE_COMPLETE", stack.reasons()
    arn = f"arn:aws:cloudtrail:eu-west-1:{ACCOUNT}:trail/a-trail"
    assert _outputs(cloud, stack.name) == {"Arn": arn, "Ref": "a-trail"}
    assert client.get_trail_status(Name="a-trail")["IsLogging"] is True
    found = client.get_trail(Name="a-trail")["Trail"]
    assert (found["IsMultiRegionTrail"], found["LogFileValidationEnabled"]) == (True, True)
    (selector,) = client.get_event_selectors(TrailName="a-trail")["EventSelectors"]
    assert selector["DataResources"] == [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::watched/"]}]
    assert stack.update(_trail("a-trail", logging=False)) == "UPDATE_COMPLETE"
    assert client.get_trail_status(Name="a-trail")["IsLogging"] is False
    assert stack.delete() == "DELETE_COMPLETE"
    assert client.describe_trails(trailNameList=["a-trail"])["trailList"] == []


def test_a_trail_whose_bucket_does_not_admit_it_is_refused(cloud: Cloud) -> None:
    resources = _trail("unadmitted")
    resources["Policy"]["Properties"]["PolicyDocument"]["Statement"].pop()
    stack = Stack(cloud, "unadmitted-trail")
    assert stack.create(resources) == "ROLLBACK_COMPLETE"
    assert "Incorrect S3 bucket policy is detected for bucket: files-of-unadmitted" in stack.reasons()


def test_a_trail_whose_key_does_not_admit_it_is_refused(cloud: Cloud) -> None:
    key = cloud.administrator(ACCOUNT).client("kms").create_key()["KeyMetadata"]["Arn"]
    stack = Stack(cloud, "keyless-trail")
    assert stack.create(_trail("keyless", KMSKeyId=key)) == "ROLLBACK_COMPLETE"
    assert f"Insufficient permissions to access S3 bucket files-of-keyless or KMS key {key}" in stack.reasons()


@pytest.mark.parametrize("granted", [True, False])
def test_a_trail_copies_its_events_only_in_a_role_that_may_write_them(cloud: Cloud, granted: bool) -> None:
    iam, name = cloud.administrator(ACCOUNT).client("iam"), f"copying-{granted}".lower()
    trust = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "sts:AssumeRole"}
    body = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=body)["Role"]["Arn"]
    group = f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/{name}:*"
    if granted:
        write = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": group}
        document = json.dumps({"Version": "2012-10-17", "Statement": [write]})
        iam.put_role_policy(RoleName=name, PolicyName="write", PolicyDocument=document)
    stack = Stack(cloud, f"{name}-trail")
    status = stack.create(_trail(name, CloudWatchLogsLogGroupArn=group, CloudWatchLogsRoleArn=role))
    assert status == ("CREATE_COMPLETE" if granted else "ROLLBACK_COMPLETE"), stack.reasons()
    assert ("InvalidCloudWatchLogsRoleArnException" in stack.reasons()) is not granted


def test_a_buckets_default_encryption_and_lock_are_kept(cloud: Cloud) -> None:
    administrator = cloud.administrator(ACCOUNT)
    key = administrator.client("kms").create_key()["KeyMetadata"]["Arn"]
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    properties: dict[str, Any] = {
        "BucketName": "kept-properties",
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]
        },
        "ObjectLockEnabled": True,
        "ObjectLockConfiguration": {
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 7}},
        },
    }
    stack, s3 = Stack(cloud, "kept-properties"), administrator.client("s3")
    assert stack.create({"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}}) == "CREATE_COMPLETE"
    (rule,) = s3.get_bucket_encryption(Bucket="kept-properties")["ServerSideEncryptionConfiguration"]["Rules"]
    assert (rule["ApplyServerSideEncryptionByDefault"], rule["BucketKeyEnabled"]) == (default, True)
    assert s3.get_bucket_versioning(Bucket="kept-properties")["Status"] == "Enabled"
    version = s3.put_object(Bucket="kept-properties", Key="one", Body=b"1")["VersionId"]
    assert s3.head_object(Bucket="kept-properties", Key="one")["SSEKMSKeyId"] == key
    with pytest.raises(Exception, match="AccessDenied"):
        s3.delete_object(Bucket="kept-properties", Key="one", VersionId=version)
    properties["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]["Days"] = 8
    assert stack.update({"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}}) == "UPDATE_COMPLETE"
    lock = s3.get_object_lock_configuration(Bucket="kept-properties")["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 8}


def test_an_event_buss_key_and_dead_letter_queue_are_kept(cloud: Cloud) -> None:
    dead_letters = {"Arn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:dead"}
    properties = {"Name": "kept-bus", "KmsKeyIdentifier": "alias/kept", "DeadLetterConfig": dead_letters}
    stack, events = Stack(cloud, "kept-bus"), cloud.administrator(ACCOUNT).client("events")
    assert stack.create({"Bus": {"Type": "AWS::Events::EventBus", "Properties": properties}}) == "CREATE_COMPLETE"
    found = events.describe_event_bus(Name="kept-bus")
    assert (found["KmsKeyIdentifier"], found["DeadLetterConfig"]) == ("alias/kept", dead_letters)


def test_a_rules_state_is_kept(cloud: Cloud) -> None:
    state = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    properties = {"Name": "all-events", "State": state, "EventPattern": {"source": ["aws.sts"]}}
    stack, events = Stack(cloud, "all-events"), cloud.administrator(ACCOUNT).client("events")
    assert stack.create({"Rule": {"Type": "AWS::Events::Rule", "Properties": properties}}) == "CREATE_COMPLETE"
    assert events.describe_rule(Name="all-events")["State"] == state


def test_stacks_and_resources_tell_the_default_bus_of_their_status(cloud: Cloud) -> None:
    administrator = cloud.administrator(ACCOUNT)
    told_to = queue(cloud, ACCOUNT, "status")
    events = administrator.client("events")
    pattern = {"source": ["aws.cloudformation"], "detail": {"stack-id": [{"wildcard": "*:stack/telling/*"}]}}
    events.put_rule(Name="status", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="status", Targets=[{"Id": "queue", "Arn": told_to.arn}])
    stack = Stack(cloud, "telling")
    assert stack.create({"One": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}) == "CREATE_COMPLETE"
    told = told_to.received()
    events.remove_targets(Rule="status", Ids=["queue"])
    events.delete_rule(Name="status")
    seen = [(event["detail-type"], event["detail"]["status-details"]["status"]) for event in told]
    kinds = "CloudFormation Stack Status Change", "CloudFormation Resource Status Change"
    for expected in itertools.product(kinds, ("CREATE_IN_PROGRESS", "CREATE_COMPLETE")):
        assert expected in seen
    ended = told[seen.index((kinds[1], "CREATE_COMPLETE"))]
    assert (ended["detail"]["logical-resource-id"], ended["resources"]) == ("One", [ended["detail"]["stack-id"]])

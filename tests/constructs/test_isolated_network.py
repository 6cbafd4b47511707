"""The network has no way out, and its endpoints let in nobody else."""

import ipaddress

import pytest

from plumbline.configuration import Deployment, Environment
from tests.house.assembly import Assembly, Json, Template, listed, role_statements


@pytest.fixture
def dev(assembly: Assembly) -> Deployment:
    return assembly.platform.deployment(Environment.DEV)


@pytest.fixture
def foundation(assembly: Assembly, dev: Deployment) -> Template:
    return assembly[dev.stack_name("foundation")]


def _endpoints(foundation: Template) -> dict[str, Json]:
    return {
        endpoint["Properties"]["ServiceName"].split(".", 3)[3]: endpoint["Properties"]
        for endpoint in foundation.of_type("AWS::EC2::VPCEndpoint")
    }


def test_there_is_no_way_to_the_internet(foundation: Template) -> None:
    assert not {resource["Type"] for resource in foundation.resources.values()} & {
        "AWS::EC2::EIP",
        "AWS::EC2::EgressOnlyInternetGateway",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::NatGateway",
        "AWS::EC2::Route",
        "AWS::EC2::TransitGatewayAttachment",
        "AWS::EC2::VPCPeeringConnection",
    }


def test_two_subnets_in_two_zones_share_the_block(foundation: Template, dev: Deployment) -> None:
    subnets = [subnet["Properties"] for subnet in foundation.of_type("AWS::EC2::Subnet")]
    assert {subnet["AvailabilityZone"] for subnet in subnets} == {f"{dev.region}{zone}" for zone in dev.platform.zones}
    blocks = [ipaddress.ip_network(subnet["CidrBlock"]) for subnet in subnets]
    assert list(ipaddress.collapse_addresses(blocks)) == [ipaddress.ip_network(dev.cidr)]  # type: ignore[type-var]
    assert not any(subnet["MapPublicIpOnLaunch"] for subnet in subnets)


def test_jobs_and_notebooks_reach_what_they_use_and_no_more(assembly: Assembly, foundation: Template) -> None:
    jobs = {"ecr.api", "ecr.dkr", "kms", "logs", "s3"}
    assert _endpoints(foundation).keys() == jobs | ({"sagemaker.api", "sts"} if assembly.platform.workbench else set())
    production = assembly.platform.deployment(Environment.PRODUCTION)
    assert _endpoints(assembly[production.stack_name("foundation")]).keys() == jobs


def test_every_endpoint_has_a_policy_of_its_own(foundation: Template, assembly: Assembly) -> None:
    for service, endpoint in _endpoints(foundation).items():
        for statement in endpoint["PolicyDocument"]["Statement"]:
            if statement["Sid"] != "ImageLayers":
                accounts = statement["Condition"]["StringEquals"]["aws:PrincipalAccount"]
                assert accounts == list(assembly.platform.account_ids), service


def test_image_layers_come_from_the_bucket_of_ecr(foundation: Template, dev: Deployment) -> None:
    (layers,) = [s for s in _endpoints(foundation)["s3"]["PolicyDocument"]["Statement"] if s["Sid"] == "ImageLayers"]
    assert layers["Action"] == "s3:GetObject"
    assert layers["Resource"] == f"arn:aws:s3:::prod-{dev.region}-starport-layer-bucket/*"


def test_interface_endpoints_stand_in_both_subnets_under_their_usual_names(foundation: Template) -> None:
    for service, endpoint in _endpoints(foundation).items():
        if service != "s3":
            assert endpoint["PrivateDnsEnabled"] is True, service
            assert len(endpoint["SubnetIds"]) == 2, service


def test_jobs_open_connections_by_https_and_to_each_other_only(foundation: Template) -> None:
    (jobs_id, jobs), *rest = [
        (name, resource["Properties"])
        for name, resource in foundation.resources.items()
        if resource["Type"] == "AWS::EC2::SecurityGroup" and "Job" in name
    ]
    assert not rest
    (egress,) = jobs["SecurityGroupEgress"]
    assert (egress["IpProtocol"], egress["FromPort"], egress["ToPort"]) == ("tcp", 443, 443)
    assert "SecurityGroupIngress" not in jobs
    for rule in ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"):
        for one in foundation.of_type(rule):
            properties = one["Properties"]
            other = properties.get("SourceSecurityGroupId") or properties["DestinationSecurityGroupId"]
            assert properties["GroupId"] == other
        assert {"Fn::GetAtt": [jobs_id, "GroupId"]} in [r["Properties"]["GroupId"] for r in foundation.of_type(rule)]


def test_endpoints_answer_jobs_and_notebooks_by_https_only(foundation: Template) -> None:
    (endpoints,) = [
        group["Properties"]
        for group in foundation.of_type("AWS::EC2::SecurityGroup")
        if group["Properties"]["GroupDescription"] == "Interface endpoints"
    ]
    for ingress in endpoints["SecurityGroupIngress"]:
        assert (ingress["FromPort"], ingress["ToPort"], "CidrIp" in ingress) == (443, 443, False)
    (egress,) = endpoints["SecurityGroupEgress"]
    assert egress["CidrIp"] == "255.255.255.255/32"


def test_every_flow_is_logged_by_a_role_that_does_only_that(foundation: Template, dev: Deployment) -> None:
    flow_log = foundation.only("AWS::EC2::FlowLog")["Properties"]
    assert (flow_log["ResourceType"], flow_log["TrafficType"]) == ("VPC", "ALL")
    role = foundation.role(f"{dev.prefix}-flow-logs")
    (written,) = role_statements(role).values()
    assert set(listed(written["Action"])) == {"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"}
    assert written["Resource"]["Fn::GetAtt"][1] == "Arn"
    (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"]["ArnLike"] == {"aws:SourceArn": dev.arn("ec2", "vpc-flow-log/*")}

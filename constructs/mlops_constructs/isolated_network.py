"""A network without a way out, in which jobs and endpoints run."""

import ipaddress
from collections.abc import Sequence
from datetime import date

from aws_cdk import CfnTag, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from mlops_constructs.clarify_explanations import CLARIFY_ACTIONS
from mlops_constructs.endpoint_policy import EndpointPolicies, Policy
from mlops_constructs.log_retention import retention
from mlops_constructs.notebook_actions import NOTEBOOK_ACTIONS
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.service_trust import service_trust
from mlops_constructs.waiver import Waiver, compliance_rules, waive
from plumbline.configuration import Deployment, Monitor, image_repository_arns

# Name, protocol, first and last port.
_Traffic = tuple[str, str, int | None, int | None]
# Instances of one job talk to each other encrypted, by IKE and ESP (SageMaker developer guide, "Protect Communications
# Between ML Compute Instances in a Distributed Training Job").
_BETWEEN_INSTANCES: tuple[_Traffic, ...] = (("KeyExchange", "udp", 500, 500), ("Encrypted", "50", None, None))
# SageMaker developer guide, "Connect Studio in a VPC to External Resources": NFS, and applications to their kernels.
_IN_STUDIO: tuple[_Traffic, ...] = (("Files", "tcp", 2_049, 2_049), ("Kernels", "tcp", 8_192, 65_535))


class IsolatedNetwork(Construct):
    """A VPC of two isolated subnets and the endpoints through which AWS is reached.

    Guarantees: no internet gateway, no NAT, no public address, no route but the local one and S3's; every endpoint
    lets in the platform's identities only; jobs speak HTTPS and, within one job, to each other; every flow is logged,
    encrypted.

    Leaves out: the VPC's default security group, which CloudFormation cannot empty. Nothing is attached to it.

    Attributes:
        vpc_id: Id of the VPC.
        subnet_ids: Ids of two subnets, one in each of two availability zones.
        job_security_group_id: Id of the security group of jobs and endpoints.
        workbench_security_group_id: Id of the security group of Studio spaces; None without a workbench.
        flow_log_group: Where flow logs go.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        key: kms.IKey,
    ) -> None:
        """Defines the network.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment; its `cidr` is halved between the subnets.
            key: Key of the flow logs.
        """
        super().__init__(scope, construct_id)
        self._deployment = deployment
        # Ids rather than resources are kept: each look-up of an id crosses to JavaScript, and many resources name it.
        vpc = ec2.CfnVPC(
            self,
            "Vpc",
            cidr_block=deployment.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags=[CfnTag(key="Name", value=deployment.prefix)],
        )
        self.vpc_id = vpc.attr_vpc_id
        waive(
            vpc,
            *(
                Waiver(
                    id="default-security-group",
                    rule=rule,
                    reason="CloudFormation cannot take the rules of a VPC's default security group away; the account "
                    "guard does so after every deployment. Nothing is attached to it: every job, endpoint and VPC "
                    "endpoint names a group of its own.",
                    owner="platform",
                    until=date(2027, 11, 30),
                )
                for rule in compliance_rules("VPCDefaultSecurityGroupClosed")
            ),
        )
        self._route_table_id = ec2.CfnRouteTable(self, "RouteTable", vpc_id=self.vpc_id).attr_route_table_id
        halves = ipaddress.IPv4Network(deployment.cidr).subnets()
        self.subnet_ids = [
            self._subnet(zone, block) for zone, block in zip(deployment.platform.zones, halves, strict=True)
        ]
        self.job_security_group_id = self._closed_group(
            "JobSecurityGroup",
            description="SageMaker jobs and endpoints",
            members="Instances of one job",
            traffic=_BETWEEN_INSTANCES,
        )
        # A space of Studio, its kernels and the file system with the home folders.
        self.workbench_security_group_id = (
            self._closed_group(
                "WorkbenchSecurityGroup",
                description="Studio spaces",
                members="A space and its files",
                traffic=_IN_STUDIO,
            )
            if deployment.has_workbench
            else None
        )
        self._endpoint_security_group_id = self._endpoint_security_group()
        # Jobs of Model Monitor run images of AWS's.
        images = image_repository_arns(deployment.platform, tuple(Monitor)) if deployment.has_model_monitor else []
        self._endpoints(EndpointPolicies(platform=deployment.platform, images=images))
        self.flow_log_group = self._flow_logs(key)

    def _subnet(self, zone: str, block: ipaddress.IPv4Network) -> str:
        subnet = ec2.CfnSubnet(
            self,
            f"Subnet{zone.upper()}",
            vpc_id=self.vpc_id,
            availability_zone=f"{self._deployment.region}{zone}",
            cidr_block=str(block),
            map_public_ip_on_launch=False,
            tags=[CfnTag(key="Name", value=f"{self._deployment.prefix}-{zone}")],
        )
        subnet_id = subnet.attr_subnet_id
        ec2.CfnSubnetRouteTableAssociation(
            self,
            f"Routes{zone.upper()}",
            route_table_id=self._route_table_id,
            subnet_id=subnet_id,
        )
        waive(
            subnet,
            Waiver(
                id="fixed-zones",
                rule="CloudFormation-Validate::W3010",
                reason="A zone named here stays where it is. Fn::GetAZs may answer differently when AWS adds a zone, "
                "and a subnet that changes its zone is replaced with everything that runs in it.",
                owner="platform",
                until=date(2028, 1, 31),
            ),
        )
        return subnet_id

    def _closed_group(self, name: str, *, description: str, members: str, traffic: Sequence[_Traffic]) -> str:
        """A security group whose members speak HTTPS outwards, and what is named here to each other.

        Args:
            name: Construct id.
            description: What is in the group.
            members: Who speaks to whom, for the descriptions of the rules.
            traffic: What they speak: name, protocol, first and last port.
        """
        group_id = ec2.CfnSecurityGroup(
            self,
            name,
            group_description=description,
            vpc_id=self.vpc_id,
            # S3's addresses are public even through a gateway endpoint; the route table decides what is reachable.
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="tcp", from_port=443, to_port=443, cidr_ip="0.0.0.0/0", description="HTTPS"
                )
            ],
        ).attr_group_id
        for kind, protocol, first, last in traffic:
            ec2.CfnSecurityGroupIngress(
                self,
                f"{name}{kind}FromMembers",
                group_id=group_id,
                ip_protocol=protocol,
                from_port=first,
                to_port=last,
                source_security_group_id=group_id,
                description=members,
            )
            ec2.CfnSecurityGroupEgress(
                self,
                f"{name}{kind}ToMembers",
                group_id=group_id,
                ip_protocol=protocol,
                from_port=first,
                to_port=last,
                destination_security_group_id=group_id,
                description=members,
            )
        return group_id

    def _endpoint_security_group(self) -> str:
        return ec2.CfnSecurityGroup(
            self,
            "EndpointSecurityGroup",
            group_description="Interface endpoints",
            vpc_id=self.vpc_id,
            security_group_ingress=[
                ec2.CfnSecurityGroup.IngressProperty(
                    ip_protocol="tcp",
                    from_port=443,
                    to_port=443,
                    source_security_group_id=group_id,
                    description=description,
                )
                for group_id, description in (
                    (self.job_security_group_id, "HTTPS from jobs"),
                    (self.workbench_security_group_id, "HTTPS from Studio spaces"),
                )
                if group_id is not None
            ],
            # An endpoint answers and never asks: without a rule of its own, EC2 would add one that allows everything.
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="icmp", from_port=252, to_port=86, cidr_ip="255.255.255.255/32", description="Nothing"
                )
            ],
        ).attr_group_id

    def _endpoints(self, policies: EndpointPolicies) -> None:
        region = self._deployment.region
        ec2.CfnVPCEndpoint(
            self,
            "S3",
            vpc_id=self.vpc_id,
            service_name=f"com.amazonaws.{region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[self._route_table_id],
            policy_document=policies.s3(),
        )
        for name, service, policy in (
            ("EcrApi", "ecr.api", policies.ecr_api()),
            ("EcrDocker", "ecr.dkr", policies.ecr_pull()),
            ("Kms", "kms", policies.kms()),
            ("Logs", "logs", policies.logs()),
        ):
            self._interface_endpoint(name, service, policy)
        if self._deployment.has_workbench:
            self._interface_endpoint("SageMakerApi", "sagemaker.api", policies.sagemaker_api(NOTEBOOK_ACTIONS))
            self._interface_endpoint("Sts", "sts", policies.sts())
        if self._deployment.has_model_monitor:
            self._interface_endpoint("SageMakerApi", "sagemaker.api", policies.sagemaker_api(CLARIFY_ACTIONS))
            self._interface_endpoint("SageMakerRuntime", "sagemaker.runtime", policies.sagemaker_runtime())

    def _interface_endpoint(self, name: str, service: str, policy: Policy) -> None:
        ec2.CfnVPCEndpoint(
            self,
            name,
            vpc_id=self.vpc_id,
            service_name=f"com.amazonaws.{self._deployment.region}.{service}",
            vpc_endpoint_type="Interface",
            private_dns_enabled=True,
            subnet_ids=self.subnet_ids,
            security_group_ids=[self._endpoint_security_group_id],
            policy_document=policy,
        )

    def _flow_logs(self, key: kms.IKey) -> logs.LogGroup:
        deployment = self._deployment
        group = logs.LogGroup(
            self,
            "FlowLogGroup",
            log_group_name=f"/{deployment.platform.name}/{deployment.environment}/flow-logs",
            encryption_key=key,
            retention=retention(deployment.platform),
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        role = PlatformRole(
            self,
            "FlowLogRole",
            platform=deployment.platform,
            account=deployment.account,
            role_name=f"{deployment.prefix}-flow-logs",
            description="VPC flow logs write to their log group",
            trust=[
                service_trust(
                    "vpc-flow-logs.amazonaws.com",
                    account=deployment.account,
                    source_arn=deployment.arn("ec2", "vpc-flow-log/*"),
                )
            ],
            statements=[
                Statement(
                    sid="WriteFlowLogs",
                    actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    resources=[group.log_group_arn],
                )
            ],
        )
        ec2.CfnFlowLog(
            self,
            "FlowLog",
            resource_id=self.vpc_id,
            resource_type="VPC",
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_group_name=group.log_group_name,
            deliver_logs_permission_arn=role.role_arn,
        )
        return group

"""VPCs and what is in them. What describes is decided upon ``*``, as is all of ``ec2:Describe…``."""

from collections.abc import Mapping

from plumbline.rehearsal.provisioning.notation import Call, Handler, calls, passes, tagged

_VPC = "ec2:{here}:vpc/{VpcId}"
_GROUP = "ec2:{here}:security-group/{GroupId}"
_RULE = "ec2:{here}:security-group-rule/*"
_ENDPOINT_SERVICE = {"ec2:VpceServiceName": "{ServiceName}", "ec2:VpceServiceOwner": "{service_owner}"}


def _described(*what: str) -> tuple[Call, ...]:
    return calls(*(f"ec2:Describe{name}" for name in what), on="*")


def _tags(kind: str, creating: str) -> tuple[Call, ...]:
    """Tags that a resource is created with: ``ec2:CreateTags`` with the action that makes use of it."""
    return tagged("ec2:CreateTags", on=f"ec2:{{here}}:{kind}/*", of="Tags", keys={"ec2:CreateAction": creating})


_RETAGGED = (*calls("ec2:DeleteTags", of="Tags"), *tagged("ec2:CreateTags", of="Tags"))

HANDLERS: Mapping[str, Handler] = {
    "AWS::EC2::VPC": Handler(
        on="ec2:{here}:vpc/{id}",
        create=(
            *tagged("ec2:CreateVpc", on="ec2:{here}:vpc/*"),
            *_tags("vpc", "CreateVpc"),
            *_described("Vpcs"),
            *calls("ec2:ModifyVpcAttribute", of="EnableDnsHostnames", keys={"ec2:Attribute": "EnableDnsHostnames"}),
            *calls("ec2:ModifyVpcAttribute", of="EnableDnsSupport", keys={"ec2:Attribute": "EnableDnsSupport"}),
        ),
        update=(
            *calls("ec2:ModifyVpcAttribute", of="EnableDnsHostnames", keys={"ec2:Attribute": "EnableDnsHostnames"}),
            *calls("ec2:ModifyVpcAttribute", of="EnableDnsSupport", keys={"ec2:Attribute": "EnableDnsSupport"}),
            *_RETAGGED,
        ),
        delete=(*calls("ec2:DeleteVpc"), *_described("Vpcs")),
        replacing=frozenset({"CidrBlock", "Ipv4IpamPoolId", "Ipv4NetmaskLength"}),
    ),
    "AWS::EC2::Subnet": Handler(
        on="ec2:{here}:subnet/{id}",
        create=(
            *tagged("ec2:CreateSubnet", on="ec2:{here}:subnet/*"),
            *calls("ec2:CreateSubnet", on=_VPC),
            *_tags("subnet", "CreateSubnet"),
            *_described("Subnets"),
            *calls(
                "ec2:ModifySubnetAttribute",
                of="MapPublicIpOnLaunch",
                keys={"ec2:Attribute": "MapPublicIpOnLaunch"},
            ),
        ),
        update=(
            *_described("Subnets"),
            *calls(
                "ec2:ModifySubnetAttribute",
                of="MapPublicIpOnLaunch",
                keys={"ec2:Attribute": "MapPublicIpOnLaunch"},
            ),
            *_RETAGGED,
        ),
        delete=(*calls("ec2:DeleteSubnet"), *_described("Subnets")),
        replacing=frozenset({"VpcId", "AvailabilityZone", "CidrBlock"}),
    ),
    "AWS::EC2::RouteTable": Handler(
        on="ec2:{here}:route-table/{id}",
        create=(
            *tagged("ec2:CreateRouteTable", on="ec2:{here}:route-table/*"),
            *calls("ec2:CreateRouteTable", on=_VPC),
            *_tags("route-table", "CreateRouteTable"),
            *_described("RouteTables"),
        ),
        update=(*_described("RouteTables"), *_RETAGGED),
        delete=(*calls("ec2:DeleteRouteTable"), *_described("RouteTables")),
        replacing=frozenset({"VpcId"}),
    ),
    "AWS::EC2::SubnetRouteTableAssociation": Handler(
        on="ec2:{here}:route-table/{RouteTableId}",
        create=(
            *calls("ec2:AssociateRouteTable"),
            *calls("ec2:AssociateRouteTable", on="ec2:{here}:subnet/{SubnetId}"),
            *_described("Subnets", "RouteTables"),
        ),
        delete=(*calls("ec2:DisassociateRouteTable"), *_described("Subnets", "RouteTables")),
        replacing=frozenset({"SubnetId", "RouteTableId"}),
    ),
    "AWS::EC2::SecurityGroup": Handler(
        on="ec2:{here}:security-group/{id}",
        create=(
            *tagged("ec2:CreateSecurityGroup", on="ec2:{here}:security-group/*"),
            *calls("ec2:CreateSecurityGroup", on=_VPC, of="VpcId"),
            *_tags("security-group", "CreateSecurityGroup"),
            *_described("SecurityGroups"),
            *calls("ec2:RevokeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupEgress", of="SecurityGroupEgress"),
            *calls("ec2:AuthorizeSecurityGroupEgress", on=_RULE, of="SecurityGroupEgress"),
            *calls("ec2:AuthorizeSecurityGroupIngress", of="SecurityGroupIngress"),
            *calls("ec2:AuthorizeSecurityGroupIngress", on=_RULE, of="SecurityGroupIngress"),
        ),
        update=(
            *_described("SecurityGroups"),
            *calls("ec2:RevokeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupEgress", of="SecurityGroupEgress"),
            *calls("ec2:AuthorizeSecurityGroupEgress", on=_RULE, of="SecurityGroupEgress"),
            *calls("ec2:RevokeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupIngress", of="SecurityGroupIngress"),
            *calls("ec2:AuthorizeSecurityGroupIngress", on=_RULE, of="SecurityGroupIngress"),
            *_RETAGGED,
        ),
        delete=(*calls("ec2:DeleteSecurityGroup"), *_described("SecurityGroups", "Instances")),
        replacing=frozenset({"GroupDescription", "GroupName", "VpcId"}),
    ),
    "AWS::EC2::SecurityGroupIngress": Handler(
        on=_GROUP,
        create=(
            *calls("ec2:AuthorizeSecurityGroupIngress"),
            *calls("ec2:AuthorizeSecurityGroupIngress", on=_RULE),
            *_described("SecurityGroupRules"),
        ),
        update=calls("ec2:UpdateSecurityGroupRuleDescriptionsIngress", of="Description"),
        delete=(*calls("ec2:RevokeSecurityGroupIngress"), *_described("SecurityGroupRules")),
        replacing=frozenset(
            {"GroupId", "GroupName", "IpProtocol", "FromPort", "ToPort", "CidrIp", "CidrIpv6", "SourcePrefixListId"}
            | {"SourceSecurityGroupId", "SourceSecurityGroupName", "SourceSecurityGroupOwnerId"}
        ),
    ),
    "AWS::EC2::SecurityGroupEgress": Handler(
        on=_GROUP,
        create=(
            # the first rule of a group takes away the one that allows all
            *calls("ec2:AuthorizeSecurityGroupEgress", "ec2:RevokeSecurityGroupEgress"),
            *calls("ec2:AuthorizeSecurityGroupEgress", on=_RULE),
            *_described("SecurityGroupRules"),
        ),
        update=calls("ec2:UpdateSecurityGroupRuleDescriptionsEgress", of="Description"),
        delete=(*calls("ec2:RevokeSecurityGroupEgress"), *_described("SecurityGroupRules")),
        replacing=frozenset(
            {"GroupId", "IpProtocol", "FromPort", "ToPort", "CidrIp", "CidrIpv6", "DestinationPrefixListId"}
            | {"DestinationSecurityGroupId"}
        ),
    ),
    "AWS::EC2::VPCEndpoint": Handler(
        on="ec2:{here}:vpc-endpoint/{id}",
        create=(
            *tagged("ec2:CreateVpcEndpoint", on="ec2:{here}:vpc-endpoint/*", keys=_ENDPOINT_SERVICE),
            *calls("ec2:CreateVpcEndpoint", on=_VPC),
            *calls("ec2:CreateVpcEndpoint", on="ec2:{here}:route-table/{item}", each="RouteTableIds.*"),
            *calls("ec2:CreateVpcEndpoint", on="ec2:{here}:subnet/{item}", each="SubnetIds.*"),
            *calls("ec2:CreateVpcEndpoint", on="ec2:{here}:security-group/{item}", each="SecurityGroupIds.*"),
            *_tags("vpc-endpoint", "CreateVpcEndpoint"),
            *_described("VpcEndpoints", "Vpcs"),
            *calls("ec2:DescribeSubnets", on="*", of="SubnetIds"),
            *calls("ec2:DescribeSecurityGroups", on="*", of="SecurityGroupIds"),
        ),
        update=(
            *calls("ec2:ModifyVpcEndpoint"),
            *calls(
                "ec2:ModifyVpcEndpoint", on="ec2:{here}:route-table/{item}", of="RouteTableIds", each="RouteTableIds.*"
            ),
            *calls("ec2:ModifyVpcEndpoint", on="ec2:{here}:subnet/{item}", of="SubnetIds", each="SubnetIds.*"),
            *calls(
                "ec2:ModifyVpcEndpoint",
                on="ec2:{here}:security-group/{item}",
                of="SecurityGroupIds",
                each="SecurityGroupIds.*",
            ),
            *_described("VpcEndpoints", "Vpcs"),
            *_RETAGGED,
        ),
        delete=(*calls("ec2:DeleteVpcEndpoints"), *_described("VpcEndpoints", "Vpcs")),
        replacing=frozenset({"ServiceName", "VpcEndpointType", "VpcId"}),
    ),
    "AWS::EC2::FlowLog": Handler(
        on="ec2:{here}:vpc-flow-log/{id}",
        create=(
            *tagged("ec2:CreateFlowLogs", on="ec2:{here}:vpc-flow-log/*"),
            *calls("ec2:CreateFlowLogs", on="ec2:{here}:vpc/{ResourceId}"),
            *_tags("vpc-flow-log", "CreateFlowLogs"),
            *_described("FlowLogs"),
            *passes("DeliverLogsPermissionArn", to="vpc-flow-logs.amazonaws.com"),
            # to a bucket, AWS's log delivery is set up instead
            *calls("logs:CreateLogDelivery", on="*", of="LogDestination"),
        ),
        update=(*_described("FlowLogs"), *_RETAGGED),
        delete=(
            *calls("ec2:DeleteFlowLogs"),
            *_described("FlowLogs"),
            *calls("logs:DeleteLogDelivery", on="*", of="LogDestination"),
        ),
        replacing=frozenset(
            {"ResourceId", "ResourceType", "TrafficType", "LogDestination", "LogDestinationType", "LogGroupName"}
            | {"DeliverLogsPermissionArn", "DeliverCrossAccountRole", "LogFormat", "MaxAggregationInterval"}
        ),
    ),
}

"""VPCs: no way out but endpoints, and a record of what went through them."""

from collections.abc import Iterator

from plumbline.audit.findings import Severity
from plumbline.audit.rules.controls import AUDIT_TRAIL, LEAST_PRIVILEGE, NETWORK_BOUNDARY, OUTSIDERS, answers
from plumbline.audit.rules.expectations import must_be, must_be_given, must_be_true, must_not_be_true
from plumbline.audit.rules.part import Part
from plumbline.audit.rules.policies import resource_statements
from plumbline.audit.rules.rule import Violation, rule
from plumbline.audit.rules.template import Resource

VPC = "AWS::EC2::VPC"
ENDPOINT = "AWS::EC2::VPCEndpoint"
GROUP = "AWS::EC2::SecurityGroup"
_WAYS_OUT = (
    "AWS::EC2::EIP",
    "AWS::EC2::EgressOnlyInternetGateway",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::CarrierGateway",
    "AWS::EC2::NatGateway",
    "AWS::EC2::TransitGatewayAttachment",
    "AWS::EC2::TransitGatewayVpcAttachment",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::EC2::VPCPeeringConnection",
    "AWS::EC2::VPNConnection",
    "AWS::EC2::VPNGateway",
)
_GATEWAYS = (
    "CarrierGatewayId",
    "EgressOnlyInternetGatewayId",
    "GatewayId",
    "NatGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
)
_EVERYWHERE = ("0.0.0.0/0", "::/0")  # an address range to look for, nothing binds to it
_INGRESS = "AWS::EC2::SecurityGroupIngress"
_EGRESS = "AWS::EC2::SecurityGroupEgress"


@rule(
    id="PL-VPC-01",
    title="There is no way to the internet or to another network",
    sense="A gateway is a way out for data that no endpoint policy sees.",
    remedy="Use VPC endpoints; a VPC without gateways, NAT, peering and public addresses.",
    severity=Severity.HIGH,
    controls=answers(NETWORK_BOUNDARY),
    types=(VPC, "AWS::EC2::Route", *_WAYS_OUT),
)
def there_is_no_way_out(resource: Resource) -> Iterator[Violation]:
    """A VPC keeps the rule by being there; what opens it breaks it."""
    if resource.type in _WAYS_OUT:
        message = f"Type is {resource.type}, a way out of the network; accepted: VPC endpoints."
        yield Violation(path="Type", message=message)
    elif resource.type == "AWS::EC2::Route":
        for name in _GATEWAYS:
            if resource.at(name).is_there:
                message = f"{name} is {resource.at(name).text}, a way out of the network; accepted: VPC endpoints."
                yield Violation(path=resource.at(name).path, message=message)


@rule(
    id="PL-VPC-02",
    title="Endpoints have a policy",
    sense="Without a policy an endpoint lets any credentials reach any account's resources: the way to copy data "
    "into a"
    "stranger's bucket from inside.",
    remedy="Set PolicyDocument: the configured accounts' principals, and the configured accounts' resources.",
    severity=Severity.HIGH,
    controls=answers(NETWORK_BOUNDARY, OUTSIDERS),
    types=(ENDPOINT,),
)
def endpoints_have_a_policy(endpoint: Resource) -> Iterator[Violation]:
    """AWS PrivateLink guide, "Control access to VPC endpoints using endpoint policies": left out, it allows all."""
    yield from must_be_given(endpoint.at("PolicyDocument"), "a policy that names principals and resources")


@rule(
    id="PL-VPC-03",
    title="Endpoint policies keep strangers and strangers' resources out",
    sense="A policy that allows * to everybody is no policy.",
    remedy="Limit each allowing statement by aws:PrincipalAccount or aws:PrincipalOrgID, or to named resources.",
    severity=Severity.HIGH,
    controls=answers(NETWORK_BOUNDARY, OUTSIDERS, LEAST_PRIVILEGE),
    types=(ENDPOINT,),
    applies=lambda endpoint: endpoint.at("PolicyDocument").is_there,
)
def endpoint_policies_are_closed(endpoint: Resource) -> Iterator[Violation]:
    keys = ("aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths")
    for statement in resource_statements(endpoint):
        if not statement.allows:
            continue
        wild = [action for action in statement.actions if action == "*" or action.endswith(":*")]
        if wild:
            yield statement.violation(f"allows {', '.join(wild)}; accepted: a list of actions.", at="Action")
        anybody = statement.is_for_everybody and not statement.limits(*keys)
        anything = not statement.resources or "*" in statement.resources
        foreign = anything and not statement.limits("aws:resourceaccount", "aws:resourceorgid", "aws:resourceorgpaths")
        if anybody and anything:
            yield statement.violation(
                "lets everybody reach everything; accepted: a condition on aws:PrincipalAccount and "
                "aws:ResourceAccount."
            )
        elif foreign and not _has_no_resource(statement.actions):
            yield statement.violation(
                "reaches resources of any account; accepted: named resources, or a condition on aws:ResourceAccount.",
                at="Resource",
            )


def _has_no_resource(actions: tuple[str, ...]) -> bool:
    """Whether actions are about no resource, so that no account of one can be demanded."""
    return set(actions) <= {"ecr:getauthorizationtoken", "sts:getcalleridentity", "cloudwatch:putmetricdata"}


@rule(
    id="PL-VPC-04",
    title="What goes through a VPC is recorded",
    sense="Without flow logs nobody can tell what an instance talked to.",
    remedy="Add a FlowLog of the VPC with TrafficType ALL.",
    severity=Severity.MEDIUM,
    controls=answers(AUDIT_TRAIL, security_hub=("EC2.6",)),
    types=(VPC,),
)
def traffic_is_recorded(vpc: Resource) -> Iterator[Violation]:
    names = {vpc.reference, vpc.template.values.text({"Fn::GetAtt": [vpc.logical_id, "VpcId"]})}
    logs = [
        log
        for log in vpc.template.all.of_account(vpc.template, "AWS::EC2::FlowLog")
        if log.at("ResourceId").text in names
    ]
    if not any(log.at("TrafficType").text == "ALL" for log in logs):
        message = "No flow log records all traffic of the VPC; accepted: a FlowLog with TrafficType ALL."
        yield Violation(path="", message=message)


def _ends(resource: Resource, direction: str) -> tuple[Part, ...]:
    """The rules of a security group in one direction, inline or each a resource of its own."""
    if resource.type == GROUP:
        return resource.at(f"SecurityGroup{direction}").items
    return (resource.properties,)


@rule(
    id="PL-VPC-05",
    title="Nobody comes in from everywhere",
    sense="An open port is found within minutes.",
    remedy="Name a security group, or the addresses that need it.",
    severity=Severity.HIGH,
    controls=answers(NETWORK_BOUNDARY, security_hub=("EC2.13", "EC2.18", "EC2.19")),
    types=(GROUP, _INGRESS),
)
def nobody_comes_in_from_everywhere(resource: Resource) -> Iterator[Violation]:
    for part in _ends(resource, "Ingress"):
        for name in ("CidrIp", "CidrIpv6"):
            end = part.at(name)
            yield from must_be(end, lambda value: value not in _EVERYWHERE, "a security group, or named addresses")


@rule(
    id="PL-VPC-06",
    title="Nothing goes out to everywhere on many ports",
    sense="A group without rules for what goes out lets everything out, and so does a range of ports.",
    remedy="Name the port, 443, and what is reached by it; for nothing, a rule to 255.255.255.255/32.",
    severity=Severity.MEDIUM,
    controls=answers(NETWORK_BOUNDARY),
    types=(GROUP, _EGRESS),
)
def nothing_goes_out_on_many_ports(resource: Resource) -> Iterator[Violation]:
    """CloudFormation, "AWS::EC2::SecurityGroup": without SecurityGroupEgress everything may go out."""
    ends = _ends(resource, "Egress")
    if resource.type == GROUP:
        own = {resource.reference, resource.template.values.text({"Fn::GetAtt": [resource.logical_id, "GroupId"]})}
        beside = [e for e in resource.template.of_type(_EGRESS) if e.at("GroupId").text in own]
        if not ends and not beside:
            message = "SecurityGroupEgress is missing, which lets everything out; accepted: the ports that are needed."
            yield Violation(path="Properties.SecurityGroupEgress", message=message)
    for part in ends:
        everywhere = part.at("CidrIp").text in _EVERYWHERE or part.at("CidrIpv6").text in _EVERYWHERE
        if everywhere and _is_many_ports(part):
            message = f"{part.name} lets many ports out to everywhere; accepted: one port at a time."
            yield Violation(path=part.path, message=message)


def _is_many_ports(part: Part) -> bool:
    """Whether a rule is about more than one port; one without ports, such as of ICMP, is about the protocol."""
    return part.at("IpProtocol").text in ("-1", "all") or part.at("FromPort").text != part.at("ToPort").text


@rule(
    id="PL-VPC-07",
    title="Instances get no public address",
    sense="A public address waits for the day somebody adds a gateway.",
    remedy="Leave MapPublicIpOnLaunch and AssociatePublicIpAddress out.",
    severity=Severity.MEDIUM,
    controls=answers(NETWORK_BOUNDARY, security_hub=("EC2.15",)),
    types=("AWS::EC2::Subnet", "AWS::EC2::Instance"),
)
def instances_get_no_public_address(resource: Resource) -> Iterator[Violation]:
    yield from must_not_be_true(resource.at("MapPublicIpOnLaunch"))
    for interface in resource.at("NetworkInterfaces").items:
        yield from must_not_be_true(interface.at("AssociatePublicIpAddress"))


@rule(
    id="PL-VPC-08",
    title="Interface endpoints answer to the service's name",
    sense="Without private DNS the SDK goes past the endpoint, and fails in a VPC without a way out.",
    remedy="Set PrivateDnsEnabled to true.",
    severity=Severity.LOW,
    controls=answers(NETWORK_BOUNDARY),
    types=(ENDPOINT,),
    applies=lambda endpoint: endpoint.at("VpcEndpointType").text == "Interface",
)
def endpoints_answer_to_the_name(endpoint: Resource) -> Iterator[Violation]:
    yield from must_be(endpoint.at("PrivateDnsEnabled"), lambda value: str(value).lower() == "true", "true")


@rule(
    id="PL-VPC-09",
    title="Names are resolved inside the VPC",
    sense="Endpoints with private DNS need both; without, names resolve to addresses that cannot be reached.",
    remedy="Set EnableDnsSupport and EnableDnsHostnames to true.",
    severity=Severity.LOW,
    controls=answers(NETWORK_BOUNDARY),
    types=(VPC,),
)
def names_are_resolved(vpc: Resource) -> Iterator[Violation]:
    """AWS PrivateLink guide, "Access an AWS service using an interface VPC endpoint", prerequisites of private DNS."""
    yield from must_be_true(vpc.at("EnableDnsHostnames"))
    support = vpc.at("EnableDnsSupport")
    yield from must_be(support, lambda value: value is None or str(value).lower() == "true", "true")


@rule(
    id="PL-VPC-10",
    title="Endpoints belong to closed security groups",
    sense="Left out, an endpoint takes the VPC's default group, whose members all reach each other.",
    remedy="Name SecurityGroupIds.",
    severity=Severity.LOW,
    controls=answers(NETWORK_BOUNDARY, security_hub=("EC2.2",)),
    types=(ENDPOINT,),
    applies=lambda endpoint: endpoint.at("VpcEndpointType").text == "Interface",
)
def endpoints_have_security_groups(endpoint: Resource) -> Iterator[Violation]:
    yield from must_be_given(endpoint.at("SecurityGroupIds"), "a security group")

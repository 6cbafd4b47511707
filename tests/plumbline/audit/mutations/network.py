"""Operators that open a network."""

from collections.abc import Iterator

from plumbline.audit.json_value import Json, as_object
from tests.plumbline.audit.mutations.document import NOTHING, Change, Place
from tests.plumbline.audit.mutations.operator import Operator, drop, put

_ANYWHERE = "0.0.0.0/0"
_RULES = ("AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")
_PEERS = ("SourceSecurityGroupId", "DestinationSecurityGroupId", "SourcePrefixListId", "DestinationPrefixListId")


def _cidr_widened(place: Place) -> Iterator[tuple[Change, ...]]:
    if place.type in _RULES and place.key == "CidrIp" and place.value != _ANYWHERE:
        yield put(place.path, _ANYWHERE)


def _peer_widened(place: Place) -> Iterator[tuple[Change, ...]]:
    """Another security group as the peer gives way to everybody."""
    if place.type in _RULES and place.key in _PEERS:
        yield (place.path, NOTHING), ((*place.path[:-1], "CidrIp"), _ANYWHERE)


def _ingress_added(place: Place) -> Iterator[tuple[Change, ...]]:
    if place.type == "AWS::EC2::SecurityGroup" and place.key == "Properties":
        rule: Json = {"CidrIp": _ANYWHERE, "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "Description": "SSH"}
        listed = as_object(place.value).get("SecurityGroupIngress")
        yield put((*place.path, "SecurityGroupIngress"), [*(listed if isinstance(listed, list) else []), rule])


def _internet_gateway_added(place: Place) -> Iterator[tuple[Change, ...]]:
    if place.above is None and place.type == "AWS::EC2::VPC":
        attachment: Json = {"VpcId": {"Ref": place.resource}, "InternetGatewayId": {"Ref": "AddedGateway"}}
        yield (
            (("Resources", "AddedGateway"), {"Type": "AWS::EC2::InternetGateway", "Properties": {}}),
            (
                ("Resources", "AddedAttachment"),
                {"Type": "AWS::EC2::VPCGatewayAttachment", "Properties": attachment},
            ),
        )


def _nat_gateway_added(place: Place) -> Iterator[tuple[Change, ...]]:
    if place.above is None and place.type == "AWS::EC2::Subnet":
        properties: Json = {"SubnetId": {"Ref": place.resource}, "ConnectivityType": "private"}
        yield put(("Resources", "AddedNat"), {"Type": "AWS::EC2::NatGateway", "Properties": properties})


def _default_route_added(place: Place) -> Iterator[tuple[Change, ...]]:
    if place.above is None and place.type == "AWS::EC2::RouteTable":
        properties: Json = {
            "RouteTableId": {"Ref": place.resource},
            "DestinationCidrBlock": _ANYWHERE,
            "TransitGatewayId": "tgw-0123456789abcdef0",
        }
        yield put(("Resources", "AddedRoute"), {"Type": "AWS::EC2::Route", "Properties": properties})


def _recorder_dropped(place: Place) -> Iterator[tuple[Change, ...]]:
    if place.above is None and place.type in ("AWS::EC2::FlowLog", "AWS::CloudTrail::Trail"):
        yield drop(place.path)


NETWORK = (
    Operator(name="cidr-widened", mutate=_cidr_widened),
    Operator(name="peer-widened", mutate=_peer_widened),
    Operator(name="ingress-added", mutate=_ingress_added),
    Operator(name="internet-gateway-added", mutate=_internet_gateway_added),
    Operator(name="nat-gateway-added", mutate=_nat_gateway_added),
    Operator(name="default-route-added", mutate=_default_route_added),
    Operator(name="recorder-dropped", mutate=_recorder_dropped),
)

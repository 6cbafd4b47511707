"""What an auditor asks for first: accounts, keys, network and roles, as the templates have them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from plumbline.audit.json_value import Json, as_list, as_object, as_texts
from plumbline.audit.readable import readable
from plumbline.audit.templates import AuditedTemplate
from plumbline.audit.words import Permission, permissions

_Resources = dict[str, dict[str, Json]]
_GATEWAYS = {
    "AWS::EC2::CarrierGateway": "carrier gateway",
    "AWS::EC2::EgressOnlyInternetGateway": "egress-only internet gateway",
    "AWS::EC2::InternetGateway": "internet gateway",
    "AWS::EC2::NatGateway": "NAT gateway",
    "AWS::EC2::TransitGatewayAttachment": "transit gateway attachment",
    "AWS::EC2::TransitGatewayVpcAttachment": "transit gateway attachment",
    "AWS::EC2::VPCPeeringConnection": "peering connection",
    "AWS::EC2::VPNGateway": "VPN gateway",
}


@dataclass(frozen=True, kw_only=True)
class StackEntry:
    """A stack.

    Attributes:
        name: Its name.
        description: What it is for.
        resources: How many resources it has.
        protected: Whether deleting it is refused; none if nothing says it.
    """

    name: str
    description: str
    resources: int
    protected: bool | None


@dataclass(frozen=True, kw_only=True)
class AccountEntry:
    """An account.

    Attributes:
        account: Its id; empty if nothing says it.
        region: Where its stacks go.
        roles: What it is used as, e.g. `staging, delivery`.
        stacks: Its stacks.
    """

    account: str
    region: str
    roles: str
    stacks: tuple[StackEntry, ...]


@dataclass(frozen=True, kw_only=True)
class KeyEntry:
    """A KMS key.

    Attributes:
        account: Its account.
        name: Its alias; its logical id without one.
        purpose: What it protects.
        rotates: Whether its material is changed every year.
        window: Days before a deletion takes place.
        users: Who may do what with it.
    """

    account: str
    name: str
    purpose: str
    rotates: bool
    window: str
    users: tuple[Permission, ...]


@dataclass(frozen=True, kw_only=True)
class EndpointEntry:
    """A VPC endpoint.

    Attributes:
        service: What it leads to.
        kind: `Interface` or `Gateway`.
        admits: What its policy lets through.
    """

    service: str
    kind: str
    admits: tuple[Permission, ...]


@dataclass(frozen=True, kw_only=True)
class SecurityGroupEntry:
    """A security group.

    Attributes:
        name: Its logical id.
        description: What is in it.
        inward: What may come in, in words.
        outward: What may go out, in words.
    """

    name: str
    description: str
    inward: tuple[str, ...]
    outward: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NetworkEntry:
    """A VPC.

    Attributes:
        account: Its account.
        addresses: Its block of addresses.
        gateways: Ways out of it, other than endpoints.
        flow_logs: What of its traffic is logged.
        endpoints: Its endpoints.
        groups: Its security groups.
    """

    account: str
    addresses: str
    gateways: tuple[str, ...]
    flow_logs: tuple[str, ...]
    endpoints: tuple[EndpointEntry, ...]
    groups: tuple[SecurityGroupEntry, ...]


@dataclass(frozen=True, kw_only=True)
class RoleEntry:
    """A role.

    Attributes:
        account: Its account.
        name: Its name.
        purpose: What it is for.
        boundary: Name of its permission boundary; empty without one.
        hours: How long a session lasts at most.
        trust: Who assumes it.
        may: What it may do.
    """

    account: str
    name: str
    purpose: str
    boundary: str
    hours: int
    trust: tuple[Permission, ...]
    may: tuple[Permission, ...]


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """All of it, in the order of the accounts."""

    accounts: tuple[AccountEntry, ...]
    keys: tuple[KeyEntry, ...]
    networks: tuple[NetworkEntry, ...]
    roles: tuple[RoleEntry, ...]


def take_inventory(templates: Sequence[AuditedTemplate]) -> Inventory:
    """Reads accounts, keys, networks and roles out of templates."""
    read = readable(templates)
    return Inventory(
        accounts=tuple(_accounts(templates)),
        keys=tuple(key for template, resources in read for key in _keys(template, resources)),
        networks=tuple(network for template, resources in read for network in _networks(template, resources)),
        roles=tuple(
            sorted(
                (role for template, resources in read for role in _roles(template, resources)),
                key=lambda role: (role.account, role.name),
            )
        ),
    )


def _accounts(templates: Sequence[AuditedTemplate]) -> Iterator[AccountEntry]:
    by_account: defaultdict[str, list[AuditedTemplate]] = defaultdict(list)
    for template in templates:
        by_account[template.account or ""].append(template)
    for account, stacks in by_account.items():
        environments = dict.fromkeys(template.tags.get("environment", "") for template in stacks)
        yield AccountEntry(
            account=account,
            region=", ".join(dict.fromkeys(template.region or "" for template in stacks)),
            roles=", ".join(name for name in environments if name),
            stacks=tuple(
                StackEntry(
                    name=template.stack_name,
                    description=str(template.body.get("Description", "")),
                    resources=len(template.resources),
                    protected=template.termination_protection,
                )
                for template in stacks
            ),
        )


def _of_type(
    template: AuditedTemplate, resources: _Resources, resource_type: str
) -> Iterator[tuple[str, dict[str, Json]]]:
    for name, body in template.resources.items():
        if body.get("Type") == resource_type:
            yield name, resources[name]


def _keys(template: AuditedTemplate, resources: _Resources) -> Iterator[KeyEntry]:
    aliases = {
        _named_by(alias.get("TargetKeyId")): str(properties["AliasName"])
        for name, properties in _of_type(template, resources, "AWS::KMS::Alias")
        if (alias := as_object(template.resources[name].get("Properties")))
    }
    for name, key in _of_type(template, resources, "AWS::KMS::Key"):
        yield KeyEntry(
            account=template.account or "",
            name=aliases.get(name, name),
            purpose=str(key.get("Description", "")),
            rotates=key.get("EnableKeyRotation") is True,
            window=str(key.get("PendingWindowInDays", 30)),
            users=tuple(permissions(key.get("KeyPolicy"))),
        )


def _named_by(value: Json) -> str:
    """The logical id that an intrinsic names."""
    argument = as_object(value).get("Fn::GetAtt", as_object(value).get("Ref"))
    return str(as_list(argument)[0]).partition(".")[0] if argument else str(value)


def _networks(template: AuditedTemplate, resources: _Resources) -> Iterator[NetworkEntry]:
    for _, vpc in _of_type(template, resources, "AWS::EC2::VPC"):
        yield NetworkEntry(
            account=template.account or "",
            addresses=str(vpc.get("CidrBlock", "")),
            gateways=tuple(
                f"{_GATEWAYS[str(body['Type'])]} {name}"
                for name, body in template.resources.items()
                if body.get("Type") in _GATEWAYS
            ),
            flow_logs=tuple(
                f"{log.get('TrafficType', 'all')} traffic to {log.get('LogGroupName') or log.get('LogDestination')}"
                for _, log in _of_type(template, resources, "AWS::EC2::FlowLog")
            ),
            endpoints=tuple(
                EndpointEntry(
                    service=str(endpoint.get("ServiceName", "")).split(".", 3)[-1],
                    kind=str(endpoint.get("VpcEndpointType", "Gateway")),
                    admits=tuple(permissions(endpoint.get("PolicyDocument"))),
                )
                for _, endpoint in _of_type(template, resources, "AWS::EC2::VPCEndpoint")
            ),
            groups=tuple(_groups(template, resources)),
        )


def _groups(template: AuditedTemplate, resources: _Resources) -> Iterator[SecurityGroupEntry]:
    apart: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for direction in ("Ingress", "Egress"):
        for name, rule in _of_type(template, resources, f"AWS::EC2::SecurityGroup{direction}"):
            declared = as_object(template.resources[name].get("Properties"))
            apart[(direction, _named_by(declared.get("GroupId")))].append(_traffic(rule, direction))
    for name, group in _of_type(template, resources, "AWS::EC2::SecurityGroup"):
        inward, outward = (
            tuple(_traffic(as_object(rule), direction) for rule in as_list(group.get(f"SecurityGroup{direction}")))
            + tuple(apart[(direction, name)])
            for direction in ("Ingress", "Egress")
        )
        yield SecurityGroupEntry(
            name=name,
            description=str(group.get("GroupDescription", "")),
            inward=inward,
            # EC2 adds a rule that allows everything to a group that names none ("Default and custom security groups").
            outward=outward or ("everything, to everywhere",),
        )


def _traffic(rule: dict[str, Json], direction: str) -> str:
    protocol = str(rule.get("IpProtocol"))
    name = {"-1": "everything", "50": "ESP"}.get(protocol, protocol.upper())
    ports = [str(rule[key]) for key in ("FromPort", "ToPort") if key in rule and protocol in ("tcp", "udp")]
    peer = next(
        (
            str(rule[key])
            for key in (
                "CidrIp",
                "CidrIpv6",
                "SourceSecurityGroupId",
                "DestinationSecurityGroupId",
                "SourcePrefixListId",
                "DestinationPrefixListId",
            )
            if key in rule
        ),
        "nowhere",
    )
    between = " to ".join(dict.fromkeys(ports))
    said = f" ({rule['Description']})" if rule.get("Description") else ""
    return f"{name}{f' {between}' if between else ''} {'from' if direction == 'Ingress' else 'to'} {peer}{said}"


def _roles(template: AuditedTemplate, resources: _Resources) -> Iterator[RoleEntry]:
    managed = dict(_of_type(template, resources, "AWS::IAM::ManagedPolicy"))
    inline = [policy for _, policy in _of_type(template, resources, "AWS::IAM::Policy")]
    for name, role in _of_type(template, resources, "AWS::IAM::Role"):
        declared = as_object(template.resources[name].get("Properties"))
        attached = [_named_by(arn) for arn in as_list(declared.get("ManagedPolicyArns"))]
        role_name = str(role.get("RoleName", name))
        documents = [
            *(managed[policy].get("PolicyDocument") for policy in attached if policy in managed),
            *(as_object(policy).get("PolicyDocument") for policy in as_list(role.get("Policies"))),
            *(p.get("PolicyDocument") for p in (*managed.values(), *inline) if role_name in as_texts(p.get("Roles"))),
        ]
        yield RoleEntry(
            account=template.account or "",
            name=role_name,
            purpose=str(role.get("Description", "")),
            boundary=str(role.get("PermissionsBoundary", "")).rpartition("/")[2],
            hours=int(str(role.get("MaxSessionDuration", 3_600))) // 3_600,
            trust=tuple(permissions(role.get("AssumeRolePolicyDocument"))),
            may=tuple(permission for document in documents for permission in permissions(document)),
        )

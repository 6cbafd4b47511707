"""CloudFormation types that the platform's templates hold and MiniStack lacks, each with its effect on the emulator.

A type that neither MiniStack nor this module knows fails the deployment, which names it: MiniStack sees to that before
it provisions anything.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2, eventbridge
from ministack.services.cloudformation import provisioners

Properties = Mapping[str, object]
Created = tuple[str, dict[str, str]]
Create = Callable[[str, Properties, str], Created]
Delete = Callable[[str, Properties], None]


def register() -> None:
    """Adds the types to the emulator of this process."""
    _add("AWS::EC2::SecurityGroupIngress", _create_ingress, _delete_ingress)
    _add("AWS::EC2::SecurityGroupEgress", _create_egress, _delete_egress)
    _add("AWS::EC2::FlowLog", _create_flow_log, _delete_flow_log)
    _add("AWS::Events::EventBusPolicy", _create_bus_statement, _delete_bus_statement)
    _add_vpc_block()
    _keep_endpoint_policies()


def _add(resource_type: str, create: Create, delete: Delete) -> None:
    """Adds a type all of whose properties are replaced by an update, as the added types' documentation says."""

    def update(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str = "") -> Created:
        created = create(logical_id, new, stack)
        if created[0] != physical_id:
            delete(physical_id, old)
        return created

    provisioners._RESOURCE_HANDLERS.setdefault(
        resource_type, {"create": create, "update": update, "update_with_logical_id": True, "delete": delete}
    )


def _create_ingress(logical_id: str, properties: Properties, stack: str) -> Created:  # noqa: ARG001
    return _create_rule(properties, side="IpPermissions")


def _delete_ingress(physical_id: str, properties: Properties) -> None:
    _delete_rule(physical_id, properties, side="IpPermissions")


def _create_egress(logical_id: str, properties: Properties, stack: str) -> Created:  # noqa: ARG001
    return _create_rule(properties, side="IpPermissionsEgress")


def _delete_egress(physical_id: str, properties: Properties) -> None:
    _delete_rule(physical_id, properties, side="IpPermissionsEgress")


def _create_rule(properties: Properties, *, side: str) -> Created:
    group_id = str(properties.get("GroupId", ""))
    group = ec2._security_groups.get(group_id)
    if group is None:
        raise ValueError(f"The security group '{group_id}' does not exist")
    (rule,) = provisioners._ec2_sg_permissions([properties])
    # The id that DescribeSecurityGroupRules reports is computed from the rule.
    rule_id = str(ec2._sg_rule_id(group_id, side == "IpPermissionsEgress", rule))
    rule["SecurityGroupRuleId"] = rule_id
    if side == "IpPermissionsEgress":
        # A rule of its own takes the place of the "all traffic" that a group without egress rules begins with.
        group[side] = [known for known in group[side] if known.get("IpProtocol") != "-1" or "FromPort" in known]
    group[side] = [known for known in group[side] if known.get("SecurityGroupRuleId") != rule_id] + [rule]
    return rule_id, {"Id": rule_id}


def _delete_rule(physical_id: str, properties: Properties, *, side: str) -> None:
    group = ec2._security_groups.get(str(properties.get("GroupId", "")))
    if group is not None:
        group[side] = [known for known in group[side] if known.get("SecurityGroupRuleId") != physical_id]


def _create_flow_log(logical_id: str, properties: Properties, stack: str) -> Created:  # noqa: ARG001
    resource_type, resource_id = str(properties.get("ResourceType")), str(properties.get("ResourceId"))
    if resource_type == "VPC" and resource_id not in ec2._vpcs:
        raise ValueError(f"The vpc ID '{resource_id}' does not exist")
    flow_log_id = f"fl-{secrets.token_hex(9)[:17]}"
    group = properties.get("LogGroupName")
    ec2._flow_logs[flow_log_id] = {
        "FlowLogId": flow_log_id,
        "ResourceId": resource_id,
        "ResourceType": resource_type,
        "TrafficType": properties.get("TrafficType", "ALL"),
        "LogDestinationType": properties.get("LogDestinationType", "cloud-watch-logs"),
        "LogDestination": properties.get("LogDestination") or group,
        "FlowLogStatus": "ACTIVE",
        "CreationTime": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
    }
    tags = properties.get("Tags")
    if tags:
        ec2._tags[flow_log_id] = tags
    return flow_log_id, {"Id": flow_log_id}


def _delete_flow_log(physical_id: str, properties: Properties) -> None:  # noqa: ARG001
    ec2._flow_logs.pop(physical_id, None)
    ec2._tags.pop(physical_id, None)


def _create_bus_statement(logical_id: str, properties: Properties, stack: str) -> Created:  # noqa: ARG001
    bus, sid = _bus(properties), str(properties.get("StatementId", ""))
    if bus != "default" and bus not in eventbridge._event_buses:
        raise ValueError(f"Event bus {bus} does not exist.")
    policy = eventbridge._event_bus_policies.get(bus) or {"Version": "2012-10-17", "Statement": []}
    others = [statement for statement in policy["Statement"] if statement.get("Sid") != sid]
    policy["Statement"] = [*others, {"Sid": sid} | _bus_statement(bus, properties)]
    eventbridge._event_bus_policies[bus] = policy
    return f"{bus}|{sid}", {}


def _bus_statement(bus: str, properties: Properties) -> dict[str, object]:
    given = properties.get("Statement")
    if given:
        return dict(json.loads(given)) if isinstance(given, str) else dict(given) if isinstance(given, Mapping) else {}
    principal = str(properties.get("Principal", "*"))
    statement: dict[str, object] = {
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": properties.get("Action", "events:PutEvents"),
        "Resource": f"arn:aws:events:{get_region()}:{get_account_id()}:event-bus/{bus}",
    }
    condition = properties.get("Condition")
    if isinstance(condition, Mapping):
        statement["Condition"] = {str(condition["Type"]): {str(condition["Key"]): condition["Value"]}}
    return statement


def _delete_bus_statement(physical_id: str, properties: Properties) -> None:
    bus, sid = _bus(properties), physical_id.partition("|")[2]
    policy = eventbridge._event_bus_policies.get(bus)
    if policy is None:
        return
    policy["Statement"] = [statement for statement in policy["Statement"] if statement.get("Sid") != sid]
    if not policy["Statement"]:
        del eventbridge._event_bus_policies[bus]


def _bus(properties: Properties) -> str:
    """The bus's name, also when its ARN was given."""
    return str(properties.get("EventBusName") or "default").rpartition("/")[2]


def _keep_endpoint_policies() -> None:
    """Has the API keep the policy of an endpoint, as the emulator's CloudFormation does."""
    create, modify = ec2._ACTION_MAP["CreateVpcEndpoint"], ec2._ACTION_MAP["ModifyVpcEndpoint"]

    def create_vpc_endpoint(parameters: Properties) -> object:
        known = set(ec2._vpc_endpoints)
        answer: object = create(parameters)
        for made in set(ec2._vpc_endpoints) - known:
            ec2._vpc_endpoints[made]["PolicyDocument"] = ec2._p(parameters, "PolicyDocument") or None
        return answer

    def modify_vpc_endpoint(parameters: Properties) -> object:
        answer: object = modify(parameters)
        endpoint, policy = (ec2._p(parameters, name) for name in ("VpcEndpointId", "PolicyDocument"))
        if policy and endpoint in ec2._vpc_endpoints:
            ec2._vpc_endpoints[endpoint]["PolicyDocument"] = policy
        return answer

    ec2._ACTION_MAP |= {"CreateVpcEndpoint": create_vpc_endpoint, "ModifyVpcEndpoint": modify_vpc_endpoint}


def _add_vpc_block() -> None:
    """Adds the attribute ``CidrBlock``, which security groups of interface endpoints read, to the type of VPCs."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::EC2::VPC"]
    create, update = handler["create"], handler["update"]

    def create_with_block(logical_id: str, properties: Properties, stack: str) -> Created:
        physical_id, attributes = create(logical_id, properties, stack)
        return physical_id, attributes | {"CidrBlock": str(properties.get("CidrBlock", ""))}

    def update_with_block(
        physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str = ""
    ) -> Created:
        kept, attributes = update(physical_id, old, new, stack, logical_id)
        return kept, attributes | {"CidrBlock": str(new.get("CidrBlock", ""))}

    # With the logical id the emulator passes one argument more.
    provisioners._RESOURCE_HANDLERS["AWS::EC2::VPC"] = handler | {
        "create": create_with_block,
        "update": update_with_block,
        "update_with_logical_id": True,
    }

"""Policies of event buses, as ``PutPermission`` takes them: whole, or one statement at a time.

Sources: EventBridge API reference, "PutPermission" and "Condition"; user guide, "Permissions for event buses in Amazon
EventBridge".
"""

import json
from collections.abc import Mapping

from ministack.core import iam_evaluator
from ministack.core.responses import error_response_json, get_account_id, get_region, json_response
from ministack.services import eventbridge

from plumbline.rehearsal.eventbridge.delivery import Members


def install() -> None:
    """Has policies of buses take part in the decisions of the emulator of this process."""
    eventbridge.bus_policy_for_arn = bus_policy_for_arn
    eventbridge._put_permission = _put_permission
    iam_evaluator._RESOURCE_POLICY_LOOKUPS["events"] = ("eventbridge", "bus_policy_for_arn")


def bus_policy_for_arn(arn: str) -> tuple[str, str] | None:
    """The policy of a bus and its account; called in the scope of the account that the ARN names."""
    kind, _, name = arn.partition(":event-bus/")
    if not name:
        return None
    policy = eventbridge._event_bus_policies.get(name)
    return json.dumps(policy) if policy else "", kind.split(":")[4]


def _put_permission(data: Members) -> object:
    """Stands in for the emulator's own, which takes no whole policy and admits everybody in its place."""
    bus = str(data.get("EventBusName") or "default")
    if bus not in eventbridge._event_buses:
        return error_response_json("ResourceNotFoundException", f"Event bus {bus} does not exist.", 400)
    policies = eventbridge._event_bus_policies
    if data.get("Policy"):
        try:
            policies[bus] = json.loads(str(data["Policy"]))
        except ValueError:
            return error_response_json("ValidationException", "Parameter Policy is not valid. Reason: no JSON.", 400)
        return json_response({})
    sid = str(data.get("StatementId") or "")
    known = policies.get(bus) or {"Version": "2012-10-17", "Statement": []}
    others = [statement for statement in known["Statement"] if statement.get("Sid") != sid]
    policies[bus] = known | {"Statement": [*others, _statement(bus, sid, data)]}
    return json_response({})


def _statement(bus: str, sid: str, data: Members) -> dict[str, object]:
    principal, condition = str(data.get("Principal") or ""), data.get("Condition")
    statement: dict[str, object] = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": data.get("Action") or "events:PutEvents",
        "Resource": f"arn:aws:events:{get_region()}:{get_account_id()}:event-bus/{bus}",
    }
    if isinstance(condition, Mapping):
        statement["Condition"] = {str(condition["Type"]): {str(condition["Key"]): condition["Value"]}}
    return statement

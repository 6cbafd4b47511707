"""What the emulator's CloudFormation drops of an ``AWS::DynamoDB::Table``: its key, its backups, its protection.

Sources: CloudFormation template reference, "AWS::DynamoDB::Table" for ``SSESpecification``,
``PointInTimeRecoverySpecification``, ``TimeToLiveSpecification`` and ``DeletionProtectionEnabled``; DynamoDB developer
guide, "Using deletion protection to protect your table": a stack cannot delete a protected table either.
"""

from collections.abc import Mapping

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

from plumbline.rehearsal.enforcement.object_keys import arn_of_key
from plumbline.rehearsal.provisioning.notation import Properties
from plumbline.rehearsal.provisioning.types.service import Created, ask

_TYPE = "AWS::DynamoDB::Table"


def register() -> None:
    """Has the emulator of this process keep them."""
    handler = provisioners._RESOURCE_HANDLERS[_TYPE]
    create, update, delete = handler["create"], handler["update"], handler["delete"]

    def create_table(logical_id: str, properties: Properties, stack: str) -> Created:
        created: Created = create(logical_id, properties, stack)
        _keep(created[0], {}, properties)
        return created

    def update_table(
        physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str | None = None
    ) -> Created:
        updated: Created = update(physical_id, old, new, stack, logical_id)
        _keep(updated[0], old if updated[0] == physical_id else {}, new)
        return updated

    def delete_table(physical_id: str, properties: Properties) -> None:
        if (dynamodb._tables.get(physical_id) or {}).get("DeletionProtectionEnabled"):
            # which DynamoDB refuses
            ask(dynamodb._delete_table, {"TableName": physical_id})
        delete(physical_id, properties)

    provisioners._RESOURCE_HANDLERS[_TYPE] = handler | {
        "create": create_table,
        "update": update_table,
        "delete": delete_table,
    }


def _keep(table: str, old: Properties, new: Properties) -> None:
    encryption, backups, expiry = (
        _members(new, name)
        for name in ("SSESpecification", "PointInTimeRecoverySpecification", "TimeToLiveSpecification")
    )
    if encryption or old.get("SSESpecification"):
        ask(dynamodb._update_table, {"TableName": table, "SSESpecification": _encryption(encryption)})
    if backups or old.get("PointInTimeRecoverySpecification"):
        enabled = {"PointInTimeRecoveryEnabled": _is_true(backups, "PointInTimeRecoveryEnabled")}
        ask(
            dynamodb._update_continuous_backups,
            {"TableName": table, "PointInTimeRecoverySpecification": enabled},
        )
    if expiry:
        given = {"AttributeName": expiry.get("AttributeName"), "Enabled": _is_true(expiry, "Enabled")}
        ask(dynamodb._update_ttl, {"TableName": table, "TimeToLiveSpecification": given})


def _encryption(members: Mapping[str, object]) -> dict[str, object]:
    """The API's members, which a template names otherwise; an alias or an id becomes the key's ARN."""
    key = str(members.get("KMSMasterKeyId") or "")
    given: dict[str, object] = {"Enabled": _is_true(members, "SSEEnabled")}
    if members.get("SSEType"):
        given["SSEType"] = members["SSEType"]
    return given | ({"KMSMasterKeyId": arn_of_key(key)} if key else {})


def _members(properties: Properties, name: str) -> Mapping[str, object]:
    given = properties.get(name)
    return given if isinstance(given, Mapping) else {}


def _is_true(members: Mapping[str, object], name: str) -> bool:
    return str(members.get(name, "")).lower() == "true"

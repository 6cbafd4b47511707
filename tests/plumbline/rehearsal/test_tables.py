"""Tables of DynamoDB: what a transaction needs, what it says when it is not made, and what a stack gives a table."""

import itertools
from typing import Any

import pytest
from botocore.exceptions import ClientError

from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Client
from tests.plumbline.rehearsal.asking import OWNER, REGION, allow, made, make_role, refused
from tests.plumbline.rehearsal.stack import ACCOUNT, Stack

pytestmark = pytest.mark.rehearsal

_numbers = itertools.count()
_PARTS = ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem")

_PROPERTIES: dict[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "model", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "model", "KeyType": "HASH"}],
}


def _table(cloud: Cloud) -> str:
    name = f"table-{next(_numbers)}"
    cloud.administrator(OWNER).client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("model", "what")],
        KeySchema=[{"AttributeName": "model", "KeyType": "HASH"}, {"AttributeName": "what", "KeyType": "RANGE"}],
    )
    return name


def _arn(table: str) -> str:
    return f"arn:aws:dynamodb:{REGION}:{OWNER}:table/{table}"


def _key(what: str) -> dict[str, Any]:
    return {"model": {"S": "one"}, "what": {"S": what}}


def _transaction(table: str) -> list[dict[str, Any]]:
    """Three parts: an item that is not to be there, one that counts, one that is to be as it was."""
    return [
        {
            "Put": {
                "TableName": table,
                "Item": _key("incident#1"),
                "ConditionExpression": "attribute_not_exists(#model)",
                "ExpressionAttributeNames": {"#model": "model"},
            }
        },
        {
            "Update": {
                "TableName": table,
                "Key": _key("count"),
                "UpdateExpression": "ADD #number :one",
                "ExpressionAttributeNames": {"#number": "number"},
                "ExpressionAttributeValues": {":one": {"N": "1"}},
            }
        },
        {
            "ConditionCheck": {
                "TableName": table,
                "Key": _key("closed"),
                "ConditionExpression": "attribute_not_exists(#model)",
                "ExpressionAttributeNames": {"#model": "model"},
            }
        },
    ]


def _client(cloud: Cloud, table: str, *actions: str) -> Client:
    return make_role(cloud, OWNER, f"of-{table}", allow(list(actions), _arn(table))).client("dynamodb")


def test_a_transaction_takes_the_actions_of_its_parts_and_none_of_its_own(cloud: Cloud) -> None:
    table = _table(cloud)
    _client(cloud, table, *_PARTS).transact_write_items(TransactItems=_transaction(table))
    assert [(action, made(cloud, action, principal=f"of-{table}")[-1].resource) for action in _PARTS] == [
        (action, _arn(table)) for action in _PARTS
    ]
    assert made(cloud, "dynamodb:TransactWriteItems") == []


@pytest.mark.parametrize("missing", _PARTS)
def test_a_transaction_without_the_action_of_a_part_writes_nothing(cloud: Cloud, missing: str) -> None:
    table = _table(cloud)
    client = _client(cloud, table, *(action for action in _PARTS if action != missing))
    with pytest.raises(ClientError) as error:
        client.transact_write_items(TransactItems=_transaction(table))
    assert missing in refused(error)
    assert cloud.administrator(OWNER).client("dynamodb").scan(TableName=table)["Count"] == 0


def test_a_transaction_that_is_not_made_says_which_part_is_why(cloud: Cloud) -> None:
    table = _table(cloud)
    client = _client(cloud, table, *_PARTS)
    client.transact_write_items(TransactItems=_transaction(table))
    with pytest.raises(ClientError) as error:
        client.transact_write_items(TransactItems=_transaction(table))
    assert error.value.response["Error"]["Code"] == "TransactionCanceledException"
    reasons = error.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["ConditionalCheckFailed", "None", "None"]
    found = cloud.administrator(OWNER).client("dynamodb").get_item(TableName=table, Key=_key("count"))
    assert found["Item"]["number"] == {"N": "1"}


def test_a_query_finds_what_begins_with_a_text_as_it_was_just_written(cloud: Cloud) -> None:
    table, client = _table(cloud), cloud.administrator(OWNER).client("dynamodb")
    for what in ("incident#2", "incident#1", "incidental", "day#1"):
        client.put_item(TableName=table, Item=_key(what))
    found = client.query(
        TableName=table,
        ConsistentRead=True,
        KeyConditionExpression="model = :model AND begins_with(what, :begin)",
        ExpressionAttributeValues={":model": {"S": "one"}, ":begin": {"S": "incident#"}},
    )
    assert [item["what"]["S"] for item in found["Items"]] == ["incident#1", "incident#2"]


def test_a_table_of_a_stack_is_encrypted_recoverable_and_protected(cloud: Cloud) -> None:
    stack, client = Stack(cloud, "tables"), cloud.administrator(ACCOUNT).client("dynamodb")
    key = cloud.administrator(ACCOUNT).client("kms").create_key()["KeyMetadata"]["Arn"]
    properties = _PROPERTIES | {
        "TableName": "protected",
        "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "TimeToLiveSpecification": {"AttributeName": "until", "Enabled": True},
        "DeletionProtectionEnabled": True,
    }
    resources = {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}
    assert stack.create(resources) == "CREATE_COMPLETE", stack.reasons()
    table = client.describe_table(TableName="protected")["Table"]
    assert (table["SSEDescription"]["SSEType"], table["SSEDescription"]["KMSMasterKeyArn"]) == ("KMS", key)
    assert table["DeletionProtectionEnabled"] is True
    backups = client.describe_continuous_backups(TableName="protected")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    expiry = client.describe_time_to_live(TableName="protected")["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "until"}


def test_a_table_that_is_protected_is_not_deleted_with_its_stack(cloud: Cloud) -> None:
    stack, client = Stack(cloud, "guarded"), cloud.administrator(ACCOUNT).client("dynamodb")
    properties = _PROPERTIES | {"TableName": "guarded", "DeletionProtectionEnabled": True}
    resources = {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}
    assert stack.create(resources) == "CREATE_COMPLETE", stack.reasons()
    assert stack.delete() == "DELETE_FAILED"
    assert client.describe_table(TableName="guarded")["Table"]["TableStatus"] == "ACTIVE"
    client.update_table(TableName="guarded", DeletionProtectionEnabled=False)
    assert stack.delete() == "DELETE_COMPLETE"


def test_a_table_of_a_stack_changes_its_key_and_keeps_its_backups(cloud: Cloud) -> None:
    stack, client = Stack(cloud, "rekeyed"), cloud.administrator(ACCOUNT).client("dynamodb")
    key = cloud.administrator(ACCOUNT).client("kms").create_key()["KeyMetadata"]
    properties = _PROPERTIES | {
        "TableName": "rekeyed",
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
    }
    table = {"Type": "AWS::DynamoDB::Table", "Properties": properties}
    assert stack.create({"Table": table}) == "CREATE_COMPLETE", stack.reasons()
    encryption = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key["KeyId"]}
    changed = table | {"Properties": properties | {"SSESpecification": encryption}}
    assert stack.update({"Table": changed}) == "UPDATE_COMPLETE", stack.reasons()
    described = client.describe_table(TableName="rekeyed")["Table"]["SSEDescription"]
    assert described == {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key["Arn"]}
    backups = client.describe_continuous_backups(TableName="rekeyed")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert stack.delete() == "DELETE_COMPLETE"

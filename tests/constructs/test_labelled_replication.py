"""How labelled data leaves production."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from plumbline.configuration import Environment, KeyPurpose, Platform
from tests.house.assembly import Assembly, Json, Template, listed, role_statements, statements
from tests.house.layouts import FOUR_ACCOUNTS, ONE_ACCOUNT, THREE_ACCOUNTS, TWO_ACCOUNTS, composed

_LAYOUTS = {
    "three accounts": THREE_ACCOUNTS,
    "four accounts": FOUR_ACCOUNTS,
    "two accounts": TWO_ACCOUNTS,
    "one account": ONE_ACCOUNT,
}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=_LAYOUTS.values(), ids=list(_LAYOUTS))
def layout(request: pytest.FixtureRequest) -> tuple[Platform, Mapping[str, Template]]:
    return composed(request.param)


def _data_bucket(platform: Platform, templates: Mapping[str, Template], environment: Environment) -> Json:
    deployment = platform.deployment(environment)
    found: Json
    (found,) = [
        bucket["Properties"]
        for bucket in templates[deployment.stack_name("foundation")].of_type("AWS::S3::Bucket")
        if bucket["Properties"]["BucketName"] == deployment.data_bucket
    ]
    return found


def test_one_prefix_of_production_goes_to_staging_in_every_layout(
    layout: tuple[Platform, Mapping[str, Template]],
) -> None:
    platform, templates = layout
    staging = platform.deployment(Environment.STAGING)
    (rule,) = _data_bucket(platform, templates, Environment.PRODUCTION)["ReplicationConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["Filter"] == {"Prefix": "labelled/"}
    assert rule["DeleteMarkerReplication"] == {"Status": "Disabled"}
    assert rule["SourceSelectionCriteria"] == {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    assert rule["Destination"]["Bucket"] == f"arn:aws:s3:::{staging.data_bucket}"
    alias = staging.arn("kms", staging.key_alias(KeyPurpose.DATA))
    assert rule["Destination"]["EncryptionConfiguration"] == {"ReplicaKmsKeyID": alias}


def test_a_replica_becomes_stagings_own_where_that_is_another_account(
    layout: tuple[Platform, Mapping[str, Template]],
) -> None:
    platform, templates = layout
    staging, production = (platform.deployment(e) for e in (Environment.STAGING, Environment.PRODUCTION))
    (rule,) = _data_bucket(platform, templates, Environment.PRODUCTION)["ReplicationConfiguration"]["Rules"]
    if staging.account == production.account:
        assert not rule["Destination"].keys() & {"Account", "AccessControlTranslation"}
    else:
        assert rule["Destination"]["Account"] == staging.account
        assert rule["Destination"]["AccessControlTranslation"] == {"Owner": "Destination"}


def test_nothing_else_is_replicated(layout: tuple[Platform, Mapping[str, Template]]) -> None:
    _, templates = layout
    found = [
        bucket["Properties"]["BucketName"]
        for template in templates.values()
        if "AWS::S3::Bucket" in {resource["Type"] for resource in template.resources.values()}
        for bucket in template.of_type("AWS::S3::Bucket")
        if "ReplicationConfiguration" in bucket["Properties"]
    ]
    platform = layout[0]
    assert found == [platform.deployment(Environment.PRODUCTION).data_bucket]


def test_the_role_deletes_nothing_and_encrypts_with_one_key_of_stagings(assembly: Assembly) -> None:
    production, staging = (assembly.platform.deployment(e) for e in (Environment.PRODUCTION, Environment.STAGING))
    role = assembly[production.stack_name("foundation")].role(production.replication_role_name)
    permissions = role_statements(role)
    actions = {action for statement in permissions.values() for action in listed(statement["Action"])}
    assert not [action for action in actions if "Delete" in action or action == "s3:PutObject"]
    alias = {"kms:ResourceAliases": staging.key_alias(KeyPurpose.DATA)}
    assert permissions["EncryptReplicas"]["Condition"]["ForAnyValue:StringEquals"] == alias


def test_staging_takes_labelled_data_from_that_role_and_from_nobody_else(assembly: Assembly) -> None:
    production, staging = (assembly.platform.deployment(e) for e in (Environment.PRODUCTION, Environment.STAGING))
    policies = assembly[staging.stack_name("foundation")].of_type("AWS::S3::BucketPolicy")
    (denial,) = [
        statement
        for policy in policies
        for statement in statements(policy["Properties"]["PolicyDocument"])
        if statement.get("Sid") == "DenyAllButReplicas"
    ]
    assert denial["Principal"] == {"AWS": "*"}
    assert denial["Action"] == ["s3:PutObject", "s3:ReplicateObject"]
    assert denial["Condition"] == {"ArnNotLike": {"aws:PrincipalArn": production.replication_role_arn}}


def test_the_alarm_looks_at_the_rule_and_names_its_runbook(assembly: Assembly) -> None:
    production, staging = (assembly.platform.deployment(e) for e in (Environment.PRODUCTION, Environment.STAGING))
    (alarm,) = assembly[production.stack_name("foundation")].of_type("AWS::CloudWatch::Alarm")
    found = alarm["Properties"]
    assert {one["Name"]: one["Value"] for one in found["Dimensions"]} == {
        "SourceBucket": production.data_bucket,
        "DestinationBucket": staging.data_bucket,
        "RuleId": production.replication_rule,
    }
    assert found["AlarmActions"] == [production.operations_topic_arn]
    page = (ROOT / "docs" / "monitors.md").read_text()
    anchors = {line.removeprefix("## ").lower().replace(" ", "-") for line in page.splitlines() if line[:3] == "## "}
    assert found["AlarmDescription"].partition("see docs/monitors.md#")[2] in anchors

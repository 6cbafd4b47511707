"""The keys: who administers them, who uses them, and through what."""

import pytest

from plumbline.configuration import Deployment, Environment, KeyPurpose
from tests.house.assembly import Assembly, Json, listed


@pytest.fixture
def staging(assembly: Assembly) -> Deployment:
    return assembly.platform.deployment(Environment.STAGING)


def _policy(assembly: Assembly, deployment: Deployment, purpose: KeyPurpose) -> dict[str, Json]:
    foundation = assembly[deployment.stack_name("foundation")]
    (alias,) = [
        alias
        for alias in foundation.of_type("AWS::KMS::Alias")
        if alias["Properties"]["AliasName"] == deployment.key_alias(purpose)
    ]
    key = foundation.resources[alias["Properties"]["TargetKeyId"]["Fn::GetAtt"][0]]
    return {statement["Sid"]: statement for statement in key["Properties"]["KeyPolicy"]["Statement"]}


@pytest.mark.parametrize("purpose", [KeyPurpose.DATA, KeyPurpose.MODELS, KeyPurpose.OPERATIONS])
def test_who_administers_a_key_does_not_use_it(assembly: Assembly, staging: Deployment, purpose: KeyPurpose) -> None:
    administration = set(_policy(assembly, staging, purpose)["AdministerByIdentityPolicy"]["Action"])
    assert not administration & {"kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"}
    # KMS refuses a policy that nobody could change any more.
    assert "kms:PutKeyPolicy" in administration


@pytest.mark.parametrize("purpose", [KeyPurpose.DATA, KeyPurpose.MODELS])
def test_a_key_is_used_through_s3_and_sagemaker_by_its_own_account(
    assembly: Assembly, staging: Deployment, purpose: KeyPurpose
) -> None:
    use = _policy(assembly, staging, purpose)["UseThroughServices"]
    assert use["Condition"]["StringEquals"] == {
        "kms:CallerAccount": staging.account,
        "kms:ViaService": [f"s3.{staging.region}.amazonaws.com", f"sagemaker.{staging.region}.amazonaws.com"],
    }


@pytest.mark.parametrize("purpose", [KeyPurpose.DATA, KeyPurpose.MODELS])
def test_grants_are_made_for_services_only(assembly: Assembly, staging: Deployment, purpose: KeyPurpose) -> None:
    policy = _policy(assembly, staging, purpose)
    assert policy["GrantToServices"]["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}
    assert [sid for sid, s in policy.items() if "kms:CreateGrant" in listed(s["Action"])] == ["GrantToServices"]


def test_the_operations_key_encrypts_log_groups_of_the_platform_only(assembly: Assembly, staging: Deployment) -> None:
    policy = _policy(assembly, staging, KeyPurpose.OPERATIONS)
    logs = policy["EncryptLogGroups"]
    assert logs["Principal"] == {"Service": f"logs.{staging.region}.amazonaws.com"}
    assert logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"] == [
        staging.arn("logs", "log-group:/aws/sagemaker/*"),
        staging.arn("logs", f"log-group:/{assembly.platform.name}/*"),
    ]


def test_alarms_and_events_reach_the_operations_topic_only(assembly: Assembly, staging: Deployment) -> None:
    policy = _policy(assembly, staging, KeyPurpose.OPERATIONS)
    for sid in ("TellOfAlarms", "TellOfEvents"):
        equal = policy[sid]["Condition"]["StringEquals"]
        assert equal["kms:EncryptionContext:aws:sns:topicArn"] == staging.operations_topic_arn
    assert policy["TellOfAlarms"]["Condition"]["StringEquals"]["aws:SourceAccount"] == staging.account


@pytest.mark.parametrize("environment", list(Environment))
def test_eventbridge_encrypts_the_platforms_bus_and_no_other(assembly: Assembly, environment: Environment) -> None:
    deployment = assembly.platform.deployment(environment)
    use = _policy(assembly, deployment, KeyPurpose.OPERATIONS)["EncryptEvents"]
    assert use["Condition"] == {
        "StringEquals": {"kms:EncryptionContext:aws:events:event-bus:arn": deployment.event_bus_arn}
    }


@pytest.mark.parametrize("environment", list(Environment))
def test_events_are_encrypted_anew_only_where_they_are_archived(assembly: Assembly, environment: Environment) -> None:
    deployment = assembly.platform.deployment(environment)
    actions = listed(_policy(assembly, deployment, KeyPurpose.OPERATIONS)["EncryptEvents"]["Action"])
    assert ("kms:ReEncryptFrom" in actions) is (environment is Environment.STAGING)


def test_each_service_has_a_statement_of_its_own(assembly: Assembly, staging: Deployment) -> None:
    for purpose in (KeyPurpose.DATA, KeyPurpose.MODELS, KeyPurpose.OPERATIONS):
        for sid, statement in _policy(assembly, staging, purpose).items():
            assert isinstance(statement["Principal"], dict), sid
            (who,) = statement["Principal"].values()
            assert isinstance(who, str), sid
            assert statement["Condition"], sid


@pytest.mark.parametrize("purpose", [KeyPurpose.DATA, KeyPurpose.MODELS])
def test_only_roles_of_the_environment_use_a_key(assembly: Assembly, staging: Deployment, purpose: KeyPurpose) -> None:
    use = _policy(assembly, staging, purpose)["UseThroughServices"]["Condition"]
    assert use["ArnLike"] == {"aws:PrincipalArn": staging.iam_arn(f"role/{staging.prefix}-*")}


def test_only_cloudformation_and_the_root_user_change_a_key(assembly: Assembly, staging: Deployment) -> None:
    changing = _policy(assembly, staging, KeyPurpose.DATA)["AdministerByIdentityPolicy"]["Condition"]
    assert changing == {"ArnEquals": {"aws:PrincipalArn": [staging.execution_role_arn, staging.iam_arn("root")]}}


def test_every_log_group_has_a_name_that_the_operations_key_knows(assembly: Assembly) -> None:
    prefixes = ("/aws/sagemaker/", f"/{assembly.platform.name}/")
    for template in assembly.templates.values():
        for group in template.of_type("AWS::Logs::LogGroup"):
            assert group["Properties"]["LogGroupName"].startswith(prefixes)


def test_production_decrypts_models_of_staging_through_s3(assembly: Assembly, staging: Deployment) -> None:
    production = assembly.platform.deployment(Environment.PRODUCTION)
    read = _policy(assembly, staging, KeyPurpose.MODELS)[f"ReadFrom{production.account}"]
    assert listed(read["Action"]) == ["kms:Decrypt"]
    assert read["Condition"] == {
        "ArnLike": {"aws:PrincipalArn": production.iam_arn(f"role/{production.prefix}-*-copy")},
        "StringEquals": {"kms:ViaService": f"s3.{staging.region}.amazonaws.com"},
    }


def test_production_decrypts_no_data_of_staging(assembly: Assembly, staging: Deployment) -> None:
    production = assembly.platform.deployment(Environment.PRODUCTION)
    foreign = [s for s in _policy(assembly, staging, KeyPurpose.DATA).values() if production.account in str(s)]
    assert [action for statement in foreign for action in listed(statement["Action"])] == [
        "kms:Encrypt",
        "kms:GenerateDataKey",
    ]


def test_production_encrypts_replicas_in_one_role_through_s3(assembly: Assembly, staging: Deployment) -> None:
    production = assembly.platform.deployment(Environment.PRODUCTION)
    replicate = _policy(assembly, staging, KeyPurpose.DATA)[f"ReplicateFrom{production.account}"]
    assert replicate["Condition"] == {
        "ArnLike": {"aws:PrincipalArn": production.replication_role_arn},
        "StringEquals": {"kms:ViaService": f"s3.{staging.region}.amazonaws.com"},
    }

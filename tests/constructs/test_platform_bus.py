"""The event bus."""

import pytest

from plumbline.configuration import Environment
from tests.house.assembly import Assembly


@pytest.mark.parametrize("environment", list(Environment))
def test_every_environment_has_its_bus(assembly: Assembly, environment: Environment) -> None:
    deployment = assembly.platform.deployment(environment)
    foundation = assembly[deployment.stack_name("foundation")]
    assert foundation.only("AWS::Events::EventBus")["Properties"]["Name"] == deployment.event_bus


def test_staging_hears_of_production_by_the_platforms_roles_there(assembly: Assembly) -> None:
    foundation = assembly[assembly.platform.deployment(Environment.STAGING).stack_name("foundation")]
    statement = foundation.only("AWS::Events::EventBusPolicy")["Properties"]["Statement"]
    production = assembly.platform.deployment(Environment.PRODUCTION)
    assert statement["Action"] == "events:PutEvents"
    assert statement["Principal"] == {"AWS": production.iam_arn("root")}
    senders = production.iam_arn(f"role/{production.prefix}-*")
    assert statement["Condition"] == {"ArnLike": {"aws:PrincipalArn": senders}}


@pytest.mark.parametrize("environment", [Environment.DEV, Environment.PRODUCTION])
def test_nobody_else_is_told_anything_from_outside(assembly: Assembly, environment: Environment) -> None:
    foundation = assembly[assembly.platform.deployment(environment).stack_name("foundation")]
    assert foundation.of_type("AWS::Events::EventBusPolicy") == []


@pytest.mark.parametrize("environment", list(Environment))
def test_events_are_encrypted_with_the_operations_key(assembly: Assembly, environment: Environment) -> None:
    foundation = assembly[assembly.platform.deployment(environment).stack_name("foundation")]
    bus = foundation.only("AWS::Events::EventBus")["Properties"]
    (key,) = bus["KmsKeyIdentifier"]["Fn::GetAtt"][:1]
    assert foundation.resources[key]["Properties"]["Description"].startswith("Logs, audit trail, events")


def test_what_staging_is_told_is_archived_for_thirty_days(assembly: Assembly) -> None:
    staging = assembly.platform.deployment(Environment.STAGING)
    foundation = assembly[staging.stack_name("foundation")]
    archive, bus = foundation.only("AWS::Events::Archive")["Properties"], foundation.only("AWS::Events::EventBus")
    assert (archive["ArchiveName"], archive["RetentionDays"]) == (staging.event_bus, 30)
    assert archive["KmsKeyIdentifier"] == bus["Properties"]["KmsKeyIdentifier"]


@pytest.mark.parametrize("environment", [Environment.DEV, Environment.PRODUCTION])
def test_a_bus_that_is_told_nothing_has_no_archive(assembly: Assembly, environment: Environment) -> None:
    foundation = assembly[assembly.platform.deployment(environment).stack_name("foundation")]
    assert foundation.of_type("AWS::Events::Archive") == []

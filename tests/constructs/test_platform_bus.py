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
    production = assembly.platform.accounts.production.id
    assert statement["Action"] == "events:PutEvents"
    assert statement["Principal"]["AWS"] == [f"arn:aws:iam::{production}:root"]
    assert statement["Condition"]["ArnLike"]["aws:PrincipalArn"] == [
        f"arn:aws:iam::{production}:role/plumbline-production-*"
    ]


@pytest.mark.parametrize("environment", [Environment.DEV, Environment.PRODUCTION])
def test_nobody_else_is_told_anything_from_outside(assembly: Assembly, environment: Environment) -> None:
    foundation = assembly[assembly.platform.deployment(environment).stack_name("foundation")]
    assert foundation.of_type("AWS::Events::EventBusPolicy") == []

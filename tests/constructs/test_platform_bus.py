"""The event bus."""

import pytest

from plumbline.configuration import Environment
from tests.house.assembly import Assembly


@pytest.mark.parametrize("environment", list(Environment))
def test_only_roles_of_the_platform_in_the_other_accounts_put_events(
    assembly: Assembly, environment: Environment
) -> None:
    platform, deployment = assembly.platform, assembly.platform.deployment(environment)
    foundation = assembly[deployment.stack_name("foundation")]
    assert foundation.only("AWS::Events::EventBus")["Properties"]["Name"] == deployment.event_bus
    statement = foundation.only("AWS::Events::EventBusPolicy")["Properties"]["Statement"]
    others = [account for account in platform.account_ids if account != deployment.account]
    assert statement["Action"] == "events:PutEvents"
    assert statement["Principal"]["AWS"] == [f"arn:aws:iam::{account}:root" for account in others]
    assert statement["Condition"]["ArnLike"]["aws:PrincipalArn"] == [
        f"arn:aws:iam::{account}:role/{platform.name}-*" for account in others
    ]

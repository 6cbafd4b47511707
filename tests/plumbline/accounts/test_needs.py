"""The names that are looked for are those that the templates give."""

from collections.abc import Callable, Mapping

import pytest

from plumbline.accounts import needs
from plumbline.accounts.needs import Wanted
from plumbline.configuration import Platform
from tests.house.assembly import Template
from tests.house.layouts import FOUR_ACCOUNTS, IN_S3, ONE_ACCOUNT, THREE_ACCOUNTS, composed
from tests.plumbline.accounts.conftest import ROOT

LAYOUTS = {
    "three accounts": THREE_ACCOUNTS,
    "four accounts": FOUR_ACCOUNTS,
    "one account": ONE_ACCOUNT,
    "archive": IN_S3,
}
Layout = tuple[Platform, Mapping[str, Template]]


@pytest.fixture(scope="module", params=LAYOUTS.values(), ids=list(LAYOUTS))
def layout(request: pytest.FixtureRequest) -> Layout:
    return composed(request.param)


def _named(layout: Layout, account: str, resource_type: str, key: str) -> set[tuple[str, str]]:
    return {
        (resource["Properties"][key], template.stack_name)
        for template in layout[1].values()
        if template.account == account
        for resource in template.of_type(resource_type)
    }


@pytest.mark.parametrize(
    ("wanted", "resource_type", "key"),
    [
        (needs.buckets, "AWS::S3::Bucket", "BucketName"),
        (needs.key_aliases, "AWS::KMS::Alias", "AliasName"),
    ],
    ids=["buckets", "key aliases"],
)
def test_every_name_that_a_template_gives_is_looked_for(
    layout: Layout,
    wanted: Callable[[Platform, str], tuple[Wanted, ...]],
    resource_type: str,
    key: str,
) -> None:
    for account in layout[0].account_ids:
        looked_for = {(one.name, one.stack) for one in wanted(layout[0], account)}
        assert looked_for == _named(layout, account, resource_type, key)


def test_every_log_group_that_sagemaker_may_have_made_is_looked_for(layout: Layout) -> None:
    for account in layout[0].account_ids:
        # An endpoint's log group has the endpoint's name: nobody but the platform makes one.
        given = {
            (name, stack)
            for name, stack in _named(layout, account, "AWS::Logs::LogGroup", "LogGroupName")
            if name.startswith("/aws/sagemaker/") and not name.startswith("/aws/sagemaker/Endpoints/")
        }
        assert {(one.name, one.stack) for one in needs.log_groups(layout[0], account)} == given


def test_as_many_concurrent_executions_are_counted_as_a_stack_reserves_at_most(layout: Layout) -> None:
    reserved = {
        template.stack_name: sum(
            resource["Properties"]["ReservedConcurrentExecutions"]
            for resource in template.of_type("AWS::Lambda::Function")
        )
        for template in layout[1].values()
    }
    assert 0 < max(reserved.values()) <= needs.most_functions(ROOT)

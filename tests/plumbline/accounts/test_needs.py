"""The names that are looked for are those that the templates give."""

from collections.abc import Callable

import pytest

from plumbline.accounts import needs
from plumbline.accounts.needs import Wanted
from plumbline.configuration import Platform
from tests.house.assembly import Assembly, synthesized
from tests.plumbline.accounts.conftest import ROOT

ACCOUNTS = ("111111111111", "222222222222", "333333333333")


@pytest.fixture(scope="module")
def assembly() -> Assembly:
    return synthesized()


def _named(assembly: Assembly, account: str, resource_type: str, key: str) -> set[tuple[str, str]]:
    return {
        (resource["Properties"][key], template.stack_name)
        for template in assembly.templates.values()
        if template.account == account
        for resource in template.of_type(resource_type)
    }


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize(
    ("wanted", "resource_type", "key"),
    [
        (needs.buckets, "AWS::S3::Bucket", "BucketName"),
        (needs.key_aliases, "AWS::KMS::Alias", "AliasName"),
    ],
    ids=["buckets", "key aliases"],
)
def test_every_name_that_a_template_gives_is_looked_for(
    assembly: Assembly,
    account: str,
    wanted: Callable[[Platform, str], tuple[Wanted, ...]],
    resource_type: str,
    key: str,
) -> None:
    looked_for = {(one.name, one.stack) for one in wanted(assembly.platform, account)}
    assert looked_for == _named(assembly, account, resource_type, key)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_every_log_group_that_sagemaker_may_have_made_is_looked_for(assembly: Assembly, account: str) -> None:
    # An endpoint's log group has the endpoint's name: nobody but the platform makes one.
    given = {
        (name, stack)
        for name, stack in _named(assembly, account, "AWS::Logs::LogGroup", "LogGroupName")
        if name.startswith("/aws/sagemaker/") and not name.startswith("/aws/sagemaker/Endpoints/")
    }
    assert {(one.name, one.stack) for one in needs.log_groups(assembly.platform, account)} == given


@pytest.mark.parametrize("account", ACCOUNTS)
def test_as_many_concurrent_executions_are_counted_as_an_account_reserves_at_most(
    assembly: Assembly, account: str
) -> None:
    reserved = sum(
        resource["Properties"]["ReservedConcurrentExecutions"]
        for template in assembly.templates.values()
        if template.account == account
        for resource in template.of_type("AWS::Lambda::Function")
    )
    assert 0 < reserved <= needs.most_functions(ROOT)

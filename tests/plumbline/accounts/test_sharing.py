"""Whom production shares its account with is said where production is looked at."""

import pytest

from plumbline.accounts.checks import sharing
from tests.house.assembly import configured
from tests.house.layouts import FOUR_ACCOUNTS, ONE_ACCOUNT, THREE_ACCOUNTS, TWO_ACCOUNTS, written
from tests.plumbline.accounts.conftest import StubbedClients, look_at


def test_production_that_shares_its_account_is_not_protected_and_nothing_waits_for_it(clients: StubbedClients) -> None:
    (found,) = sharing.production(look_at("111111111111", clients, configured(ONE_ACCOUNT)))
    assert found.said == (
        "production shares account 111111111111 with dev and staging: it is not protected from who may act there"
    )
    assert not found.blocks


@pytest.mark.parametrize("text", [THREE_ACCOUNTS, FOUR_ACCOUNTS, TWO_ACCOUNTS], ids=["three accounts", "four", "two"])
def test_production_in_an_account_of_its_own_is_protected(clients: StubbedClients, text: str) -> None:
    platform = configured(text)
    assert [f for one in platform.account_ids for f in sharing.production(look_at(one, clients, platform))] == []


def test_delivery_that_is_named_into_productions_account_is_said() -> None:
    platform = configured(written(delivery="333333333333", shared=True))
    assert platform.beside_production == "delivery"


def test_another_account_says_nothing_of_production(clients: StubbedClients) -> None:
    platform = configured(written(production="222222222222", shared=True))
    assert list(sharing.production(look_at("111111111111", clients, platform))) == []

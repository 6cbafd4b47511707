"""The organisation, and who records the account."""

import datetime
from collections.abc import Iterable

import pytest

from plumbline.accounts.checks import organization
from plumbline.accounts.findings import Finding, State
from plumbline.accounts.looking import CannotTellError, Look
from plumbline.configuration import Organization
from tests.house.assembly import configured
from tests.house.layouts import FOUR_ACCOUNTS
from tests.plumbline.accounts.conftest import StubbedClients, look_at

ID, MANAGER = "o-exampleorg1", "666666666666"
TRAIL = "arn:aws:cloudtrail:eu-west-1:777777777777:trail/organisation"
TIME = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)


def only(findings: Iterable[Finding]) -> Finding:
    (finding,) = findings
    return finding


@pytest.fixture
def member(look: Look, clients: StubbedClients) -> Look:
    configured = Organization(id=ID, management_account=MANAGER, targets=["r-root"], trail=TRAIL)
    return look_at(look.account, clients, look.platform.model_copy(update={"organization": configured}))


def _belongs_to(clients: StubbedClients, organization_id: str, manager: str = MANAGER) -> None:
    answer = {"Organization": {"Id": organization_id, "MasterAccountId": manager}}
    clients.on("organizations").add_response("describe_organization", answer)


def test_without_the_setting_nothing_is_asked(look: Look) -> None:
    assert only(organization.organization(look)).state is State.OK


def test_the_organisation_of_the_configuration_is_ok(member: Look, clients: StubbedClients) -> None:
    _belongs_to(clients, ID)
    assert only(organization.organization(member)).state is State.OK


def test_another_organisation_would_lock_the_account_out(member: Look, clients: StubbedClients) -> None:
    _belongs_to(clients, "o-another0000")
    finding = only(organization.organization(member))
    assert finding.blocks
    assert "o-another0000, not to o-exampleorg1" in finding.said


def test_another_manager_is_missing(member: Look, clients: StubbedClients) -> None:
    _belongs_to(clients, ID, manager="999999999999")
    assert "management_account" in only(organization.organization(member)).way_out


def test_no_organisation_is_missing(member: Look, clients: StubbedClients) -> None:
    clients.on("organizations").add_client_error("describe_organization", "AWSOrganizationsNotInUseException")
    assert only(organization.organization(member)).blocks


def test_who_may_not_ask_for_the_organisation_cannot_tell(member: Look, clients: StubbedClients) -> None:
    clients.on("organizations").add_client_error("describe_organization", "AccessDeniedException")
    with pytest.raises(CannotTellError, match=r"^organizations:DescribeOrganization$"):
        list(organization.organization(member))


@pytest.mark.parametrize(("logs", "state"), [(True, State.OK), (False, State.MISSING)])
def test_the_organisations_trail_has_to_log(member: Look, clients: StubbedClients, logs: bool, state: State) -> None:
    clients.on("cloudtrail").add_response("get_trail_status", {"IsLogging": logs}, {"Name": TRAIL})
    assert only(organization.trail(member)).state is state


def test_a_trail_that_is_not_there_is_missing(member: Look, clients: StubbedClients) -> None:
    clients.on("cloudtrail").add_client_error("get_trail_status", "TrailNotFoundException")
    assert only(organization.trail(member)).state is State.MISSING


def test_who_may_not_see_trails_cannot_tell(member: Look, clients: StubbedClients) -> None:
    clients.on("cloudtrail").add_client_error("get_trail_status", "AccessDeniedException")
    with pytest.raises(CannotTellError, match=r"^cloudtrail:GetTrailStatus$"):
        list(organization.trail(member))


def test_the_accounts_own_trail_comes_with_the_first_deployment(look: Look, clients: StubbedClients) -> None:
    clients.on("cloudformation").add_client_error("describe_stacks", "ValidationError", "does not exist")
    assert only(organization.trail(look)).said == "the first deployment makes plumbline-staging-audit"


def test_the_accounts_own_trail_has_to_log_once_it_is_made(look: Look, clients: StubbedClients) -> None:
    stack = {"StackName": "x", "CreationTime": TIME, "StackStatus": "CREATE_COMPLETE"}
    clients.on("cloudformation").add_response("describe_stacks", {"Stacks": [stack]})
    clients.on("cloudtrail").add_response("get_trail_status", {"IsLogging": False})
    assert "start-logging" in only(organization.trail(look)).way_out


def test_the_trail_of_deliverys_own_account_has_to_log(clients: StubbedClients) -> None:
    look = look_at("444444444444", clients, configured(FOUR_ACCOUNTS))
    stack = {"StackName": "x", "CreationTime": TIME, "StackStatus": "CREATE_COMPLETE"}
    clients.on("cloudformation").add_response("describe_stacks", {"Stacks": [stack]})
    asked = {"Name": look.platform.delivery.trail_arn}
    clients.on("cloudtrail").add_response("get_trail_status", {"IsLogging": True}, asked)
    assert only(organization.trail(look)).state is State.OK

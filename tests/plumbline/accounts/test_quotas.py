"""How much the account may use."""

import datetime
from collections.abc import Iterable, Mapping

import pytest

from plumbline.accounts.checks import quotas
from plumbline.accounts.findings import Finding, State
from plumbline.accounts.looking import CannotTellError, Look
from plumbline.configuration import Platform, load_models
from tests.house.assembly import configured
from tests.house.layouts import FOUR_ACCOUNTS
from tests.plumbline.accounts.conftest import ROOT, StubbedClients, look_at

PROCESSING, SPOT, ENDPOINT = (
    f"ml.m5.large for {kind} usage" for kind in ("processing job", "spot training job", "endpoint")
)
APPLIED = {PROCESSING: 4.0, SPOT: 2.0, ENDPOINT: 4.0}
TIME = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)


def only(findings: Iterable[Finding]) -> Finding:
    (finding,) = findings
    return finding


def _listed(clients: StubbedClients, values: Mapping[str, float], *, operation: str = "list_service_quotas") -> None:
    """One quota a page, as many pages."""
    pages = [
        {"QuotaName": name, "QuotaCode": f"L-0000000{number}", "Value": value}
        for number, (name, value) in enumerate(values.items())
    ]
    for number, quota in enumerate(pages):
        more = {"NextToken": str(number)} if number + 1 < len(pages) else {}
        clients.on("service-quotas").add_response(operation, {"Quotas": [quota], **more})
    if not pages:
        clients.on("service-quotas").add_response(operation, {"Quotas": []})


def test_all_pages_are_read_and_enough_is_ok(look: Look, clients: StubbedClients) -> None:
    _listed(clients, APPLIED)
    assert [finding.state for finding in quotas.instances(look)] == [State.OK] * 3
    clients.none_left()


def test_no_spot_instances_names_the_request_for_them_and_blocks_no_deployment(
    look: Look, clients: StubbedClients
) -> None:
    _listed(clients, APPLIED | {SPOT: 0.0})
    (finding,) = [one for one in quotas.instances(look) if one.state is State.MISSING]
    assert finding.said == f"{SPOT}: 0, and the models need 1"
    assert "--quota-code L-00000001 --desired-value 1" in finding.way_out
    assert not finding.blocks


def test_a_quota_that_was_never_raised_is_among_the_defaults(look: Look, clients: StubbedClients) -> None:
    _listed(clients, {PROCESSING: 4.0, ENDPOINT: 4.0})
    _listed(clients, APPLIED | {ENDPOINT: 0.0}, operation="list_aws_default_service_quotas")
    findings = {finding.said.partition(":")[0]: finding.state for finding in quotas.instances(look)}
    # What was raised counts, not what it is by default.
    assert findings == {PROCESSING: State.OK, SPOT: State.OK, ENDPOINT: State.OK}


def test_an_instance_type_that_the_region_lacks_points_at_the_model(look: Look, clients: StubbedClients) -> None:
    _listed(clients, {PROCESSING: 4.0, SPOT: 2.0})
    _listed(clients, {}, operation="list_aws_default_service_quotas")
    (finding,) = [one for one in quotas.instances(look) if one.state is State.MISSING]
    assert ENDPOINT in finding.said
    assert "model.toml" in finding.way_out


def test_who_may_not_see_quotas_cannot_tell(look: Look, clients: StubbedClients) -> None:
    clients.on("service-quotas").add_client_error("list_service_quotas", "AccessDeniedException")
    with pytest.raises(CannotTellError, match=r"^servicequotas:ListServiceQuotas$"):
        list(quotas.instances(look))


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        (0, {PROCESSING: 1, SPOT: 1}),
        (1, {PROCESSING: 1, SPOT: 1, ENDPOINT: 4}),
        (2, {ENDPOINT: 4}),
    ],
    ids=["dev trains", "staging does both", "production serves"],
)
def test_an_account_needs_what_its_part_runs_and_a_second_fleet(
    platform: Platform, part: int, wanted: dict[str, int]
) -> None:
    assert quotas.instance_needs(load_models(ROOT), (platform.deployments()[part],)) == wanted


def test_training_on_demand_has_a_quota_of_its_own(platform: Platform) -> None:
    (model,) = load_models(ROOT)
    train = model.compute.train.model_copy(update={"spot": False, "instance_count": 3})
    on_demand = model.model_copy(update={"compute": model.compute.model_copy(update={"train": train})})
    wanted = quotas.instance_needs((on_demand,), (platform.deployments()[0],))
    assert wanted == {PROCESSING: 1, "ml.m5.large for training job usage": 3}


def _limit(clients: StubbedClients, unreserved: int) -> None:
    clients.on("cloudformation").add_client_error("describe_stacks", "ValidationError", "does not exist")
    limit = {"UnreservedConcurrentExecutions": unreserved, "ConcurrentExecutions": unreserved}
    clients.on("lambda").add_response("get_account_settings", {"AccountLimit": limit})


@pytest.fixture
def one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plumbline.accounts.needs.most_functions", lambda _: 1)


@pytest.mark.usefixtures("one_function")
@pytest.mark.parametrize(("unreserved", "blocks"), [(11, False), (10, True)])
def test_ten_concurrent_executions_stay_unreserved(
    look: Look, clients: StubbedClients, unreserved: int, blocks: bool
) -> None:
    _limit(clients, unreserved)
    assert only(quotas.concurrency(look)).blocks is blocks


def test_functions_that_are_deployed_have_reserved_already(look: Look, clients: StubbedClients) -> None:
    stack = {"StackName": "x", "CreationTime": TIME, "StackStatus": "UPDATE_COMPLETE"}
    clients.on("cloudformation").add_response("describe_stacks", {"Stacks": [stack]})
    assert only(quotas.concurrency(look)).state is State.OK


def test_who_may_not_see_lambdas_limit_cannot_tell(look: Look, clients: StubbedClients) -> None:
    clients.on("cloudformation").add_client_error("describe_stacks", "ValidationError", "does not exist")
    clients.on("lambda").add_client_error("get_account_settings", "AccessDeniedException")
    with pytest.raises(CannotTellError, match=r"^lambda:GetAccountSettings$"):
        list(quotas.concurrency(look))


def test_an_account_of_delivery_alone_has_its_guard_and_no_models(clients: StubbedClients) -> None:
    look = look_at("444444444444", clients, configured(FOUR_ACCOUNTS))
    assert list(quotas.instances(look)) == []
    stack = {"StackName": "x", "CreationTime": TIME, "StackStatus": "UPDATE_COMPLETE"}
    asked = {"StackName": "plumbline-delivery"}
    clients.on("cloudformation").add_response("describe_stacks", {"Stacks": [stack]}, asked)
    assert only(quotas.concurrency(look)).said == "the platform's functions have theirs"

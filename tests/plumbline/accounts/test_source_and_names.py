"""Where the code comes from, and whether the names that stacks want are free."""

import datetime
from collections.abc import Callable, Iterable

import pytest

from plumbline.accounts import needs
from plumbline.accounts.checks import names, source
from plumbline.accounts.findings import Finding, State
from plumbline.accounts.looking import CannotTellError, Look
from plumbline.configuration import Platform, Source, SourceProvider
from tests.plumbline.accounts.conftest import StubbedClients, look_at

TIME = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)
PRODUCTION = "333333333333"
CheckFunction = Callable[[Look], Iterable[Finding]]


def only(findings: Iterable[Finding]) -> Finding:
    (finding,) = findings
    return finding


@pytest.fixture
def production(clients: StubbedClients, platform: Platform) -> Look:
    return look_at(PRODUCTION, clients, platform)


def _connection(clients: StubbedClients, status: str) -> None:
    connection = {"ConnectionName": "github", "ConnectionStatus": status}
    clients.on("codeconnections").add_response("get_connection", {"Connection": connection})


def test_a_connection_that_nobody_confirmed_names_the_console(look: Look, clients: StubbedClients) -> None:
    _connection(clients, "PENDING")
    finding = only(source.source(look))
    assert finding.blocks
    assert finding.way_out.startswith("confirm it in the console: https://console.aws.amazon.com/codesuite/")


def test_a_confirmed_connection_is_ok_and_what_is_behind_it_open(look: Look, clients: StubbedClients) -> None:
    _connection(clients, "AVAILABLE")
    confirmed, behind = source.source(look)
    assert confirmed.state is State.OK
    assert behind.state is State.CANNOT_TELL
    assert "example/plumbline has a branch main" in behind.said


def test_a_connection_with_an_error_is_missing(look: Look, clients: StubbedClients) -> None:
    _connection(clients, "ERROR")
    assert only(source.source(look)).blocks


def test_no_connection_is_missing(look: Look, clients: StubbedClients) -> None:
    clients.on("codeconnections").add_client_error("get_connection", "ResourceNotFoundException")
    assert "platform.toml" in only(source.source(look)).way_out


def test_only_the_delivery_account_has_a_source(production: Look) -> None:
    assert list(source.source(production)) == []


@pytest.fixture
def codecommit(look: Look, clients: StubbedClients) -> Look:
    settings = Source(provider=SourceProvider.CODECOMMIT, repository="plumbline", branch="main")
    return look_at(look.account, clients, look.platform.model_copy(update={"source": settings}))


def test_a_branch_in_codecommit_is_ok(codecommit: Look, clients: StubbedClients) -> None:
    clients.on("codecommit").add_response("get_repository", {"repositoryMetadata": {}})
    clients.on("codecommit").add_response("get_branch", {"branch": {}})
    assert only(source.source(codecommit)).state is State.OK


def test_no_repository_in_codecommit_is_missing(codecommit: Look, clients: StubbedClients) -> None:
    clients.on("codecommit").add_client_error("get_repository", "RepositoryDoesNotExistException")
    assert "create-repository --repository-name plumbline" in only(source.source(codecommit)).way_out


def test_no_branch_in_codecommit_is_missing(codecommit: Look, clients: StubbedClients) -> None:
    clients.on("codecommit").add_response("get_repository", {"repositoryMetadata": {}})
    clients.on("codecommit").add_client_error("get_branch", "BranchDoesNotExistException")
    assert "no branch main" in only(source.source(codecommit)).said


def test_a_bucket_as_source_needs_nothing_before(look: Look, clients: StubbedClients) -> None:
    platform = look.platform.model_copy(update={"source": Source(provider=SourceProvider.S3)})
    finding = only(source.source(look_at(look.account, clients, platform)))
    assert finding.state is State.OK
    assert platform.delivery.source_bucket in finding.said


def _no_stacks(clients: StubbedClients, number: int) -> None:
    for _ in range(number):
        clients.on("cloudformation").add_client_error("describe_stacks", "ValidationError", "does not exist")


def _deployed(clients: StubbedClients, number: int = 1) -> None:
    stack = {"StackName": "x", "CreationTime": TIME, "StackStatus": "CREATE_COMPLETE"}
    for _ in range(number):
        clients.on("cloudformation").add_response("describe_stacks", {"Stacks": [stack]})


def _buckets(look: Look, clients: StubbedClients, *, taken: str | None, code: int = 403) -> str:
    """Answers for each bucket of an account; the one of a purpose is there already."""
    found = ""
    for one in needs.buckets(look.platform, look.account):
        if taken and f"-{taken}-" in one.name:
            found = one.name
            if code == 200:
                clients.on("s3").add_response("head_bucket", {}, {"Bucket": one.name})
            else:
                clients.on("s3").add_client_error("head_bucket", str(code), http_status_code=code)
        else:
            clients.on("s3").add_client_error("head_bucket", "404", http_status_code=404)
    return found


def test_buckets_that_nobody_has_are_ok(production: Look, clients: StubbedClients) -> None:
    _no_stacks(clients, 1)
    _buckets(production, clients, taken=None)
    assert only(names.buckets(production)).said == "5 names are free"


def test_a_bucket_of_a_stranger_asks_for_another_name(production: Look, clients: StubbedClients) -> None:
    _no_stacks(clients, 1)
    name = _buckets(production, clients, taken="data")
    clients.on("s3").add_response("list_buckets", {"Buckets": []})
    finding = only(names.buckets(production))
    assert finding.blocks
    assert (finding.said, finding.way_out) == (f"{name} is a stranger's", "change name in platform.toml")


@pytest.mark.parametrize("code", [200, 403])
def test_a_bucket_of_ones_own_can_be_taken_over(production: Look, clients: StubbedClients, code: int) -> None:
    _no_stacks(clients, 1)
    name = _buckets(production, clients, taken="data", code=code)
    clients.on("s3").add_response("list_buckets", {"Buckets": [{"Name": name}]})
    assert "--import-existing-resources" in only(names.buckets(production)).way_out


def test_whose_a_bucket_is_cannot_be_told_without_the_list(production: Look, clients: StubbedClients) -> None:
    _no_stacks(clients, 1)
    _buckets(production, clients, taken="data")
    clients.on("s3").add_client_error("list_buckets", "AccessDenied")
    with pytest.raises(CannotTellError, match="s3:ListAllMyBuckets"):
        list(names.buckets(production))


@pytest.mark.parametrize("check", [names.buckets], ids=["buckets"])
def test_buckets_that_a_stack_holds_are_not_asked_for(
    production: Look, clients: StubbedClients, check: CheckFunction
) -> None:
    _deployed(clients)
    assert only(check(production)).said == "the platform's stacks have them"


def _aliases(clients: StubbedClients, *found: str) -> None:
    clients.on("kms").add_response("list_aliases", {"Aliases": [{"AliasName": name} for name in found]})


def test_free_aliases_are_ok(production: Look, clients: StubbedClients) -> None:
    _no_stacks(clients, 1)
    _aliases(clients, "alias/aws/s3")
    assert only(names.key_aliases(production)).said == "3 names are free"


def test_an_alias_left_from_before_is_missing(production: Look, clients: StubbedClients) -> None:
    _no_stacks(clients, 1)
    _aliases(clients, "alias/plumbline-production-data")
    assert (
        "delete-alias --region eu-west-1 --alias-name alias/plumbline-production-data"
        in only(names.key_aliases(production)).way_out
    )


def test_an_alias_that_its_stack_holds_is_ok(production: Look, clients: StubbedClients) -> None:
    _deployed(clients)
    _aliases(clients, "alias/plumbline-production-data")
    assert only(names.key_aliases(production)).state is State.OK


def _log_groups(clients: StubbedClients, *found: str) -> None:
    answer = {"logGroups": [{"logGroupName": name} for name in found]}
    clients.on("logs").add_response("describe_log_groups", answer, {"logGroupNamePrefix": "/aws/sagemaker/"})


def test_a_log_group_of_earlier_jobs_is_to_be_imported(production: Look, clients: StubbedClients) -> None:
    _no_stacks(clients, 1)
    _log_groups(clients, "/aws/sagemaker/TrainingJobs", "/aws/sagemaker/NotebookInstances")
    finding = only(names.log_groups(production))
    assert finding.blocks
    assert "/aws/sagemaker/TrainingJobs" in finding.said
    assert "--import-existing-resources" in finding.way_out


def test_no_log_group_is_ok(production: Look, clients: StubbedClients) -> None:
    _no_stacks(clients, 1)
    _log_groups(clients)
    assert only(names.log_groups(production)).state is State.OK


@pytest.mark.parametrize(
    ("check", "service", "operation", "action"),
    [
        (names.buckets, "s3", "head_bucket", "s3:ListBucket"),
        (names.key_aliases, "kms", "list_aliases", "kms:ListAliases"),
        (names.log_groups, "logs", "describe_log_groups", "logs:DescribeLogGroups"),
    ],
    ids=["buckets", "key aliases", "log groups"],
)
def test_who_may_not_look_cannot_tell(
    production: Look,
    clients: StubbedClients,
    check: CheckFunction,
    service: str,
    operation: str,
    action: str,
) -> None:
    _no_stacks(clients, 1)
    clients.on(service).add_client_error(operation, "AccessDeniedException")
    with pytest.raises(CannotTellError, match=f"^{action}$"):
        list(check(production))


def test_who_may_not_see_connections_cannot_tell(look: Look, clients: StubbedClients) -> None:
    clients.on("codeconnections").add_client_error("get_connection", "AccessDeniedException")
    with pytest.raises(CannotTellError, match=r"^codeconnections:GetConnection$"):
        list(source.source(look))

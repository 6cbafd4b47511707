"""Whether what `./plumb bootstrap` makes is there, and this checkout's."""

import datetime
import json
import urllib.parse
from collections.abc import Callable, Iterable

import pytest

from plumbline.accounts.checks import bootstrapped
from plumbline.accounts.findings import Finding, State
from plumbline.accounts.looking import CannotTellError, Look
from plumbline.configuration import bootstrap_parameters, bootstrap_template, execution_policy_arns
from tests.plumbline.accounts.conftest import ROOT, StubbedClients, look_at

TIME = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)
CheckFunction = Callable[[Look], Iterable[Finding]]


def only(findings: Iterable[Finding]) -> Finding:
    (finding,) = findings
    return finding


def _there(
    look: Look,
    clients: StubbedClients,
    *,
    status: str = "CREATE_COMPLETE",
    protected: bool = True,
    parameters: dict[str, str] | None = None,
    template: str | None = None,
) -> None:
    given = bootstrap_parameters(look.platform) | (parameters or {})
    stack = {
        "StackName": look.platform.bootstrap_stack,
        "CreationTime": TIME,
        "StackStatus": status,
        "EnableTerminationProtection": protected,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
    }
    clients.on("cloudformation").add_response("describe_stacks", {"Stacks": [stack]})
    body = bootstrap_template(ROOT).read_text() if template is None else template
    clients.on("cloudformation").add_response("get_template", {"TemplateBody": body})


def test_a_stack_of_this_checkouts_template_is_ok(look: Look, clients: StubbedClients) -> None:
    _there(look, clients)
    assert only(bootstrapped.plain_stack(look)).state is State.OK


def test_no_stack_is_missing(look: Look, clients: StubbedClients) -> None:
    clients.on("cloudformation").add_client_error("describe_stacks", "ValidationError", "does not exist")
    finding = only(bootstrapped.plain_stack(look))
    assert finding.blocks
    assert finding.way_out == "./plumb bootstrap"


@pytest.mark.parametrize("template", ["Resources: {}", '{"Resources": {}}', "no template"])
def test_a_stack_of_another_template_is_missing(look: Look, clients: StubbedClients, template: str) -> None:
    _there(look, clients, template=template)
    finding = only(bootstrapped.plain_stack(look))
    assert finding.blocks
    assert "another template than this checkout" in finding.said


def test_a_stack_with_other_accounts_is_missing(look: Look, clients: StubbedClients) -> None:
    _there(look, clients, parameters={"Accounts": "999999999999"})
    assert "other values of Accounts" in only(bootstrapped.plain_stack(look)).said


def test_a_stack_that_failed_is_missing(look: Look, clients: StubbedClients) -> None:
    _there(look, clients, status="ROLLBACK_COMPLETE")
    assert "is ROLLBACK_COMPLETE" in only(bootstrapped.plain_stack(look)).said


def test_a_stack_without_protection_is_pointed_out_and_blocks_nothing(look: Look, clients: StubbedClients) -> None:
    _there(look, clients, protected=False)
    finding = only(bootstrapped.plain_stack(look))
    assert finding.state is State.MISSING
    assert not finding.blocks


def test_a_boundary_that_is_there_is_ok(look: Look, clients: StubbedClients) -> None:
    clients.on("iam").add_response(
        "get_policy", {"Policy": {}}, {"PolicyArn": look.platform.boundary_arn(look.account)}
    )
    assert only(bootstrapped.boundary(look)).state is State.OK


def test_no_boundary_is_missing(look: Look, clients: StubbedClients) -> None:
    clients.on("iam").add_client_error("get_policy", "NoSuchEntity")
    assert only(bootstrapped.boundary(look)).blocks


@pytest.mark.parametrize(
    ("version", "state"), [("33", State.OK), ("34", State.OK), ("32", State.MISSING), ("new", State.MISSING)]
)
def test_a_cdk_bootstrap_has_to_be_new_enough(look: Look, clients: StubbedClients, version: str, state: State) -> None:
    clients.on("ssm").add_response(
        "get_parameter", {"Parameter": {"Value": version}}, {"Name": "/cdk-bootstrap/plumbline/version"}
    )
    assert only(bootstrapped.version(look)).state is state


def test_no_cdk_bootstrap_is_missing(look: Look, clients: StubbedClients) -> None:
    clients.on("ssm").add_client_error("get_parameter", "ParameterNotFound")
    assert only(bootstrapped.version(look)).blocks


def test_the_version_that_is_asked_for_is_the_pinned_tools() -> None:
    template = ROOT / "node_modules" / "aws-cdk" / "lib" / "api" / "bootstrap" / "bootstrap-template.yaml"
    assert f"Value: '{bootstrapped.BOOTSTRAP_VERSION}'" in template.read_text()


def _trusts(clients: StubbedClients, *principals: object, roles: int = 4) -> None:
    for _ in range(roles):
        document = {"Version": "2012-10-17", "Statement": [{"Principal": one} for one in principals]}
        role = {
            "Path": "/",
            "RoleName": "x",
            "RoleId": "AROAEXAMPLEEXAMPLE",
            "Arn": "arn:aws:iam::222222222222:role/x",
            "CreateDate": TIME,
            "AssumeRolePolicyDocument": urllib.parse.quote(json.dumps(document)),
        }
        clients.on("iam").add_response("get_role", {"Role": role})


@pytest.mark.parametrize(
    "principal",
    [{"AWS": "arn:aws:iam::222222222222:root"}, {"AWS": ["222222222222"]}],
    ids=["an ARN", "an account's id"],
)
def test_trust_in_the_delivery_account_alone_is_ok(
    look: Look, clients: StubbedClients, principal: dict[str, object]
) -> None:
    _trusts(clients, principal)
    assert only(bootstrapped.trust(look)).state is State.OK


@pytest.mark.parametrize(
    ("principal", "named"),
    [
        ({"AWS": ["222222222222", "arn:aws:iam::999999999999:root"]}, "999999999999"),
        ({"AWS": "*"}, "*"),
        ("*", "*"),
        ({"AWS": "AROAGONEGONEGONEGONE"}, "AROAGONEGONEGONEGONE"),
    ],
    ids=["another account", "everybody", "everybody, in short", "a role that is gone"],
)
def test_trust_in_a_stranger_is_missing_and_names_the_stranger(
    look: Look, clients: StubbedClients, principal: object, named: str
) -> None:
    _trusts(clients, principal, roles=1)
    finding = only(bootstrapped.trust(look))
    assert finding.blocks
    assert f"trusts {named}, too" in finding.said


def test_a_role_that_does_not_trust_delivery_is_missing(clients: StubbedClients, look: Look) -> None:
    dev = look_at("111111111111", clients, look.platform)
    _trusts(clients, {"AWS": "arn:aws:iam::111111111111:root"})
    assert "222222222222 may not deploy here" in only(bootstrapped.trust(dev)).said


def test_no_role_to_trust_is_missing(look: Look, clients: StubbedClients) -> None:
    clients.on("iam").add_client_error("get_role", "NoSuchEntity")
    assert only(bootstrapped.trust(look)).blocks


def _attached(clients: StubbedClients, arns: Iterable[str]) -> None:
    policies = [{"PolicyArn": arn, "PolicyName": arn.rpartition("/")[2]} for arn in arns]
    clients.on("iam").add_response("list_attached_role_policies", {"AttachedPolicies": policies})


def test_the_execution_policies_and_no_other_are_ok(look: Look, clients: StubbedClients) -> None:
    _attached(clients, execution_policy_arns(look.platform, look.account))
    assert only(bootstrapped.execution_policies(look)).state is State.OK


def test_administrator_access_beside_them_is_missing(look: Look, clients: StubbedClients) -> None:
    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    _attached(clients, [*execution_policy_arns(look.platform, look.account), administrator])
    finding = only(bootstrapped.execution_policies(look))
    assert finding.blocks
    assert finding.said.endswith("has AdministratorAccess")


def test_one_execution_policy_too_few_is_missing(look: Look, clients: StubbedClients) -> None:
    _attached(clients, execution_policy_arns(look.platform, look.account)[1:])
    assert only(bootstrapped.execution_policies(look)).said.endswith("lacks plumbline-execution-identities")


@pytest.mark.parametrize(
    ("check", "service", "operation", "action"),
    [
        (bootstrapped.plain_stack, "cloudformation", "describe_stacks", "cloudformation:DescribeStacks"),
        (bootstrapped.boundary, "iam", "get_policy", "iam:GetPolicy"),
        (bootstrapped.version, "ssm", "get_parameter", "ssm:GetParameter"),
        (bootstrapped.trust, "iam", "get_role", "iam:GetRole"),
        (
            bootstrapped.execution_policies,
            "iam",
            "list_attached_role_policies",
            "iam:ListAttachedRolePolicies",
        ),
    ],
    ids=["plain stack", "boundary", "cdk bootstrap", "trust", "execution policies"],
)
def test_who_may_not_ask_cannot_tell(
    look: Look, clients: StubbedClients, check: CheckFunction, service: str, operation: str, action: str
) -> None:
    clients.on(service).add_client_error(operation, "AccessDenied", "User: me is not authorized")
    with pytest.raises(CannotTellError, match=f"^{action}$"):
        list(check(look))

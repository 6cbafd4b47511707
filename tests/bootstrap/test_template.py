"""What an administrator deploys first: within the limits of AWS, and enough to keep CloudFormation in bounds."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from plumbline.audit.access.intrinsics import TemplateValues
from plumbline.audit.access.physical_names import Place
from plumbline.audit.templates import read_files
from plumbline.configuration import (
    bootstrap_parameters,
    bootstrap_template,
    cdk_bootstrap_arguments,
    execution_policy_arns,
    load_platform,
)
from tests.reference.configuration import REFERENCE

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 6_144  # characters of a managed policy without white space: IAM user guide, "IAM and AWS STS quotas"
MOST_POLICIES = 10  # managed policies attached to a role by default, same page
Json = Any


def _policies(*, name: str, region: str, accounts: int) -> dict[str, Json]:
    """The documents of the template's policies by the policy's name, worked out for one account."""
    (template,) = read_files([bootstrap_template(ROOT)])
    values = TemplateValues(
        body=template.body,
        place=Place(stack_name="bootstrap", account="1" * 12, region=region),
        parameters={
            "Name": name,
            "Accounts": ",".join(str(number) * 12 for number in range(1, accounts + 1)),
            # With Model Monitor, two accounts of AWS's beside the platform's.
            "ImageAccounts": ",".join(str(number) * 12 for number in range(1, accounts + 3)),
            "Delivery": "1" * 12,
        },
        published={},
    )
    found = {}
    for logical_id, resource in template.resources.items():
        properties = values.resolve(resource["Properties"], logical_id)
        assert isinstance(properties, dict)
        found[str(properties["ManagedPolicyName"])] = properties["PolicyDocument"]
    return found


@pytest.fixture
def policies() -> dict[str, Json]:
    return _policies(name="plumbline", region="eu-west-1", accounts=3)


def _statement(document: Json, sid: str) -> Json:
    (found,) = [statement for statement in document["Statement"] if statement["Sid"] == sid]
    return found


def test_every_policy_fits_also_with_the_longest_names() -> None:
    longest = _policies(name="x" * 10, region="us-gov-west-1", accounts=5)
    for name, document in longest.items():
        assert len(json.dumps(document, separators=(",", ":"))) <= LIMIT, name


def test_cloudformation_gets_the_policies_that_the_template_makes(policies: dict[str, Json]) -> None:
    platform = load_platform(REFERENCE)
    account = platform.delivery_account
    named = {arn.rpartition("/")[2] for arn in execution_policy_arns(platform, account)}
    assert named == policies.keys() - {platform.boundary_name}
    assert len(named) <= MOST_POLICIES


def test_only_where_it_delivers_cloudformation_makes_builds() -> None:
    platform = load_platform(ROOT)
    with_builds = [
        account
        for account in platform.account_ids
        if any(arn.endswith("-execution-delivery") for arn in execution_policy_arns(platform, account))
    ]
    assert with_builds == [platform.delivery_account]


def test_the_cdk_is_bootstrapped_with_them_and_trusts_the_delivery_account_only() -> None:
    platform = load_platform(ROOT)
    words = cdk_bootstrap_arguments(platform, "1" * 12)
    given = dict(itertools.pairwise(words))
    assert given["--cloudformation-execution-policies"] == ",".join(execution_policy_arns(platform, "1" * 12))
    assert given["--trust"] == platform.delivery_account
    assert given["--qualifier"] == platform.name
    assert "--bootstrap-customer-key" in words


def test_parameters_are_those_of_the_template() -> None:
    (template,) = read_files([bootstrap_template(ROOT)])
    assert bootstrap_parameters(load_platform(ROOT)).keys() == template.body["Parameters"].keys()  # type: ignore[union-attr]


def test_cloudformation_makes_a_role_only_with_the_boundary(policies: dict[str, Json]) -> None:
    identities = policies["plumbline-execution-identities"]
    making = [
        statement
        for statement in identities["Statement"]
        if statement["Effect"] == "Allow" and "iam:CreateRole" in statement["Action"]
    ]
    boundary = "arn:aws:iam::111111111111:policy/plumbline-boundary"
    assert [statement["Condition"] for statement in making] == [{"ArnEquals": {"iam:PermissionsBoundary": boundary}}]


@pytest.mark.parametrize("action", ["iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:DeletePolicy"])
def test_cloudformation_changes_neither_the_boundary_nor_its_own_policies(
    policies: dict[str, Json], action: str
) -> None:
    denied = _statement(policies["plumbline-execution-identities"], "DenyChangingItsOwnLimits")
    assert action in denied["Action"]
    assert denied["Resource"] == [
        "arn:aws:iam::111111111111:policy/plumbline-boundary",
        "arn:aws:iam::111111111111:policy/plumbline-execution-*",
    ]


def test_cloudformation_takes_no_boundary_away(policies: dict[str, Json]) -> None:
    denied = _statement(policies["plumbline-execution-identities"], "DenyTakingTheBoundaryAway")
    assert (denied["Effect"], denied["Action"], denied["Resource"]) == (
        "Deny",
        "iam:DeleteRolePermissionsBoundary",
        "*",
    )


def test_cloudformation_makes_no_way_to_the_internet(policies: dict[str, Json]) -> None:
    allowed = [
        action for d in policies.values() for s in d["Statement"] if s["Effect"] == "Allow" for action in s["Action"]
    ]
    for gateway in ("InternetGateway", "NatGateway", "EgressOnly", "VpcPeering", "TransitGateway", "VpnConnection"):
        assert not [action for action in allowed if gateway in action], gateway
    assert "ec2:*" not in allowed


def test_no_execution_policy_allows_all_of_a_service_or_everything(policies: dict[str, Json]) -> None:
    for name, document in policies.items():
        if name.endswith("-boundary"):
            continue
        for statement in document["Statement"]:
            if statement["Effect"] == "Allow":
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                assert not [action for action in actions if action == "*" or action.endswith(":*")], name


def test_nobody_behind_the_boundary_changes_identities(policies: dict[str, Json]) -> None:
    for statement in policies["plumbline-boundary"]["Statement"]:
        if statement["Effect"] == "Allow":
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            writes = [
                a for a in actions if a.startswith("iam:") and not a.startswith(("iam:Get", "iam:List", "iam:Sim"))
            ]
            assert writes in ([], ["iam:PassRole"])


def test_jobs_and_notebooks_read_objects_through_their_own_accounts_vpc_only(policies: dict[str, Json]) -> None:
    perimeter = _statement(policies["plumbline-boundary"], "DenyObjectsFromOutsideTheVpc")
    roles = {arn.rpartition("-*-")[2] for arn in perimeter["Condition"]["ArnLike"]["aws:PrincipalArn"]}
    assert roles == {"data-check", "evaluate", "monitor", "notebook", "prepare", "train"}
    assert perimeter["Condition"]["StringNotEquals"] == {"aws:VpceAccount": "111111111111"}
    assert {action.split(":")[0] for action in perimeter["Action"]} == {"s3"}
    assert "s3:*" not in perimeter["Action"]

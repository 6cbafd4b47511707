"""Four accounts, two and one: what each account has, once, and nothing twice."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest

from plumbline.audit.access.physical_names import _NAME
from plumbline.audit.linting import Linter
from plumbline.configuration import Environment, Platform, load_models
from tests.house.assembly import (
    ROOT,
    Json,
    Template,
    configured,
    listed,
    statements,
    synthesized_as,
)
from tests.house.layouts import FOUR_ACCOUNTS, ONE_ACCOUNT, ONE_ACCOUNT_AND_DELIVERY, TWO_ACCOUNTS, composed, written

_LAYOUTS = {"four accounts": FOUR_ACCOUNTS, "two accounts": TWO_ACCOUNTS, "one account": ONE_ACCOUNT}
_POLICIES = (
    "AssumeRolePolicyDocument",
    "KeyPolicy",
    "ModelPackageGroupPolicy",
    "PolicyDocument",
    "RepositoryPolicyText",
)


@pytest.fixture(scope="module", params=_LAYOUTS.values(), ids=list(_LAYOUTS))
def layout(request: pytest.FixtureRequest) -> tuple[Platform, Mapping[str, Template]]:
    return composed(request.param)


@pytest.fixture(scope="module")
def four() -> tuple[Platform, Template]:
    """A platform that is delivered from an account of its own, and the stack there."""
    platform, templates = composed(FOUR_ACCOUNTS)
    return platform, templates[platform.delivery.prefix]


@pytest.fixture(scope="module")
def one() -> tuple[Platform, Mapping[str, Template]]:
    return composed(ONE_ACCOUNT)


def _documents(templates: Mapping[str, Template]) -> Iterator[tuple[str, Json]]:
    for name, template in templates.items():
        for logical_id, resource in template.resources.items():
            for key in _POLICIES:
                if key in resource.get("Properties", {}):
                    yield f"{name}/{logical_id}", resource["Properties"][key]


def test_no_account_gets_two_things_of_one_name(layout: tuple[Platform, Mapping[str, Template]]) -> None:
    _, templates = layout
    names = Counter(
        (template.account, resource["Type"], name)
        for template in templates.values()
        for resource in template.resources.values()
        if isinstance(name := resource.get("Properties", {}).get(_NAME.get(resource["Type"], "")), str)
    )
    assert len(names) > 100
    assert [name for name, count in names.items() if count > 1] == []


def test_no_policy_has_two_statements_of_one_name(layout: tuple[Platform, Mapping[str, Template]]) -> None:
    for name, document in _documents(layout[1]):
        sids = Counter(statement["Sid"] for statement in statements(document) if "Sid" in statement)
        assert [sid for sid, count in sids.items() if count > 1] == [], name


def test_no_policy_names_anything_twice(layout: tuple[Platform, Mapping[str, Template]]) -> None:
    for name, document in _documents(layout[1]):
        for statement in statements(document):
            principals = [one for kind in _kinds(statement) for one in map(json.dumps, listed(kind))]
            resources = [json.dumps(one) for one in listed(statement.get("Resource", []))]
            assert len(set(principals)) == len(principals), name
            assert len(set(resources)) == len(resources), name


def _kinds(statement: Json) -> list[object]:
    principal = statement.get("Principal", {})
    return list(principal.values()) if isinstance(principal, dict) else []


def test_no_trust_names_everybody(layout: tuple[Platform, Mapping[str, Template]]) -> None:
    _, templates = layout
    trusts = [
        (role["Properties"]["RoleName"], statement["Principal"])
        for template in templates.values()
        for role in template.of_type("AWS::IAM::Role")
        for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    ]
    assert trusts
    assert [name for name, principal in trusts if "*" in json.dumps(principal)] == []


def test_no_resource_calls_its_own_account_foreign(layout: tuple[Platform, Mapping[str, Template]]) -> None:
    _, templates = layout
    for name, template in templates.items():
        for place, document in _documents({name: template}):
            sids = [str(statement.get("Sid")) for statement in statements(document)]
            assert [sid for sid in sids if sid.endswith(f"From{template.account}")] == [], place


def test_an_account_of_deliverys_own_records_what_is_done_there(four: tuple[Platform, Template]) -> None:
    platform, delivery = four
    trail = delivery.only("AWS::CloudTrail::Trail")["Properties"]
    assert (trail["TrailName"], trail["IsLogging"], trail["IsMultiRegionTrail"]) == (
        platform.delivery.trail_name,
        True,
        True,
    )
    watched = json.dumps(trail["EventSelectors"][0]["DataResources"])
    for bucket in delivery.of_type("AWS::S3::Bucket"):
        name = bucket["Properties"]["BucketName"]
        (logical_id,) = [one for one, resource in delivery.resources.items() if resource is bucket]
        assert (f'"{logical_id}"' in watched) is (
            name in {platform.delivery.artifacts_bucket, platform.delivery.records_bucket}
        )


def test_an_account_of_deliverys_own_guards_its_stacks(four: tuple[Platform, Template]) -> None:
    platform, delivery = four
    guard = delivery.only("AWS::Lambda::Function")["Properties"]
    assert guard["FunctionName"] == platform.delivery.function_name("account_guard")
    assert guard["Environment"]["Variables"] == {"STACKS_BEFORE": platform.delivery.prefix, "PROTECTED": "*"}
    rules = {rule["Properties"]["Name"]: rule["Properties"] for rule in delivery.of_type("AWS::Events::Rule")}
    heard = rules[f"{platform.delivery.prefix}-account-guard"]["EventPattern"]["detail"]["stack-id"]
    stack = platform.delivery.arn("cloudformation", f"stack/{platform.delivery.prefix}/0123")
    bootstrap = platform.delivery.arn("cloudformation", f"stack/{platform.bootstrap_stack}/0123")
    assert any(stack.startswith(one["prefix"]) for one in heard)
    assert not any(bootstrap.startswith(one["prefix"]) for one in heard)
    assert delivery.termination_protection


def test_an_organisations_trail_takes_the_place_of_deliverys() -> None:
    organization = (
        '[organization]\nid = "o-exampleorg1"\nmanagement_account = "666666666666"\ntargets = ["r-root"]\n'
        'trail = "arn:aws:cloudtrail:eu-west-1:777777777777:trail/organisation"\n'
    )
    delivery = configured(written(delivery="444444444444", more=organization)).delivery
    assert (delivery.has_own_account, delivery.records_itself) == (True, False)


def test_delivery_in_an_environments_account_has_no_safeguards_of_its_own(
    one: tuple[Platform, Mapping[str, Template]],
) -> None:
    platform, templates = one
    delivery = templates[platform.delivery.prefix]
    assert not delivery.of_type("AWS::CloudTrail::Trail")
    assert not delivery.of_type("AWS::Lambda::Function")


def test_what_an_account_has_once_its_first_environment_makes(one: tuple[Platform, Mapping[str, Template]]) -> None:
    platform, templates = one
    makers = {
        group["Properties"]["LogGroupName"]: name
        for name, template in templates.items()
        for group in template.of_type("AWS::Logs::LogGroup")
    }
    dev = platform.deployment(Environment.DEV).stack_name("operations")
    assert makers["/aws/sagemaker/TrainingJobs"] == makers["/aws/sagemaker/ProcessingJobs"] == dev


def test_production_copies_stagings_artifacts_in_one_account_as_in_two(
    one: tuple[Platform, Mapping[str, Template]],
) -> None:
    platform, templates = one
    staging, production = platform.deployment(Environment.STAGING), platform.deployment(Environment.PRODUCTION)
    model = load_models(ROOT)[0]
    role = templates[production.stack_name("access", model)].role(production.role_name(model, "copy"))
    assert f"{staging.models_bucket}/{model.name}/training/" in json.dumps(role["Documents"])
    assert f"{production.models_bucket}/{model.name}/training/" not in json.dumps(role["Documents"])
    serving = templates[production.stack_name("access", model)].role(production.role_name(model, "serve"))
    assert f"{production.models_bucket}/{model.name}/released/" in json.dumps(serving["Documents"])
    assert staging.models_bucket not in json.dumps(serving["Documents"])


def test_no_policy_of_delivery_names_two_statements_alike_where_one_account_has_several_roles_in_it() -> None:
    platform, templates = composed(ONE_ACCOUNT_AND_DELIVERY)
    delivery = templates[platform.delivery.prefix]
    policies = [one["Properties"]["KeyPolicy"] for one in delivery.of_type("AWS::KMS::Key")]
    policies += [one["Properties"]["PolicyDocument"] for one in delivery.of_type("AWS::S3::BucketPolicy")]
    names = [[one["Sid"] for one in policy["Statement"] if "Sid" in one] for policy in policies]
    assert len(names) > 2
    assert all(len(of_one) == len(set(of_one)) for of_one in names), names
    releases = json.dumps(policies[0])
    for environment in (Environment.STAGING, Environment.PRODUCTION):
        there = platform.deployment(environment)
        assert there.iam_arn(f"role/{there.prefix}-*-release") in releases


@pytest.mark.thorough(reason="every rule judges each layout as a whole, and the linter takes seconds a template")
@pytest.mark.parametrize("text", _LAYOUTS.values(), ids=_LAYOUTS.keys())
def test_no_rule_finds_anything_in_another_layout(text: str) -> None:
    # Refuses an open finding, and a waiver that excuses nothing.
    assembly = synthesized_as(text)
    platform = assembly.platform
    staging, production = platform.deployment(Environment.STAGING), platform.deployment(Environment.PRODUCTION)
    unlike_three_accounts = [
        platform.delivery.prefix,
        staging.stack_name("foundation"),
        production.stack_name("operations"),
    ]
    paths = [(assembly[name].path, platform.region) for name in unlike_three_accounts]
    assert [found for findings in Linter().lint(paths) for found in findings] == []

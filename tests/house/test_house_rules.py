"""Rules that hold for every template, whoever wrote it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from mlops_constructs.waiver import declared_waivers
from plumbline.configuration import Environment
from tests.house.assembly import Assembly, Json, Template, listed, statements

_STATEFUL = (
    "AWS::ECR::Repository",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SageMaker::ModelPackageGroup",
)
_ROLE = "AWS::IAM::Role"


def _resources(assembly: Assembly, *types: str) -> Iterator[tuple[str, Json]]:
    found = [
        (f"{template.stack_name}/{logical_id}", resource)
        for template in assembly.templates.values()
        for logical_id, resource in template.resources.items()
        if resource["Type"] in types
    ]
    assert found, f"no {types} in any template: this rule looks at nothing"
    return iter(found)


def _stacks(assembly: Assembly, kind: str) -> list[Template]:
    found = [t for name, t in assembly.templates.items() if f"-{kind}-" in name]
    assert found
    return found


def _permissions(assembly: Assembly) -> Iterator[tuple[str, Json]]:
    """Every allowing statement of every role's policy."""
    for name, policy in _resources(assembly, "AWS::IAM::ManagedPolicy"):
        for statement in statements(policy["Properties"]["PolicyDocument"]):
            if statement["Effect"] == "Allow":
                yield name, statement


def _resource_policies(assembly: Assembly) -> Iterator[tuple[str, Json]]:
    """Every statement of every policy of a resource."""
    for name, resource in _resources(
        assembly,
        "AWS::EC2::VPCEndpoint",
        "AWS::ECR::Repository",
        "AWS::KMS::Key",
        "AWS::S3::BucketPolicy",
        "AWS::SageMaker::ModelPackageGroup",
    ):
        for key in ("KeyPolicy", "ModelPackageGroupPolicy", "PolicyDocument", "RepositoryPolicyText"):
            if key in resource["Properties"]:
                for statement in statements(resource["Properties"][key]):
                    yield name, statement


def test_each_account_gets_the_stacks_that_the_design_names(assembly: Assembly) -> None:
    platform = assembly.platform
    dev, staging, production = platform.deployments()
    expected = {f"{platform.name}-delivery": platform.delivery_account}
    for deployment in (dev, staging, production):
        for kind in ("foundation", "operations", "delivered"):
            expected[deployment.stack_name(kind)] = deployment.account
    if platform.workbench:
        expected[dev.stack_name("workbench")] = dev.account
    for model in assembly.models:
        for kind, deployments in (
            ("training", (dev, staging)),
            ("access", (staging, production)),
            ("serving", (staging, production)),
            ("monitoring", (production,) if model.monitoring else ()),
        ):
            expected |= {deployment.stack_name(kind, model): deployment.account for deployment in deployments}
        expected[platform.release(model).prefix] = platform.delivery_account
    assert {name: template.account for name, template in assembly.templates.items()} == expected


@pytest.mark.parametrize("kind", ["training", "serving", "monitoring"])
def test_training_and_serving_carry_no_asset_but_their_template(assembly: Assembly, kind: str) -> None:
    for template in _stacks(assembly, kind):
        assert [asset["source"]["path"] for asset in template.assets.values()] == [template.path.name]


def test_nothing_is_published_but_templates_functions_and_what_releases_take_of_a_commit(assembly: Assembly) -> None:
    releases = {assembly.platform.release(model).prefix for model in assembly.models}
    for name, template in assembly.templates.items():
        others = [a for a in template.assets.values() if not a["source"]["path"].endswith(".template.json")]
        assert len(others) == len(template.of_type("AWS::Lambda::Function")) + (1 if name in releases else 0)


def test_a_serving_template_fits_into_a_request(assembly: Assembly) -> None:
    # CreateChangeSet: TemplateBody has at most 51,200 bytes.
    for template in _stacks(assembly, "serving"):
        assert template.path.stat().st_size <= 51_200


def test_no_template_holds_more_than_400_resources(assembly: Assembly) -> None:
    for template in assembly.templates.values():
        assert len(template.resources) <= 400


def test_functions_are_in_operations_and_releases_only_and_there_is_no_custom_resource(assembly: Assembly) -> None:
    releases = {assembly.platform.release(model).prefix for model in assembly.models}
    for name, template in assembly.templates.items():
        types = {resource["Type"] for resource in template.resources.values()}
        assert not [t for t in types if t.startswith(("Custom::", "AWS::CloudFormation::"))], name
        assert name.endswith("-operations") or name in releases or not types & {"AWS::Lambda::Function"}, name


def test_nothing_is_exported_or_imported(assembly: Assembly) -> None:
    for template in assembly.templates.values():
        assert "Outputs" not in template.body
        assert "Fn::ImportValue" not in template.path.read_text()
        assert "Fn::GetStackOutput" not in template.path.read_text()


def test_nothing_is_looked_up(assembly: Assembly) -> None:
    for manifest in assembly.folder.rglob("manifest.json"):
        assert '"missing"' not in manifest.read_text()


def test_every_stack_is_deployed_through_the_bootstrap_of_this_platform(assembly: Assembly) -> None:
    for template in assembly.templates.values():
        version = template.body["Parameters"]["BootstrapVersion"]["Default"]
        assert version == f"/cdk-bootstrap/{assembly.platform.name}/version"


def test_every_stack_is_tagged(assembly: Assembly) -> None:
    for template in assembly.templates.values():
        assert {*assembly.platform.tags, "environment"} <= template.tags.keys(), template.stack_name


def test_stacks_with_state_and_all_of_production_are_protected_from_termination(assembly: Assembly) -> None:
    unprotected = {name for name, template in assembly.templates.items() if not template.termination_protection}
    staging = assembly.platform.deployment(Environment.STAGING)
    assert unprotected == {
        *(staging.stack_name(kind, model) for model in assembly.models for kind in ("access", "serving")),
        *(deployment.stack_name("delivered") for deployment in assembly.platform.deployments()[:2]),
    }


def test_what_cannot_be_made_again_outlives_its_stack_but_not_a_failed_create(assembly: Assembly) -> None:
    for name, resource in _resources(assembly, *_STATEFUL):
        assert resource.get("DeletionPolicy") == "RetainExceptOnCreate", name
        assert resource.get("UpdateReplacePolicy") == "Retain", name


def test_every_bucket_is_encrypted_versioned_and_closed_to_the_public(assembly: Assembly) -> None:
    for name, bucket in _resources(assembly, "AWS::S3::Bucket"):
        properties = bucket["Properties"]
        (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        expected = "AES256" if "-logs-" in properties["BucketName"] else "aws:kms"
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == expected, name
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}, name
        assert all(properties["PublicAccessBlockConfiguration"].values()), name
        assert len(properties["PublicAccessBlockConfiguration"]) == 4, name


def test_every_bucket_refuses_plain_http_and_strangers(assembly: Assembly) -> None:
    policies = dict(_resources(assembly, "AWS::S3::BucketPolicy"))
    assert len(policies) == len(dict(_resources(assembly, "AWS::S3::Bucket")))
    for name, policy in policies.items():
        denials = [s for s in statements(policy["Properties"]["PolicyDocument"]) if s["Effect"] == "Deny"]
        assert {"Bool": {"aws:SecureTransport": "false"}} in [d["Condition"] for d in denials], name
        (perimeter,) = [d for d in denials if d.get("Sid") == "DenyStrangers"]
        assert perimeter["Condition"] == {
            "StringNotEquals": {"aws:PrincipalAccount": list(assembly.platform.account_ids)},
            "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
        }
        assert "s3:*" not in listed(perimeter["Action"]), name


def test_every_key_rotates_and_waits_thirty_days(assembly: Assembly) -> None:
    for name, key in _resources(assembly, "AWS::KMS::Key"):
        # KMS rotates no HMAC key (KMS developer guide, "Rotate AWS KMS keys").
        hmac = key["Properties"].get("KeySpec") == "HMAC_256"
        assert key["Properties"].get("EnableKeyRotation", False) is not hmac, name
        assert key["Properties"]["PendingWindowInDays"] == 30, name


def test_every_log_group_is_encrypted_and_has_an_end(assembly: Assembly) -> None:
    days = assembly.platform.compliance.log_retention_days
    for name, group in _resources(assembly, "AWS::Logs::LogGroup"):
        assert group["Properties"]["KmsKeyId"], name
        assert group["Properties"]["RetentionInDays"] == days, name


def test_no_role_is_assumed_without_a_condition(assembly: Assembly) -> None:
    for name, role in _resources(assembly, _ROLE):
        for statement in statements(role["Properties"]["AssumeRolePolicyDocument"]):
            assert statement.get("Condition") or (
                "Service" in statement["Principal"] and _says_not_for_whom(statement)
            ), name


def _says_not_for_whom(statement: Json) -> bool:
    """Four services that are not documented to send SourceAccount or SourceArn when they assume a role.

    CloudTrail, writing to CloudWatch Logs, is documented not to; CloudFormation takes roles of the stack's account,
    Lambda of the function's, and S3, to replicate, of the bucket's, and no other's.
    """
    silent = (
        "cloudformation.amazonaws.com",
        "cloudtrail.amazonaws.com",
        "lambda.amazonaws.com",
        "s3.amazonaws.com",
    )
    return statement["Principal"]["Service"] in silent


def test_a_service_assumes_a_role_for_its_own_account_only(assembly: Assembly) -> None:
    for name, role in _resources(assembly, _ROLE):
        account = assembly[name.split("/")[0]].account
        for statement in statements(role["Properties"]["AssumeRolePolicyDocument"]):
            if "Service" in statement["Principal"] and not _says_not_for_whom(statement):
                assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == account, name


def test_an_account_assumes_a_role_only_with_a_named_principal(assembly: Assembly) -> None:
    for name, role in _resources(assembly, _ROLE):
        for statement in statements(role["Properties"]["AssumeRolePolicyDocument"]):
            if "AWS" in statement["Principal"]:
                names = [keys.get("aws:PrincipalArn") for keys in statement["Condition"].values()]
                assert any(names), name


def test_no_role_is_allowed_a_wildcard_of_actions(assembly: Assembly) -> None:
    for name, statement in _permissions(assembly):
        assert not [action for action in listed(statement["Action"]) if "*" in action], name


def test_no_resource_policy_allows_a_wildcard_of_actions(assembly: Assembly) -> None:
    for name, statement in _resource_policies(assembly):
        if statement["Effect"] == "Allow":
            # CloudWatch Logs is documented to need both data key actions; it is a service and has a condition.
            wild = [a for a in listed(statement["Action"]) if "*" in a and a != "kms:GenerateDataKey*"]
            assert not wild, name


def test_a_resource_policy_lets_everybody_in_only_under_a_condition_on_the_account(assembly: Assembly) -> None:
    for name, statement in _resource_policies(assembly):
        if statement["Effect"] == "Allow" and statement["Principal"] in ("*", {"AWS": "*"}):
            if statement.get("Sid") == "ImageLayers":
                continue
            assert statement["Condition"]["StringEquals"]["aws:PrincipalAccount"], name


def test_another_account_is_let_in_only_with_named_principals(assembly: Assembly) -> None:
    looked_at = set()
    for name, statement in _resource_policies(assembly):
        own = assembly[name.split("/")[0]].account
        principals = re.findall(r"iam::(\d{12}):", str(statement["Principal"]))
        if statement["Effect"] == "Allow" and set(principals) - {own}:
            looked_at.add(name.split("/")[1])
            assert statement["Condition"]["ArnLike"]["aws:PrincipalArn"], name
    for what in ("KeysModels", "BucketsModels", "Registry", "Runtime"):
        assert any(logical_id.startswith(what) for logical_id in looked_at), what


def test_roles_are_passed_to_one_service_each(assembly: Assembly) -> None:
    passing = [(n, s) for n, s in _permissions(assembly) if "iam:PassRole" in listed(s["Action"])]
    assert passing
    for name, statement in passing:
        assert listed(statement["Action"]) == ["iam:PassRole"], name
        assert "*" not in str(statement["Resource"]), name
        assert isinstance(statement["Condition"]["StringEquals"]["iam:PassedToService"], str), name


def test_every_role_has_the_boundary_and_one_policy_of_its_name_and_no_other(assembly: Assembly) -> None:
    for name, role in _resources(assembly, _ROLE):
        template, properties = assembly[name.split("/")[0]], role["Properties"]
        assert properties["PermissionsBoundary"] == assembly.platform.boundary_arn(template.account), name
        (policy,) = properties["ManagedPolicyArns"]
        assert template.resources[policy["Ref"]]["Properties"]["ManagedPolicyName"] == properties["RoleName"], name
        assert "Policies" not in properties, name


def test_models_and_endpoint_configurations_have_no_fixed_name(assembly: Assembly) -> None:
    for name, resource in _resources(assembly, "AWS::SageMaker::Model", "AWS::SageMaker::EndpointConfig"):
        assert not {"ModelName", "EndpointConfigName"} & resource["Properties"].keys(), name


def test_no_waiver_has_passed_its_date_without_being_looked_at(assembly: Assembly) -> None:
    declared = declared_waivers(assembly.app)
    assert declared
    today = datetime.now(tz=UTC).date()
    assert not [d for d in declared if d.waiver.until < today]


def test_every_waiver_has_a_reason_and_an_owner(assembly: Assembly) -> None:
    for declared in declared_waivers(assembly.app):
        assert len(declared.waiver.reason) > 60, declared
        assert declared.waiver.owner, declared

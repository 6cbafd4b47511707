"""The release pipeline of a model, as its template says it."""

import fnmatch
import hashlib
import json

import pytest

from plumbline.configuration import Deployment, Environment, Model, ModelJob, Release, ReleaseStep
from tests.house.assembly import Assembly, Json, Template, listed, role_statements


@pytest.fixture
def model(assembly: Assembly) -> Model:
    return assembly.models[0]


@pytest.fixture
def release(assembly: Assembly, model: Model) -> Release:
    return assembly.platform.release(model)


@pytest.fixture
def stack(assembly: Assembly, release: Release) -> Template:
    return assembly[release.prefix]


@pytest.fixture
def pipeline(stack: Template) -> Json:
    properties: Json = stack.only("AWS::CodePipeline::Pipeline")["Properties"]
    return properties


@pytest.fixture
def staging(assembly: Assembly) -> Deployment:
    return assembly.platform.deployment(Environment.STAGING)


@pytest.fixture
def production(assembly: Assembly) -> Deployment:
    return assembly.platform.deployment(Environment.PRODUCTION)


def _actions(pipeline: Json, stage: str) -> list[Json]:
    (found,) = [one for one in pipeline["Stages"] if one["Name"] == stage]
    return sorted(found["Actions"], key=lambda action: action["RunOrder"])


def test_a_record_reaches_staging_then_a_person_then_production(pipeline: Json) -> None:
    assert {
        stage["Name"]: [one["Name"] for one in _actions(pipeline, stage["Name"])] for stage in pipeline["Stages"]
    } == {
        "Source": ["Record"],
        "Staging": ["Verify", "Prepare", "Deploy", "Check"],
        "Approval": ["Approve"],
        "Production": ["Copy", "Prepare", "Deploy", "Check"],
    }


def test_a_newer_release_supersedes_an_older_one(pipeline: Json) -> None:
    assert (pipeline["PipelineType"], pipeline["ExecutionMode"]) == ("V2", "SUPERSEDED")


def test_nothing_but_a_named_record_is_released(pipeline: Json, assembly: Assembly, release: Release) -> None:
    (record,) = _actions(pipeline, "Source")
    assert record["Configuration"] == {
        "S3Bucket": assembly.platform.delivery.records_bucket,
        "S3ObjectKey": release.record_key("none"),
        "AllowOverrideForS3ObjectKey": "true",
        "PollForSourceChanges": "false",
    }


@pytest.mark.parametrize("stage", ["Staging", "Production"])
def test_each_account_deploys_the_records_template_by_a_change_set_in_roles_of_its_own(
    pipeline: Json, assembly: Assembly, model: Model, stage: str
) -> None:
    there = assembly.platform.deployment(Environment(stage.lower()))
    _, prepare, deploy, _ = _actions(pipeline, stage)
    for action in (prepare, deploy):
        assert action["RoleArn"] == there.role_arn(model, ModelJob.RELEASE)
        assert action["Configuration"]["StackName"] == there.stack_name("serving", model)
    assert prepare["Configuration"]["RoleArn"] == there.role_arn(model, ModelJob.RELEASE_EXECUTION)
    assert prepare["Configuration"]["ActionMode"] == "CHANGE_SET_REPLACE"
    assert prepare["Configuration"]["TemplatePath"] == f"Record::{there.part}.template.json"
    assert deploy["Configuration"]["ActionMode"] == "CHANGE_SET_EXECUTE"


@pytest.mark.parametrize(("stage", "said"), [("Staging", "Verified"), ("Production", "Copied")])
def test_what_is_deployed_is_what_was_verified_or_copied(pipeline: Json, stage: str, said: str) -> None:
    first, prepare, *_ = _actions(pipeline, stage)
    assert first["Namespace"] == said
    assert json.loads(prepare["Configuration"]["ParameterOverrides"]) == {"ModelPackageArn": f"#{{{said}.PackageArn}}"}


def test_an_approval_shows_what_is_released_and_ends_by_itself(pipeline: Json, release: Release) -> None:
    (approve,) = _actions(pipeline, release.approval_stage)
    assert "#{Verified.Summary}" in approve["Configuration"]["CustomData"]
    assert "releases/flight_delays/#{Verified.Version}/record.zip" in approve["Configuration"]["ExternalEntityLink"]
    assert approve["TimeoutInMinutes"] == 3 * 24 * 60


def test_an_approval_in_the_registry_of_this_model_alone_is_recorded(
    stack: Template, release: Release, staging: Deployment, model: Model
) -> None:
    rule = stack.only("AWS::Events::Rule")["Properties"]
    assert rule["EventPattern"]["account"] == [staging.account]
    assert rule["EventPattern"]["detail"] == {
        "ModelPackageGroupName": [staging.model_package_group(model)],
        "ModelApprovalStatus": ["Approved"],
    }
    (target,) = rule["Targets"]
    assert target["Arn"] == release.step_arn(ReleaseStep.RECORDER)
    assert target["DeadLetterConfig"]["Arn"].endswith(release.dead_letter_queue("events"))
    permission = stack.only("AWS::Lambda::Permission")["Properties"]
    assert permission["SourceArn"] == release.arn("events", f"rule/{release.approved_rule}")


def test_only_the_recorder_makes_codes_and_only_verifier_and_copier_verify_them(
    assembly: Assembly, release: Release
) -> None:
    (key,) = [
        key["Properties"]
        for key in assembly[assembly.platform.delivery.prefix].of_type("AWS::KMS::Key")
        if key["Properties"].get("KeyUsage") == "GENERATE_VERIFY_MAC"
    ]
    using = {
        action: statement["Condition"]["ArnLike"]["aws:PrincipalArn"]
        for statement in key["KeyPolicy"]["Statement"]
        for action in listed(statement["Action"])
        if action.endswith("Mac")
    }

    def may(action: str) -> set[ReleaseStep]:
        patterns = listed(using[action])
        return {step for step in ReleaseStep if any(fnmatch.fnmatch(release.step_role_arn(step), p) for p in patterns)}

    assert may("kms:GenerateMac") == {ReleaseStep.RECORDER}
    assert may("kms:VerifyMac") == {ReleaseStep.VERIFIER, ReleaseStep.COPIER}


def test_each_function_reaches_other_accounts_by_one_role_each(
    stack: Template, release: Release, staging: Deployment, production: Deployment, model: Model
) -> None:
    assumed = {
        step: {
            resource
            for statement in role_statements(stack.role(release.step_name(step))).values()
            if "sts:AssumeRole" in listed(statement["Action"])
            for resource in listed(statement["Resource"])
        }
        for step in ReleaseStep
    }
    reader = staging.role_arn(model, ModelJob.REGISTRY_READER)
    assert assumed == {
        ReleaseStep.RECORDER: {reader},
        ReleaseStep.VERIFIER: {reader},
        ReleaseStep.CHECKER: {d.role_arn(model, ModelJob.RELEASE_CHECK) for d in (staging, production)},
        ReleaseStep.COPIER: {production.role_arn(model, ModelJob.COPY)},
    }


def test_no_trust_names_everybody(stack: Template) -> None:
    for role in stack.of_type("AWS::IAM::Role"):
        for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
            assert "*" not in json.dumps(statement["Principal"])


def test_a_record_takes_the_templates_and_the_contract_that_were_delivered(
    stack: Template, assembly: Assembly, model: Model
) -> None:
    recorder = next(
        function["Properties"]["Environment"]["Variables"]
        for function in stack.of_type("AWS::Lambda::Function")
        if function["Properties"]["FunctionName"].endswith("-recorder")
    )
    folder = assembly.folder / f"asset.{recorder['BUNDLE_KEY'].removesuffix('.zip')}"
    assert (folder / "contract.json").read_bytes() == (model.folder / "contract.json").read_bytes()
    for environment in (Environment.STAGING, Environment.PRODUCTION):
        there = assembly.platform.deployment(environment)
        template = assembly[there.stack_name("serving", model)]
        assert (folder / f"{environment}.template.json").read_bytes() == template.path.read_bytes()
        tags = json.loads((folder / f"{environment}.config.json").read_text())["Tags"]
        assert tags["environment"] == environment.value
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    assert json.loads(recorder["BUNDLE_DIGESTS"]) == digests


def test_releases_are_delivered_after_production(assembly: Assembly) -> None:
    delivery = assembly[assembly.platform.delivery.prefix].only("AWS::CodePipeline::Pipeline")["Properties"]
    names = [stage["Name"] for stage in delivery["Stages"]]
    assert names.index("releases") == names.index("production") + 1

"""The stack that delivers: order, pins, roles, and what starts it."""

import fnmatch
import json
import re

import pytest

from plumbline.configuration import (
    DeliveryStep,
    Environment,
    Platform,
    command_line_version,
    load_models,
)
from tests.house.assembly import ROOT, Assembly, Json, Template, of_reference, role_statements
from tests.house.layouts import FOUR_ACCOUNTS, IN_CODECOMMIT, IN_S3, composed

PINNED = command_line_version(ROOT)


@pytest.fixture(scope="module")
def assembly(assembly: Assembly) -> Assembly:
    return of_reference(assembly)


@pytest.fixture(scope="module")
def delivery(assembly: Assembly) -> Template:
    return assembly[assembly.platform.delivery.prefix]


@pytest.fixture(scope="module")
def pipeline(delivery: Template) -> Json:
    properties: Json = delivery.only("AWS::CodePipeline::Pipeline")["Properties"]
    return properties


def _actions(pipeline: Json, stage: str) -> dict[str, Json]:
    (found,) = [one for one in pipeline["Stages"] if one["Name"] == stage]
    return {action["Name"]: action for action in found["Actions"]}


def _projects(delivery: Template) -> dict[str, Json]:
    found = [one["Properties"] for one in delivery.of_type("AWS::CodeBuild::Project")]
    return {project["Name"]: project for project in found}


def _commands(delivery: Template, step: DeliveryStep, assembly: Assembly) -> list[str]:
    spec = _projects(delivery)[assembly.platform.delivery.project_name(step)]["Source"]["BuildSpec"]
    if spec.endswith(".yaml"):
        spec = (assembly.folder / spec).read_text()
    phases = json.loads(spec)["phases"]
    return [command for phase in phases.values() for command in phase.get("commands", [])]


def test_a_commit_is_built_then_delivered_one_environment_after_the_other(pipeline: Json) -> None:
    assert [stage["Name"] for stage in pipeline["Stages"]] == [
        "Source",
        "Build",
        "UpdatePipeline",
        "Assets",
        "Image",
        "dev",
        "staging",
        "production",
        "releases",
    ]


def test_commits_wait_for_each_other(pipeline: Json) -> None:
    assert (pipeline["PipelineType"], pipeline["ExecutionMode"]) == ("V2", "QUEUED")
    assert pipeline["RestartExecutionOnUpdate"] is True


def test_production_waits_for_a_person_who_sees_what_changes(pipeline: Json) -> None:
    actions = _actions(pipeline, "production")
    order = {name: action["RunOrder"] for name, action in actions.items()}
    assert order["Compare"] < order["Approve"]
    deploying = [order[name] for name, action in actions.items() if action["ActionTypeId"]["Category"] == "Deploy"]
    assert order["Approve"] < min(deploying)
    asked = actions["Approve"]
    assert asked["Configuration"]["ExternalEntityLink"].endswith(
        "prefix=audit/#{codepipeline.PipelineExecutionId}/difference.md"
    )
    assert asked["TimeoutInMinutes"] == 3 * 24 * 60


def test_staging_is_checked_after_it_was_deployed(pipeline: Json) -> None:
    actions = _actions(pipeline, "staging")
    deployed = max(action["RunOrder"] for name, action in actions.items() if name.endswith(".Deploy"))
    assert actions["Check"]["RunOrder"] > deployed


@pytest.mark.parametrize("environment", list(Environment))
def test_each_account_is_told_which_commit_it_has_once_all_of_it_is_deployed(
    pipeline: Json, environment: Environment
) -> None:
    actions = _actions(pipeline, environment.value)
    told = actions[f"{environment}-delivered"]
    overrides = json.loads(told["Configuration"]["ParameterOverrides"])
    assert re.fullmatch(r"#\{[^}]+\.CommitId\}", overrides["Commit"])
    deployed = [action["RunOrder"] for name, action in actions.items() if name.endswith(".Deploy")]
    assert told["RunOrder"] > max(deployed)


def test_every_stack_of_an_environment_is_deployed_by_a_change_set(assembly: Assembly, pipeline: Json) -> None:
    for deployment in assembly.platform.deployments():
        deployed = {
            action["Configuration"]["StackName"]
            for name, action in _actions(pipeline, deployment.part).items()
            if name.endswith(".Deploy")
        }
        ours = {name for name in assembly.templates if name.startswith(f"{deployment.prefix}-")}
        assert deployed == {name for name in ours if "-serving-" not in name and not name.endswith("-delivered")}


def test_an_account_is_deployed_to_by_its_own_roles_only(assembly: Assembly, pipeline: Json) -> None:
    for deployment in assembly.platform.deployments():
        deploying = [
            action
            for action in _actions(pipeline, deployment.part).values()
            if action["ActionTypeId"]["Provider"] == "CloudFormation"
        ]
        assert {action["RoleArn"] for action in deploying} == {deployment.deploy_role_arn}
        with_role = [action for action in deploying if action["Configuration"]["ActionMode"] != "CHANGE_SET_EXECUTE"]
        assert {action["Configuration"]["RoleArn"] for action in with_role} == {deployment.execution_role_arn}


def test_the_command_line_that_updates_the_pipeline_is_the_pinned_one(delivery: Template, assembly: Assembly) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", PINNED)
    assert _commands(delivery, DeliveryStep.UPDATE, assembly)[0] == f"npm install -g aws-cdk@{PINNED}"


def test_what_publishes_files_has_the_commit_and_the_assembly_of_its_build(pipeline: Json) -> None:
    (publish,) = _actions(pipeline, "Assets").values()
    source = _actions(pipeline, "Source")["Source"]["OutputArtifacts"][0]
    built = _actions(pipeline, "Build")["Build"]["OutputArtifacts"][0]
    assert built["Name"] == "Build_Output"
    assert publish["InputArtifacts"] == [source, built]
    assert publish["Configuration"]["PrimarySource"] == source["Name"]


def test_nothing_is_published_for_production_before_a_person_has_agreed(pipeline: Json) -> None:
    production = _actions(pipeline, "production")
    publish = production["ProductionAssets"]
    assert publish["Configuration"]["ProjectName"] and production["Approve"]["RunOrder"] < publish["RunOrder"]
    deploying = [one["RunOrder"] for one in production.values() if one["ActionTypeId"]["Provider"] == "CloudFormation"]
    assert publish["RunOrder"] < min(deploying)
    stages = [stage["Name"] for stage in pipeline["Stages"]]
    assert stages.index("production") < stages.index("releases")


def test_the_pipeline_updates_itself_and_nothing_else(delivery: Template, assembly: Assembly) -> None:
    update = _commands(delivery, DeliveryStep.UPDATE, assembly)
    assert update[1:] == ["cdk -a assembly-delivery deploy delivery/delivery --require-approval=never --verbose"]


def test_what_a_build_does_is_said_in_the_repository(delivery: Template, assembly: Assembly) -> None:
    own = set(DeliveryStep) - {DeliveryStep.UPDATE}
    for step in own:
        *_, last = _commands(delivery, step, assembly)
        assert last == f"./plumb deliver {step}"


def test_builds_run_on_pinned_versions_of_python_and_node(delivery: Template, assembly: Assembly) -> None:
    for project in _projects(delivery).values():
        spec = project["Source"]["BuildSpec"]
        spec = (assembly.folder / spec).read_text() if spec.endswith(".yaml") else spec
        assert json.loads(spec)["phases"]["install"]["runtime-versions"] == {"python": "3.11", "nodejs": "22"}
        assert project["Environment"]["Image"] == "aws/codebuild/standard:7.0"


def test_only_the_build_of_the_image_is_privileged(delivery: Template, assembly: Assembly) -> None:
    privileged = {name for name, one in _projects(delivery).items() if one["Environment"]["PrivilegedMode"]}
    assert privileged == {assembly.platform.delivery.project_name(DeliveryStep.IMAGE)}


def test_every_build_has_a_role_and_a_log_group_of_its_own(delivery: Template, assembly: Assembly) -> None:
    names = assembly.platform.delivery
    projects = _projects(delivery)
    assert projects.keys() == {names.project_name(step) for step in DeliveryStep}
    for step in DeliveryStep:
        project = projects[names.project_name(step)]
        role, group = project["ServiceRole"], project["LogsConfig"]["CloudWatchLogs"]["GroupName"]["Ref"]
        assert json.dumps(role).count(names.role_name(step)) == 1
        assert delivery.resources[group]["Properties"]["LogGroupName"] == names.log_group(step)
        assert names.role_name(step) in json.dumps(
            [delivery.resources[one]["Properties"].get("RoleName") for one in _waits_for(delivery, project)]
        )


def _waits_for(delivery: Template, properties: Json) -> list[str]:
    (resource,) = [one for one in delivery.resources.values() if one["Properties"] is properties]
    waits: list[str] = resource["DependsOn"]
    return waits


def test_cdk_pipelines_makes_no_role_bucket_or_key(delivery: Template, assembly: Assembly) -> None:
    names = assembly.platform.delivery
    roles = {role["Properties"]["RoleName"] for role in delivery.of_type("AWS::IAM::Role")}
    steps = {names.role_name(step) for step in DeliveryStep}
    assert roles == {names.pipeline_role_name, f"{names.prefix}-approver", *steps}
    assert not delivery.of_type("AWS::IAM::Policy")
    buckets = {bucket["Properties"]["BucketName"] for bucket in delivery.of_type("AWS::S3::Bucket")}
    assert buckets == {names.artifacts_bucket, names.records_bucket, names.logs_bucket}
    assert len(delivery.of_type("AWS::KMS::Key")) == 2


def test_a_service_takes_a_role_of_delivery_for_its_own_pipeline_or_project_only(
    delivery: Template, assembly: Assembly
) -> None:
    names = assembly.platform.delivery
    expected = {names.pipeline_role_name: names.pipeline_arn}
    expected |= {names.role_name(step): names.project_arn(step) for step in DeliveryStep}
    for name, source in expected.items():
        (statement,) = delivery.role(name)["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": names.account}
        assert statement["Condition"]["ArnLike"] == {"aws:SourceArn": source}


def test_no_trust_names_everybody(delivery: Template) -> None:
    for role in delivery.of_type("AWS::IAM::Role"):
        for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
            assert "*" not in json.dumps(statement["Principal"])


def test_each_hop_to_another_account_has_one_build_or_the_pipeline(delivery: Template, assembly: Assembly) -> None:
    names, platform = assembly.platform.delivery, assembly.platform
    hops = {
        name: role_statements(delivery.role(name))
        for name in (names.pipeline_role_name, *(names.role_name(step) for step in DeliveryStep))
    }
    reached = {
        name: {arn for one in held.values() if one["Action"] == "sts:AssumeRole" for arn in _texts(one["Resource"])}
        for name, held in hops.items()
    }
    staging = platform.deployment(Environment.STAGING)
    assert {name: arns for name, arns in reached.items() if arns} == {
        names.pipeline_role_name: {one.deploy_role_arn for one in platform.deployments()},
        names.role_name(DeliveryStep.UPDATE): {names.deploy_role_arn, names.publishing_role_arn},
        names.role_name(DeliveryStep.ASSETS): {
            platform.deployment(one).publishing_role_arn for one in (Environment.DEV, Environment.STAGING)
        },
        names.role_name(DeliveryStep.PRODUCTION_ASSETS): {
            platform.deployment(Environment.PRODUCTION).publishing_role_arn,
            names.publishing_role_arn,
        },
        names.role_name(DeliveryStep.CODE): {
            one.iam_arn(f"role/{one.prefix}-*-deliver") for one in platform.deployments() if one.trains
        },
        names.role_name(DeliveryStep.CHECK): {staging.check_role_arn},
    }


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def test_records_are_locked(delivery: Template, assembly: Assembly) -> None:
    (records,) = [
        bucket["Properties"]
        for bucket in delivery.of_type("AWS::S3::Bucket")
        if bucket["Properties"]["BucketName"] == assembly.platform.delivery.records_bucket
    ]
    retention = records["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert (records["ObjectLockEnabled"], retention["Mode"]) == (True, "GOVERNANCE")


def test_people_are_told_of_failures_and_of_approvals(delivery: Template, assembly: Assembly) -> None:
    rules = {rule["Properties"]["Name"]: rule["Properties"] for rule in delivery.of_type("AWS::Events::Rule")}
    failed = rules[f"{assembly.platform.delivery.prefix}-pipeline-failed"]["EventPattern"]
    assert failed["detail"]["state"] == ["FAILED", "STOPPED"]
    waiting = rules[f"{assembly.platform.delivery.prefix}-pipeline-waits"]["EventPattern"]
    assert waiting["detail"]["type"] == {"category": ["Approval"]}
    for rule in rules.values():
        assert [target["Arn"] for target in rule["Targets"]] == [assembly.platform.delivery.operations_topic_arn]


def test_a_fourth_account_delivers_from_outside_of_staging() -> None:
    platform, templates = composed(FOUR_ACCOUNTS)
    delivery = templates[platform.delivery.prefix]
    assert delivery.account == "444444444444"
    staging = platform.deployment(Environment.STAGING)
    pipeline = delivery.only("AWS::CodePipeline::Pipeline")["Properties"]
    deployed = [a for a in _actions(pipeline, "staging").values() if a["ActionTypeId"]["Provider"] == "CloudFormation"]
    assert {action["RoleArn"] for action in deployed} == {staging.deploy_role_arn}
    policies = [one["Properties"]["PolicyDocument"] for one in delivery.of_type("AWS::S3::BucketPolicy")]
    assert staging.deploy_role_arn in json.dumps(policies)
    model = load_models(ROOT)[0]
    training = templates[staging.stack_name("training", model)]
    (rule,) = [one["Properties"] for one in training.of_type("AWS::Events::Rule")]
    (target,) = rule["Targets"]
    assert target["Arn"] == platform.delivery.default_bus_arn
    assert rule["EventPattern"]["detail"]["ModelPackageGroupName"] == [staging.model_package_group(model)]
    admitted = delivery.only("AWS::Events::EventBusPolicy")["Properties"]["Statement"]
    assert fnmatch.fnmatch(
        staging.iam_arn(f"role/{rule['Name']}"), admitted["Condition"]["ArnLike"]["aws:PrincipalArn"]
    )
    assert admitted["Principal"] == {"AWS": staging.iam_arn("root")}


def test_where_staging_delivers_approvals_go_nowhere_else(assembly: Assembly, delivery: Template) -> None:
    staging = assembly.platform.deployment(Environment.STAGING)
    assert not assembly[staging.stack_name("training", assembly.models[0])].of_type("AWS::Events::Rule")
    assert not delivery.of_type("AWS::Events::EventBusPolicy")


@pytest.fixture(scope="module", params=[IN_S3, IN_CODECOMMIT], ids=["s3", "codecommit"])
def elsewhere(request: pytest.FixtureRequest) -> tuple[Platform, Template]:
    """A platform whose source is not behind a connection, and its delivery stack."""
    platform, templates = composed(request.param)
    return platform, templates[platform.delivery.prefix]


def _rule(platform: Platform, delivery: Template) -> Json:
    rules = {rule["Properties"]["Name"]: rule["Properties"] for rule in delivery.of_type("AWS::Events::Rule")}
    return dict(rules[f"{platform.delivery.prefix}-source-changed"])


def test_other_sources_start_the_pipeline_by_a_rule_and_by_nothing_else(elsewhere: tuple[Platform, Template]) -> None:
    platform, delivery = elsewhere
    pipeline = delivery.only("AWS::CodePipeline::Pipeline")["Properties"]
    (action,) = _actions(pipeline, "Source").values()
    assert action["Configuration"]["PollForSourceChanges"] is False
    (target,) = _rule(platform, delivery)["Targets"]
    assert target["Arn"] == platform.delivery.pipeline_arn


def test_the_rule_starts_the_pipeline_in_a_role_that_does_nothing_else(elsewhere: tuple[Platform, Template]) -> None:
    platform, delivery = elsewhere
    names = platform.delivery
    role = delivery.role(names.source_role_name)
    (target,) = _rule(platform, delivery)["Targets"]
    assert delivery.resources[target["RoleArn"]["Fn::GetAtt"][0]]["Properties"] == role["Properties"]
    (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    rule = names.arn("events", f"rule/{names.source_rule}")
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": names.account},
        "ArnLike": {"aws:SourceArn": rule},
    }
    (may,) = role_statements(role).values()
    assert (may["Action"], may["Resource"]) == ("codepipeline:StartPipelineExecution", names.pipeline_arn)


def test_a_start_that_is_not_accepted_is_kept_and_told(elsewhere: tuple[Platform, Template]) -> None:
    platform, delivery = elsewhere
    (target,) = _rule(platform, delivery)["Targets"]
    queue = platform.delivery.dead_letter_queue("source")
    assert target["DeadLetterConfig"] == {"Arn": platform.delivery.arn("sqs", queue)}
    assert delivery.only("AWS::SQS::Queue")["Properties"]["QueueName"] == queue
    alarm = delivery.only("AWS::CloudWatch::Alarm")["Properties"]
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": queue}]
    assert alarm["AlarmActions"] == [platform.delivery.operations_topic_arn]


def test_a_branch_in_codecommit_is_heard_of_and_no_other() -> None:
    platform, templates = composed(IN_CODECOMMIT)
    pattern = _rule(platform, templates[platform.delivery.prefix])["EventPattern"]
    assert pattern["resources"] == [platform.delivery.arn("codecommit", "platform")]
    assert pattern["detail"]["referenceName"] == ["main"]
    assert pattern["detail"]["referenceType"] == ["branch"]


def test_the_archive_in_s3_is_heard_of_and_no_other_object() -> None:
    platform, templates = composed(IN_S3)
    delivery = templates[platform.delivery.prefix]
    pattern = _rule(platform, delivery)["EventPattern"]
    assert pattern["detail"] == {
        "bucket": {"name": [platform.delivery.source_bucket]},
        "object": {"key": ["source.zip"]},
    }
    buckets = {one["Properties"]["BucketName"]: one["Properties"] for one in delivery.of_type("AWS::S3::Bucket")}
    source = buckets[platform.delivery.source_bucket]
    assert source["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert source["VersioningConfiguration"] == {"Status": "Enabled"}


def test_an_archives_version_stands_for_the_commit() -> None:
    platform, templates = composed(IN_S3)
    pipeline = templates[platform.delivery.prefix].only("AWS::CodePipeline::Pipeline")["Properties"]
    told = _actions(pipeline, "dev")["dev-delivered"]["Configuration"]["ParameterOverrides"]
    assert re.fullmatch(r"#\{[^}]+\.VersionId\}", json.loads(told)["Commit"])
    accepted = templates[platform.deployment(Environment.DEV).stack_name("delivered")].body["Parameters"]["Commit"]
    # S3 user guide, "Version IDs", has this one.
    version = "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo"
    assert re.fullmatch(accepted["AllowedPattern"], version)

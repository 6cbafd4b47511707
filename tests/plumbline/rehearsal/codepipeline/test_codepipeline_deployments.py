"""CloudFormation actions: every mode, the roles that they pass, and what a failure says."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.plumbline.rehearsal.codepipeline.world import (
    AWAY,
    HOME,
    REGION,
    TEMPLATE,
    World,
    action,
    allow,
    approval,
    stage,
)

pytestmark = pytest.mark.rehearsal
Document = dict[str, Any]


@pytest.fixture(scope="module")
def deployer(world: World) -> str:
    """What CloudFormation works in."""
    trust = {"Principal": {"Service": "cloudformation.amazonaws.com"}}
    return world.role("deployer", [allow("*", "ssm:*")], trust=trust)


@pytest.fixture(scope="module")
def deploying(world: World, deployer: str) -> str:
    """A pipeline's role that deploys."""
    passing = allow(deployer, "iam:PassRole")
    return world.pipeline_role(
        "deploying",
        [
            *world.artifact_statements(),
            allow(world.connection, "codeconnections:UseConnection"),
            allow("*", "cloudformation:*"),
            passing,
        ],
    )


def deploy(mode: str, stack: str, role: str, *, name: str = "Deploy", **told: Any) -> Document:
    members = {"runOrder": told.pop("runOrder")} if "runOrder" in told else {}
    configuration = {"ActionMode": mode, "StackName": stack, "RoleArn": role} | told
    inputs = ["Code"] if "TemplatePath" in told or "TemplateConfiguration" in told else []
    return action(name, "Deploy/CloudFormation", configuration, inputs=inputs, **members)


def stack_of(world: World, name: str) -> Document:
    found: Document = world.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    return found


def test_a_stack_is_made_kept_and_deleted(world: World, deploying: str, deployer: str) -> None:
    template = {"TemplatePath": "Code::template.json", "ParameterOverrides": json.dumps({"Tag": "one"})}
    create = deploy("CREATE_UPDATE", "made", deployer, **template)
    _, ended = world.run(world.declaration("made", deploying, [world.source(), stage("Deploy", create)]))
    assert ended["status"] == "Succeeded", world.error("made", "Deploy")
    assert world.actions("made")["Deploy"]["output"]["outputVariables"] == {"Name": "/made"}
    again = world.client("codepipeline").start_pipeline_execution(name="made")["pipelineExecutionId"]
    assert world.ended("made", again)["status"] == "Succeeded"
    delete = stage("Delete", deploy("DELETE_ONLY", "made", deployer))
    for name in ("deleted", "deleted-again"):
        _, ended = world.run(world.declaration(name, deploying, [world.source(), delete]))
        assert ended["status"] == "Succeeded"
    with pytest.raises(ClientError, match="does not exist"):
        stack_of(world, "made")


def test_a_configuration_file_gives_parameters_tags_and_a_stack_policy(
    world: World, deploying: str, deployer: str
) -> None:
    protected = {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "Update:*", "Resource": "*"}]}
    told = {"Parameters": {"Tag": "file", "Size": "file"}, "Tags": {"team": "platform"}, "StackPolicy": protected}
    world.commit("configuration.json", json.dumps(told))
    create = deploy(
        "CREATE_UPDATE",
        "configured",
        deployer,
        TemplatePath="Code::template.json",
        TemplateConfiguration="Code::configuration.json",
        ParameterOverrides=json.dumps({"Size": {"Fn::GetArtifactAtt": ["Code", "ArtifactName"]}}),
    )
    _, ended = world.run(world.declaration("configured", deploying, [world.source(), stage("Deploy", create)]))
    assert ended["status"] == "Succeeded", world.error("configured", "Deploy")
    stack = stack_of(world, "configured")
    assert {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]} == {
        "Tag": "file",
        "Size": "Code",
    }
    assert stack["Tags"] == [{"Key": "team", "Value": "platform"}]
    policy = world.client("cloudformation").get_stack_policy(StackName="configured")["StackPolicyBody"]
    assert json.loads(policy) == protected


def change_set(stack: str, role: str, template: str, **told: Any) -> Document:
    names = {"ChangeSetName": "change"}
    return stage(
        "Deploy",
        deploy("CHANGE_SET_REPLACE", stack, role, name="Prepare", TemplatePath=template, runOrder=1, **names, **told),
        deploy("CHANGE_SET_EXECUTE", stack, role, name="Execute", runOrder=2, **names),
    )


def test_a_change_set_without_changes_is_no_failure(world: World, deploying: str, deployer: str) -> None:
    overrides = {"ParameterOverrides": json.dumps({"Tag": "same"})}
    stages = [world.source(), change_set("unchanged", deployer, "Code::template.json", **overrides)]
    _, ended = world.run(world.declaration("unchanged", deploying, stages))
    assert ended["status"] == "Succeeded", world.actions("unchanged")
    before = stack_of(world, "unchanged")
    again = world.client("codepipeline").start_pipeline_execution(name="unchanged")["pipelineExecutionId"]
    assert world.ended("unchanged", again)["status"] == "Succeeded", world.actions("unchanged")
    assert stack_of(world, "unchanged").get("LastUpdatedTime") == before.get("LastUpdatedTime")


def test_a_failed_stack_fails_its_action_with_the_stacks_reason(world: World, deploying: str) -> None:
    trust = {"Principal": {"Service": "cloudformation.amazonaws.com"}}
    powerless = world.role("powerless", [], trust=trust)
    overrides = {"ParameterOverrides": json.dumps({"Tag": "x"})}
    stages = [world.source(), change_set("refused", powerless, "Code::template.json", **overrides)]
    passing = world.pipeline_role(
        "passing",
        [
            *world.artifact_statements(),
            allow(world.connection, "codeconnections:UseConnection"),
            allow("*", "cloudformation:*"),
            allow(powerless, "iam:PassRole"),
        ],
    )
    assert deploying
    _, ended = world.run(world.declaration("refused", passing, stages))
    assert ended["status"] == "Failed"
    message = world.error("refused", "Execute")["message"]
    assert "is in state ROLLBACK_COMPLETE. Kept: CREATE_FAILED" in message
    assert "ssm:PutParameter" in message


def test_an_execution_role_that_may_not_be_passed_is_not(world: World, deploying: str) -> None:
    trust = {"Principal": {"Service": "cloudformation.amazonaws.com"}}
    mighty = world.role("mighty", [allow("*", "*")], trust=trust)
    overrides = {"ParameterOverrides": json.dumps({"Tag": "x"})}
    stages = [world.source(), change_set("unpassed", mighty, "Code::template.json", **overrides)]
    world.run(world.declaration("unpassed", deploying, stages))
    error = world.error("unpassed", "Prepare")
    assert error["code"] == "PermissionError"
    assert "iam:PassRole" in error["message"]


def test_another_accounts_role_is_assumed_only_when_it_trusts_the_pipelines(world: World, deployer: str) -> None:
    trust = {"Principal": {"AWS": f"arn:aws:iam::{HOME}:role/somebody-else"}}
    world.role("somebody-else", [], trust={"Principal": {"AWS": f"arn:aws:iam::{HOME}:root"}})
    foreign = world.role("closed", [], trust=trust, account=AWAY)
    role = world.pipeline_role(
        "assuming",
        [
            *world.artifact_statements(),
            allow(world.connection, "codeconnections:UseConnection"),
            allow(foreign, "sts:AssumeRole"),
        ],
    )
    remove = deploy("DELETE_ONLY", "nothing", deployer) | {"roleArn": foreign}
    world.run(world.declaration("assuming", role, [world.source(), stage("Deploy", remove)]))
    error = world.error("assuming", "Deploy")
    assert error["code"] == "PermissionError"
    assert f"sts:AssumeRole on resource: {foreign}" in error["message"].replace('"', "")


def test_a_template_that_no_request_could_hold_is_deployed(world: World, deploying: str, deployer: str) -> None:
    large = TEMPLATE | {"Metadata": {"Filling": "x" * 60_000}}
    world.commit("large.json", json.dumps(large))
    told = {"TemplatePath": "Code::large.json", "ParameterOverrides": json.dumps({"Tag": "large"})}
    create = deploy("CREATE_UPDATE", "large", deployer, **told)
    _, ended = world.run(world.declaration("large", deploying, [world.source(), stage("Deploy", create)]))
    assert ended["status"] == "Succeeded", world.error("large", "Deploy")
    with pytest.raises(ClientError, match="less than or equal to 51200"):
        world.client("cloudformation").create_stack(StackName="too-large", TemplateBody=json.dumps(large))


def test_a_template_that_is_not_in_the_artifact_is_named(world: World, deploying: str, deployer: str) -> None:
    create = deploy("CREATE_UPDATE", "missing", deployer, TemplatePath="Code::absent.json")
    world.run(world.declaration("missing", deploying, [world.source(), stage("Deploy", create)]))
    assert world.error("missing", "Deploy") == {
        "code": "ConfigurationError",
        "message": "File [absent.json] does not exist in artifact [Code]",
    }


PIPELINE = "AWS::CodePipeline::Pipeline"


def resource(world: World, role: str, name: str, *, said: str, **properties: Any) -> Document:
    """A pipeline as a template declares it."""

    def upper(value: Any) -> Any:
        if isinstance(value, list):
            return [upper(one) for one in value]
        if isinstance(value, dict):
            return {
                key[:1].upper() + key[1:]: item if key == "configuration" else upper(item)
                for key, item in value.items()
            }
        return value

    stages = [world.source(), approval(configuration={"CustomData": said})]
    declared = upper(world.declaration(name, role, stages))
    return {"Type": PIPELINE, "Properties": declared | properties}


def settled(world: World, stack: str) -> str:
    world.until(lambda: not stack_of(world, stack)["StackStatus"].endswith("_IN_PROGRESS"))
    return str(stack_of(world, stack)["StackStatus"])


def template_of(made: Document) -> str:
    outputs = {"Name": {"Value": {"Ref": "Pipeline"}}, "Version": {"Value": {"Fn::GetAtt": ["Pipeline", "Version"]}}}
    return json.dumps({"Resources": {"Pipeline": made}, "Outputs": outputs})


def outputs_of(world: World, stack: str) -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in stack_of(world, stack)["Outputs"]}


def test_a_stack_makes_changes_restarts_and_ends_a_pipeline(world: World, role: str) -> None:
    client, name = world.client("cloudformation"), "stacked"
    blocked = {"DisableInboundStageTransitions": [{"StageName": "Approve", "Reason": "not yet"}]}
    tags = {"Tags": [{"Key": "team", "Value": "one"}]}
    first = resource(world, role, name, said="first", **blocked, **tags)
    client.create_stack(StackName=name, TemplateBody=template_of(first))
    assert settled(world, name) == "CREATE_COMPLETE"
    assert outputs_of(world, name) == {"Name": name, "Version": "1"}
    assert len(world.executions(name)) == 1
    state = world.state_of(name, "Approve")["inboundTransitionState"]
    assert (state["enabled"], state["disabledReason"]) == (False, "not yet")
    arn = f"arn:aws:codepipeline:{REGION}:{HOME}:{name}"
    assert world.client("codepipeline").list_tags_for_resource(resourceArn=arn)["tags"] == [
        {"key": "team", "value": "one"}
    ]

    changed = resource(world, role, name, said="second", RestartExecutionOnUpdate=True)
    client.update_stack(StackName=name, TemplateBody=template_of(changed))
    assert settled(world, name) == "UPDATE_COMPLETE"
    assert outputs_of(world, name)["Version"] == "2"
    assert [one["status"] for one in world.executions(name)] == ["InProgress", "Cancelled"]
    assert world.state_of(name, "Approve")["inboundTransitionState"]["enabled"] is True
    assert world.client("codepipeline").list_tags_for_resource(resourceArn=arn)["tags"] == []

    client.delete_stack(StackName=name)
    world.until(lambda: name not in [one["name"] for one in world.client("codepipeline").list_pipelines()["pipelines"]])


@pytest.mark.parametrize(
    "missing", ["iam:PassRole", "codepipeline:CreatePipeline", "codestar-connections:PassConnection"]
)
def test_a_stack_whose_role_may_not_make_a_pipeline_fails_naming_the_action(
    world: World, role: str, missing: str
) -> None:
    name = missing.replace(":", "-")
    needed = {
        "iam:GetRole": role,
        "iam:PassRole": role,
        "codestar-connections:PassConnection": world.connection,
        **{
            f"codepipeline:{one}": f"arn:aws:codepipeline:{REGION}:{HOME}:{name}"
            for one in ("CreatePipeline", "GetPipeline", "GetPipelineState", "DeletePipeline")
        },
    }
    statements = [allow(on, what) for what, on in needed.items() if what != missing]
    trust = {"Principal": {"Service": "cloudformation.amazonaws.com"}}
    deployer = world.role(f"without-{name}", statements, trust=trust)
    client = world.client("cloudformation")
    client.create_stack(
        StackName=name, TemplateBody=template_of(resource(world, role, name, said="x")), RoleARN=deployer
    )
    assert settled(world, name) == "ROLLBACK_COMPLETE"
    reasons = [
        one.get("ResourceStatusReason", "") for one in client.describe_stack_events(StackName=name)["StackEvents"]
    ]
    assert f"is not authorized to perform: {missing}" in " ".join(reasons)

"""The CloudFormation types of pipelines and the registry, and what a stack's role must be allowed."""

import json
import uuid
from typing import Any

import pytest

from tests.plumbline.rehearsal.sagemaker import tiny
from tests.plumbline.rehearsal.sagemaker.world import AWAY, HOME, REGION, World, policy

pytestmark = pytest.mark.rehearsal
Document = dict[str, Any]


def template(role: str, *, message: str, shared: bool = True) -> Document:
    definition = {
        "Version": "2020-12-01",
        "Steps": [{"Name": "Refuse", "Type": "Fail", "Arguments": {"ErrorMessage": message}}],
    }
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{AWAY}:root"},
        "Action": "sagemaker:DescribeModelPackageGroup",
        "Resource": f"arn:aws:sagemaker:{REGION}:{HOME}:model-package-group/stacked-group",
    }
    group: Document = {"ModelPackageGroupName": "stacked-group", "Tags": [{"Key": "team", "Value": "tiny"}]}
    if shared:
        group["ModelPackageGroupPolicy"] = {"Version": "2012-10-17", "Statement": [statement]}
    return {
        "Resources": {
            "Group": {"Type": "AWS::SageMaker::ModelPackageGroup", "Properties": group},
            "Pipeline": {
                "Type": "AWS::SageMaker::Pipeline",
                "Properties": {
                    "PipelineName": "stacked-pipeline",
                    "PipelineDefinition": {"PipelineDefinitionBody": json.dumps(definition)},
                    "RoleArn": role,
                },
            },
        },
        "Outputs": {
            "Group": {"Value": {"Ref": "Group"}},
            "Status": {"Value": {"Fn::GetAtt": ["Group", "ModelPackageGroupStatus"]}},
            "Pipeline": {"Value": {"Ref": "Pipeline"}},
        },
    }


def settle(world: World, name: str) -> Document:
    client = world.client("cloudformation")

    def stack() -> Document:
        found: Document = client.describe_stacks(StackName=name)["Stacks"][0]
        return found

    world.until(lambda: not stack()["StackStatus"].endswith("_IN_PROGRESS"))
    return stack()


def test_a_stack_makes_changes_and_ends_a_pipeline_and_a_shared_group(world: World) -> None:
    role = world.role("stacked-pipeline", tiny.pipeline_statements(world))
    cloudformation, sagemaker = world.client("cloudformation"), world.client("sagemaker")
    cloudformation.create_stack(StackName="training", TemplateBody=json.dumps(template(role, message="first")))
    stack = settle(world, "training")
    assert stack["StackStatus"] == "CREATE_COMPLETE", world.reasons("training")
    group = f"arn:aws:sagemaker:{REGION}:{HOME}:model-package-group/stacked-group"
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert outputs == {"Group": group, "Status": "Completed", "Pipeline": "stacked-pipeline"}
    shared = json.loads(
        sagemaker.get_model_package_group_policy(ModelPackageGroupName="stacked-group")["ResourcePolicy"]
    )
    assert shared["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{AWAY}:root"}
    tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=group)["Tags"]}
    assert tags["team"] == "tiny"
    assert tags["aws:cloudformation:stack-name"] == "training"

    changed = template(role, message="second", shared=False)
    cloudformation.update_stack(StackName="training", TemplateBody=json.dumps(changed))
    assert settle(world, "training")["StackStatus"] == "UPDATE_COMPLETE", world.reasons("training")
    _, steps = tiny.run(world, "stacked-pipeline")
    assert steps["Refuse"]["FailureReason"] == "second"
    with pytest.raises(sagemaker.exceptions.ClientError, match="Cannot find resource policy"):  # type: ignore[attr-defined]
        sagemaker.get_model_package_group_policy(ModelPackageGroupName="stacked-group")

    cloudformation.delete_stack(StackName="training")
    world.until(lambda: not sagemaker.list_pipelines(PipelineNamePrefix="stacked-pipeline")["PipelineSummaries"])


def test_a_stack_whose_role_may_not_pass_the_pipelines_role_fails_saying_so(world: World) -> None:
    trust = {"Service": "cloudformation.amazonaws.com"}
    allowed = {"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"}
    deployer = world.role("deployer", [allowed], principal=trust)
    role = world.role("unpassed", tiny.pipeline_statements(world))
    body = json.dumps(template(role, message="x")).replace("stacked-", "denied-")
    world.client("cloudformation").create_stack(StackName="denied", TemplateBody=body, RoleARN=deployer)
    assert settle(world, "denied")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "assumed-role/deployer/AWSCloudFormation is not authorized to perform: iam:PassRole" in world.reasons(
        "denied"
    )


def test_a_lambda_step_gives_its_outputs_to_the_steps_after_it(world: World) -> None:
    iam, functions, sagemaker = world.client("iam"), world.client("lambda"), world.client("sagemaker")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    execution = iam.create_role(RoleName="function", AssumeRolePolicyDocument=policy([trust]))["Role"]["Arn"]
    code = "def handler(event, context):\n    return {'statusCode': 200, 'doubled': event['number'] * 2}\n"
    function = functions.create_function(
        FunctionName="double",
        Runtime="python3.11",
        Role=execution,
        Handler="index.handler",
        Code={"ZipFile": world.zipped("index.py", code)},
    )["FunctionArn"]
    definition = {
        "Version": "2020-12-01",
        "Steps": [
            {
                "Name": "Double",
                "Type": "Lambda",
                "Arguments": {"number": 21},
                "FunctionArn": function,
                "OutputParameters": [{"OutputName": "doubled", "OutputType": "Integer"}],
            },
            {
                "Name": "Tell",
                "Type": "Fail",
                "Arguments": {
                    "ErrorMessage": {
                        "Std:Join": {
                            "On": "",
                            "Values": ["it is ", {"Get": "Steps.Double.OutputParameters['doubled']"}],
                        }
                    }
                },
            },
        ],
    }
    role = world.role("caller-of-functions", [_may("lambda:InvokeFunction", function)])
    sagemaker.create_pipeline(
        PipelineName="functions",
        PipelineDefinition=json.dumps(definition),
        RoleArn=role,
        ClientRequestToken=str(uuid.uuid4()),
    )
    _, steps = tiny.run(world, "functions")
    assert steps["Tell"]["FailureReason"] == "it is 42", steps
    assert steps["Double"]["Metadata"]["Lambda"]["OutputParameters"] == [{"Name": "doubled", "Value": "42"}]


def _may(action: str, resource: str) -> Document:
    return {"Effect": "Allow", "Action": action, "Resource": resource}

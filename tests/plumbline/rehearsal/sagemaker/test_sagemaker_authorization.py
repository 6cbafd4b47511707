"""What each request needs: actions, resources, condition keys."""

from typing import Any

import pytest

from plumbline.rehearsal.api.authorization import Check
from plumbline.rehearsal.sagemaker.authorization import checks
from plumbline.rehearsal.sagemaker.scope import Scope

Document = dict[str, Any]
SCOPE = Scope(account="111111111111", region="eu-west-1")
ARN = "arn:aws:sagemaker:eu-west-1:111111111111"


def needed(operation: str, request: Document) -> list[Check]:
    return list(checks(operation, request, SCOPE, lambda _: {}))


@pytest.mark.parametrize(
    ("operation", "request_", "resources"),
    [
        ("DescribeTrainingJob", {"TrainingJobName": "j"}, [f"{ARN}:training-job/j"]),
        (
            "StopPipelineExecution",
            {"PipelineExecutionArn": f"{ARN}:pipeline/p/execution/e"},
            [f"{ARN}:pipeline/p/execution/e"],
        ),
        (
            "DescribeModelPackage",
            {"ModelPackageName": "arn:aws:sagemaker:eu-west-1:222222222222:model-package/g/1"},
            ["arn:aws:sagemaker:eu-west-1:222222222222:model-package/g/1"],
        ),
        (
            "CreateModelPackage",
            {"ModelPackageGroupName": "g"},
            [f"{ARN}:model-package-group/g", f"{ARN}:model-package/g/*"],
        ),
        ("ListModelPackages", {"ModelPackageGroupName": "g"}, [f"{ARN}:model-package/g/*"]),
        ("ListModelPackages", {}, ["*"]),
        (
            "CreateEndpoint",
            {"EndpointName": "e", "EndpointConfigName": "c"},
            [f"{ARN}:endpoint/e", f"{ARN}:endpoint-config/c"],
        ),
        ("ListEndpoints", {}, ["*"]),
    ],
)
def test_an_operation_is_decided_on_its_own_resources(operation: str, request_: Document, resources: list[str]) -> None:
    found = needed(operation, request_)
    assert {check.action for check in found} == {f"sagemaker:{operation}"}
    assert [check.resource for check in found] == resources


def test_a_training_job_carries_the_condition_keys_of_its_request() -> None:
    request = {
        "TrainingJobName": "j",
        "RoleArn": "arn:aws:iam::111111111111:role/r",
        "EnableNetworkIsolation": True,
        "VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "VolumeKmsKeyId": "key"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "Tags": [{"Key": "team", "Value": "a"}],
    }
    create, tag, passing = needed("CreateTrainingJob", request)
    assert create.context == {
        "aws:RequestTag/team": "a",
        "aws:TagKeys": ["team"],
        "sagemaker:VpcSubnets": ["subnet-1"],
        "sagemaker:VpcSecurityGroupIds": ["sg-1"],
        "sagemaker:NetworkIsolation": "true",
        "sagemaker:VolumeKmsKey": "key",
        "sagemaker:VolumeKmsKeyArn": "key",
        "sagemaker:InstanceTypes": "ml.m5.large",
        "sagemaker:MaxRuntimeInSeconds": "60",
    }
    assert (tag.action, tag.resource) == ("sagemaker:AddTags", f"{ARN}:training-job/j")
    assert (passing.action, passing.resource) == ("iam:PassRole", "arn:aws:iam::111111111111:role/r")
    assert passing.context["iam:PassedToService"] == "sagemaker.amazonaws.com"


def test_a_key_that_the_request_does_not_set_is_not_there() -> None:
    (create,) = needed("CreateProcessingJob", {"ProcessingJobName": "j"})
    assert create.context == {}


def test_a_model_of_another_accounts_package_needs_the_package_too() -> None:
    package = "arn:aws:sagemaker:eu-west-1:222222222222:model-package/g/1"
    found = needed("CreateModel", {"ModelName": "m", "PrimaryContainer": {"ModelPackageName": package}})
    assert [check.resource for check in found] == [f"{ARN}:model/m", package]


def test_a_model_of_an_own_package_does_not() -> None:
    container = {"ModelPackageName": f"{ARN}:model-package/g/1"}
    found = needed("CreateModel", {"ModelName": "m", "PrimaryContainer": container})
    assert [check.resource for check in found] == [f"{ARN}:model/m"]

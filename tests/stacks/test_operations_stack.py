"""The operations stack of each environment."""

import pytest

from plumbline.configuration import Environment
from tests.house.assembly import Assembly, role_statements


@pytest.mark.parametrize("environment", list(Environment))
def test_makes_the_log_groups_of_jobs_before_jobs_do(assembly: Assembly, environment: Environment) -> None:
    operations = assembly[assembly.platform.deployment(environment).stack_name("operations")]
    names = {group["Properties"]["LogGroupName"] for group in operations.of_type("AWS::Logs::LogGroup")}
    assert names == {"/aws/sagemaker/ProcessingJobs", "/aws/sagemaker/TrainingJobs"}


def test_nobody_releases_to_dev(assembly: Assembly) -> None:
    operations = assembly[assembly.platform.deployment(Environment.DEV).stack_name("operations")]
    assert not operations.of_type("AWS::IAM::Role")


@pytest.mark.parametrize("environment", [Environment.STAGING, Environment.PRODUCTION])
def test_the_release_role_deploys_serving_stacks_of_its_environment_only(
    assembly: Assembly, environment: Environment
) -> None:
    deployment = assembly.platform.deployment(environment)
    role = assembly[deployment.stack_name("operations")].role(deployment.release_role_name)
    deploy = role_statements(role)["DeployServingStacks"]
    assert deploy["Resource"] == deployment.arn("cloudformation", f"stack/{deployment.prefix}-serving-*/*")
    assert {action.split(":")[0] for action in deploy["Action"]} == {"cloudformation"}


@pytest.mark.parametrize("environment", [Environment.STAGING, Environment.PRODUCTION])
def test_the_release_role_is_assumed_from_the_delivery_account_by_release_roles(
    assembly: Assembly, environment: Environment
) -> None:
    platform, deployment = assembly.platform, assembly.platform.deployment(environment)
    role = assembly[deployment.stack_name("operations")].role(deployment.release_role_name)
    (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    delivery = f"arn:aws:iam::{platform.delivery_account}"
    assert trust["Principal"] == {"AWS": f"{delivery}:root"}
    assert trust["Condition"] == {"ArnLike": {"aws:PrincipalArn": f"{delivery}:role/{platform.name}-release-*"}}

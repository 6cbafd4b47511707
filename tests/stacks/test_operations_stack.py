"""The operations stack of each environment."""

import pytest

from plumbline.configuration import Environment
from tests.house.assembly import Assembly


@pytest.mark.parametrize("environment", list(Environment))
def test_makes_the_log_groups_of_jobs_before_jobs_do(assembly: Assembly, environment: Environment) -> None:
    operations = assembly[assembly.platform.deployment(environment).stack_name("operations")]
    names = {group["Properties"]["LogGroupName"] for group in operations.of_type("AWS::Logs::LogGroup")}
    assert {"/aws/sagemaker/ProcessingJobs", "/aws/sagemaker/TrainingJobs"} < names

"""The foundation of each environment."""

import pytest

from plumbline.configuration import Environment
from tests.house.assembly import Assembly


@pytest.mark.parametrize("environment", list(Environment))
def test_publishes_the_parameters_that_other_stacks_and_people_read(
    assembly: Assembly, environment: Environment
) -> None:
    deployment = assembly.platform.deployment(environment)
    parameters = assembly[deployment.stack_name("foundation")].of_type("AWS::SSM::Parameter")
    assert {parameter["Properties"]["Name"] for parameter in parameters} == {
        deployment.parameter(path)
        for path in (
            "keys/data",
            "keys/models",
            "keys/operations",
            "network/job-security-group",
            "network/subnet-a",
            "network/subnet-b",
            "network/vpc",
            *(["network/workbench-security-group"] if deployment.has_workbench else []),
        )
    }


@pytest.mark.parametrize("environment", [Environment.DEV, Environment.PRODUCTION])
def test_only_staging_lets_another_account_read_models(assembly: Assembly, environment: Environment) -> None:
    foundation = assembly[assembly.platform.deployment(environment).stack_name("foundation")]
    others = set(assembly.platform.account_ids) - {foundation.account}
    for resource in (*foundation.of_type("AWS::KMS::Key"), *foundation.of_type("AWS::S3::BucketPolicy")):
        document = resource["Properties"].get("KeyPolicy") or resource["Properties"]["PolicyDocument"]
        principals = [str(s["Principal"]) for s in document["Statement"] if s["Effect"] == "Allow"]
        assert not [p for p in principals for account in others if account in p]

"""The serving stack of each environment."""

import re

import pytest

from plumbline.configuration import Environment
from tests.house.assembly import Assembly, Template

_PACKAGE = "arn:aws:sagemaker:{region}:{account}:model-package/{group}/7"


def _serving(assembly: Assembly, environment: Environment) -> Template:
    return assembly[assembly.platform.deployment(environment).stack_name("serving", assembly.models[0])]


@pytest.mark.parametrize("environment", [Environment.STAGING, Environment.PRODUCTION])
def test_takes_a_version_of_the_registry_in_staging(assembly: Assembly, environment: Environment) -> None:
    staging = assembly.platform.deployment(Environment.STAGING)
    pattern = _serving(assembly, environment).body["Parameters"]["ModelPackageArn"]["AllowedPattern"]
    group = staging.model_package_group(assembly.models[0])
    assert re.search(pattern, _PACKAGE.format(region=staging.region, account=staging.account, group=group))


@pytest.mark.parametrize(
    ("account", "group"), [("staging", "somebody-elses"), ("dev", "own")], ids=["another group", "another account"]
)
def test_refuses_a_version_from_elsewhere(assembly: Assembly, account: str, group: str) -> None:
    staging = assembly.platform.deployment(Environment.STAGING)
    name = staging.model_package_group(assembly.models[0]) if group == "own" else group
    arn = _PACKAGE.format(
        region=staging.region, account=assembly.platform.deployment(Environment(account)).account, group=name
    )
    pattern = _serving(assembly, Environment.PRODUCTION).body["Parameters"]["ModelPackageArn"]["AllowedPattern"]
    assert not re.search(pattern, arn)


def test_reads_what_the_foundation_wrote(assembly: Assembly) -> None:
    production = assembly.platform.deployment(Environment.PRODUCTION)
    written = {
        parameter["Properties"]["Name"]
        for parameter in assembly[production.stack_name("foundation")].of_type("AWS::SSM::Parameter")
    }
    parameters = _serving(assembly, Environment.PRODUCTION).body["Parameters"].values()
    read = {
        parameter["Default"]
        for parameter in parameters
        if parameter["Type"].startswith("AWS::SSM::") and not parameter["Default"].startswith("/cdk-bootstrap/")
    }
    assert read
    assert read <= written

"""The serving stack of each environment."""

import re

import pytest

from plumbline.configuration import Environment
from tests.house.assembly import Assembly, Template

_PACKAGE = "arn:aws:sagemaker:{region}:{account}:model-package/{group}/7"


def _serving(assembly: Assembly, environment: Environment) -> Template:
    return assembly[assembly.platform.deployment(environment).stack_name("serving", assembly.models[0])]


@pytest.mark.parametrize("environment", [Environment.STAGING, Environment.PRODUCTION])
def test_takes_a_version_of_its_own_registry(assembly: Assembly, environment: Environment) -> None:
    own = assembly.platform.deployment(environment)
    pattern = _serving(assembly, environment).body["Parameters"]["ModelPackageArn"]["AllowedPattern"]
    group = own.model_package_group(assembly.models[0])
    assert re.search(pattern, _PACKAGE.format(region=own.region, account=own.account, group=group))


@pytest.mark.parametrize(
    ("account", "group"),
    [("production", "somebody-elses"), ("dev", "own"), ("staging", "staging's")],
    ids=["another group", "another account", "staging's registry"],
)
def test_refuses_a_version_from_elsewhere(assembly: Assembly, account: str, group: str) -> None:
    staging, production = (assembly.platform.deployment(e) for e in (Environment.STAGING, Environment.PRODUCTION))
    groups = {"own": production, "staging's": staging}
    name = groups[group].model_package_group(assembly.models[0]) if group in groups else group
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

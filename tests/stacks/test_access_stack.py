"""The access stack of each model where it is served."""

import pytest

from plumbline.configuration import Deployment, Environment, ModelJob
from tests.house.assembly import Assembly, Json, listed, role_statements

_SERVING = pytest.mark.parametrize("environment", [Environment.STAGING, Environment.PRODUCTION])


def _role(assembly: Assembly, deployment: Deployment, job: ModelJob) -> Json:
    model = assembly.models[0]
    return assembly[deployment.stack_name("access", model)].role(deployment.role_name(model, job))


def test_nobody_releases_to_dev(assembly: Assembly) -> None:
    dev = assembly.platform.deployment(Environment.DEV)
    assert not [name for name in assembly.templates if name.startswith(f"{dev.prefix}-access")]


def test_labels_are_delivered_by_whom_the_model_names_to_their_place_only(assembly: Assembly) -> None:
    production, model = assembly.platform.deployment(Environment.PRODUCTION), assembly.models[0]
    role = _role(assembly, production, ModelJob.LABEL)
    (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert model.monitoring is not None
    assert trust["Condition"] == {
        "ArnEquals": {"aws:PrincipalArn": production.iam_arn(f"role/{model.monitoring.labels_from[0]}")}
    }
    write = role_statements(role)["WriteObjects"]
    assert write["Action"] == "s3:PutObject"
    assert write["Resource"] == f"arn:aws:s3:::{production.capture_bucket}/{model.name}/labels/*"


def test_nobody_delivers_labels_in_staging(assembly: Assembly) -> None:
    staging, model = assembly.platform.deployment(Environment.STAGING), assembly.models[0]
    names = [
        role["Properties"]["RoleName"]
        for role in assembly[staging.stack_name("access", model)].of_type("AWS::IAM::Role")
    ]
    assert names
    assert staging.role_name(model, ModelJob.LABEL) not in names


@_SERVING
def test_an_endpoint_writes_what_it_captures_and_no_labels_beside_it(
    assembly: Assembly, environment: Environment
) -> None:
    deployment, model = assembly.platform.deployment(environment), assembly.models[0]
    write = role_statements(_role(assembly, deployment, ModelJob.SERVE))["WriteObjects"]
    endpoint = deployment.endpoint_name(model)
    assert write["Resource"] == f"arn:aws:s3:::{deployment.capture_bucket}/{model.name}/{endpoint}/*"


@_SERVING
def test_labelled_data_is_kept_in_production_only(assembly: Assembly, environment: Environment) -> None:
    deployment, model = assembly.platform.deployment(environment), assembly.models[0]
    write = role_statements(_role(assembly, deployment, ModelJob.MONITOR))["WriteObjects"]
    labelled = f"arn:aws:s3:::{deployment.data_bucket}/labelled/{model.name}/*"
    assert (labelled in listed(write["Resource"])) is (deployment.is_production and not deployment.has_model_monitor)


@_SERVING
def test_the_release_role_deploys_the_serving_stack_of_its_model_only(
    assembly: Assembly, environment: Environment
) -> None:
    deployment, model = assembly.platform.deployment(environment), assembly.models[0]
    deploy = role_statements(_role(assembly, deployment, ModelJob.RELEASE))["DeployServingStack"]
    stack = deployment.stack_name("serving", model)
    assert deploy["Resource"] == deployment.arn("cloudformation", f"stack/{stack}/*")
    assert {action.split(":")[0] for action in deploy["Action"]} == {"cloudformation"}


@_SERVING
@pytest.mark.parametrize("job", [ModelJob.RELEASE, ModelJob.RELEASE_EXECUTION])
def test_whoever_releases_reads_every_value_that_the_serving_stack_names(
    assembly: Assembly, environment: Environment, job: ModelJob
) -> None:
    deployment, model = assembly.platform.deployment(environment), assembly.models[0]
    parameters = assembly[deployment.stack_name("serving", model)].body["Parameters"].values()
    named = {one["Default"] for one in parameters if one["Type"].startswith("AWS::SSM::")}
    granted = listed(role_statements(_role(assembly, deployment, job))["ReadValues"]["Resource"])
    assert named == {arn.partition(":parameter")[2] for arn in granted}


@_SERVING
def test_the_release_role_is_assumed_by_the_release_pipeline_of_its_model_only(
    assembly: Assembly, environment: Environment
) -> None:
    platform, deployment = assembly.platform, assembly.platform.deployment(environment)
    role = _role(assembly, deployment, ModelJob.RELEASE)
    (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    delivery = f"arn:aws:iam::{platform.delivery_account}"
    assert trust["Principal"] == {"AWS": f"{delivery}:root"}
    releasing = platform.release(assembly.models[0]).pipeline_name
    assert trust["Condition"] == {"ArnEquals": {"aws:PrincipalArn": f"{delivery}:role/{releasing}"}}


@_SERVING
def test_whatever_a_release_holds_nothing_but_an_endpoint_comes_of_it(
    assembly: Assembly, environment: Environment
) -> None:
    deployment, model = assembly.platform.deployment(environment), assembly.models[0]
    granted = role_statements(_role(assembly, deployment, ModelJob.RELEASE_EXECUTION))
    services = {a.split(":")[0] for s in granted.values() if s["Effect"] == "Allow" for a in listed(s["Action"])}
    assert services == {"iam", "kms", "logs", "sagemaker", "ssm"}
    passing = [s for s in granted.values() if any(a.startswith("iam:") for a in listed(s["Action"]))]
    assert [(s["Action"], s["Resource"]) for s in passing] == [
        ("iam:PassRole", deployment.role_arn(model, ModelJob.SERVE))
    ]


@_SERVING
def test_a_model_without_isolation_or_outside_the_job_subnets_is_not_released(
    assembly: Assembly, environment: Environment
) -> None:
    deployment = assembly.platform.deployment(environment)
    granted = role_statements(_role(assembly, deployment, ModelJob.RELEASE_EXECUTION))
    condition = granted["MakeIsolatedModels"]["Condition"]
    assert condition["Bool"] == {"sagemaker:NetworkIsolation": "true"}
    assert condition["ForAllValues:StringEquals"]["sagemaker:VpcSubnets"] == [{"Ref": "SubnetA"}, {"Ref": "SubnetB"}]
    assert condition["Null"] == {"sagemaker:VpcSubnets": "false"}

"""Model, endpoint configuration and endpoint."""

import pytest

from mlops_constructs.deployment_strategy import AllAtOnce
from plumbline.configuration import Deployment, Environment, Model, ModelJob
from tests.house.assembly import Assembly, Json, Template


@pytest.fixture
def production(assembly: Assembly) -> Deployment:
    return assembly.platform.deployment(Environment.PRODUCTION)


@pytest.fixture
def model(assembly: Assembly) -> Model:
    return assembly.models[0]


@pytest.fixture
def serving(assembly: Assembly, production: Deployment, model: Model) -> Template:
    return assembly[production.stack_name("serving", model)]


@pytest.fixture
def config(serving: Template) -> Json:
    properties: Json = serving.only("AWS::SageMaker::EndpointConfig")["Properties"]
    return properties


def test_serves_the_version_of_the_parameter_isolated_in_the_vpc(serving: Template) -> None:
    properties = serving.only("AWS::SageMaker::Model")["Properties"]
    assert properties["PrimaryContainer"] == {"ModelPackageName": {"Ref": "ModelPackageArn"}}
    assert properties["EnableNetworkIsolation"] is True
    assert properties["VpcConfig"] == {
        "SecurityGroupIds": [{"Ref": "JobSecurityGroup"}],
        "Subnets": [{"Ref": "SubnetA"}, {"Ref": "SubnetB"}],
    }


def test_whoever_releases_a_version_makes_no_role(serving: Template, production: Deployment, model: Model) -> None:
    assert not serving.of_type("AWS::IAM::Role")
    served_with = serving.only("AWS::SageMaker::Model")["Properties"]["ExecutionRoleArn"]
    assert served_with == production.role_arn(model, ModelJob.SERVE)


def test_volume_and_capture_are_encrypted(config: Json) -> None:
    assert config["KmsKeyId"] == {"Ref": "ModelsKey"}
    assert config["DataCaptureConfig"]["KmsKeyId"] == {"Ref": "DataKey"}


def test_requests_and_answers_are_captured_below_the_models_name(
    config: Json, production: Deployment, model: Model
) -> None:
    capture = config["DataCaptureConfig"]
    assert capture["EnableCapture"] is True
    assert capture["InitialSamplingPercentage"] == model.serving.capture_percent
    assert capture["DestinationS3Uri"] == f"s3://{production.capture_bucket}/{model.name}"
    assert [option["CaptureMode"] for option in capture["CaptureOptions"]] == ["Input", "Output"]


def test_one_variant_with_the_configured_instances(config: Json, model: Model) -> None:
    (variant,) = config["ProductionVariants"]
    assert variant["InstanceType"] == model.serving.instance_type
    assert variant["InitialInstanceCount"] == model.serving.production.instance_count


def test_the_endpoint_keeps_its_name_and_what_was_set_on_its_variants(
    serving: Template, production: Deployment, model: Model
) -> None:
    properties = serving.only("AWS::SageMaker::Endpoint")["Properties"]
    assert properties["EndpointName"] == production.endpoint_name(model)
    assert properties["RetainAllVariantProperties"] is True


def test_the_number_of_instances_is_always_the_configured_one(serving: Template) -> None:
    properties = serving.only("AWS::SageMaker::Endpoint")["Properties"]
    assert properties["ExcludeRetainedVariantProperties"] == [{"VariantPropertyType": "DesiredInstanceCount"}]


def test_what_the_model_speaks_is_captured_as_text(config: Json) -> None:
    assert config["DataCaptureConfig"]["CaptureContentTypeHeader"] == {
        "CsvContentTypes": ["text/csv"],
        "JsonContentTypes": ["application/json", "application/jsonlines"],
    }


def test_a_new_version_takes_over_blue_green(serving: Template) -> None:
    properties = serving.only("AWS::SageMaker::Endpoint")["Properties"]
    strategy = AllAtOnce()
    assert properties["DeploymentConfig"]["BlueGreenUpdatePolicy"] == {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
        "TerminationWaitInSeconds": strategy.termination_wait_seconds,
        "MaximumExecutionTimeoutInSeconds": strategy.timeout_seconds,
    }
    assert strategy.timeout_seconds > strategy.termination_wait_seconds


def test_its_log_group_is_there_before_the_containers_print(
    serving: Template, production: Deployment, model: Model
) -> None:
    (name, group), *rest = (
        (name, resource) for name, resource in serving.resources.items() if resource["Type"] == "AWS::Logs::LogGroup"
    )
    assert not rest
    assert group["Properties"]["LogGroupName"] == f"/aws/sagemaker/Endpoints/{production.endpoint_name(model)}"
    assert name in serving.only("AWS::SageMaker::Endpoint")["DependsOn"]

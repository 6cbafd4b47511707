"""Registry and endpoints, end to end: approval, sharing across accounts, serving, capture, CloudFormation."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.plumbline.rehearsal.sagemaker.world import (
    AWAY,
    BUCKET,
    HOME,
    IMAGE,
    REGION,
    World,
    job_statements,
    wait,
)

pytestmark = pytest.mark.rehearsal

Document = dict[str, Any]
GROUP = f"arn:aws:sagemaker:{REGION}:{HOME}:model-package-group/shared"
PACKAGE = f"arn:aws:sagemaker:{REGION}:{HOME}:model-package/shared/1"


@pytest.fixture(scope="module")
def serve_role(world: World) -> str:
    making_groups = {"Effect": "Allow", "Action": "logs:CreateLogGroup", "Resource": "*"}
    return world.role("tiny-serve", [*job_statements(world.key), making_groups])


@pytest.fixture(scope="module")
def package(world: World) -> str:
    """An approved version of the group ``shared``."""
    client = world.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName="shared")
    arn = register(world, "shared", weight=2.0)
    client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="good")
    return arn


@pytest.fixture(scope="module")
def endpoint(world: World, serve_role: str, package: str) -> str:
    """An endpoint that serves the package and captures everything; it is left to the server's end."""
    client = world.client("sagemaker")
    configure(world, "serving", serve_role, {"ModelPackageName": package})
    client.create_endpoint(EndpointName="serving", EndpointConfigName="serving")
    found = wait(lambda: client.describe_endpoint(EndpointName="serving"), "EndpointStatus")
    assert found["EndpointStatus"] == "InService", found.get("FailureReason")
    return "serving"


def register(world: World, group: str, *, weight: float, sick: bool = False) -> str:
    artifact = world.put(f"registry/{uuid.uuid4().hex}/model.tar.gz", world.archive({"weight": weight, "sick": sick}))
    created = world.client("sagemaker").create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification={
            "Containers": [{"Image": IMAGE, "ModelDataUrl": artifact}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )
    return str(created["ModelPackageArn"])


def configure(world: World, name: str, role: str, container: Document) -> None:
    client = world.client("sagemaker")
    client.create_model(
        ModelName=name,
        ExecutionRoleArn=role,
        PrimaryContainer=container,
        EnableNetworkIsolation=True,
        VpcConfig={"Subnets": [world.subnet], "SecurityGroupIds": [world.group]},
    )
    client.create_endpoint_config(
        EndpointConfigName=name,
        KmsKeyId=world.key,
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": name,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "InitialVariantWeight": 1.0,
            }
        ],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{BUCKET}/capture",
            "KmsKeyId": world.key,
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
        },
    )


def test_a_package_says_who_made_it_and_who_changed_it_last(world: World) -> None:
    world.client("sagemaker").create_model_package_group(ModelPackageGroupName="signed")
    arn = register(world, "signed", weight=1.0)
    role = world.role(
        "signer",
        [{"Effect": "Allow", "Action": "sagemaker:UpdateModelPackage", "Resource": arn}],
        principal={"AWS": f"arn:aws:iam::{HOME}:root"},
    )
    world.role_client("sagemaker", "signer").update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    package = world.client("sagemaker").describe_model_package(ModelPackageName=arn)
    assert package["CreatedBy"] == {"IamIdentity": {"Arn": f"arn:aws:iam::{HOME}:root", "PrincipalId": HOME}}
    last = package["LastModifiedBy"]["IamIdentity"]
    assert last["Arn"] == f"arn:aws:sts::{HOME}:assumed-role/{role.rpartition('/')[2]}/test"
    made = world.client("iam").get_role(RoleName="signer")["Role"]["RoleId"]
    assert last["PrincipalId"] == f"{made}:test"


def test_an_endpoint_answers_with_its_models_prediction(world: World, endpoint: str) -> None:
    answer = world.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, Body=b"21", ContentType="text/csv", CustomAttributes="trace=1"
    )
    assert json.loads(answer["Body"].read()) == {"prediction": 42.0}
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert answer["CustomAttributes"] == "trace=1"


def test_a_containers_refusal_is_a_model_error_with_its_own_status(world: World, endpoint: str) -> None:
    with pytest.raises(ClientError) as raised:
        world.client("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, Body=b"x", ContentType="text/csv")
    assert raised.value.response["Error"]["Code"] == "ModelError"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424
    original: Document = dict(raised.value.response)
    assert (original["OriginalStatusCode"], original["OriginalMessage"]) == (400, "not a number")


def test_only_who_may_invoke_the_endpoint_does(world: World, endpoint: str) -> None:
    trust = {"AWS": f"arn:aws:iam::{HOME}:root"}
    for name, resource in (("caller", f"endpoint/{endpoint}"), ("stranger", "endpoint/other")):
        arn = f"arn:aws:sagemaker:{REGION}:{HOME}:{resource}"
        world.role(name, [{"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": arn}], principal=trust)
    world.role_client("sagemaker-runtime", "caller").invoke_endpoint(EndpointName=endpoint, Body=b"1")
    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:InvokeEndpoint"):
        world.role_client("sagemaker-runtime", "stranger").invoke_endpoint(EndpointName=endpoint, Body=b"1")


def test_an_endpoint_that_is_not_there_is_a_validation_error(world: World) -> None:
    with pytest.raises(ClientError, match=r"ValidationError.*Endpoint nothing of account"):
        world.client("sagemaker-runtime").invoke_endpoint(EndpointName="nothing", Body=b"1")


def test_invocations_are_captured_as_sagemaker_writes_them(world: World, endpoint: str) -> None:
    mark = uuid.uuid4().hex
    world.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, Body=b"3", ContentType="text/csv", InferenceId=mark, CustomAttributes="a=b"
    )
    s3 = world.client("s3")

    def records() -> list[Document]:
        listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"capture/{endpoint}/AllTraffic/").get("Contents", [])
        lines = [line for item in listed for line in world.get(f"s3://{BUCKET}/{item['Key']}").splitlines()]
        return [record for record in map(json.loads, lines) if record["eventMetadata"].get("inferenceId") == mark]

    world.until(lambda: bool(records()))
    record = records()[0]
    assert record["captureData"]["endpointInput"] == {
        "observedContentType": "text/csv",
        "mode": "INPUT",
        "data": "3",
        "encoding": "CSV",
    }
    assert json.loads(record["captureData"]["endpointOutput"]["data"]) == {"prediction": 6.0}
    assert record["eventMetadata"]["customAttributes"] == ["a=b"]
    assert record["eventVersion"] == "0"
    key = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"capture/{endpoint}/")["Contents"][0]["Key"]
    assert s3.head_object(Bucket=BUCKET, Key=key)["SSEKMSKeyId"] == world.key


def test_an_update_replaces_the_model_and_the_old_one_serves_until_then(world: World, serve_role: str) -> None:
    client, runtime = world.client("sagemaker"), world.client("sagemaker-runtime")
    for number, weight in ((1, 10.0), (2, 20.0)):
        artifact = world.put(f"update/{number}/model.tar.gz", world.archive({"weight": weight, "seconds": 0.5}))
        configure(world, f"update-{number}", serve_role, {"Image": IMAGE, "ModelDataUrl": artifact})
    client.create_endpoint(EndpointName="updated", EndpointConfigName="update-1")
    wait(lambda: client.describe_endpoint(EndpointName="updated"), "EndpointStatus")
    client.update_endpoint(EndpointName="updated", EndpointConfigName="update-2")
    while client.describe_endpoint(EndpointName="updated")["EndpointStatus"] == "Updating":
        runtime.invoke_endpoint(EndpointName="updated", Body=b"1")  # one is under way whenever the fleets change
    answer = runtime.invoke_endpoint(EndpointName="updated", Body=b"1")
    assert json.loads(answer["Body"].read()) == {"prediction": 20.0}
    client.delete_endpoint(EndpointName="updated")


def test_a_container_that_does_not_become_healthy_fails_the_endpoint(world: World, serve_role: str) -> None:
    client = world.client("sagemaker")
    artifact = world.put("sick/model.tar.gz", world.archive({"weight": 1.0, "sick": True}))
    configure(world, "sick", serve_role, {"Image": IMAGE, "ModelDataUrl": artifact})
    client.create_endpoint(EndpointName="sick", EndpointConfigName="sick")
    found = wait(lambda: client.describe_endpoint(EndpointName="sick"), "EndpointStatus")
    assert found["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in found["FailureReason"]
    assert "this model cannot be served" in found["FailureReason"]


def test_a_package_that_is_not_approved_makes_no_model(world: World, serve_role: str) -> None:
    world.client("sagemaker").create_model_package_group(ModelPackageGroupName="pending")
    arn = register(world, "pending", weight=1.0)
    with pytest.raises(ClientError, match="approval status is PendingManualApproval, not Approved"):
        world.client("sagemaker").create_model(
            ModelName="pending", ExecutionRoleArn=serve_role, PrimaryContainer={"ModelPackageName": arn}
        )


def test_approval_is_an_event_and_a_condition(world: World) -> None:
    world.client("sagemaker").create_model_package_group(ModelPackageGroupName="approval")
    arn = register(world, "approval", weight=1.0)
    rejecting = {
        "Effect": "Allow",
        "Action": "sagemaker:UpdateModelPackage",
        "Resource": "*",
        "Condition": {"StringEquals": {"sagemaker:ModelApprovalStatus": "Rejected"}},
    }
    world.role("rejecter", [rejecting], principal={"AWS": f"arn:aws:iam::{HOME}:root"})
    pattern = {"detail-type": ["SageMaker Model Package State Change"], "detail": {"ModelPackageArn": [arn]}}
    queue = world.queue_of_events("approvals", pattern)
    client = world.role_client("sagemaker", "rejecter")
    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:UpdateModelPackage"):
        client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    assert [event["detail"]["ModelApprovalStatus"] for event in world.received(queue)] == ["Rejected"]


def test_another_account_reads_a_package_only_under_the_groups_policy(world: World, package: str) -> None:
    allow = {"Effect": "Allow", "Action": "sagemaker:DescribeModelPackage", "Resource": package}
    world.role("reader", [allow], account=AWAY, principal={"AWS": f"arn:aws:iam::{AWAY}:root"})
    client = world.role_client("sagemaker", "reader", account=AWAY)
    with pytest.raises(ClientError, match="no resource-based policy allows the sagemaker:DescribeModelPackage"):
        client.describe_model_package(ModelPackageName=package)
    statement = {
        "Sid": "Away",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{AWAY}:root"},
        "Action": ["sagemaker:DescribeModelPackage"],
        "Resource": [f"arn:aws:sagemaker:{REGION}:{HOME}:model-package/shared/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    world.client("sagemaker").put_model_package_group_policy(ModelPackageGroupName="shared", ResourcePolicy=policy)
    assert client.describe_model_package(ModelPackageName=package)["ModelPackageVersion"] == 1
    world.role("idle", [], account=AWAY, principal={"AWS": f"arn:aws:iam::{AWAY}:root"})
    with pytest.raises(ClientError, match="not authorized"):
        world.role_client("sagemaker", "idle", account=AWAY).describe_model_package(ModelPackageName=package)


def test_a_model_whose_artifact_the_role_may_not_read_is_refused(world: World, package: str) -> None:
    role = world.role("no-reader", job_statements(world.key, without="s3:GetObject"))
    with pytest.raises(ClientError, match=r"Could not access model data at .*s3:GetObject"):
        world.client("sagemaker").create_model(
            ModelName="unreadable", ExecutionRoleArn=role, PrimaryContainer={"ModelPackageName": package}
        )


def test_cloudformation_makes_changes_and_ends_an_endpoint(world: World, serve_role: str, package: str) -> None:
    cloudformation, runtime = world.client("cloudformation"), world.client("sagemaker-runtime")
    cloudformation.create_stack(StackName="serving", TemplateBody=json.dumps(template(serve_role, package)))
    stack = settle(world, "serving")
    assert stack["StackStatus"] == "CREATE_COMPLETE", world.reasons("serving")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert outputs["Endpoint"] == f"arn:aws:sagemaker:{REGION}:{HOME}:endpoint/stacked"
    assert json.loads(runtime.invoke_endpoint(EndpointName="stacked", Body=b"4")["Body"].read()) == {"prediction": 8.0}

    other = register(world, "shared", weight=5.0)
    world.client("sagemaker").update_model_package(ModelPackageArn=other, ModelApprovalStatus="Approved")
    cloudformation.update_stack(StackName="serving", TemplateBody=json.dumps(template(serve_role, other)))
    assert settle(world, "serving")["StackStatus"] == "UPDATE_COMPLETE", world.reasons("serving")
    assert json.loads(runtime.invoke_endpoint(EndpointName="stacked", Body=b"4")["Body"].read()) == {"prediction": 20.0}

    cloudformation.delete_stack(StackName="serving")
    world.until(lambda: not world.client("sagemaker").list_endpoints(NameContains="stacked")["Endpoints"])
    world.until(lambda: not world.client("sagemaker").list_models(NameContains="serving-Model")["Models"])


def test_an_endpoint_that_fails_fails_its_stack_with_the_reason(world: World, serve_role: str) -> None:
    world.client("sagemaker").create_model_package_group(ModelPackageGroupName="ill")
    arn = register(world, "ill", weight=1.0, sick=True)
    world.client("sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    body = json.dumps(template(serve_role, arn)).replace("stacked", "ill-stacked")
    world.client("cloudformation").create_stack(StackName="ill", TemplateBody=body)
    assert settle(world, "ill")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "this model cannot be served" in world.reasons("ill")
    assert not world.client("sagemaker").list_endpoints(NameContains="ill-stacked")["Endpoints"]


def template(role: str, package: str) -> Document:
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "InitialInstanceCount": "1",
        "InstanceType": "ml.m5.large",
        "InitialVariantWeight": 1,
    }
    return {
        "Resources": {
            "Model": {
                "Type": "AWS::SageMaker::Model",
                "Properties": {
                    "ExecutionRoleArn": role,
                    "PrimaryContainer": {"ModelPackageName": package},
                    "EnableNetworkIsolation": "true",
                },
            },
            "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}},
            "Endpoint": {
                "Type": "AWS::SageMaker::Endpoint",
                "Properties": {
                    "EndpointName": "stacked",
                    "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
                },
            },
        },
        "Outputs": {"Endpoint": {"Value": {"Ref": "Endpoint"}}},
    }


def settle(world: World, name: str) -> Document:
    client = world.client("cloudformation")

    def stack() -> Document:
        found: Document = client.describe_stacks(StackName=name)["Stacks"][0]
        return found

    world.until(lambda: not stack()["StackStatus"].endswith("_IN_PROGRESS"))
    return stack()

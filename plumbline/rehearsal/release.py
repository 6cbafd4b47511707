"""A registered version on its way to an endpoint: approval, change set, smoke test.

The release pipeline of the platform is still to come. Until then the rehearsal plays its part with the same templates
and the same roles: a release role of its own in the delivery account assumes the environment's release role.
"""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import botocore.exceptions

from plumbline.configuration import Deployment, Model, ModelJob
from plumbline.errors import PlumblineError
from plumbline.rehearsal.assembly import SynthesizedStack
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Client, Session
from plumbline.rehearsal.stack_status import wait_for_stack

_POLL_SECONDS = 0.3
_LIMIT_SECONDS = 300.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Served:
    """What an endpoint serves.

    Attributes:
        endpoint: Its name.
        status: For example ``InService``.
        model_package_arn: The registered version.
        artifact: The S3 URI of the version's artifact.
        artifact_digest: SHA-256 of the artifact's bytes.
        image_digest: The digest of the image that the variant runs.
    """

    endpoint: str
    status: str
    model_package_arn: str
    artifact: str
    artifact_digest: str
    image_digest: str


def approve(*, model_package_arn: str, caller: Session, reason: str) -> None:
    """Approves a registered version for release."""
    caller.client("sagemaker").update_model_package(
        ModelPackageArn=model_package_arn, ModelApprovalStatus="Approved", ApprovalDescription=reason
    )


def make_release_role(*, cloud: Cloud, model: Model) -> str:
    """Makes, in the delivery account, the role that the model's release pipeline will have.

    Returns:
        The role's ARN.
    """
    platform = cloud.platform
    released = [target.role_arn(model, ModelJob.RELEASE) for target in platform.deployments() if target.serves]
    return _make_role(cloud, platform.release(model).pipeline_name, assumes=released)


def _make_role(cloud: Cloud, name: str, *, assumes: list[str]) -> str:
    platform = cloud.platform
    account, partition = platform.delivery_account, platform.partition
    client = cloud.administrator(account).client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{partition}:iam::{account}:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": assumes}],
    }
    arn = client.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    client.put_role_policy(RoleName=name, PolicyName="assume", PolicyDocument=json.dumps(policy))
    return str(arn)


def release(
    *,
    cloud: Cloud,
    deployment: Deployment,
    model: Model,
    stack: SynthesizedStack,
    model_package_arn: str,
    release_role_arn: str,
    tell: Callable[[str], None],
) -> None:
    """Deploys a serving stack for one version, with the very template of synth, by a change set.

    Args:
        cloud: The cloud.
        deployment: The environment.
        model: The model.
        stack: The serving stack of the model in this environment.
        model_package_arn: The version.
        release_role_arn: The delivery account's role, which assumes the environment's release role.
        tell: Called with one line whenever something has moved.

    Raises:
        PlumblineError: The change set or the stack fails.
    """
    platform = cloud.platform
    delivery = cloud.assume(release_role_arn, caller=cloud.administrator(platform.delivery_account), name="release")
    release_role = deployment.role_arn(model, ModelJob.RELEASE)
    client = cloud.assume(release_role, caller=delivery, name="release").client("cloudformation")
    change_set = f"release-{model_package_arn.rsplit('/', 1)[-1]}"
    exists = _status(client, stack.name) not in {"", "REVIEW_IN_PROGRESS"}
    client.create_change_set(
        StackName=stack.name,
        ChangeSetName=change_set,
        ChangeSetType="UPDATE" if exists else "CREATE",
        TemplateBody=stack.template.read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": "ModelPackageArn", "ParameterValue": model_package_arn}],
        RoleARN=deployment.role_arn(model, ModelJob.RELEASE_EXECUTION),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Tags=[{"Key": key, "Value": value} for key, value in stack.tags.items()],
    )
    tell("change set made")
    _wait_for_change_set(client, stack.name, change_set)
    client.execute_change_set(StackName=stack.name, ChangeSetName=change_set)
    events = cloud.administrator(deployment.account).client("cloudformation")
    wait_for_stack(client, stack.name, tell=tell, events=events)


def describe(*, deployment: Deployment, model: Model, caller: Session, registry: Session) -> Served:
    """Finds out what an endpoint serves, from the endpoint to the bytes of the artifact.

    Args:
        deployment: The endpoint's environment.
        model: The model.
        caller: Who looks in that environment.
        registry: Who looks into the registry and its artifacts.
    """
    client = caller.client("sagemaker")
    endpoint = client.describe_endpoint(EndpointName=deployment.endpoint_name(model))
    (variant,) = endpoint["ProductionVariants"]
    config = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    container = client.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    package_arn = (container.get("PrimaryContainer") or container["Containers"][0])["ModelPackageName"]
    package = registry.client("sagemaker").describe_model_package(ModelPackageName=package_arn)
    return Served(
        endpoint=endpoint["EndpointName"],
        status=endpoint["EndpointStatus"],
        model_package_arn=package_arn,
        artifact=_artifact_uri(package),
        artifact_digest=hashlib.sha256(read_artifact(package, caller=registry)).hexdigest(),
        image_digest=str(variant["DeployedImages"][0]["ResolvedImage"]).rpartition("@")[2],
    )


def read_artifact(package: Mapping[str, object], *, caller: Session) -> bytes:
    """The bytes of a registered version's ``model.tar.gz``."""
    bucket, _, key = _artifact_uri(package).removeprefix("s3://").partition("/")
    body: bytes = caller.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def _artifact_uri(package: Mapping[str, Any]) -> str:
    (container,) = package["InferenceSpecification"]["Containers"]
    return str(container.get("ModelDataUrl") or container["ModelDataSource"]["S3DataSource"]["S3Uri"])


def smoke_test(*, deployment: Deployment, model: Model, caller: Session, rows: bytes) -> None:
    """Asks an endpoint that has just been deployed.

    Raises:
        PlumblineError: The endpoint is not in service, or its answer is not one probability a row.
    """
    name = deployment.endpoint_name(model)
    status = caller.client("sagemaker").describe_endpoint(EndpointName=name)["EndpointStatus"]
    if status != "InService":
        raise PlumblineError(f"endpoint {name} is {status}", exit_code=1)
    probabilities = invoke(endpoint=name, caller=caller, rows=rows)
    asked = len(rows.splitlines())
    if len(probabilities) != asked or not all(0.0 <= probability <= 1.0 for probability in probabilities):
        raise PlumblineError(f"endpoint {name} answered {asked} rows with {probabilities[:3]}…", exit_code=1)


def invoke(*, endpoint: str, caller: Session, rows: bytes, client: Client | None = None) -> list[float]:
    """Asks an endpoint for the probabilities of rows.

    Args:
        endpoint: Its name.
        caller: Who asks.
        rows: JSON lines.
        client: The client to ask with, when many requests follow each other.
    """
    answer = (client or caller.client("sagemaker-runtime")).invoke_endpoint(
        EndpointName=endpoint, ContentType="application/jsonlines", Accept="application/jsonlines", Body=rows
    )
    return [float(json.loads(line)["probability"]) for line in answer["Body"].read().splitlines()]


def _wait_for_change_set(client: Client, stack: str, change_set: str) -> None:
    deadline = time.monotonic() + _LIMIT_SECONDS
    while True:
        made = client.describe_change_set(StackName=stack, ChangeSetName=change_set)
        if made["Status"] == "CREATE_COMPLETE":
            return
        if made["Status"] == "FAILED" or time.monotonic() > deadline:
            reason = made.get("StatusReason", f"still {made['Status']}")
            raise PlumblineError(f"the change set of {stack} failed: {reason}", exit_code=1)
        time.sleep(_POLL_SECONDS)


def _status(client: Client, stack: str) -> str:
    try:
        return str(client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
    except botocore.exceptions.ClientError as error:
        if "does not exist" in str(error):
            return ""
        raise

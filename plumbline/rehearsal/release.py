"""A registered version on its way to its endpoints: the approval, and what is served after it."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from plumbline.configuration import Deployment, Model, Release, ReleaseStep
from plumbline.errors import PlumblineError
from plumbline.rehearsal import pipeline_run
from plumbline.rehearsal.session import Client, Session

_POLL_SECONDS = 0.3
_LIMIT_SECONDS = 60.0


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


def started(*, names: Release, before: str, caller: Session) -> str:
    """Waits for the execution that an approval starts.

    Args:
        names: What releases the model.
        before: Id of the newest execution before the approval; empty for none.
        caller: Who looks.

    Returns:
        Its id.

    Raises:
        PlumblineError: None starts.
    """
    deadline = time.monotonic() + _LIMIT_SECONDS
    while time.monotonic() < deadline:
        found = pipeline_run.newest(pipeline=names.pipeline_name, caller=caller)
        if found != before:
            return found
        time.sleep(_POLL_SECONDS)
    raise PlumblineError(
        f"the approval has started no release in {_LIMIT_SECONDS:.0f} s: see the log of "
        f"{names.step_name(ReleaseStep.RECORDER)}",
        exit_code=1,
    )


def describe(*, deployment: Deployment, model: Model, caller: Session, reader: Session) -> Served:
    """Finds out what an endpoint serves, from the endpoint to the bytes of the artifact.

    Args:
        deployment: The endpoint's environment.
        model: The model.
        caller: Who looks.
        reader: Who reads the artifact.
    """
    client = caller.client("sagemaker")
    endpoint = client.describe_endpoint(EndpointName=deployment.endpoint_name(model))
    (variant,) = endpoint["ProductionVariants"]
    config = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    container = client.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    package_arn = (container.get("PrimaryContainer") or container["Containers"][0])["ModelPackageName"]
    package = caller.client("sagemaker").describe_model_package(ModelPackageName=package_arn)
    return Served(
        endpoint=endpoint["EndpointName"],
        status=endpoint["EndpointStatus"],
        model_package_arn=package_arn,
        artifact=_artifact_uri(package),
        artifact_digest=hashlib.sha256(read_artifact(package, caller=reader)).hexdigest(),
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

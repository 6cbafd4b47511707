"""What an endpoint serves, from its name to the bytes of the artifact, and what it answers."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from plumbline.accounts.access import Client, Clients
from plumbline.configuration import Deployment, Model


@dataclasses.dataclass(frozen=True, kw_only=True)
class Served:
    """What an endpoint serves.

    Attributes:
        endpoint: Its name.
        status: For example ``InService``.
        configuration: The name of its configuration.
        model_package_arn: The registered version.
        artifact: The S3 URI of the version's artifact.
        artifact_digest: SHA-256 of the artifact's bytes.
        image_digest: The digest of the image that the variant runs.
    """

    endpoint: str
    status: str
    configuration: str
    model_package_arn: str
    artifact: str
    artifact_digest: str
    image_digest: str


def describe(*, deployment: Deployment, model: Model, caller: Clients, reader: Clients) -> Served:
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
        configuration=endpoint["EndpointConfigName"],
        model_package_arn=package_arn,
        artifact=_artifact_uri(package),
        artifact_digest=hashlib.sha256(read_artifact(package, caller=reader)).hexdigest(),
        image_digest=str(variant["DeployedImages"][0]["ResolvedImage"]).rpartition("@")[2],
    )


def read_artifact(package: Mapping[str, object], *, caller: Clients) -> bytes:
    """The bytes of a registered version's ``model.tar.gz``."""
    bucket, _, key = _artifact_uri(package).removeprefix("s3://").partition("/")
    body: bytes = caller.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def _artifact_uri(package: Mapping[str, Any]) -> str:
    (container,) = package["InferenceSpecification"]["Containers"]
    return str(container.get("ModelDataUrl") or container["ModelDataSource"]["S3DataSource"]["S3Uri"])


def invoke(
    *, endpoint: str, caller: Clients, rows: bytes, client: Client | None = None, inference_id: str = ""
) -> list[float]:
    """Asks an endpoint for the probabilities of rows.

    Args:
        endpoint: Its name.
        caller: Who asks.
        rows: JSON lines.
        client: The client to ask with, when many requests follow each other.
        inference_id: By which the truth of the answers is told later; empty for none.
    """
    named = {"InferenceId": inference_id} if inference_id else {}
    answer = (client or caller.client("sagemaker-runtime")).invoke_endpoint(
        EndpointName=endpoint, ContentType="application/jsonlines", Accept="application/jsonlines", Body=rows, **named
    )
    return [float(json.loads(line)["probability"]) for line in answer["Body"].read().splitlines()]

"""The models' code, brought to where it is trained under the hash of its content."""

import json
from collections.abc import Mapping, Sequence

import boto3
import botocore.exceptions

from plumbline.configuration import Deployment, KeyPurpose, Model, ModelJob, Platform, code_archive, code_digest
from plumbline.delivery.access import taken
from plumbline.errors import PlumblineError

# Stand for "no champion yet" and "no labelled windows", because a job refuses an empty input.
_NO_CHAMPION = b'{"champion": null}\n'
_NO_WINDOWS: Mapping[str, object] = {"version": 1, "windows": []}


def deliver_code(platform: Platform, models: Sequence[Model], session: boto3.Session) -> list[str]:
    """Writes each model's code to each account in which it is trained.

    Args:
        platform: The configuration.
        models: The models.
        session: Who takes the roles that write.

    Returns:
        What was done, a sentence each.

    Raises:
        PlumblineError: A role cannot be taken, or an object not be written.
    """
    return [
        _bring(deployment, model, taken(session, deployment.role_arn(model, ModelJob.DELIVER), name="delivery"))
        for deployment in platform.deployments()
        if deployment.trains
        for model in models
    ]


def _bring(deployment: Deployment, model: Model, session: boto3.Session) -> str:
    digest = code_digest(model)
    try:
        key = session.client("ssm").get_parameter(Name=deployment.parameter(f"keys/{KeyPurpose.MODELS}"))
        s3 = session.client("s3")
        for name, body in (
            (f"{model.name}/code/{digest}/sourcedir.tar.gz", code_archive(model)),
            *((f"{model.name}/champion/none/{name}", body) for name, body in _nothing(deployment, model).items()),
        ):
            s3.put_object(
                Bucket=deployment.models_bucket,
                Key=name,
                Body=body,
                ServerSideEncryption="aws:kms",
                SSEKMSKeyId=key["Parameter"]["Value"],
            )
    except botocore.exceptions.ClientError as error:
        raise PlumblineError(
            f"the code of {model.name} cannot be brought to {deployment.part}: {error}", exit_code=1
        ) from error
    return f"{model.name} in {deployment.part}: code {digest}"


def _nothing(deployment: Deployment, model: Model) -> Mapping[str, bytes]:
    """The files, by name, that a run is given when it is given no champion and no labelled windows."""
    folder = f"s3://{deployment.models_bucket}/{model.name}/champion/none/"
    return {
        "none.json": _NO_CHAMPION,
        "labelled.json": _document(_NO_WINDOWS),
        "manifest.json": _document([{"prefix": folder}, "labelled.json"]),  # SageMaker's, of S3DataType ManifestFile
    }


def _document(content: object) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()

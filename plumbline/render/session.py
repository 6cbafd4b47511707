"""A pipeline session that knows its bucket and account instead of asking AWS for them."""

import functools

import boto3
from sagemaker.core.telemetry import telemetry_logging
from sagemaker.core.workflow.pipeline_context import PipelineSession

from plumbline.errors import PlumblineError

_REGION = "eu-west-1"  # only for making clients: nothing of it reaches a definition
_ACCOUNT = "000000000000"


def _send_nothing(*_: object, **__: object) -> None:
    """Stands in for the SDK's telemetry, whose documented opt-out makes a definition 7 times slower."""


telemetry_logging._send_telemetry_request = _send_nothing


@functools.cache
def _boto_session() -> boto3.Session:
    """Knows nobody; one for the process, since each new one reads the models of all services that it is asked for."""
    return boto3.Session(
        region_name=_REGION,
        aws_access_key_id="offline",
        aws_secret_access_key="offline",  # noqa: S106
    )


class OfflinePipelineSession(PipelineSession):  # type: ignore[misc]  # the SDK ships no types
    """A `PipelineSession` of SageMaker's SDK 3 that never touches the network.

    It refuses uploads: the SDK would put them under a timestamp, so that the definition changed on every rendering and
    the step cache never hit. Code and data are named by content-hashed S3 URIs instead.
    """

    def __init__(self) -> None:
        super().__init__(boto_session=_boto_session(), default_bucket="offline")
        # Set already, so that default_bucket() asks neither STS nor S3.
        self._default_bucket = "offline"
        # What the SDK's configuration files on this machine say must not reach a definition.
        self.sagemaker_config: dict[str, object] = {}
        self.default_bucket_prefix: str | None = None

    def account_id(self) -> str:
        """An account that does not exist: definitions carry placeholders for everything an account has."""
        return _ACCOUNT

    def expand_role(self, role: str) -> str:
        """The role as it was given: a placeholder is no role name to be looked up in IAM."""
        return role

    def upload_data(self, path: str, *_: object, **__: object) -> str:
        """Refuses the upload.

        Raises:
            PlumblineError: Always.
        """
        raise PlumblineError(
            f"pipeline.py uploads {path} while it is rendered; accepted: an s3:// URI named by content."
        )

    def upload_string_as_file_body(self, body: str, bucket: str, key: str, *_: object, **__: object) -> str:
        """Refuses the upload.

        Raises:
            PlumblineError: Always.
        """
        raise PlumblineError(
            f"pipeline.py uploads {len(body)} characters to s3://{bucket}/{key} while it is rendered; "
            "accepted: an s3:// URI named by content."
        )

"""Acting in a role of another account."""

from typing import Any

import boto3

Document = dict[str, Any]
Client = Any


class Role:
    """A role, assumed once.

    Args:
        arn: The role.
        session: The session's name, which the account's trail shows.
    """

    def __init__(self, *, arn: str, session: str) -> None:
        given = boto3.client("sts").assume_role(RoleArn=arn, RoleSessionName=session)["Credentials"]
        self._session = boto3.Session(
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )

    def client(self, service: str) -> Client:
        """A client that acts in the role."""
        return self._session.client(service)  # type: ignore[call-overload]


def code_of(error: Exception) -> str:
    """The name of the error with which AWS answered; empty for an error of another kind."""
    response: Document = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))


def message_of(error: Exception) -> str:
    """What AWS said with an error, or what the error itself says."""
    response: Document = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Message") or error)

"""What is said when AWS, or the way to it, refuses."""

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError

from plumbline.accounts.refusals import denied_action, sentence


def _refused(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "GetCallerIdentity")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (botocore.exceptions.NoCredentialsError(), "there are no AWS credentials"),
        (botocore.exceptions.PartialCredentialsError(provider="env", cred_var="x"), "or half of them"),
        (botocore.exceptions.ProfileNotFound(profile="mine"), "AWS_PROFILE names it"),
        (botocore.exceptions.UnauthorizedSSOTokenError(), "sign in again"),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="https://sts"), "cannot be reached in eu-west-1"),
        (botocore.exceptions.ConnectTimeoutError(endpoint_url="https://sts"), "cannot be reached in eu-west-1"),
        (_refused("ExpiredToken"), "have expired"),
        (_refused("InvalidClientTokenId"), "the region is not enabled"),
        (_refused("RequestTimeTooSkewed"), "the clock of this machine"),
        (_refused("SignatureDoesNotMatch", "Signature expired: 2026 is now earlier than"), "the clock of this machine"),
        (_refused("SignatureDoesNotMatch", "The request signature we calculated"), "does not know these credentials"),
        (_refused("AccessDenied", "User: me is not authorized"), "these credentials may not: User: me"),
        (_refused("Throttling", "Rate exceeded"), "GetCallerIdentity was refused: Throttling: Rate exceeded"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_each_failure_is_one_sentence_with_its_cause(
    error: botocore.exceptions.BotoCoreError | ClientError, told: str
) -> None:
    said = sentence(error, region="eu-west-1")
    assert told in said
    assert "\n" not in said


def test_a_denial_names_the_action_that_is_lacking() -> None:
    error = _refused("AccessDenied", "User: me is not authorized to perform: iam:GetRole on resource: role x")
    assert denied_action(error) == "iam:GetRole"

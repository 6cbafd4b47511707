"""What AWS, or the way to it, refuses: one sentence for the person, with the way out."""

import re

import botocore.exceptions

# Global and service error codes: IAM user guide, "Troubleshoot access denied error messages"; STS, "Common Errors".
DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "UnauthorizedOperation",
    }
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException"})
_UNKNOWN = frozenset(
    {"AuthFailure", "InvalidClientTokenId", "InvalidToken", "SignatureDoesNotMatch", "UnrecognizedClientException"}
)
_SKEWED = frozenset({"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"})
# Signature Version 4 says "Signature expired" or "Signature not yet current" under a code that wrong keys have, too.
_SKEW_WORDS = re.compile(r"signature (expired|not yet current)", re.IGNORECASE)
_ACTION = re.compile(r"perform:? ([a-z0-9-]+:[A-Za-z]+)")


def code_of(error: botocore.exceptions.ClientError) -> str:
    """AWS's name of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def words_of(error: botocore.exceptions.ClientError) -> str:
    """AWS's own words, without the client's around them."""
    return str(error.response.get("Error", {}).get("Message", "")).strip()


def is_denied(error: botocore.exceptions.ClientError) -> bool:
    """Whether the caller lacks a permission."""
    return code_of(error) in DENIED


def denied_action(error: botocore.exceptions.ClientError) -> str | None:
    """The action that the message names; None when it names none, as EC2's encoded messages do not."""
    found = _ACTION.search(words_of(error))
    return found.group(1) if found else None


def sentence(error: botocore.exceptions.BotoCoreError | botocore.exceptions.ClientError, *, region: str) -> str:
    """Says what went wrong between this machine and AWS.

    Args:
        error: What the client raised.
        region: The region that was asked.
    """
    if isinstance(error, botocore.exceptions.ClientError):
        return _refused(error, region=region)
    if isinstance(error, botocore.exceptions.NoCredentialsError | botocore.exceptions.PartialCredentialsError):
        return (
            "there are no AWS credentials, or half of them: sign in first (`aws sso login`, AWS_PROFILE, or "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)."
        )
    if isinstance(error, botocore.exceptions.ProfileNotFound):
        return f"{error}: AWS_PROFILE names it; accepted: a profile of ~/.aws/config."
    if isinstance(
        error,
        botocore.exceptions.SSOError
        | botocore.exceptions.TokenRetrievalError
        | botocore.exceptions.CredentialRetrievalError,
    ):
        return f"the credentials cannot be had: {error}; sign in again (`aws sso login`)."
    if isinstance(error, botocore.exceptions.HTTPClientError | botocore.exceptions.ConnectionError):
        return f"AWS cannot be reached in {region}: {error}; look at the network, a proxy, or the name of the region."
    return f"the request to AWS cannot be made: {error}"


def _refused(error: botocore.exceptions.ClientError, *, region: str) -> str:
    code, said = code_of(error), words_of(error)
    if code in _SKEWED or _SKEW_WORDS.search(said):
        return f"the clock of this machine differs from AWS's, which therefore refuses the signature: set it ({said})."
    if code in _EXPIRED:
        return "the credentials have expired: sign in again (`aws sso login`, or new temporary credentials)."
    if code in _UNKNOWN:
        return (
            f"AWS does not know these credentials in {region} ({code}): they are wrong, or the region is not "
            "enabled in their account (AWS Account Management, EnableRegion)."
        )
    if is_denied(error):
        return f"these credentials may not: {said or code}"
    return f"{error.operation_name} was refused: {code}{': ' if said else ''}{said}"

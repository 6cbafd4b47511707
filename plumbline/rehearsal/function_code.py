"""The code of a function, which has to be where it is said to be: the emulator makes a function that cannot run.

Source: Lambda API reference, CreateFunction; what it says of a key that is missing, CloudFormation shows as the reason
of the failure.
"""

from collections.abc import Callable

from ministack.services import lambda_svc

Fetch = Callable[..., bytes | None]


def register() -> None:
    """Has the emulator of this process refuse a function whose code is not there."""
    own: Fetch = lambda_svc._fetch_code_from_s3

    def fetch(bucket: str, key: str, version_id: str | None = None) -> bytes:
        found = own(bucket, key, version_id=version_id)
        if found is None:
            raise FileNotFoundError(
                "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does "
                f"not exist. (s3://{bucket}/{key})"
            )
        return found

    lambda_svc._fetch_code_from_s3 = fetch

"""A build's way to AWS: its own role, and the roles that it takes in other accounts."""

import boto3
import botocore.config
import botocore.exceptions

from plumbline.configuration import Platform
from plumbline.errors import PlumblineError

_CONFIG = botocore.config.Config(retries={"total_max_attempts": 5, "mode": "standard"})


def own_session(platform: Platform) -> boto3.Session:
    """The session of whoever runs this: on AWS, the role of the build's project.

    Args:
        platform: Names the region.

    Raises:
        PlumblineError: There are no credentials.
    """
    session = boto3.Session(region_name=platform.region)
    if session.get_credentials() is None:
        raise PlumblineError("deliver: there are no AWS credentials; this runs in a build of the delivery pipeline.")
    return session


def taken(session: boto3.Session, role_arn: str, *, name: str) -> boto3.Session:
    """A session of a role of another account.

    Args:
        session: Who takes it.
        role_arn: The role.
        name: What the session is called in the trail of that account.

    Raises:
        PlumblineError: The role is not there, or may not be taken.
    """
    sts = session.client("sts", config=_CONFIG)
    try:
        given = sts.assume_role(RoleArn=role_arn, RoleSessionName=name)["Credentials"]
    except botocore.exceptions.ClientError as error:
        raise PlumblineError(f"{role_arn} cannot be taken: {error}", exit_code=1) from error
    return boto3.Session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        region_name=session.region_name,
    )

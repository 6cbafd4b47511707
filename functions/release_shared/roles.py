"""Roles of other accounts."""

import boto3


def taken(role_arn: str, *, name: str) -> boto3.Session:
    """A session of a role.

    Args:
        role_arn: The role.
        name: What the session is called in the trail of the role's account.
    """
    given = boto3.client("sts").assume_role(RoleArn=role_arn, RoleSessionName=name)["Credentials"]
    return boto3.Session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )

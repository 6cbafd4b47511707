"""The project's service role, assumed by CodeBuild.

Source: CodeBuild user guide, "Allow CodeBuild to interact with other AWS services" and "Cross-service confused deputy
prevention": ``aws:SourceArn`` is the project, ``aws:SourceAccount`` its account.
"""

import json

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.codebuild.errors import PhaseFailedError
from plumbline.rehearsal.codebuild.options import Options
from plumbline.rehearsal.codebuild.orders import Build
from plumbline.rehearsal.session import Session

_WHO_AM_I = "sts:GetCallerIdentity"
PRINCIPAL = "codebuild.amazonaws.com"


def assume(build: Build, options: Options, *, session_name: str) -> Session:
    """A session of the service role.

    Args:
        build: The build that it is for.
        options: How the emulator is reached.
        session_name: Tells what CodeBuild does itself from what the build's commands do.

    Raises:
        PhaseFailedError: The role is not there or does not trust CodeBuild for the project.
    """
    order = build.order
    try:
        credentials = enforcement.assume_service_role(
            role_arn=order.project["serviceRole"],
            service=PRINCIPAL,
            source_account=order.account,
            source_arn=order.project["arn"],
            session_name=session_name,
        )
    except enforcement.AccessDenied as error:
        raise PhaseFailedError(
            "ACCESS_DENIED", f"CodeBuild is not authorized to perform: sts:AssumeRole on {order.project['serviceRole']}"
        ) from error
    return Session(
        endpoint=options.endpoint,
        certificate_authority=options.certificate_authority,
        region=order.region,
        access_key=credentials.access_key,
        secret_key=credentials.secret_key,
        token=credentials.token,
    )


def acted(options: Options, *, role_arn: str, session_name: str) -> bool:
    """Whether a session has asked AWS for anything, allowed or not, but who it is itself."""
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    principal = f"arn:aws:sts::{account}:assumed-role/{name}/{session_name}"
    with options.call_log.open(encoding="utf-8") as log:
        asked = [json.loads(line) for line in log if f'"{principal}"' in line]
    return any(decision["principal"] == principal and decision["action"] != _WHO_AM_I for decision in asked)

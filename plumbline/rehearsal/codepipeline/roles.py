"""The roles that an action works in: the pipeline's, and from it the action's own, when it has one.

CodePipeline assumes the pipeline's role for ``aws:SourceArn`` and ``aws:SourceAccount`` of the pipeline (user guide,
"Cross-service confused deputy prevention"), and with its credentials, as any caller, the role of an action, which may
be another account's (user guide, "Create a pipeline that uses resources from another account"). All that the action
does are requests with these credentials.
"""

import functools
import json
from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.api.scope import Scope
from plumbline.rehearsal.codepipeline.options import Options
from plumbline.rehearsal.codepipeline.work import ActionFailedError, Order
from plumbline.rehearsal.session import Client, Session

PRINCIPAL = "codepipeline.amazonaws.com"
_DENIALS = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"})


class Role:
    """A role, assumed, and the clients that act in it.

    Args:
        arn: The role.
        session: Its credentials.
    """

    def __init__(self, *, arn: str, session: Session) -> None:
        self.arn = arn
        self.session = session
        self._clients: dict[str, Client] = {}

    @property
    def account(self) -> str:
        """The role's account."""
        return self.arn.split(":")[4]

    def client(self, service: str) -> Client:
        """A client of one service of the emulator."""
        if service not in self._clients:
            self._clients[service] = self.session.client(service)
        return self._clients[service]

    @functools.cached_property
    def caller(self) -> enforcement.Caller:
        """The session as the policy decisions know it."""
        return enforcement.Caller(access_key=self.session.access_key, account=self.account, region=self.session.region)

    def require(self, action: str, resource: str, context: Mapping[str, str | list[str]] | None = None) -> None:
        """Decides an action that CodePipeline takes in the role and the emulator has no call for.

        Raises:
            ActionFailedError: The role may not; the message names role and action.
        """
        try:
            enforcement.authorize(principal=self.caller, action=action, resource=resource, context=context)
        except enforcement.AccessDenied as error:
            raise ActionFailedError("PermissionError", str(error)) from error


def pipeline_role(options: Options, *, arn: str, scope: Scope, pipeline_arn: str, session_policy: str = "") -> Role:
    """The pipeline's role, assumed.

    Args:
        options: How the emulator is reached.
        arn: The role.
        scope: Where the pipeline is.
        pipeline_arn: The pipeline.
        session_policy: What the session is narrowed to; empty for all that the role may.

    Raises:
        AccessDenied: It is not there, or does not trust CodePipeline for this pipeline.
    """
    credentials = enforcement.assume_service_role(
        role_arn=arn,
        service=PRINCIPAL,
        source_account=scope.account,
        source_arn=pipeline_arn,
        # a number of milliseconds, as CloudTrail shows the sessions of CodePipeline
        session_name=str(int(options.clock() * 1000)),
        session_policy=session_policy,
    )
    session = Session(
        endpoint=options.endpoint,
        certificate_authority=options.certificate_authority,
        region=scope.region,
        access_key=credentials.access_key,
        secret_key=credentials.secret_key,
        token=credentials.token,
    )
    return Role(arn=arn, session=session)


def role_of(options: Options, order: Order, *, session_policy: str = "") -> Role:
    """The role that an action works in.

    Args:
        options: How the emulator is reached.
        order: The action.
        session_policy: What the role's session is narrowed to; empty for all that the role may.

    Raises:
        ActionFailedError: It cannot be assumed.
    """
    own = order.declaration.get("roleArn")
    try:
        role = pipeline_role(
            options,
            arn=order.pipeline_role,
            scope=order.scope,
            pipeline_arn=order.pipeline_arn,
            session_policy="" if own else session_policy,
        )
    except enforcement.AccessDenied as error:
        raise ActionFailedError(
            "PermissionError",
            f"CodePipeline is not authorized to perform AssumeRole on role {order.pipeline_role} ({error})",
        ) from error
    if not own:
        return role
    with_policy = {"Policy": session_policy} if session_policy else {}
    try:
        answer = role.client("sts").assume_role(
            RoleArn=own, RoleSessionName=str(int(options.clock() * 1000)), **with_policy
        )["Credentials"]
    except ClientError as error:
        raise failure(error) from error
    return Role(
        arn=own,
        session=Session(
            endpoint=options.endpoint,
            certificate_authority=options.certificate_authority,
            region=order.scope.region,
            access_key=answer["AccessKeyId"],
            secret_key=answer["SecretAccessKey"],
            token=answer["SessionToken"],
        ),
    )


def failure(error: ClientError | BotoCoreError) -> ActionFailedError:
    """What a refused request makes of its action; the message keeps AWS's, which names role and action."""
    if not isinstance(error, ClientError):
        return ActionFailedError("SystemUnavailable", str(error))
    said = error.response.get("Error", {})
    code, message = str(said.get("Code", "")), str(said.get("Message", error))
    if code in _DENIALS:
        return ActionFailedError("PermissionError", message)
    return ActionFailedError("JobFailed", f"{message} (Error Code: {code})")


def code_of(error: ClientError) -> str:
    """The error's name."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message_of(error: ClientError) -> str:
    """What the error says."""
    return str(error.response.get("Error", {}).get("Message", ""))


def artifact_role(options: Options, order: Order) -> Role:
    """The credentials that a function gets: an action's role, narrowed to its artifacts and the store's key.

    User guide, "Invoke an AWS Lambda function in a pipeline": "temporary credentials … used to access input and output
    artifacts in the S3 bucket".

    Raises:
        ActionFailedError: The role cannot be assumed.
    """
    artifacts = [f"arn:aws:s3:::{one.bucket}/{one.key}" for one in (*order.inputs, *order.outputs)]
    statements: list[Mapping[str, object]] = [
        {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*"}
    ]
    if artifacts:
        actions = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]
        statements.append({"Effect": "Allow", "Action": actions, "Resource": artifacts})
    return role_of(options, order, session_policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))

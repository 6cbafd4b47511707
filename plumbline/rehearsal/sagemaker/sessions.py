"""The platform acting in a role: the credentials that the role's trust policy gives SageMaker, and their clients."""

import functools
import json
import ssl
import threading
from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.api.errors import validation_error
from plumbline.rehearsal.sagemaker.options import Options
from plumbline.rehearsal.sagemaker.scope import Scope
from plumbline.rehearsal.session import Client, Session

PRINCIPAL = "sagemaker.amazonaws.com"
_DENIALS = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})


class PlatformError(Exception):
    """What the platform could not do for a job or an endpoint, in the words that become its FailureReason."""


class RoleSession:
    """One role, assumed by SageMaker for one resource.

    Args:
        options: How the emulator is reached.
        role_arn: The role.
        scope: Where the resource lives.
        source_arn: The resource that SageMaker works for.
        context: Condition keys that each request of the session carries, such as ``aws:SourceVpce``.

    Raises:
        ApiError: ``ValidationException`` when the role is not there or does not trust SageMaker.
    """

    def __init__(
        self,
        *,
        options: Options,
        role_arn: str,
        scope: Scope,
        source_arn: str,
        context: Mapping[str, str | list[str]] | None = None,
    ) -> None:
        self.role_arn = role_arn
        self.scope = scope
        self.context = dict(context or {})
        self._options = options
        self._source_arn = source_arn
        self._lock = threading.Lock()
        self._clients: dict[str, Client] = {}
        try:
            self.credentials = enforcement.assume_service_role(
                role_arn=role_arn,
                service=PRINCIPAL,
                source_account=scope.account,
                source_arn=source_arn,
                session_name="SageMaker",
                context=context,
            )
        except enforcement.AccessDenied as error:
            raise validation_error(
                f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
                f"'{PRINCIPAL}' to assume the role. ({error})"
            ) from error
        self._access = Session(
            endpoint=options.endpoint,
            certificate_authority=options.certificate_authority,
            region=scope.region,
            access_key=self.credentials.access_key,
            secret_key=self.credentials.secret_key,
            token=self.credentials.token,
        )

    def within(self, context: Mapping[str, str | list[str]]) -> "RoleSession":
        """The same role for the same resource, its requests carrying further condition keys."""
        return RoleSession(
            options=self._options,
            role_arn=self.role_arn,
            scope=self.scope,
            source_arn=self._source_arn,
            context=context,
        )

    @functools.cached_property
    def caller(self) -> enforcement.Caller:
        """The session as the policy decisions know it."""
        account = self.role_arn.split(":")[4]
        return enforcement.Caller(access_key=self.credentials.access_key, account=account, region=self.scope.region)

    @functools.cached_property
    def tls(self) -> ssl.SSLContext:
        """What trusts the emulator, for what no client of AWS's fetches."""
        return ssl.create_default_context(cafile=str(self._options.certificate_authority))

    def client(self, service: str) -> Client:
        """A client of one service of the emulator."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._access.client(service)
            return self._clients[service]

    def require(self, action: str, resource: str, context: Mapping[str, str | list[str]] | None = None) -> None:
        """Decides an action that AWS's service takes on the role's behalf and the emulator has no call for.

        Raises:
            PlatformError: The role may not; the message names role and action.
        """
        try:
            enforcement.authorize(principal=self.caller, action=action, resource=resource, context=context)
        except enforcement.AccessDenied as error:
            raise PlatformError(f"ClientError: AccessDenied: {error}") from error


def reason(error: Exception) -> str:
    """A failure of the platform as a FailureReason words it.

    An AccessDenied keeps AWS's message, which names role and action.
    """
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        message = str(error.response.get("Error", {}).get("Message", error))
        return f"ClientError: AccessDenied: {message}" if code in _DENIALS else f"ClientError: {code}: {message}"
    if isinstance(error, BotoCoreError):
        return f"InternalServerError: {error}"
    return str(error)


def is_denial(error: ClientError) -> bool:
    """Whether an error says that a policy did not allow the call."""
    return str(error.response.get("Error", {}).get("Code", "")) in _DENIALS


def dumps(document: object) -> str:
    """JSON as SageMaker writes it into a container's configuration files."""
    return json.dumps(document, default=str)

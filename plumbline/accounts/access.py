"""Whose credentials these are, and clients with them."""

import datetime
import email.utils
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
import botocore.config
import botocore.exceptions

from plumbline.accounts.refusals import sentence
from plumbline.configuration import Platform
from plumbline.errors import PlumblineError

_CONFIG = botocore.config.Config(
    connect_timeout=10, read_timeout=60, retries={"total_max_attempts": 5, "mode": "standard"}
)


class Client(Protocol):
    """A botocore client; its methods are made at run time from the service's model."""

    meta: Any

    def __getattr__(self, name: str) -> Callable[..., Any]: ...


class Clients(Protocol):
    """Somebody's access to an account."""

    def client(self, service: str) -> Client:
        """A client of one service."""
        ...


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whom AWS takes the credentials for.

    Attributes:
        account: Twelve digits.
        arn: The user, the role's session or the root user.
        answered_at: What AWS's clock said; None when the answer did not say.
    """

    account: str
    arn: str
    answered_at: datetime.datetime | None


class Access:
    """The credentials that `aws` would take here, in the platform's region.

    Args:
        platform: Names the region.

    Attributes:
        usual_region: The region that `aws` would take here; None when it would take none.

    Raises:
        PlumblineError: There are no credentials, or those of the profile cannot be had.
    """

    def __init__(self, platform: Platform) -> None:
        try:
            self.usual_region: str | None = boto3.Session().region_name
            self._session = boto3.Session(region_name=platform.region)
            credentials = self._session.get_credentials()
            # One set for all: what is asked of AWS and what the CDK's command line does is the same caller's.
            self._credentials = credentials.get_frozen_credentials() if credentials else None
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            raise PlumblineError(sentence(error, region=platform.region)) from error
        if self._credentials is None:
            raise PlumblineError(sentence(botocore.exceptions.NoCredentialsError(), region=platform.region))
        self._lock = threading.Lock()

    def client(self, service: str, *, region: str | None = None, wait_seconds: int | None = None) -> Client:
        """A client of one service.

        Args:
            service: The service.
            region: Where; left out, the platform's region.
            wait_seconds: For how long an answer may take of a request that is made once; left out, it may take a
                minute and be made again.
        """
        config = _CONFIG
        if wait_seconds is not None:
            patient = botocore.config.Config(
                read_timeout=wait_seconds, tcp_keepalive=True, retries={"total_max_attempts": 1}
            )
            config = _CONFIG.merge(patient)
        with self._lock:
            # The stubs know each service by a literal of its own.
            made: Client = self._session.client(service, region_name=region, config=config)  # type: ignore[call-overload]
        return made

    def environment(self) -> dict[str, str]:
        """What to set for another program to be the same caller, whatever profiles it would find by itself."""
        given = self._credentials
        if given is None or given.access_key is None or given.secret_key is None:
            raise PlumblineError("there are no AWS credentials")
        variables = {"AWS_ACCESS_KEY_ID": given.access_key, "AWS_SECRET_ACCESS_KEY": given.secret_key}
        return variables | ({"AWS_SESSION_TOKEN": given.token} if given.token else {})


def identify(clients: Clients, *, region: str) -> Caller:
    """Asks AWS whose the credentials are; everybody may ask (STS, GetCallerIdentity: "No permissions are required").

    Args:
        clients: The access.
        region: For the sentence that says what is wrong.

    Raises:
        PlumblineError: AWS does not know them, or cannot be reached.
    """
    try:
        answer = clients.client("sts").get_caller_identity()
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise PlumblineError(sentence(error, region=region)) from error
    told = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    return Caller(
        account=answer["Account"],
        arn=answer["Arn"],
        answered_at=email.utils.parsedate_to_datetime(told) if told else None,
    )


def is_session_of(caller_arn: str, role_arn: str) -> bool:
    """Whether a caller is a session of a role.

    Args:
        caller_arn: As STS says it.
        role_arn: The role's.
    """
    _, partition, _, _, account, role = role_arn.split(":", 5)
    return caller_arn.startswith(f"arn:{partition}:sts::{account}:assumed-role/{role.rpartition('/')[2]}/")

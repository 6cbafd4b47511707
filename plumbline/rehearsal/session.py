"""Somebody's access to a rehearsal's cloud."""

import dataclasses
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import botocore.loaders
import botocore.session
from botocore.config import Config

# Where botocore would read a person's own profiles: a rehearsal must neither need nor see them.
_NO_PROFILES: Mapping[str, tuple[None, None, str | None, None]] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
_CONFIG = Config(
    connect_timeout=10,
    read_timeout=180,
    retries={"total_max_attempts": 2, "mode": "standard"},
    s3={"addressing_style": "path"},
    max_pool_connections=20,
)
_LOADER = botocore.loaders.create_loader()
# Botocore's clients are safe to use from many threads; making one is not.
_MAKING = threading.Lock()


class Client(Protocol):
    """A botocore client; its methods are made at run time from the service's model."""

    meta: Any

    def __getattr__(self, name: str) -> Callable[..., Any]: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Session:
    """One caller: credentials, a region, and the one certificate authority that its clients trust.

    Attributes:
        endpoint: The cloud's address, for every service.
        certificate_authority: PEM file.
        region: The region of the requests.
        access_key: A root user's is its account id.
        secret_key: Not verified for a root user, verified for everybody else.
        token: The session token of temporary credentials.
    """

    endpoint: str
    certificate_authority: Path
    region: str
    access_key: str
    secret_key: str = dataclasses.field(repr=False)
    token: str | None = dataclasses.field(default=None, repr=False)

    def client(self, service: str) -> Client:
        """A client of one service, which knows nothing of the profiles of the person's own machine."""
        with _MAKING:
            session = botocore.session.Session(session_vars=dict(_NO_PROFILES))
            session.register_component("data_loader", _LOADER)
            client = session.create_client(
                service,
                region_name=self.region,
                endpoint_url=self.endpoint,
                verify=str(self.certificate_authority),
                aws_access_key_id=self.access_key,
                aws_secret_access_key=self.secret_key,
                aws_session_token=self.token,
                config=_CONFIG,
            )
        return cast("Client", client)

    def environment(self) -> dict[str, str]:
        """What to set for ``aws``, ``boto3`` or the CDK command line to act as this caller in this cloud."""
        variables = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CA_BUNDLE": str(self.certificate_authority),
            "NODE_EXTRA_CA_CERTS": str(self.certificate_authority),
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return variables | ({"AWS_SESSION_TOKEN": self.token} if self.token else {})

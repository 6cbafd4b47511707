"""An account whose every answer a test writes."""

import datetime
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber

from plumbline.accounts.access import Caller, Client
from plumbline.accounts.looking import Look
from plumbline.configuration import Platform, load_platform
from tests.reference.configuration import REFERENCE

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime.datetime(2026, 11, 28, 12, 0, tzinfo=datetime.UTC)


# One for all tests: it reads each service's model once, megabytes of JSON.
_SESSION = boto3.Session(aws_access_key_id="any", aws_secret_access_key="any", region_name="eu-west-1")


class StubbedClients:
    """One client a service; what a test has not written is not answered."""

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}
        self._stubbers: dict[str, Stubber] = {}

    def client(self, service: str) -> Client:
        self.on(service)
        return self._clients[service]

    def on(self, service: str) -> Stubber:
        if service not in self._stubbers:
            made = _SESSION.client(service)  # type: ignore[call-overload]
            self._clients[service], self._stubbers[service] = made, Stubber(made)
            self._stubbers[service].activate()
        return self._stubbers[service]

    def none_left(self) -> None:
        for stubber in self._stubbers.values():
            stubber.assert_no_pending_responses()


@pytest.fixture
def platform() -> Platform:
    return load_platform(REFERENCE)


@pytest.fixture
def clients() -> StubbedClients:
    return StubbedClients()


@pytest.fixture
def look(clients: StubbedClients, platform: Platform) -> Look:
    """A look at the delivery account, which is staging's."""
    return look_at(platform.delivery_account, clients, platform)


def look_at(account: str, clients: StubbedClients, platform: Platform) -> Look:
    caller = Caller(account=account, arn=f"arn:aws:iam::{account}:user/administrator", answered_at=NOW)
    return Look(clients=clients, caller=caller, platform=platform, root=ROOT, usual_region="eu-west-1", now=NOW)

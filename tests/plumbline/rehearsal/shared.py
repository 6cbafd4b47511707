"""The one rehearsal that every test marked `rehearsal` looks at."""

import dataclasses
import functools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plumbline.configuration import Deployment, Environment, Model
from plumbline.rehearsal.calls import Decision, read_call_log
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.journey import Journey
from plumbline.rehearsal.progress import Silent
from plumbline.rehearsal.session import Client
from plumbline.rehearsal.summary import ModelSummary, Summary
from tests.reference.configuration import REFERENCE

ROOT = Path(__file__).resolve().parents[3]


def linked_checkout(folder: Path) -> Path:
    """A checkout with this one's files, the reference platform and a state of its own; blanks in its path must do no
    harm."""
    checkout = folder / "a checkout"
    (checkout / ".plumb").mkdir(parents=True)
    (ROOT / ".plumb" / "images").mkdir(parents=True, exist_ok=True)
    (checkout / ".plumb" / "images").symlink_to(ROOT / ".plumb" / "images")
    for entry in ROOT.iterdir():
        if entry.name not in {".git", ".plumb", "cdk.out", "platform.toml", "rehearsal.json"}:
            (checkout / entry.name).symlink_to(entry)
    (checkout / "platform.toml").symlink_to(REFERENCE / "platform.toml")
    return checkout


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """A rehearsal that went all the way and is still up.

    Attributes:
        journey: How it went there.
        summary: What it showed.
        decisions: The call log as it was when the rehearsal ended, before any test asked for anything.
    """

    journey: Journey
    summary: Summary
    decisions: tuple[Decision, ...]

    @property
    def cloud(self) -> Cloud:
        return self.journey.cloud

    @property
    def model(self) -> Model:
        return self.journey.models[0]

    @property
    def way(self) -> ModelSummary:
        return self.summary.models[0]

    def deployment(self, environment: Environment) -> Deployment:
        return self.journey.platform.deployment(environment)

    @functools.cached_property
    def staging(self) -> Deployment:
        return self.deployment(Environment.STAGING)

    @functools.cached_property
    def production(self) -> Deployment:
        return self.deployment(Environment.PRODUCTION)

    def client(self, deployment: Deployment, service: str) -> Client:
        return self.cloud.administrator(deployment.account).client(service)

    def role_policy(self, deployment: Deployment, role: str) -> dict[str, Any]:
        """A role's policies as one document."""
        iam = self.client(deployment, "iam")
        statements: list[dict[str, Any]] = []
        for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            version = iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]["DefaultVersionId"]
            found = iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId=version)
            document = found["PolicyVersion"]["Document"]
            statements += document["Statement"] if isinstance(document, dict) else json.loads(document)["Statement"]
        return {"Version": "2012-10-17", "Statement": statements}


@pytest.fixture(scope="session")
def rehearsal() -> Iterator[Rehearsed]:
    """The journey, once for all tests; ended after the last one."""
    journey = Journey(root=ROOT, progress=Silent())
    try:
        with journey.under_way() as summary:
            decisions = tuple(read_call_log(journey.cloud.options.call_log))
            yield Rehearsed(journey=journey, summary=summary, decisions=decisions)
    finally:
        if journey.state is not None:
            shutil.rmtree(journey.state, ignore_errors=True)

"""A small world to build in: one server, an account with a bucket and a key, projects and roles made at will."""

import contextlib
import dataclasses
import io
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from plumbline.rehearsal.calls import Decision, read_call_log
from plumbline.rehearsal.codebuild import BuildRun, read_builds
from plumbline.rehearsal.server import read_address
from plumbline.rehearsal.session import Client, Session
from tests.plumbline.rehearsal.codebuild.served import PATH

Document = dict[str, Any]
ROOT = Path(__file__).resolve().parents[4]
REGION, ACCOUNT = "eu-west-1", "111111111111"
BUCKET = f"builds-{ACCOUNT}"
IMAGE = "aws/codebuild/standard:7.0"
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "a-persons-secret",
    "GITHUB_TOKEN": "a-persons-token",
    "UV_INDEX_URL": "https://person:a-persons-password@registry.example/simple",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class World:
    """What the tests act upon."""

    root: Path
    state: Path
    endpoint: str
    key: str
    clients: dict[str, Client] = dataclasses.field(default_factory=dict)

    def client(self, service: str) -> Client:
        """A client of the account's root user."""
        if service not in self.clients:
            self.clients[service] = self._session(ACCOUNT, "test").client(service)
        return self.clients[service]

    def as_role(self, *statements: Document) -> Client:
        """A client of CodeBuild for a role that its account may assume."""
        name = f"person-{uuid.uuid4().hex[:8]}"
        trust = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        }
        iam = self.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy(*statements))
        found = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        session = self._session(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
        return session.client("codebuild")

    def role(self, *more: Document, without: str = "") -> str:
        """A role that CodeBuild assumes, which may do what every build's does, and more."""
        iam, name = self.client("iam"), f"build-{uuid.uuid4().hex[:8]}"
        trust = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "codebuild.amazonaws.com"},
            "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        }
        arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"])
        granted = {
            f"arn:aws:s3:::{BUCKET}/*": ["s3:GetObject", "s3:PutObject"],
            self.key: ["kms:Decrypt", "kms:GenerateDataKey"],
            "*": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        }
        statements = [
            {"Effect": "Allow", "Action": [one for one in actions if one != without], "Resource": resource}
            for resource, actions in granted.items()
        ]
        iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy(*statements, *more))
        return arn

    def project(self, buildspec: str, *, role: str, source: str = "NO_SOURCE", **changes: Any) -> str:
        """A project whose builds get no source, or get it from a pipeline."""
        name = f"project-{uuid.uuid4().hex[:8]}"
        request: Document = {
            "name": name,
            "source": {"type": source, "buildspec": buildspec},
            "artifacts": {"type": "CODEPIPELINE" if source == "CODEPIPELINE" else "NO_ARTIFACTS"},
            "environment": {"type": "LINUX_CONTAINER", "image": IMAGE, "computeType": "BUILD_GENERAL1_SMALL"},
            "serviceRole": role,
            "encryptionKey": self.key,
        }
        self.client("codebuild").create_project(**(request | changes))
        return name

    def start(self, project: str, **request: Any) -> str:
        """Starts a build without source."""
        return str(self.client("codebuild").start_build(projectName=project, **request)["build"]["id"])

    def start_in_pipeline(
        self,
        project: str,
        *,
        inputs: Mapping[str, Mapping[str, str]],
        outputs: Sequence[str] = (),
        environment: Sequence[Mapping[str, str]] = (),
        settings: Mapping[str, object] | None = None,
    ) -> str:
        """Starts a build as a pipeline does.

        Args:
            project: The project.
            inputs: Artifact → path → text.
            outputs: Names of artifacts.
            environment: Variables that override the project's.
            settings: Members of the project that are changed before, by the API's names.
        """
        request = {
            "account": ACCOUNT,
            "region": REGION,
            "project": project,
            "inputs": [self._artifact(name, files) for name, files in inputs.items()],
            "primary": next(iter(inputs)),
            "outputs": [
                {"name": name, "bucket": BUCKET, "key": f"out/{uuid.uuid4().hex}", "kms_key": self.key}
                for name in outputs
            ],
            "environment": list(environment),
            "initiator": "codepipeline/test",
            "settings": settings or {},
        }
        answer = self._door(request)
        return str(answer["id"])

    def ended(self, build_id: str, *, seconds: float = 60.0) -> Document:
        """Waits for the end of a build and describes it."""
        client, deadline = self.client("codebuild"), time.monotonic() + seconds
        while True:
            found: Document = client.batch_get_builds(ids=[build_id])["builds"][0]
            if found["buildComplete"]:
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.05)

    def log(self, build: Document) -> str:
        """The text of a build's log."""
        where = build["logs"]
        answer = self.client("logs").get_log_events(
            logGroupName=where["groupName"], logStreamName=where["streamName"], startFromHead=True
        )
        return "\n".join(event["message"] for event in answer["events"])

    def output(self, build: Document, name: str) -> dict[str, str]:
        """An output's files and their texts."""
        every = [build["artifacts"], *build.get("secondaryArtifacts", [])]
        found = next(one["location"] for one in every if one["artifactIdentifier"] == name)
        key = found.removeprefix(f"arn:aws:s3:::{BUCKET}/")
        body = self.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return {entry: archive.read(entry).decode() for entry in archive.namelist()}

    def recorded(self, build: Document) -> BuildRun:
        """The line that the rehearsal's own record has of a build."""
        deadline = time.monotonic() + 10
        while True:
            for one in read_builds(self.state):
                if one.build_id == build["id"]:
                    return one
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def decisions(self, principal: str) -> list[Decision]:
        """What the sessions whose ARN has a text in it asked for."""
        return [one for one in read_call_log(self.state / "calls.jsonl") if principal in one.principal]

    def _artifact(self, name: str, files: Mapping[str, str]) -> Document:
        buffer, key = io.BytesIO(), f"in/{uuid.uuid4().hex}"
        with zipfile.ZipFile(buffer, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
        self.client("s3").put_object(
            Bucket=BUCKET, Key=key, Body=buffer.getvalue(), ServerSideEncryption="aws:kms", SSEKMSKeyId=self.key
        )
        return {"name": name, "bucket": BUCKET, "key": key, "kms_key": self.key}

    def _session(self, access_key: str, secret: str, token: str | None = None) -> Session:
        return Session(
            endpoint=self.endpoint,
            certificate_authority=self.state / "authority.pem",
            region=REGION,
            access_key=access_key,
            secret_key=secret,
            token=token,
        )

    def _door(self, request: Document) -> Document:
        trusted = ssl.create_default_context(cafile=str(self.state / "authority.pem"))
        asked = urllib.request.Request(self.endpoint + PATH, data=json.dumps(request).encode())
        try:
            with urllib.request.urlopen(asked, context=trusted) as answer:
                found: Document = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error
        return found


def policy(*statements: Document) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions: str | list[str], resource: str) -> Document:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def phase(build: Document, name: str) -> Document:
    """A phase of a build."""
    return next(one for one in build["phases"] if one["phaseType"] == name)


def because(build: Document, name: str) -> tuple[str, str, str]:
    """A phase's status, and the code and message of its context."""
    found = phase(build, name)
    context = found["contexts"][0]
    return found["phaseStatus"], context.get("statusCode", ""), context.get("message", "")


@contextlib.contextmanager
def running(root: Path, *options: str) -> Iterator[World]:
    """A server with its state below a folder, for as long as the context lasts; it leaves no process."""
    state = root / "state"
    state.mkdir(parents=True)
    (root / ".plumb").mkdir()
    process = subprocess.Popen(
        [
            *(sys.executable, str(Path(__file__).with_name("served.py"))),
            *("--root", str(root), "--state", str(state), "--region", REGION, "--account", ACCOUNT),
            *options,
        ],
        cwd=ROOT,
        env={**os.environ, **SECRETS, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
    )
    try:
        yield _furnish(root, state, _address(state, process))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        listing = subprocess.run(["ps", "-A", "-o", "args"], capture_output=True, text=True, check=True).stdout
        left = [line for line in listing.splitlines() if str(root) in line]
        assert not left, f"the server left processes: {left}"


def _address(state: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 30
    while (address := read_address(state)) is None:
        assert process.poll() is None and time.monotonic() < deadline, "the server did not start"
        time.sleep(0.05)
    return f"https://127.0.0.1:{address.port}"


def _furnish(root: Path, state: Path, endpoint: str) -> World:
    bare = World(root=root, state=state, endpoint=endpoint, key="")
    bare.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return dataclasses.replace(bare, key=str(bare.client("kms").create_key()["KeyMetadata"]["Arn"]))

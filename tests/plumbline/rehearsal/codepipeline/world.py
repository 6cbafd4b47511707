"""A small world of delivery: one server, two accounts, a repository, an artifact store, roles that may just enough."""

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
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from plumbline.rehearsal.calls import Decision, read_call_log
from plumbline.rehearsal.control import COMPLETE_CONNECTION, HEADER, REPOSITORY_CHANGED, TOKEN_FILE
from plumbline.rehearsal.server import read_address
from plumbline.rehearsal.session import Client, Session

Document = dict[str, Any]
ROOT = Path(__file__).resolve().parents[4]
REGION = "eu-west-1"
HOME, AWAY = "111111111111", "222222222222"
STORE = f"artifacts-{HOME}"
REPOSITORY = "team/platform"
TEMPLATE: Document = {
    "Parameters": {"Tag": {"Type": "String"}, "Size": {"Type": "String", "Default": "small"}},
    "Resources": {
        "Kept": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {
                "Name": {"Fn::Sub": "/${AWS::StackName}"},
                "Type": "String",
                "Value": {"Fn::Sub": "${Tag}/${Size}"},
            },
        }
    },
    "Outputs": {"Name": {"Value": {"Ref": "Kept"}}},
}
FILES = {"template.json": json.dumps(TEMPLATE), "broken.json": json.dumps({"Resources": {}}), "readme.txt": "hello"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class World:
    """What the tests act upon."""

    state: Path
    endpoint: str
    bare: Path
    key: str = ""
    connection: str = ""

    def client(self, service: str, *, account: str = HOME) -> Client:
        """A client of an account's root user."""
        return self._session(account, "test").client(service)

    def role_client(self, service: str, role: str, *, account: str = HOME) -> Client:
        """A client of a role that trusts its account."""
        given = self.client("sts", account=account).assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName="test"
        )["Credentials"]
        return self._session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]).client(service)

    def role(self, name: str, statements: list[Document], *, trust: Document, account: str = HOME) -> str:
        """Makes a role."""
        iam = self.client("iam", account=account)
        document = policy([{"Effect": "Allow", "Action": "sts:AssumeRole", **trust}])
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy(statements))
        return str(arn)

    def pipeline_role(self, name: str, statements: list[Document]) -> str:
        """Makes a role that CodePipeline assumes for pipelines of its own account only."""
        condition = {
            "StringEquals": {"aws:SourceAccount": HOME},
            "ArnLike": {"aws:SourceArn": f"arn:aws:codepipeline:{REGION}:{HOME}:*"},
        }
        trust = {"Principal": {"Service": "codepipeline.amazonaws.com"}, "Condition": condition}
        return self.role(name, statements, trust=trust)

    def artifact_statements(self) -> list[Document]:
        """What reads and writes artifacts."""
        return [
            allow(f"arn:aws:s3:::{STORE}/*", "s3:GetObject", "s3:PutObject"),
            allow(self.key, "kms:Decrypt", "kms:GenerateDataKey"),
        ]

    def declaration(self, name: str, role: str, stages: list[Document], **members: Any) -> Document:
        """A pipeline of type V2 with the world's artifact store."""
        store = {"type": "S3", "location": STORE, "encryptionKey": {"id": self.key, "type": "KMS"}}
        return {
            "name": name,
            "roleArn": role,
            "pipelineType": "V2",
            "artifactStore": store,
            "stages": stages,
            **members,
        }

    def source(self, **changes: Any) -> Document:
        """A stage with the world's repository as its source; its changes start nothing unless a test says so."""
        told = {"ConnectionArn": self.connection, "FullRepositoryId": REPOSITORY, "BranchName": "main"}
        return stage(
            "Source",
            action(
                "Checkout",
                "Source/CodeStarSourceConnection",
                told | {"DetectChanges": "false"} | changes,
                outputs=["Code"],
                namespace="Source",
            ),
        )

    def run(self, declaration: Document, *, until: str = "") -> tuple[str, Document]:
        """Makes a pipeline and waits for the end of its first execution; returns its id and its view."""
        pipelines = self.client("codepipeline")
        pipelines.create_pipeline(pipeline=declaration)
        execution = self.executions(declaration["name"])[0]["pipelineExecutionId"]
        return execution, self.ended(declaration["name"], execution, until=until)

    def executions(self, name: str) -> list[Document]:
        """The executions of a pipeline, the newest first."""
        found: list[Document] = self.client("codepipeline").list_pipeline_executions(pipelineName=name)[
            "pipelineExecutionSummaries"
        ]
        return found

    def ended(self, name: str, execution: str, *, until: str = "") -> Document:
        """Waits until an execution has ended, or has a status."""
        client = self.client("codepipeline")

        def found() -> Document:
            view: Document = client.get_pipeline_execution(pipelineName=name, pipelineExecutionId=execution)
            return dict(view["pipelineExecution"])

        wanted = {until} if until else {"Succeeded", "Failed", "Stopped", "Superseded", "Cancelled"}
        self.until(lambda: found()["status"] in wanted)
        return found()

    def actions(self, name: str) -> dict[str, Document]:
        """The actions of a pipeline's executions by name, the last run of each."""
        details = self.client("codepipeline").list_action_executions(pipelineName=name)["actionExecutionDetails"]
        return {detail["actionName"]: detail for detail in reversed(details)}

    def error(self, name: str, action_name: str) -> Document:
        """Why an action failed."""
        result: Document = self.actions(name)[action_name]["output"]["executionResult"]["errorDetails"]
        return result

    def state_of(self, name: str, stage_name: str) -> Document:
        """A stage's state."""
        states = self.client("codepipeline").get_pipeline_state(name=name)["stageStates"]
        (found,) = [state for state in states if state["stageName"] == stage_name]
        return dict(found)

    def token(self, name: str, stage_name: str) -> str:
        """Waits for the token of a stage's only action, an approval."""

        def latest() -> Document:
            found: Document = self.state_of(name, stage_name)["actionStates"][0].get("latestExecution", {})
            return found

        self.until(lambda: "token" in latest())
        return str(latest()["token"])

    def approve(self, name: str, stage_name: str, action_name: str, *, status: str = "Approved") -> Document:
        """Answers an approval as the account's root user."""
        answer: Document = self.client("codepipeline").put_approval_result(
            pipelineName=name,
            stageName=stage_name,
            actionName=action_name,
            result={"summary": "seen", "status": status},
            token=self.token(name, stage_name),
        )
        return answer

    def commit(self, name: str, text: str) -> str:
        """Commits a file on the branch main and returns the commit's id."""
        clone = self.state / "clone"
        if not clone.exists():
            git(self.state, "clone", "--quiet", str(self.bare), str(clone))
        (clone / name).write_text(text)
        git(clone, "add", "--all")
        git(clone, "commit", "--quiet", "--message", f"Change {name}")
        git(clone, "push", "--quiet", "origin", "HEAD:main")
        return git(clone, "rev-parse", "HEAD").strip()

    def push(self, branch: str = "main") -> list[str]:
        """Tells the rehearsal of a push; returns what it started."""
        started: list[str] = self.ask(REPOSITORY_CHANGED, {"repository": REPOSITORY, "branch": branch}).json()[
            "started"
        ]
        return started

    def ask(self, path: str, document: Document) -> httpx.Response:
        """Goes through the rehearsal's own door."""
        trusted = ssl.create_default_context(cafile=str(self.state / "authority.pem"))
        token = (self.state / TOKEN_FILE).read_text()
        with httpx.Client(verify=trusted, trust_env=False, timeout=30) as connection:
            return connection.post(f"{self.endpoint}{path}", json=document, headers={HEADER.decode(): token})

    def artifact(self, name: str, artifact: str) -> dict[str, str]:
        """The files of an artifact of a pipeline's last execution, as text."""
        for detail in self.actions(name).values():
            for output in detail["output"]["outputArtifacts"]:
                if output["name"] == artifact:
                    where = output["s3location"]
                    body = self.client("s3").get_object(Bucket=where["bucket"], Key=where["key"])["Body"].read()
                    with zipfile.ZipFile(io.BytesIO(body)) as archive:
                        return {entry: archive.read(entry).decode(errors="replace") for entry in archive.namelist()}
        raise AssertionError(f"no artifact {artifact}")

    def queue(self, name: str, *, pattern: Document | None = None, topic: str = "") -> str:
        """A queue of the default bus's events of a pattern, or of a topic's messages."""
        sqs = self.client("sqs")
        url = str(sqs.create_queue(QueueName=name)["QueueUrl"])
        arn = f"arn:aws:sqs:{REGION}:{HOME}:{name}"
        let_in = {
            "Effect": "Allow",
            "Principal": {"Service": ["events.amazonaws.com", "sns.amazonaws.com"]},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy([let_in])})
        if pattern is not None:
            self.client("events").put_rule(Name=name, EventPattern=json.dumps(pattern))
            self.client("events").put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        if topic:
            self.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        return url

    def received(self, queue: str) -> list[Document]:
        """The messages in a queue."""
        sqs = self.client("sqs")
        found = []
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def until(self, true: Callable[[], bool], *, seconds: float = 60.0) -> None:
        """Waits until something is so."""
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, "it did not come to be so"
            time.sleep(0.05)

    def decisions(self) -> list[Decision]:
        """The call log."""
        return list(read_call_log(self.state / "calls.jsonl"))

    def _session(self, access_key: str, secret: str, token: str | None = None) -> Session:
        return Session(
            endpoint=self.endpoint,
            certificate_authority=self.state / "authority.pem",
            region=REGION,
            access_key=access_key,
            secret_key=secret,
            token=token,
        )


def allow(resource: str | list[str], *actions: str) -> Document:
    """A statement."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def policy(statements: list[Document]) -> str:
    """A policy's text."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def stage(name: str, *actions: Document) -> Document:
    """A stage."""
    return {"name": name, "actions": list(actions)}


def action(
    name: str,
    kind: str,
    configuration: Document | None = None,
    *,
    inputs: list[str] | None = None,
    outputs: list[str] | None = None,
    **members: Any,
) -> Document:
    """An action; ``kind`` is its category and provider."""
    category, _, provider = kind.partition("/")
    return {
        "name": name,
        "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
        "configuration": configuration or {},
        "inputArtifacts": [{"name": one} for one in inputs or []],
        "outputArtifacts": [{"name": one} for one in outputs or []],
        **members,
    }


def approval(name: str = "Approve", configuration: Document | None = None, **members: Any) -> Document:
    """A stage with a manual approval and nothing else."""
    return stage(name, action("Ask", "Approval/Manual", configuration, **members))


def git(folder: Path, *arguments: str) -> str:
    """Runs Git as nobody in particular."""
    who = {
        f"GIT_{role}_{what}": f"{role.lower()}@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("EMAIL",)
    }
    environment = {
        **os.environ,
        **who,
        "GIT_AUTHOR_NAME": "An Author",
        "GIT_COMMITTER_NAME": "A Committer",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True
    ).stdout


def bare_repository(folder: Path, files: dict[str, str]) -> Path:
    """A bare repository with one commit on the branch main."""
    work, bare = folder / "work", folder / "platform.git"
    work.mkdir(parents=True)
    git(work, "init", "--quiet", "--initial-branch=main")
    for name, text in files.items():
        (work / name).write_text(text)
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "--message", "Begin the platform\n\nWith all of it.")
    git(folder, "clone", "--quiet", "--bare", str(work), str(bare))
    return bare


@contextlib.contextmanager
def running(root: Path) -> Iterator[World]:
    """A server with its state below a folder, for as long as the context lasts."""
    state = root / "state"
    state.mkdir()
    bare = bare_repository(root, FILES)
    (state / "repositories.json").write_text(json.dumps({REPOSITORY: str(bare), "platform": str(bare)}))
    process = subprocess.Popen(
        [
            *(sys.executable, str(Path(__file__).with_name("serve.py"))),
            *("--root", str(root), "--state", str(state), "--region", REGION, "--account", HOME, "--account", AWAY),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
    )
    try:
        yield _furnish(World(state=state, endpoint=_address(state, process), bare=bare))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _address(state: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 60
    while (address := read_address(state)) is None:
        assert process.poll() is None and time.monotonic() < deadline, "the server did not start"
        time.sleep(0.05)
    return f"https://127.0.0.1:{address.port}"


def _furnish(bare: World) -> World:
    location = {"LocationConstraint": REGION}
    for bucket in (STORE, f"stopped-{HOME}"):
        bare.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
    readers = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{AWAY}:root"}}
    bare.client("s3").put_bucket_policy(
        Bucket=STORE,
        Policy=policy([readers | {"Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"arn:aws:s3:::{STORE}/*"}]),
    )
    owner = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{HOME}:root"}, "Action": "kms:*", "Resource": "*"}
    users = readers | {"Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*"}
    key = bare.client("kms").create_key(Policy=policy([owner, users]))["KeyMetadata"]["Arn"]
    connection = bare.client("codeconnections").create_connection(ConnectionName="git", ProviderType="GitHub")
    arn = connection["ConnectionArn"]
    assert bare.ask(COMPLETE_CONNECTION, {"connection_arn": arn}).is_success
    return dataclasses.replace(bare, key=key, connection=arn)


def zip_of(name: str, text: str) -> bytes:
    """A zip with one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, text)
    return buffer.getvalue()

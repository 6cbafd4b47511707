"""A small SageMaker world: one server, two accounts, an image of a few lines, roles that may do just enough."""

import contextlib
import dataclasses
import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from plumbline.rehearsal.calls import Decision, read_call_log
from plumbline.rehearsal.server import read_address
from plumbline.rehearsal.session import Client, Session

Document = dict[str, Any]
ROOT = Path(__file__).resolve().parents[4]
REGION = "eu-west-1"
HOME, AWAY = "111111111111", "222222222222"
BUCKET = f"tiny-{HOME}"
IMAGE_TAG = "0123456789abcdef"
IMAGE = f"{HOME}.dkr.ecr.{REGION}.amazonaws.com/tiny:{IMAGE_TAG}"
EXTERNAL_IMAGE = f"683313688378.dkr.ecr.{REGION}.amazonaws.com/sagemaker-scikit-learn:1.4-2"
PROGRAM = """
import http.server, json, pathlib, sys, time
base = pathlib.Path("/opt/ml")

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *arguments): print("served", self.path, flush=True)
    def answer(self, status, body):
        self.send_response(status); self.send_header("Content-Type", "application/json")
        attributes = self.headers.get("X-Amzn-SageMaker-Custom-Attributes", "")
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", attributes)
        self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_GET(self): self.answer(200, b"")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        model = json.loads((base / "model/model.json").read_text())
        if self.headers.get("Content-Type") == "application/jsonlines":
            rows = [json.loads(line) for line in body.splitlines()]
            lines = [json.dumps({"probability": row["x"] * model["weight"]}) for row in rows]
            return self.answer(200, "\\n".join(lines).encode())
        time.sleep(model.get("seconds", 0))
        try: value = float(body)
        except ValueError: return self.answer(400, b"not a number")
        self.answer(200, json.dumps({"prediction": value * model["weight"]}).encode())

if sys.argv[1] == "serve":
    model = json.loads((base / "model/model.json").read_text())
    if model.get("sick"): sys.exit("this model cannot be served")
    http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
if sys.argv[1] == "train":
    (base / "model/model.json").write_text(json.dumps({"weight": 1.0}))
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class World:
    """What the tests act upon."""

    state: Path
    endpoint: str
    key: str
    subnet: str
    group: str

    def client(self, service: str, *, account: str = HOME) -> Client:
        """A client of an account's root user."""
        return self.session(account).client(service)

    def session(self, account: str = HOME) -> Session:
        """An account's root user."""
        return self._session(account, "test")

    def role_client(self, service: str, role: str, *, account: str = HOME) -> Client:
        """A client of a role that trusts its account."""
        answer = self.client("sts", account=account).assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName="test"
        )["Credentials"]
        return self._session(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"]).client(service)

    def _session(self, access_key: str, secret: str, token: str | None = None) -> Session:
        return Session(
            endpoint=self.endpoint,
            certificate_authority=self.state / "authority.pem",
            region=REGION,
            access_key=access_key,
            secret_key=secret,
            token=token,
        )

    def role(self, name: str, statements: list[Document], *, account: str = HOME, principal: object = None) -> str:
        """Makes a role that SageMaker assumes for its own account only, or that another principal does."""
        iam = self.client("iam", account=account)
        trust: Document = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
        if principal is None:
            trust["Principal"] = {"Service": "sagemaker.amazonaws.com"}
            trust["Condition"] = {"StringEquals": {"aws:SourceAccount": account}}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy([trust]))["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy(statements))
        return str(arn)

    def put(self, key: str, body: str | bytes) -> str:
        """Writes an object and returns its URI."""
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def get(self, uri: str) -> bytes:
        """Reads an object."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        content: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def processing(
        self,
        code: str,
        *,
        role: str,
        inputs: list[Document] | None = None,
        outputs: dict[str, str] | None = None,
        seconds: int = 60,
        isolated: bool = True,
        wait_for: bool = True,
    ) -> Document:
        """Runs a script as a processing job in the VPC and describes it when it has ended.

        Args:
            code: The script.
            role: The job's role.
            inputs: Further ProcessingInputs.
            outputs: Output name, which is also its folder below /opt/ml/processing → key prefix.
            seconds: The job's time limit.
            isolated: EnableNetworkIsolation.
            wait_for: Whether to wait for the end.
        """
        name = f"job-{uuid.uuid4().hex[:8]}"
        script = self.put(f"code/{name}/script.py", code)
        request: Document = {
            "ProcessingJobName": name,
            "RoleArn": role,
            "AppSpecification": {
                "ImageUri": IMAGE,
                "ContainerEntrypoint": ["python", "/opt/ml/processing/input/code/script.py"],
            },
            "ProcessingInputs": [processing_input("code", script), *(inputs or [])],
            "ProcessingOutputConfig": {
                "Outputs": [processing_output(output, key) for output, key in (outputs or {}).items()],
                "KmsKeyId": self.key,
            },
            "ProcessingResources": self.cluster(),
            "NetworkConfig": {
                "EnableNetworkIsolation": isolated,
                "VpcConfig": {"Subnets": [self.subnet], "SecurityGroupIds": [self.group]},
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
        }
        client = self.client("sagemaker")
        client.create_processing_job(**request)
        if not wait_for:
            return {"ProcessingJobName": name}
        return wait(lambda: client.describe_processing_job(ProcessingJobName=name), "ProcessingJobStatus")

    def training(
        self, name: str, code: str | None, *, role: str, channels: list[Document] | None = None, **changes: Any
    ) -> Document:
        """Runs a script, or else the image's own entry point, as a training job and describes it when it has ended.

        Args:
            name: The job's name.
            code: The script.
            role: The job's role.
            channels: Further channels.
            changes: Members of the request that differ.
        """
        algorithm: Document = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
        inputs = list(channels or [])
        if code is not None:
            inputs.append(channel("code", self.put(f"code/{name}/train.py", code)))
            algorithm["ContainerEntrypoint"] = ["python", "/opt/ml/input/data/code/train.py"]
        request: Document = {
            "TrainingJobName": name,
            "RoleArn": role,
            "AlgorithmSpecification": algorithm,
            **({"InputDataConfig": inputs} if inputs else {}),
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/trained"},
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "EnableNetworkIsolation": True,
        }
        client = self.client("sagemaker")
        client.create_training_job(**{**request, **changes})
        return wait(lambda: client.describe_training_job(TrainingJobName=name), "TrainingJobStatus")

    def cluster(self) -> Document:
        """ProcessingResources under the world's key."""
        return {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 1,
                "VolumeKmsKeyId": self.key,
            }
        }

    def log(self, group: str, stream_prefix: str) -> str:
        """The text of the log streams that begin with a prefix."""
        logs = self.client("logs")
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream_prefix)["logStreams"]
        events = [
            event["message"]
            for stream in streams
            for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        ]
        return "\n".join(events)

    def until(self, true: Callable[[], bool], *, seconds: float = 30.0) -> None:
        """Waits until something is so."""
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, "it did not come to be so"
            time.sleep(0.1)

    def archive(self, model: Document) -> bytes:
        """A model.tar.gz with one file, model.json."""
        content, buffer = json.dumps(model).encode(), io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
            entry = tarfile.TarInfo("model.json")
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
        return buffer.getvalue()

    def zipped(self, name: str, text: str) -> bytes:
        """A zip archive with one file."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(name, text)
        return buffer.getvalue()

    def queue_of_events(self, name: str, pattern: Document) -> str:
        """A queue that the default bus's events of a pattern go to."""
        sqs, events = self.client("sqs"), self.client("events")
        url = str(sqs.create_queue(QueueName=name)["QueueUrl"])
        arn = f"arn:aws:sqs:{REGION}:{HOME}:{name}"
        allow = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy([allow])})
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        return url

    def received(self, queue: str) -> list[Document]:
        """The events in a queue."""
        sqs = self.client("sqs")
        found = []
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def reasons(self, stack: str) -> str:
        """Why the resources of a stack failed."""
        events = self.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
        return "\n".join(str(event.get("ResourceStatusReason", "")) for event in events)

    def job_statements(self) -> list[Document]:
        """What a job's role needs."""
        return job_statements(self.key)

    @property
    def isolation(self) -> str:
        """How the server keeps jobs from the network."""
        address = read_address(self.state)
        return "" if address is None else address.network_isolation

    def decisions(self) -> list[Decision]:
        """The call log."""
        return list(read_call_log(self.state / "calls.jsonl"))


def wait(describe: Callable[[], Document], status: str, *, seconds: float = 60.0) -> Document:
    """Describes something until it has stopped changing."""
    deadline = time.monotonic() + seconds
    while True:
        found = describe()
        if found[status] not in ("InProgress", "Stopping", "Executing", "Creating", "Updating", "RollingBack"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def processing_input(name: str, uri: str) -> Document:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"/opt/ml/processing/input/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        },
    }


def channel(name: str, uri: str) -> Document:
    return {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}


def processing_output(name: str, key: str) -> Document:
    return {
        "OutputName": name,
        "S3Output": {
            "S3Uri": f"s3://{BUCKET}/{key}",
            "LocalPath": f"/opt/ml/processing/{name}",
            "S3UploadMode": "EndOfJob",
        },
    }


def job_statements(key: str, *, without: str = "") -> list[Document]:
    """What a job's role needs, and nothing more; less one action when a test says so."""
    actions: dict[str, list[str]] = {
        f"arn:aws:s3:::{BUCKET}": ["s3:ListBucket"],
        f"arn:aws:s3:::{BUCKET}/*": ["s3:GetObject", "s3:PutObject"],
        key: ["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey", "kms:CreateGrant"],
        f"arn:aws:ecr:{REGION}:{HOME}:repository/tiny": [
            "ecr:BatchGetImage",
            "ecr:BatchCheckLayerAvailability",
            "ecr:GetDownloadUrlForLayer",
        ],
        "*": [
            "ecr:GetAuthorizationToken",
            "cloudwatch:PutMetricData",
            "ec2:DescribeSubnets",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeVpcs",
            "ec2:DescribeDhcpOptions",
            "ec2:DescribeNetworkInterfaces",
            "ec2:CreateNetworkInterface",
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        ],
    }
    kept = {resource: [action for action in found if action != without] for resource, found in actions.items()}
    return [{"Effect": "Allow", "Action": found, "Resource": resource} for resource, found in kept.items() if found]


def policy(statements: list[Document]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@contextlib.contextmanager
def running(root: Path) -> Iterator[World]:
    """A server with its state below a folder, for as long as the context lasts."""
    image = root / ".plumb" / "images" / IMAGE_TAG
    (image / "program" / "tiny").mkdir(parents=True)
    (image / "program" / "tiny" / "__main__.py").write_text(PROGRAM)
    (image / "venv").symlink_to(sys.prefix)
    state = root / "state"
    state.mkdir()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "plumbline.rehearsal.server"),
            *("--root", str(root), "--state", str(state), "--region", REGION, "--account", HOME, "--account", AWAY),
            # By a path without blanks, as a container has: scripts of other people's images do not quote it.
            *("--external-image", f"{EXTERNAL_IMAGE}={image / 'venv'}"),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
    )
    try:
        yield _furnish(state, _address(state, process))
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


def _furnish(state: Path, endpoint: str) -> World:
    bare = World(state=state, endpoint=endpoint, key="", subnet="", group="")
    bare.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    key = bare.client("kms").create_key()["KeyMetadata"]["Arn"]
    ec2 = bare.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="jobs", Description="jobs", VpcId=vpc)["GroupId"]
    # without the first a job in the VPC has no data, and without the second its container does not learn who it is
    for service, kind in (("s3", "Gateway"), ("sts", "Interface")):
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.{service}", VpcEndpointType=kind)
    _push_image(bare.client("ecr"))
    # a role that may not make its log group needs it made
    for group_name in ("ProcessingJobs", "TrainingJobs"):
        bare.client("logs").create_log_group(logGroupName=f"/aws/sagemaker/{group_name}")
    return dataclasses.replace(bare, key=key, subnet=subnet, group=group)


def _push_image(ecr: Client) -> None:
    ecr.create_repository(repositoryName="tiny")
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w"):
        pass
    config = {
        "config": {
            "Entrypoint": ["python", "-m", "tiny"],
            "Env": ["PATH=/opt/venv/bin:/usr/bin", "TINY=1"],
            "WorkingDir": "/opt/program",
            "Labels": {"plumbline.runtime": IMAGE_TAG},
        }
    }
    blobs = [json.dumps(config).encode(), gzip.compress(layer.getvalue(), mtime=0)]
    kinds = ["application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip"]
    config_part, layer_part = (
        {"mediaType": kind, "size": len(blob), "digest": _upload(ecr, blob)}
        for kind, blob in zip(kinds, blobs, strict=True)
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": config_part,
        "layers": [layer_part],
    }
    ecr.put_image(repositoryName="tiny", imageManifest=json.dumps(manifest), imageTag=IMAGE_TAG)


def _upload(ecr: Client, blob: bytes) -> str:
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    upload = ecr.initiate_layer_upload(repositoryName="tiny")["uploadId"]
    ecr.upload_layer_part(
        repositoryName="tiny", uploadId=upload, partFirstByte=0, partLastByte=len(blob) - 1, layerPartBlob=blob
    )
    ecr.complete_layer_upload(repositoryName="tiny", uploadId=upload, layerDigests=[digest])
    return digest

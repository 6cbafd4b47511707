"""AWS in memory, as far as the functions of a release ask it, with a version of a model that can be released."""

# ruff: noqa: N803 - arguments are named as boto3 names them

import dataclasses
import datetime
import hashlib
import hmac
import io
import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

Document = dict[str, Any]
STAGING, PRODUCTION = "222222222222", "333333333333"
REGION = "eu-west-1"
VERSIONS = f"arn:aws:sagemaker:{REGION}:{STAGING}:model-package/plumbline-staging-flight-delays/"
REPOSITORY = f"{STAGING}.dkr.ecr.{REGION}.amazonaws.com/plumbline-runtime"
MODELS, DATA, RECORDS, ASSETS = "models", "data", "records", "assets"
BASELINES = {"checks.json": b'{"answers": "binary"}', "data-quality/statistics.json": b'{"version": 0.0}'}
KEY = f"arn:aws:kms:{REGION}:{STAGING}:key/records"
PIPELINE, SOURCE = "plumbline-release-flight-delays", "Record"
DIGEST = f"sha256:{'a' * 64}"
CONTRACT = {
    "requests": [{"hour": 7}, {"hour": 8}],
    "answer": {
        "type": "object",
        "required": ["probability"],
        "properties": {"probability": {"type": "number", "minimum": 0, "maximum": 1}},
    },
    "max_seconds": 5.0,
    "prediction": "probability",
    "tolerance": 1e-6,
}
BUNDLE = {
    "staging.template.json": b"{}",
    "production.template.json": b'{"Resources": {}}',
    "staging.config.json": b'{"Tags": {}}',
    "production.config.json": b'{"Tags": {"a": "b"}}',
    "contract.json": json.dumps(CONTRACT).encode(),
}
RECORDER = {
    "MODEL": "flight_delays",
    "VERSIONS_ARN": VERSIONS,
    "READER_ROLE_ARN": f"arn:aws:iam::{STAGING}:role/reader",
    "RECORDS_BUCKET": RECORDS,
    "RECORDS_PREFIX": "releases/flight_delays/",
    "MAC_KEY_ARN": KEY,
    "PIPELINE": PIPELINE,
    "SOURCE_ACTION": SOURCE,
    "BUNDLE_BUCKET": ASSETS,
    "BUNDLE_KEY": "bundle.zip",
    "BUNDLE_DIGESTS": json.dumps({name: hashlib.sha256(content).hexdigest() for name, content in BUNDLE.items()}),
    "ARTIFACTS": f"s3://{MODELS}/flight_delays/training/",
    "REPOSITORY": REPOSITORY,
}


class CrashedError(Exception):
    """The function was ended in the middle."""


def refusal(code: str, message: str = "no") -> ClientError:
    """An error of AWS."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


def zipped(files: dict[str, bytes]) -> bytes:
    """An archive as the CDK makes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def digest_of(content: bytes) -> str:
    """As the registry has digests."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclasses.dataclass
class Cloud:
    """The accounts.

    Attributes:
        objects: Versions of objects by bucket and key, the newest last.
        packages: Descriptions of model packages by ARN.
        executions: The pipeline's executions, the oldest first.
        calls: What was asked, in order, as `service.operation`.
        fail: Errors to answer with, once, by `service.operation`; takes the place of the operation.
        crash_after: After which further call the function ends; none when negative.
    """

    objects: dict[tuple[str, str], list[tuple[str, bytes]]] = dataclasses.field(default_factory=dict)
    packages: dict[str, Document] = dataclasses.field(default_factory=dict)
    executions: list[Document] = dataclasses.field(default_factory=list)
    calls: list[str] = dataclasses.field(default_factory=list)
    fail: dict[str, ClientError] = dataclasses.field(default_factory=dict)
    services: dict[str, object] = dataclasses.field(default_factory=dict)
    crash_after: int = -1

    def client(self, service: str, **_credentials: str) -> "Client":
        """A client of a service."""
        return Client(self, service)

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Has boto3 lead here."""
        monkeypatch.setattr(boto3, "client", self.client)
        monkeypatch.setattr(boto3, "Session", lambda **_credentials: self)

    def put(self, bucket: str, key: str, body: bytes) -> str:
        """Adds a version of an object."""
        versions = self.objects.setdefault((bucket, key), [])
        versions.append((f"{bucket}-{key}-{len(versions) + 1}", body))
        return versions[-1][0]

    def approve(self, version: int, status: str = "Approved") -> Document:
        """Sets the approval of a version, made when it is not there; returns the event."""
        arn = f"{VERSIONS}{version}"
        if arn not in self.packages:
            self.packages[arn] = self._package(arn, version)
        self.packages[arn]["ModelApprovalStatus"] = status
        return {"detail": {"ModelPackageArn": arn, "ModelApprovalStatus": status}}

    def take_records(self) -> None:
        """Has the source actions run that wait."""
        for execution in self.executions:
            key = execution["key"]
            if (RECORDS, key) in self.objects:
                revision = {"actionName": SOURCE, "revisionId": self.objects[RECORDS, key][-1][0]}
                execution["sourceRevisions"] = [revision]

    @property
    def released(self) -> list[int]:
        """The versions whose release was started, in order."""
        return [int(execution["key"].split("/")[2]) for execution in self.executions]

    def _package(self, arn: str, version: int) -> Document:
        artifact = f"flight_delays/training/run-{version}/output/model.tar.gz"
        folder = f"flight_delays/evaluations/{version}"
        self.put(MODELS, artifact, b"model")
        rows = [{"row": {"hour": hour % 24}, "label": hour % 2, "prediction": 0.25} for hour in range(200)]
        sample = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        self.put(DATA, f"{folder}/sample.jsonl", sample)
        for name, content in BASELINES.items():
            self.put(DATA, f"{folder}/baselines/{name}", content)
        measured = {"metrics": {"challenger": {"log_loss": 0.48}}, "gate": {"gain": 0.1}, "calibration": {}}
        named = {name: {"digest": digest_of(content)} for name, content in BASELINES.items()}
        evaluation = json.dumps(measured | {"sample": {"digest": digest_of(sample)}, "baselines": named}).encode()
        self.put(DATA, f"{folder}/evaluation.json", evaluation)
        return {
            "ModelPackageArn": arn,
            "ModelPackageVersion": version,
            "ApprovalDescription": "better",
            "LastModifiedBy": {"IamIdentity": {"Arn": f"arn:aws:sts::{STAGING}:assumed-role/approver/ada"}},
            "LastModifiedTime": datetime.datetime(2026, 11, 28, 9, tzinfo=datetime.UTC),
            "InferenceSpecification": {
                "Containers": [{"Image": f"{REPOSITORY}:one", "ModelDataUrl": f"s3://{MODELS}/{artifact}"}],
                "SupportedContentTypes": ["application/jsonlines"],
            },
            "ModelMetrics": {
                "ModelQuality": {
                    "Statistics": {
                        "S3Uri": f"s3://{DATA}/{folder}/evaluation.json",
                        "ContentDigest": digest_of(evaluation),
                    }
                }
            },
            "CustomerMetadataProperties": {
                "commit": "1a2b3c4d5e6f",
                "dataset-uri": "s3://data/flight_delays/datasets/0123/",
                "dataset-version": "v1",
                "trigger": "person",
                "trigger-reason": "first",
                "execution": "arn:aws:sagemaker:eu-west-1:222222222222:pipeline/p/execution/e",
            },
        }


class Client:
    """A client of one service: counts, fails and crashes as the cloud says."""

    def __init__(self, cloud: Cloud, service: str) -> None:
        self._cloud = cloud
        self._service = service
        self._does = cloud.services.get(service) or _SERVICES[service](cloud)

    def get_paginator(self, operation: str) -> "Paginator":
        """Pages of an operation."""
        return Paginator(getattr(self, operation))

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            cloud, name = self._cloud, f"{self._service}.{operation}"
            cloud.calls.append(name)
            if name in cloud.fail:
                raise cloud.fail.pop(name)
            answer = getattr(self._does, operation)(**request)
            if cloud.crash_after == 0:
                cloud.crash_after = -1
                raise CrashedError(name)
            cloud.crash_after -= 1
            return answer

        return call


class Paginator:
    """Follows the token of each page."""

    def __init__(self, operation: Callable[..., Document]) -> None:
        self._operation = operation

    def paginate(self, **request: Any) -> Iterator[Document]:
        token: dict[str, str] = {}
        while True:
            page = self._operation(**request, **token)
            yield page
            if "nextToken" not in page:
                return
            token = {"nextToken": page["nextToken"]}


class Storage:
    """S3."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def get_object(self, *, Bucket: str, Key: str, Range: str = "", VersionId: str = "") -> Document:
        versions = self._cloud.objects.get((Bucket, Key), [])
        found = [one for one in versions if VersionId in ("", one[0])]
        if not found:
            raise refusal("NoSuchKey")
        version, body = found[-1]
        if Range and not body:
            raise refusal("InvalidRange")
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        whole = {"ETag": etag, "VersionId": version, "ContentRange": f"bytes 0-0/{len(body)}"}
        part = body[:1] if Range else body
        return whole | {"ContentLength": len(part), "Body": io.BytesIO(part)}

    def head_object(self, *, Bucket: str, Key: str) -> Document:
        return {"VersionId": self._cloud.objects[Bucket, Key][-1][0]}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str, **_more: str) -> Document:
        assert IfNoneMatch == "*", "what is written here is written once"
        if (Bucket, Key) in self._cloud.objects:
            raise refusal("PreconditionFailed")
        return {"VersionId": self._cloud.put(Bucket, Key, Body)}

    def list_objects_v2(self, *, Bucket: str, Prefix: str, nextToken: str = "") -> Document:
        keys = sorted(key for bucket, key in self._cloud.objects if bucket == Bucket and key.startswith(Prefix))
        return page([{"Key": key} for key in keys], "Contents", nextToken)


class Registry:
    """SageMaker."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def describe_model_package(self, *, ModelPackageName: str) -> Document:
        return self._cloud.packages[ModelPackageName]


class Codes:
    """KMS, with one key."""

    def __init__(self, _cloud: Cloud) -> None:
        pass

    def generate_mac(self, *, KeyId: str, MacAlgorithm: str, Message: bytes) -> Document:
        assert (KeyId, MacAlgorithm) == (KEY, "HMAC_SHA_256")
        return {"Mac": hmac.digest(b"secret", Message, "sha256")}

    def verify_mac(self, *, KeyId: str, MacAlgorithm: str, Message: bytes, Mac: bytes) -> Document:
        if self.generate_mac(KeyId=KeyId, MacAlgorithm=MacAlgorithm, Message=Message)["Mac"] != Mac:
            raise refusal("KMSInvalidMacException")
        return {"MacValid": True}


class Images:
    """ECR, with one image."""

    def __init__(self, _cloud: Cloud) -> None:
        pass

    def describe_images(self, *, registryId: str, repositoryName: str, imageIds: list[Document]) -> Document:
        assert f"{registryId}.dkr.ecr.{REGION}.amazonaws.com/{repositoryName}" == REPOSITORY
        if imageIds not in ([{"imageTag": "one"}], [{"imageDigest": DIGEST}]):
            raise refusal("ImageNotFoundException")
        return {"imageDetails": [{"imageDigest": DIGEST, "imageTags": ["one"]}]}


class Tokens:
    """STS."""

    def __init__(self, _cloud: Cloud) -> None:
        pass

    def assume_role(self, *, RoleArn: str, RoleSessionName: str) -> Document:
        assert RoleSessionName
        return {"Credentials": {"AccessKeyId": RoleArn, "SecretAccessKey": "s", "SessionToken": "t"}}


class Pipelines:
    """CodePipeline: an execution knows its source once its source action has run."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def list_pipeline_executions(self, *, pipelineName: str, nextToken: str = "") -> Document:
        assert pipelineName == PIPELINE
        return page(self._cloud.executions[::-1], "pipelineExecutionSummaries", nextToken)

    def start_pipeline_execution(
        self,
        *,
        name: str,
        clientRequestToken: str,
        sourceRevisions: list[Document],
    ) -> Document:
        assert name == PIPELINE
        (source,) = sourceRevisions
        assert (source["actionName"], source["revisionType"]) == (SOURCE, "S3_OBJECT_KEY")
        for execution in self._cloud.executions:
            if execution["token"] == clientRequestToken:
                return execution
        number = len(self._cloud.executions) + 1
        execution = {
            "pipelineExecutionId": f"execution-{number}",
            "token": clientRequestToken,
            "key": source["revisionValue"],
        }
        self._cloud.executions.append(execution)
        return execution


def page(rows: list[Document], key: str, token: str) -> Document:
    """Two rows a page, so that whoever reads one page only is found out."""
    first = int(token or 0)
    more = {"nextToken": str(first + 2)} if first + 2 < len(rows) else {}
    return {key: list(itertools.islice(rows, first, first + 2))} | more


_SERVICES: dict[str, Callable[[Cloud], object]] = {
    "codepipeline": Pipelines,
    "ecr": Images,
    "kms": Codes,
    "s3": Storage,
    "sagemaker": Registry,
    "sts": Tokens,
}


def cloud(bundle: dict[str, bytes] | None = None) -> Cloud:
    """Accounts with a bundle and nothing approved."""
    made = Cloud()
    made.put(ASSETS, "bundle.zip", zipped(BUNDLE if bundle is None else bundle))
    return made

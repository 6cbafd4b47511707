"""Makes of an approved version of a model a release record, which nobody can change, and starts the release at it.

Events arrive twice, late and in any order (EventBridge user guide, "At least once"), so an event says only at which
version to look; the registry decides. A record is written once: its key is the version's, and S3 refuses a second
object under it. A release is started once: the same record has the same request token, and a pipeline that has an
execution of the record gets no other. One instance runs at a time (its reserved concurrency), so what it has seen of
records and executions still holds when it starts one.
"""

import hashlib
import io
import json
import os
import re
import zipfile
from typing import Any

import boto3

from once import write_once
from record import BASELINE_NAME, BASELINES, LIMIT, key_of, sealed, specification_of
from refusal import RefusedError
from repository import Repository
from role import Client, Document, Role
from stored import look, read, read_registered


def handler(event: dict[str, Any], context: object) -> dict[str, str]:  # noqa: ARG001 - as Lambda calls it
    """Records the version that an event is about, if it is approved, and starts its release, if none is newer.

    Args:
        event: "SageMaker Model Package State Change", with `detail.ModelPackageArn`.
        context: Of no use here.

    Returns:
        What was done, under `said`, and the id of the execution, if one was started.

    Raises:
        RefusedError: What was approved cannot be released; the message says why, in one sentence.
        ClientError: AWS refused or failed.
    """
    arn = str(event["detail"]["ModelPackageArn"])
    version = _version_of(arn)
    reader = Role(arn=os.environ["READER_ROLE_ARN"], session="recorder")
    package = reader.client("sagemaker").describe_model_package(ModelPackageName=arn)
    status = str(package["ModelApprovalStatus"])
    if status != "Approved":
        return _told(f"version {version} is {status}: there is nothing to release")
    said, baselines = _described(package, version, reader)
    files = _bundle() | baselines
    said["bundle"] = {"bucket": os.environ["BUNDLE_BUCKET"], "key": os.environ["BUNDLE_KEY"]}
    archive = sealed(said, files, kms=boto3.client("kms"), key=os.environ["MAC_KEY_ARN"])
    key = key_of(os.environ["RECORDS_PREFIX"], version)
    s3 = boto3.client("s3")
    record = _kept(s3, key, archive)
    newest = _newest(s3)
    if newest > version:
        return _told(f"version {version} is recorded; version {newest} is newer")
    pipelines = boto3.client("codepipeline")
    if execution := _execution_of(pipelines, record):
        return _told(f"version {version} is recorded; execution {execution} has its record")
    return _started(pipelines, version, key, record)


def _version_of(arn: str) -> int:
    prefix = os.environ["VERSIONS_ARN"]
    number = arn.removeprefix(prefix)
    if not arn.startswith(prefix) or not re.fullmatch(r"[1-9][0-9]*", number):
        raise RefusedError(f"{arn} is no version of {os.environ['MODEL']}")
    return int(number)


def _described(package: Document, version: int, reader: Role) -> tuple[Document, dict[str, bytes]]:
    """What a record says of a version: what it is, where it came from, how good it is, who approved it.

    Beside it the baselines of its monitors, which the record holds: production takes them from nowhere else.
    """
    s3 = reader.client("s3")
    containers = package.get("InferenceSpecification", {}).get("Containers", [])
    if len(containers) != 1:
        raise RefusedError(f"version {version} has {len(containers)} containers; accepted: 1")
    uri = str(containers[0].get("ModelDataUrl", ""))
    if not uri.startswith(os.environ["ARTIFACTS"]):
        raise RefusedError(f"the artifact {uri} of version {version} lies outside {os.environ['ARTIFACTS']}")
    artifact = look(s3, uri, what="artifact")
    registered = str(containers[0].get("ModelDataETag", "")).strip('"')
    if registered and registered != artifact.etag:
        raise RefusedError(f"the artifact {uri} of version {version} was replaced after it was registered")
    named = str(containers[0].get("Image", ""))
    repository = Repository(os.environ["REPOSITORY"])
    digest, _ = repository.look(boto3.client("ecr"), repository.named(named))
    evaluation, sample, baselines = _evaluated(s3, package, version)
    origin = package.get("CustomerMetadataProperties", {})
    said = {
        "model": os.environ["MODEL"],
        "version": version,
        "modelPackageArn": package["ModelPackageArn"],
        "approval": _approval(package),
        "commit": origin.get("commit", ""),
        "dataset": {"uri": origin.get("dataset-uri", ""), "version": origin.get("dataset-version", "")},
        "trigger": origin.get("trigger", ""),
        "triggerReason": origin.get("trigger-reason", ""),
        "execution": origin.get("execution", ""),
        "properties": origin,
        "specification": specification_of(package),
        "metrics": evaluation,
        "artifact": {"uri": uri, "versionId": artifact.version, "eTag": artifact.etag, "size": artifact.size},
        "image": {"uri": f"{repository.uri}@{digest}", "digest": digest, "named": named},
        "sample": sample,
    }
    return said, baselines


def _approval(package: Document) -> Document:
    """Who approved a version last, as far as the registry knows: a role or a Studio profile."""
    who = package.get("LastModifiedBy", {})
    when = package.get("LastModifiedTime")
    return {
        "by": who.get("IamIdentity", {}).get("Arn") or who.get("UserProfileArn", ""),
        "at": when.isoformat() if when else "",
        "description": package.get("ApprovalDescription", ""),
    }


def _evaluated(s3: Client, package: Document, version: int) -> tuple[Document, Document, dict[str, bytes]]:
    """How good a version was found, the held-back rows that the endpoint is asked again, and the baselines."""
    statistics = package.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {})
    uri, digest = statistics.get("S3Uri"), statistics.get("ContentDigest")
    if not (uri and digest):
        raise RefusedError(f"version {version} does not say where its evaluation is, and with which digest")
    content, _ = read_registered(s3, uri, what="evaluation", limit=LIMIT, digest=digest)
    try:
        report = json.loads(content)
        found = {"metrics": report["metrics"], "gate": report["gate"]}
        sampled = str(report["sample"]["digest"])
        named = {str(name): str(said["digest"]) for name, said in report.get("baselines", {}).items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RefusedError(f"the evaluation {uri} does not have metrics, gate and the digest of a sample") from error
    folder = uri.rpartition("/")[0]
    sample = f"{folder}/sample.jsonl"
    _, kept = read_registered(s3, sample, what="sample", limit=LIMIT, digest=sampled)
    baselines = {}
    for name, expected in named.items():
        if not BASELINE_NAME.fullmatch(name):
            raise RefusedError(f"the evaluation {uri} names the baseline {name!r}; accepted: {BASELINE_NAME.pattern}")
        path = f"{BASELINES}{name}"
        baselines[path], _ = read_registered(s3, f"{folder}/{path}", what="baseline", limit=LIMIT, digest=expected)
    return found, {"uri": sample, "versionId": kept}, baselines


def _bundle() -> dict[str, bytes]:
    """The files of the bundle: templates and contract as they were delivered last."""
    uri = f"s3://{os.environ['BUNDLE_BUCKET']}/{os.environ['BUNDLE_KEY']}"
    content = read(boto3.client("s3"), uri, what="bundle", limit=LIMIT)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {entry.filename: archive.read(entry) for entry in archive.infolist() if not entry.is_dir()}
    found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    if found != json.loads(os.environ["BUNDLE_DIGESTS"]):
        raise RefusedError(f"the bundle {uri} is not the one that was delivered with this function")
    return files


def _kept(s3: Client, key: str, archive: bytes) -> str:
    """Writes a record unless there is one; returns the version of the object that is there."""
    bucket = os.environ["RECORDS_BUCKET"]
    written = write_once(s3, bucket=bucket, key=key, body=archive, content_type="application/zip")
    return written or str(s3.head_object(Bucket=bucket, Key=key)["VersionId"])


def _newest(s3: Client) -> int:
    """The highest version that has a record."""
    bucket, prefix = os.environ["RECORDS_BUCKET"], os.environ["RECORDS_PREFIX"]
    shape = re.compile(rf"{re.escape(prefix)}([0-9]+)/record\.zip")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    found = [shape.fullmatch(entry["Key"]) for page in pages for entry in page.get("Contents", [])]
    return max((int(match[1]) for match in found if match), default=0)


def _execution_of(pipelines: Client, record: str) -> str:
    """The execution that took this version of a record as its source; empty when there is none."""
    action = os.environ["SOURCE_ACTION"]
    pages = pipelines.get_paginator("list_pipeline_executions").paginate(pipelineName=os.environ["PIPELINE"])
    for page in pages:
        for execution in page["pipelineExecutionSummaries"]:
            for revision in execution.get("sourceRevisions", []):
                if (revision["actionName"], revision.get("revisionId")) == (action, record):
                    return str(execution["pipelineExecutionId"])
    return ""


def _started(pipelines: Client, version: int, key: str, record: str) -> dict[str, str]:
    token = hashlib.sha256(f"{key}?{record}".encode()).hexdigest()[:32]
    execution = pipelines.start_pipeline_execution(
        name=os.environ["PIPELINE"],
        clientRequestToken=f"version-{version}-{token}",
        sourceRevisions=[
            {"actionName": os.environ["SOURCE_ACTION"], "revisionType": "S3_OBJECT_KEY", "revisionValue": key}
        ],
    )["pipelineExecutionId"]
    return _told(f"version {version} is recorded and its release started", execution=str(execution))


def _told(said: str, *, execution: str = "") -> dict[str, str]:
    print(said)
    return {"said": said, **({"execution": execution} if execution else {})}

"""The rehearsal's server with builds that are no builds: what one does is said by the project's name."""

import io
import json
import os
import sys
import threading
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plumbline.rehearsal import server
from plumbline.rehearsal.codebuild import ArtifactObject
from plumbline.rehearsal.codepipeline.builds import LocalBuilds
from plumbline.rehearsal.session import Client, Session

Document = dict[str, Any]
_builds: dict[str, Document] = {}
_lock = threading.Lock()


def _storage(account: str, region: str) -> Client:
    return Session(
        endpoint=f"https://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        certificate_authority=Path(os.environ["AWS_CA_BUNDLE"]),
        region=region,
        access_key=account,
        secret_key="test",
    ).client("s3")


def start(
    _self: LocalBuilds,
    *,
    account: str,
    region: str,
    project: str,
    inputs: Sequence[ArtifactObject],
    primary: str,
    outputs: Sequence[ArtifactObject],
    environment: Sequence[Mapping[str, str]],
    initiator: str,
) -> str:
    """Copies the source to every output, with a file that says what the build was told."""
    if project == "absent":
        raise RuntimeError("Project cannot be found: absent")
    build = f"{project}:{uuid.uuid4()}"
    storage = _storage(account, region)
    (source,) = [one for one in inputs if one.name == primary]
    content: bytes = storage.get_object(Bucket=source.bucket, Key=source.key)["Body"].read()
    told = {"environment": list(environment), "initiator": initiator, "inputs": [one.name for one in inputs]}
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("told.json", json.dumps(told))
        archive.writestr("values.json", json.dumps({"Size": "large"}))
    for output in outputs:
        storage.put_object(
            Bucket=output.bucket,
            Key=output.key,
            Body=buffer.getvalue(),
            ServerSideEncryption="aws:kms",
            SSEKMSKeyId=output.kms_key,
        )
    status = {"failing": "FAILED", "endless": "IN_PROGRESS"}.get(project, "SUCCEEDED")
    context = {"statusCode": "COMMAND_EXECUTION_ERROR", "message": "Error while executing command: make. Reason: no"}
    phases: list[Document] = [{"phaseType": "SUBMITTED", "phaseStatus": "SUCCEEDED"}]
    if status == "FAILED":
        phases.append({"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": [context]})
    with _lock:
        _builds[build] = {
            "id": build,
            "buildStatus": status,
            "phases": phases,
            "exportedEnvironmentVariables": [{"name": "TAG", "value": f"tag-{environment[0]['value'][:7]}"}]
            if environment
            else [],
        }
    return build


def describe(_self: LocalBuilds, build_id: str, *, account: str, region: str) -> Document:  # noqa: ARG001
    """The build."""
    with _lock:
        return dict(_builds[build_id])


def stop(_self: LocalBuilds, build_id: str, *, account: str, region: str) -> None:
    """Ends the build, and leaves an object in a bucket that says so."""
    with _lock:
        _builds[build_id]["buildStatus"] = "STOPPED"
    _storage(account, region).put_object(Bucket=f"stopped-{account}", Key=build_id.partition(":")[0], Body=b"")


if __name__ == "__main__":
    for name, stand_in in (("start", start), ("describe", describe), ("stop", stop)):
        setattr(LocalBuilds, name, stand_in)
    sys.exit(server.main())

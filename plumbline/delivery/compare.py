"""What an approval is decided on: the audit of what is to be deployed, and what changes against what was."""

import io
import tempfile
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions

from plumbline.audit.comparison import compare_assemblies
from plumbline.audit.steps import StepMaker
from plumbline.configuration import Delivery
from plumbline.errors import PlumblineError

_ASSEMBLY = "assembly.zip"
_DIFFERENCE = "difference.md"
_FIRST = """## The first delivery

Nothing was delivered before that this could be compared with: everything that the audit beside this file names is new.
"""


def keep_evidence(
    *,
    delivery: Delivery,
    execution: str,
    assembly: Path,
    audit: Path,
    session: boto3.Session,
    today: date,
    step: StepMaker,
) -> str:
    """Writes assembly, audit and difference to the records of one execution of the pipeline.

    Args:
        delivery: What delivers.
        execution: The execution's id.
        assembly: The folder of the cloud assembly.
        audit: The folder of the audit's report.
        session: Who writes.
        today: The day with which the ends of waivers are compared.
        step: Shows what is going on.

    Returns:
        What was found, in Markdown.

    Raises:
        PlumblineError: A folder is missing, or a record cannot be read or written.
    """
    for folder in (assembly, audit):
        if not folder.is_dir():
            raise PlumblineError(f"deliver compare: {folder} is missing; accepted: what the build has left.")
    s3 = session.client("s3")
    prefix = delivery.evidence_key(execution)
    try:
        with step("Compare with what was delivered last") as under_way:
            last = _last_delivered(session.client("codepipeline"), delivery)
            under_way.outcome = f"execution {last}" if last else "nothing was delivered before"
        found = _FIRST
        if last:
            found = _difference(s3, delivery, last, assembly, today=today, step=step)
        _keep(s3, delivery, f"{prefix}{_ASSEMBLY}", _packed(assembly))
        for path in sorted(audit.iterdir()):
            _keep(s3, delivery, f"{prefix}{path.name}", path.read_bytes())
        _keep(s3, delivery, f"{prefix}{_DIFFERENCE}", found.encode())
    except botocore.exceptions.ClientError as error:
        raise PlumblineError(f"the records of {delivery.prefix} cannot be kept: {error}", exit_code=1) from error
    return found


def _last_delivered(client: Any, delivery: Delivery) -> str:
    """The id of the newest execution that went all the way; empty when there is none."""
    pages = client.get_paginator("list_pipeline_executions").paginate(pipelineName=delivery.pipeline_name)
    ended = (one for page in pages for one in page["pipelineExecutionSummaries"] if one["status"] == "Succeeded")
    return next((str(one["pipelineExecutionId"]) for one in ended), "")


def _difference(s3: Any, delivery: Delivery, last: str, assembly: Path, *, today: date, step: StepMaker) -> str:
    key = f"{delivery.evidence_key(last)}{_ASSEMBLY}"
    packed = s3.get_object(Bucket=delivery.records_bucket, Key=key)["Body"].read()
    with tempfile.TemporaryDirectory() as name:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            archive.extractall(name)
        before = Path(name)
        if _same(before, assembly):
            return f"## Nothing changes\n\nThe templates are those of execution {last}, byte for byte.\n"
        return compare_assemblies(before, assembly, reference=f"execution {last}", today=today, step=step).markdown()


def _same(before: Path, after: Path) -> bool:
    def templates(folder: Path) -> dict[str, bytes]:
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.template.json")}

    return templates(before) == templates(after)


def _packed(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    return buffer.getvalue()


def _keep(s3: Any, delivery: Delivery, key: str, body: bytes) -> None:
    """Writes evidence unless it is there: a stage that is retried keeps what the first attempt has shown."""
    try:
        s3.put_object(Bucket=delivery.records_bucket, Key=key, Body=body, IfNoneMatch="*")
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise

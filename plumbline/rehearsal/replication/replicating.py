"""Objects on their way from one bucket to another.

Sources: S3 user guide, "Getting replication status information", "What does Amazon S3 replicate?" and "Using S3
Replication metrics".
"""

import copy
import dataclasses
import functools
import logging
import queue
import threading
from collections.abc import Mapping, MutableMapping

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import cloudwatch, s3

from plumbline.rehearsal.emulator_loop import on_loop
from plumbline.rehearsal.enforcement.object_keys import arn_of_key
from plumbline.rehearsal.replication import permissions
from plumbline.rehearsal.replication.rules import Rule, enabled_rule

Record = MutableMapping[str, object]
_STATUS = "replication_status"
_ENCRYPTION = "x-amz-server-side-encryption"
_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
_log = logging.getLogger(__name__)
_own_record_version = s3._record_object_version
_waiting: "queue.SimpleQueue[_Job]" = queue.SimpleQueue()


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Job:
    """One version of an object that is to be replicated, and where its bucket is."""

    rule: Rule
    account: str
    region: str
    bucket: str
    key: str
    version: str


def install() -> None:
    """Has the emulator of this process replicate in this way."""
    s3._maybe_replicate = _mark
    s3._maybe_replicate_delete_marker = _leave
    s3._record_object_version = _record_version
    threading.Thread(target=_work, name="replication", daemon=True).start()


def _mark(bucket: str, key: str, record: Record, data: object, tags: object = None) -> None:  # noqa: ARG001
    """Stands in for the emulator's own, before a write has its version: says that it is to be replicated."""
    record.pop(_STATUS, None)
    rule = _rule_of(bucket)
    if rule is not None and rule.covers(key, _headers(record)):
        record[_STATUS] = "PENDING"


def _leave(bucket: str, key: str) -> None:
    """Stands in for the emulator's own: no configuration that is taken replicates delete markers."""


def _record_version(bucket: str, key: str, prior: Record | None, record: Record, data: object) -> str | None:
    """Stands in for the emulator's own: what is to be replicated has its version now."""
    version: str | None = _own_record_version(bucket, key, prior, record, data)
    rule = _rule_of(bucket) if version and record.get(_STATUS) == "PENDING" else None
    if version and rule is not None:
        account, region = str(get_account_id()), str(get_region())
        _waiting.put(_Job(rule=rule, account=account, region=region, bucket=bucket, key=key, version=version))
    return version


def _rule_of(bucket: str) -> Rule | None:
    """The rule of a bucket of the account in scope, while the bucket keeps versions."""
    configuration = s3._bucket_replication.get(bucket)
    if not configuration or s3._bucket_versioning.get(bucket) != "Enabled":
        return None
    return enabled_rule(configuration)


def _work() -> None:
    while True:
        job = _waiting.get()
        try:
            on_loop(functools.partial(_settle, job))
        except Exception:  # noqa: BLE001 - whatever it is, the next object's turn comes
            _log.exception("%s/%s could not be replicated", job.bucket, job.key)


def _settle(job: _Job) -> None:
    """Copies a version, or does not, and says so of it."""
    with request_scope(job.account, job.region):
        found = _version(job.bucket, job.key, job.version)
        if found is None:
            return
        reason = _copy(job, found)
        status = "FAILED" if reason else "COMPLETED"
        found[_STATUS] = status
        current = s3._buckets[job.bucket]["objects"].get(job.key)
        if current is not None and current.get("version_id") == job.version:
            current[_STATUS] = status
        if reason:
            _log.warning("%s/%s was not replicated: %s", job.bucket, job.key, reason)
            _count_failure(job)


def _version(bucket: str, key: str, version: str) -> Record | None:
    """A version as the emulator keeps it; None when it was deleted meanwhile."""
    versions: list[Record] = s3._object_versions.get((bucket, key), [])
    return next((one for one in versions if one["version_id"] == version), None)


def _copy(job: _Job, found: Record) -> str:
    """Copies a version; returns why it was not, or nothing."""
    rule = job.rule
    owner = s3._bucket_owner_account(rule.bucket)
    encrypted = str(_headers(found).get(_ENCRYPTION, "")).startswith("aws:kms")
    if owner is None or (rule.account and rule.account != owner):
        return f"the bucket {rule.bucket} is not there, or is not of the account {rule.account}"
    if s3._bucket_versioning.get_scoped(owner, None, rule.bucket) != "Enabled":
        return f"the bucket {rule.bucket} keeps no versions"
    denied = permissions.refusal(
        rule, account=job.account, bucket=job.bucket, key=job.key, version=job.version, encrypted=encrypted
    )
    if denied:
        return denied
    with request_scope(owner, job.region):
        # Of its source a replica has the body, the metadata, the creation time and the version id.
        asked = {_ENCRYPTION: "aws:kms", _KEY: arn_of_key(rule.key)} if encrypted else {}
        headers, error = s3._resolve_sse_write_headers(asked, rule.bucket)
        if error is not None:
            return str(error[2].decode(errors="replace"))
        _write(job, found, headers)
    return ""


def _write(job: _Job, found: Record, headers: Mapping[str, str]) -> None:
    """Writes a replica, in the scope of the account of the bucket that it comes to."""
    bucket, key = job.rule.bucket, job.key
    record: Record = copy.deepcopy(s3._object_record_from_version(found))
    kept = {name: value for name, value in _headers(record).items() if not str(name).startswith(_ENCRYPTION)}
    record.update({_STATUS: "REPLICA", "preserved_headers": {**kept, **headers}})
    objects = s3._buckets[bucket]["objects"]
    prior, objects[key] = objects.get(key), record
    made = _own_record_version(bucket, key, prior, record, record["body"])
    stored = _version(bucket, key, str(made))
    record["version_id"] = job.version
    if stored is not None:
        stored["version_id"] = job.version
    # Which event a replica is, is not documented; users see the one of a PutObject.
    s3._fire_s3_event_async(
        bucket,
        key,
        "s3:ObjectCreated:Put",
        size=record["size"],
        etag=record["etag"],
        version_id=job.version,
    )


def _headers(record: Mapping[str, object]) -> Mapping[str, object]:
    headers = record.get("preserved_headers")
    return headers if isinstance(headers, Mapping) else {}


def _count_failure(job: _Job) -> None:
    """Counts a failure where the bucket is that the object should have left."""
    if job.rule.counts:
        dimensions = {"SourceBucket": job.bucket, "DestinationBucket": job.rule.bucket, "RuleId": job.rule.id}
        cloudwatch.record_metric("AWS/S3", "OperationsFailedReplication", 1, "Count", dimensions)

"""Objects whose key cannot be used: S3 neither reads nor writes them, whatever its caller may do.

MiniStack keeps the state of a key and does not ask for it. Sources of the errors: KMS developer guide, "Key states of
AWS KMS keys"; S3 passes on what KMS says with `KMS.` before it (S3 user guide, "Troubleshooting", KMS exceptions).
"""

import json
from collections.abc import Mapping

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import kms, s3

from plumbline.rehearsal.enforcement.object_keys import ARN_SCOPE

Answer = tuple[int, dict[str, str], bytes]
_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
_own_get_object = s3._get_object
_own_write_headers = s3._resolve_sse_write_headers


def register() -> None:
    """Has the emulator of this process ask for the state of an object's key."""
    s3._get_object = _get_object
    s3._resolve_sse_write_headers = _write_headers


def _get_object(
    bucket: str, key: str, headers: dict[str, str], query_params: dict[str, list[str]] | None = None
) -> Answer:
    found: Answer = _own_get_object(bucket, key, headers, query_params)
    return _unusable(found[1]) or found


def _write_headers(headers: dict[str, str], bucket: str) -> tuple[dict[str, str] | None, Answer | None]:
    kept, error = _own_write_headers(headers, bucket)
    refusal = None if error is not None else _unusable(kept)
    return (None, refusal) if refusal else (kept, error)


def _unusable(headers: Mapping[str, str]) -> Answer | None:
    """The error of an object with these headers, when its key cannot be used."""
    name = next((value for header, value in headers.items() if header.lower() == _KEY), "")
    located = ARN_SCOPE.match(name)
    region, account = located.groups() if located else (get_region(), get_account_id())
    with request_scope(account, region):
        record = kms._resolve_key(name) if name else None
        refused = kms._check_key_state(record) if record else None
    if refused is None:
        return None
    said = json.loads(refused[2])
    code, message = str(said["__type"]).rpartition("#")[2], said.get("message") or said.get("Message")
    answer: Answer = s3._error(f"KMS.{code}", message, 400)
    return answer

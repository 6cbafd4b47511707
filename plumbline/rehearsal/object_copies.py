"""Copying an object from a bucket of another account, which MiniStack takes for a bucket that is not there.

That the caller may read the one and write the other has been decided before. The copy gets its encryption from the
request or from its bucket, and its metadata from the request or from the source, as the directive says (S3 API
reference, CopyObject). Conditions on the source and its tags are refused by name, for nothing here needs them.
"""

from collections.abc import Mapping
from urllib.parse import parse_qs, unquote

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import s3

from plumbline.rehearsal import clock

Answer = tuple[int, dict[str, str], bytes]
_own_copy_object = s3._copy_object
_OF_THE_REQUEST = ("content-length", "content-md5", "x-amz-checksum-", "x-amz-content-sha256", "x-amz-copy-source")
_TAGS = "x-amz-tagging-count"


def register() -> None:
    """Has the emulator of this process copy across accounts."""
    s3._copy_object = _copy_object


def _copy_object(bucket: str, key: str, headers: dict[str, str]) -> Answer:
    path, _, query = headers.get("x-amz-copy-source", "").lstrip("/").partition("?")
    source_bucket, _, source_key = unquote(path).partition("/")
    owner = s3._bucket_owner_account(source_bucket)
    if owner is None or owner == get_account_id():
        own: Answer = _own_copy_object(bucket, key, headers)
        return own
    with request_scope(owner, get_region()):
        status, source, body = s3._get_object(source_bucket, source_key, {}, parse_qs(query))
    if status != 200:
        return status, source, body
    replaces = {name: headers.get(f"x-amz-{name}-directive", "COPY").upper() for name in ("metadata", "tagging")}
    if _TAGS in source and replaces["tagging"] != "REPLACE":
        return _refused("copying the tags of an object of another account")
    if conditions := sorted(name for name in headers if name.startswith("x-amz-copy-source-if-")):
        return _refused(f"{conditions[0]} of an object of another account")
    kept = {name: value for name, value in headers.items() if not name.startswith(_OF_THE_REQUEST)}
    if replaces["metadata"] != "REPLACE":
        kept = {name: value for name, value in kept.items() if not _is_metadata(name)} | {
            name.lower(): value for name, value in source.items() if _is_metadata(name.lower())
        }
    return _result(s3._put_object(bucket, key, body, kept), source)


def _is_metadata(name: str) -> bool:
    return name == "content-type" or name.startswith("x-amz-meta-")


def _result(written: Answer, source: Mapping[str, str]) -> Answer:
    status, headers, body = written
    if status != 200:
        return written
    found = {name.lower(): value for name, value in (*source.items(), *headers.items())}
    etag = found["etag"].strip('"')
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><CopyObjectResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<LastModified>{clock.iso_now()}</LastModified><ETag>&quot;{etag}&quot;</ETag></CopyObjectResult>"
    ).encode()
    version = {name.lower(): value for name, value in source.items()}.get("x-amz-version-id")
    answered = {name: value for name, value in headers.items() if name.lower() not in ("etag", "content-length")}
    copied = {"x-amz-copy-source-version-id": version} if version else {}
    return status, answered | {"Content-Type": "application/xml"} | copied, body


def _refused(what: str) -> Answer:
    answer: Answer = s3._error("NotImplemented", f"The rehearsal's S3 does not have {what}", 501)
    return answer

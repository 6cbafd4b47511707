"""Copies of objects from a bucket of another account, which the emulator decides rightly and then does not find.

API reference, "CopyObject" and "UploadPartCopy": the source may be anybody's bucket, if the caller may read it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import unquote

from ministack.core.responses import get_account_id
from ministack.services import s3

Answer = tuple[object, ...]


def install() -> None:
    """Has the emulator of this process find the sources of such copies."""
    own_copy, own_part_copy = s3._copy_object, s3._upload_part_copy

    def copy(bucket: str, key: str, headers: Mapping[str, str]) -> Answer:
        with _source_in_sight(headers):
            answer: Answer = own_copy(bucket, key, headers)
        return answer

    def part_copy(bucket: str, key: str, query_params: object, headers: Mapping[str, str]) -> Answer:
        with _source_in_sight(headers):
            answer: Answer = own_part_copy(bucket, key, query_params, headers)
        return answer

    s3._copy_object, s3._upload_part_copy = copy, part_copy


@contextmanager
def _source_in_sight(headers: Mapping[str, str]) -> Iterator[None]:
    """For the time of one copy, which nothing interrupts, shows the caller's account the source and its versions."""
    source = unquote(headers.get("x-amz-copy-source", "").lstrip("/").partition("?")[0])
    bucket, _, key = source.partition("/")
    owner = s3._bucket_owner_account(bucket)
    if owner is None or owner == get_account_id():
        yield
        return
    find: Callable[[str], object] = s3._ensure_bucket
    s3._ensure_bucket = lambda name: s3._buckets.get_scoped(owner, None, bucket) if name == bucket else find(name)
    s3._object_versions[bucket, key] = s3._object_versions.get_scoped(owner, None, (bucket, key)) or []
    try:
        yield
    finally:
        s3._ensure_bucket = find
        s3._object_versions.pop((bucket, key), None)

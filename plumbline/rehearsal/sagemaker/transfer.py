"""Data between S3 and a job's folder, moved by the platform with the job's role.

Sources: SageMaker API reference, "ProcessingS3Input" and "S3DataSource" for ``S3DataType``: a manifest is a JSON array
that begins with an object ``{"prefix": …}`` and goes on with what follows the prefix in the key of each object.
"""

import contextlib
import dataclasses
import gzip
import itertools
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from botocore.client import BaseClient
from botocore.exceptions import ClientError
from s3transfer.manager import TransferConfig, TransferManager

from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.sagemaker.sessions import PlatformError, RoleSession, is_denial

_CHUNK = 1 << 20
_POLL_SECONDS = 0.05
_IN_PARTS = TransferConfig()


@dataclasses.dataclass(frozen=True, kw_only=True)
class S3Uri:
    """A place in S3."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str) -> "S3Uri":
        """Reads ``s3://bucket/key``.

        Raises:
            PlatformError: It is something else.
        """
        if not text.startswith("s3://"):
            raise PlatformError(f"ClientError: {text} is no S3 URI")
        bucket, _, key = text.removeprefix("s3://").partition("/")
        return cls(bucket=bucket, key=key)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def __truediv__(self, name: str) -> "S3Uri":
        return S3Uri(bucket=self.bucket, key=f"{self.key.rstrip('/')}/{name}".lstrip("/"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """An object, and where it goes below a channel's folder."""

    source: S3Uri
    path: PurePosixPath


def find(source: Document, *, session: RoleSession) -> list[RemoteFile]:
    """The objects that a data source names.

    Args:
        source: An S3DataSource, S3Input or their like: ``S3Uri`` and ``S3DataType``.
        session: The role that lists them.

    Raises:
        PlatformError: There are none, or the manifest is none.
        botocore.exceptions.ClientError: The role may not look.
    """
    uri = S3Uri.parse(source["S3Uri"])
    kind = source.get("S3DataType", "S3Prefix")
    if kind == "ManifestFile":
        files = _manifest(uri, read(uri, session=session))
    elif kind == "S3Prefix":
        files = list(_listed(uri, session))
    else:
        raise PlatformError(f"ClientError: S3DataType {kind} is not run by the rehearsal (S3Prefix, ManifestFile are)")
    if not files:
        raise PlatformError(_nothing_there(uri, session))
    return files


def read(uri: S3Uri, *, session: RoleSession) -> bytes:
    """The content of an object."""
    content: bytes = session.client("s3").get_object(Bucket=uri.bucket, Key=uri.key)["Body"].read()
    return content


def download(files: list[RemoteFile], folder: Path, *, session: RoleSession) -> int:
    """Puts objects into a folder, each complete once it has its name.

    Returns:
        The number of bytes.

    Raises:
        PlatformError: One of them is not there.
        botocore.exceptions.ClientError: The role may not read one.
    """
    client = session.client("s3")
    size = 0
    for file in files:
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".partial")
        try:
            body = client.get_object(Bucket=file.source.bucket, Key=file.source.key)["Body"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "NoSuchKey":
                raise
            raise PlatformError(
                f'ClientError: Data download failed:NoSuchKey (404): The specified key does not exist: "{file.source}"'
            ) from error
        with partial.open("wb") as stream:
            for chunk in body.iter_chunks(_CHUNK):
                size += stream.write(chunk)
        partial.replace(target)
    return size


def upload_file(path: Path, uri: S3Uri, *, session: RoleSession, key: str | None) -> None:
    """Writes one object, encrypted under a key when one is given, else as its bucket says.

    A large one goes in parts, from boto3's own threshold on (8 MB): that asks more of KMS than a single write.
    """
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
    client = session.client("s3")
    if path.stat().st_size >= _IN_PARTS.multipart_threshold:
        with TransferManager(cast("BaseClient", client), _IN_PARTS) as manager:
            manager.upload(str(path), uri.bucket, uri.key, extra_args=encryption).result()
        return
    with path.open("rb") as stream:
        client.put_object(Bucket=uri.bucket, Key=uri.key, Body=stream, **encryption)


def upload(folder: Path, uri: S3Uri, *, session: RoleSession, key: str | None) -> None:
    """Writes every file of a folder below a prefix."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        upload_file(path, uri / path.relative_to(folder).as_posix(), session=session, key=key)


class Mirror:
    """A folder whose files are written to S3 as they appear and change, until it is closed.

    For checkpoints, and for outputs of upload mode Continuous. A file is taken once it has kept its size and time for a
    whole round, so a half-written one is not.
    """

    def __init__(self, folder: Path, uri: S3Uri, *, session: RoleSession, key: str | None, seconds: float) -> None:
        self._folder, self._uri, self._session, self._key = folder, uri, session, key
        self._seconds = seconds
        self._sent: dict[Path, tuple[int, int]] = _states(folder)
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._work, name=f"mirror {uri}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Sends what is left, whatever its age, and ends.

        Raises:
            Exception: What a write met.
        """
        self._stop.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        self._send(_states(self._folder))

    def _work(self) -> None:
        before: dict[Path, tuple[int, int]] = {}
        while not self._stop.wait(self._seconds):
            now = _states(self._folder)
            try:
                self._send({path: state for path, state in now.items() if before.get(path) == state})
            except (ClientError, OSError) as error:
                self._failure = error
                return
            before = now

    def _send(self, states: dict[Path, tuple[int, int]]) -> None:
        for path, state in states.items():
            if self._sent.get(path) != state and path.is_file():
                upload_file(
                    path, self._uri / path.relative_to(self._folder).as_posix(), session=self._session, key=self._key
                )
                self._sent[path] = state


class Pipe:
    """A channel of input mode Pipe: FIFOs ``<channel>_<epoch>``, each giving the channel's objects one after another.

    The next epoch's FIFO is there before the present one ends.
    """

    def __init__(self, *, path: Path, files: list[RemoteFile], session: RoleSession, compressed: bool) -> None:
        self._path, self._files, self._session, self._compressed = path, files, session, compressed
        self._stop = threading.Event()
        self._make(0)
        self._thread = threading.Thread(target=self._work, name=f"pipe {path.name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the writer, whether or not anybody reads."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        for epoch in itertools.count():
            descriptor = self._open(epoch)
            if descriptor is None:
                return
            with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as stream:
                for file in self._files:
                    self._copy(file, stream)
                self._make(epoch + 1)
            if self._stop.is_set():
                return
            self._make(epoch + 1)

    def _open(self, epoch: int) -> int | None:
        """The writing end, once somebody reads; None when the job ends first."""
        while not self._stop.wait(_POLL_SECONDS):
            try:
                descriptor = os.open(self._named(epoch), os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # ENXIO: nobody reads yet
                continue
            os.set_blocking(descriptor, True)
            return descriptor
        return None

    def _copy(self, file: RemoteFile, stream: BinaryIO) -> None:
        body = self._session.client("s3").get_object(Bucket=file.source.bucket, Key=file.source.key)["Body"]
        if self._compressed:
            stream.write(gzip.decompress(body.read()))
            return
        for chunk in body.iter_chunks(_CHUNK):
            stream.write(chunk)

    def _make(self, epoch: int) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self._named(epoch))

    def _named(self, epoch: int) -> Path:
        return self._path.with_name(f"{self._path.name}_{epoch}")


def _listed(uri: S3Uri, session: RoleSession) -> Iterator[RemoteFile]:
    token: dict[str, str] = {}
    while True:
        page = session.client("s3").list_objects_v2(Bucket=uri.bucket, Prefix=uri.key, **token)
        for item in page.get("Contents", []):
            path = _relative(item["Key"], uri.key)
            if path:
                yield RemoteFile(source=S3Uri(bucket=uri.bucket, key=item["Key"]), path=PurePosixPath(path))
        if not page.get("IsTruncated"):
            return
        token = {"ContinuationToken": page["NextContinuationToken"]}


def _relative(key: str, prefix: str) -> str:
    """Where an object goes, given the prefix that found it; empty for the marker object of a folder."""
    if key.endswith("/"):
        return ""
    if key == prefix:
        return key.rsplit("/", 1)[-1]
    folder = prefix.rstrip("/") + "/" if prefix else ""
    return key.removeprefix(folder) if key.startswith(folder) else key[prefix.rfind("/") + 1 :]


def _manifest(uri: S3Uri, content: bytes) -> list[RemoteFile]:
    try:
        entries = json.loads(content)
    except ValueError as error:
        raise _no_manifest(uri, f"it is no JSON ({error})") from error
    head = entries[0] if isinstance(entries, list) and entries else None
    if not isinstance(head, dict) or not isinstance(head.get("prefix"), str):
        raise _no_manifest(uri, 'it does not begin with {"prefix": "s3://…"}')
    names = entries[1:]
    if not names:
        raise _no_manifest(uri, "it names no objects")
    prefix = S3Uri.parse(head["prefix"])
    return [_entry(uri, prefix, name) for name in names]


def _entry(uri: S3Uri, prefix: S3Uri, name: object) -> RemoteFile:
    path = PurePosixPath(name.lstrip("/")) if isinstance(name, str) else PurePosixPath()
    if not path.name or ".." in path.parts:
        raise _no_manifest(uri, f"{json.dumps(name)} is no path below the prefix")
    return RemoteFile(source=S3Uri(bucket=prefix.bucket, key=f"{prefix.key}{name}"), path=path)


def _no_manifest(uri: S3Uri, why: str) -> PlatformError:
    return PlatformError(f'ClientError: Data download failed: the manifest "{uri}" cannot be used: {why}')


def _nothing_there(uri: S3Uri, session: RoleSession) -> str:
    return (
        f'ClientError: Data download failed:NoSuchKey (404): No S3 objects found under S3 URL "{uri}" given in input '
        f"data source. Please ensure that the bucket exists in the selected region ({session.scope.region}), that "
        f'objects exist under that S3 prefix, and that the role "{session.role_arn}" has "s3:ListBucket" permissions '
        f'on bucket "{uri.bucket}".'
    )


def _states(folder: Path) -> dict[Path, tuple[int, int]]:
    states = {}
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                stat = path.stat()
                states[path] = (stat.st_size, stat.st_mtime_ns)
    return states


def has_object(uri: S3Uri, *, session: RoleSession) -> bool:
    """Whether a role can read an object.

    Raises:
        botocore.exceptions.ClientError: A policy does not let it look.
    """
    try:
        session.client("s3").get_object(Bucket=uri.bucket, Key=uri.key, Range="bytes=0-0")["Body"].close()
    except ClientError as error:
        if is_denial(error):
            raise
        return False
    return True

"""A release record: an archive that says what is released, with a code that tells whether somebody has changed it.

It holds `record.json`, `record.mac` and the files of a bundle, among them the templates that are deployed and the
model's contract, and the baselines that the model's monitors compare with. `record.json` has the SHA-256 of every
file; the code is made over model, version and the SHA-256 of `record.json`. A digest beside what it describes would
prove nothing, for who changes one changes the other: the code takes a KMS key that only the recorder may make codes
with.
"""

import base64
import dataclasses
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from refusal import RefusedError
from role import code_of

Document = dict[str, Any]
Client = Any
FORMAT = 1
CONTRACT = "contract.json"
# A serving template has at most 51,200 bytes (house rule), baselines about 25 KB a column.
LIMIT = 10 * 1024 * 1024
# The baselines of the model's monitors: a folder in the record, and beside the artifact in production.
BASELINES = "baselines/"
BASELINE_NAME = re.compile(r"([a-z-]+/)?[a-z-]+\.json")
_RECORD, _CODE = "record.json", "record.mac"
_ALGORITHM = "HMAC_SHA_256"
# What may be another for a copy of image and artifact.
_WORKED_OUT = ("ImageDigest", "ModelDataETag")
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # of a zip archive


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """A record that was read.

    Attributes:
        said: What `record.json` says.
        files: The files of the bundle by name.
        text: `record.json`, byte for byte.
        code: What `record.mac` holds.
    """

    said: Document
    files: Mapping[str, bytes]
    text: bytes
    code: bytes

    @property
    def version(self) -> int:
        """The version that it releases."""
        return int(self.said["version"])


def key_of(prefix: str, version: int) -> str:
    """Key of the record of a version, below the model's prefix."""
    return f"{prefix}{version}/record.zip"


def sealed(said: Document, files: Mapping[str, bytes], *, kms: Client, key: str) -> bytes:
    """Makes the archive of a record: the same bytes for the same content.

    Args:
        said: What `record.json` says, without the digests of the files.
        files: The files of the bundle.
        kms: Who makes the code.
        key: The key that codes are made with.

    Raises:
        RefusedError: A file has the name of one of the record's own, or all together are too large.
    """
    if taken := sorted({_RECORD, _CODE} & files.keys()):
        raise RefusedError(f"the bundle holds {taken[0]}, which is the record's own")
    if CONTRACT not in files:
        raise RefusedError(f"the bundle has no {CONTRACT}")
    told = {**said, "format": FORMAT, "files": {name: _digest(content) for name, content in files.items()}}
    text = f"{json.dumps(told, ensure_ascii=False, indent=2, sort_keys=True)}\n".encode()
    code = kms.generate_mac(KeyId=key, MacAlgorithm=_ALGORITHM, Message=_message(told["model"], told["version"], text))
    members = {**files, _RECORD: text, _CODE: base64.b64encode(code["Mac"])}
    if sum(map(len, members.values())) > LIMIT:
        raise RefusedError(f"the record has more than {LIMIT} bytes")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(members.items()):
            archive.writestr(zipfile.ZipInfo(name, _EARLIEST), content)
    return buffer.getvalue()


def opened(archive: bytes, *, model: str) -> Record:
    """Reads a record and compares its files with their digests; does not know who made it.

    Args:
        archive: Its bytes.
        model: The model that it must be of.

    Raises:
        RefusedError: It is no record, of another model, or its files are not those that it names.
    """
    try:
        members = _members(archive)
        text, code = members.pop(_RECORD), base64.b64decode(members.pop(_CODE), validate=True)
        said = json.loads(text)
        named = dict(said["files"])
        said_format, version, of = said["format"], said["version"], said["model"]
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise RefusedError(f"this is no release record: {error or type(error).__name__}") from error
    if said_format != FORMAT:
        raise RefusedError(f"the record has format {said_format}; accepted: {FORMAT}")
    if of != model:
        raise RefusedError(f"this is a record of {of}; accepted: of {model}")
    if type(version) is not int or version < 1:
        raise RefusedError(f"the record is of version {version}; accepted: a whole number from 1 on")
    for name in sorted({*named, *members}):
        if name not in members:
            raise RefusedError(f"the record of version {version} lacks {name}, which was in it when it was made")
        if name not in named:
            raise RefusedError(f"the record of version {version} holds {name}, which was not in it when it was made")
        if _digest(members[name]) != named[name]:
            raise RefusedError(f"{name} in the record of version {version} was changed after it was made")
    return Record(said=said, files=members, text=text, code=code)


def verified(archive: bytes, *, model: str, kms: Client, key: str) -> Record:
    """Reads a record that the recorder made and nobody has changed.

    Raises:
        RefusedError: Somebody has, or it is no record.
    """
    record = opened(archive, model=model)
    try:
        kms.verify_mac(
            KeyId=key,
            MacAlgorithm=_ALGORITHM,
            Message=_message(model, record.version, record.text),
            Mac=record.code,
        )
    except ClientError as error:
        if code_of(error) != "KMSInvalidMacException":
            raise
        raise RefusedError(f"the record of version {record.version} was changed after it was made") from error
    return record


def _members(archive: bytes) -> dict[str, bytes]:
    """The members of an archive that says no name twice and holds its members as they are, so that none can swell."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened_archive:
        entries = opened_archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("a member is compressed")
        if len({entry.filename for entry in entries}) != len(entries):
            raise ValueError("two members have one name")
        return {entry.filename: opened_archive.read(entry) for entry in entries}


def _message(model: str, version: int, text: bytes) -> bytes:
    return f"plumbline release record 1\n{model}\n{version}\n{_digest(text)}\n".encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def specification_of(package: Document) -> Document:
    """How a version is served, as its registry has it: all but what SageMaker has worked out for its own copy.

    Args:
        package: A description of a model package.
    """
    specification: Document = package["InferenceSpecification"]
    containers = [
        {name: value for name, value in container.items() if name not in _WORKED_OUT}
        for container in specification["Containers"]
    ]
    return {**specification, "Containers": containers}

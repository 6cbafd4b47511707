"""A release record: what it holds, how it is packed, and how one tells that nobody has changed it.

A record is a zip with `record.json`, its code in `record.mac`, and the files that `record.json` names with their
SHA-256. The code is an HMAC by a KMS key with which only the recorder makes codes.
"""

import base64
import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

FORMAT = 1
ALGORITHM = "HMAC_SHA_256"
STATEMENT, CODE = "record.json", "record.mac"
# Zips begin their calendar in 1980; a date of today would make another file of the same record.
_DATE = (1980, 1, 1, 0, 0, 0)


class RefusedError(Exception):
    """What was asked for is refused; the message is one sentence for a person."""


@dataclass(frozen=True)
class Record:
    """A record whose code and files are right.

    Attributes:
        said: What `record.json` says.
        files: Content of the other files, by name.
    """

    said: dict[str, Any]
    files: dict[str, bytes]

    @property
    def version(self) -> int:
        """The version that is released."""
        return int(self.said["version"])


def statement_of(said: dict[str, Any]) -> bytes:
    """`record.json`, the same bytes for the same content."""
    return (json.dumps(said, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()


def message(*, model: str, version: int, statement: bytes) -> bytes:
    """What the code is of."""
    digest = hashlib.sha256(statement).hexdigest()
    return f"plumbline release record {FORMAT}\n{model}\n{version}\n{digest}\n".encode()


def packed(*, statement: bytes, code: bytes, files: dict[str, bytes]) -> bytes:
    """The zip of a record."""
    content = {STATEMENT: statement, CODE: base64.b64encode(code), **files}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(content):
            archive.writestr(zipfile.ZipInfo(name, _DATE), content[name])
    return buffer.getvalue()


def verified(content: bytes, *, model: str, key: str, kms: Any) -> Record:
    """Opens a record.

    Args:
        content: The zip.
        model: The model that it has to be of.
        key: ARN of the key of codes.
        kms: A client of KMS, of who may verify codes.

    Raises:
        RefusedError: It is not a record, not of this model, or somebody has changed it.
    """
    members = _members(content)
    statement, code = members.pop(STATEMENT, None), members.pop(CODE, None)
    if statement is None or code is None:
        raise RefusedError(f"the record lacks {STATEMENT if statement is None else CODE}")
    said = _said(statement)
    if said.get("format") != FORMAT or said.get("model") != model or not isinstance(said.get("version"), int):
        raise RefusedError(f"the record is not one of {model} in format {FORMAT}")
    named = f"the record of version {said['version']} of {model}"
    try:
        kms.verify_mac(
            KeyId=key,
            MacAlgorithm=ALGORITHM,
            Message=message(model=model, version=said["version"], statement=statement),
            Mac=base64.b64decode(code),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "KMSInvalidMacException":
            raise
        raise RefusedError(f"{named} was changed after it was made: its code does not fit") from error
    except ValueError as error:
        raise RefusedError(f"{named} was changed after it was made: its code is none") from error
    digests = {name: hashlib.sha256(held).hexdigest() for name, held in members.items()}
    if digests != said["files"]:
        differing = sorted(name for name in {*digests, *said["files"]} if digests.get(name) != said["files"].get(name))
        raise RefusedError(f"{named} was changed after it was made: {differing[0]} is not what was recorded")
    return Record(said, members)


def _members(content: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if len(names) != len(set(names)):
                raise RefusedError("the record holds a file twice")
            return {name: archive.read(name) for name in names}
    except zipfile.BadZipFile as error:
        raise RefusedError("the record is no zip") from error


def _said(statement: bytes) -> dict[str, Any]:
    try:
        said = json.loads(statement)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise RefusedError(f"{STATEMENT} of the record is no JSON object")
    return said

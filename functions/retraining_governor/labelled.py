"""Labelled windows: what production was asked, what it has answered and what turned out to be true.

Replication brings each from production's data bucket to the same keys of this one: `labelled/<model>/<window>/` with
the rows, `labelled.parquet`, and what is said of them, `labelled.json`. The governor reads the second alone. What a run
is given is a list of windows and a manifest of the same objects, which lie under the list's own digest: the same
windows are the same bytes at the same keys, however often they are written.

Sources: S3 API reference, ListObjectsV2, PutObject; SageMaker API reference, ProcessingS3Input, "ManifestFile".
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Set
from datetime import datetime
from typing import Any

import boto3

from refusal import RefusedError
from stored import read

Client = Any
Document = dict[str, Any]

_VERSION = 1
# A window is named after its end, so that names sort by time.
_WINDOW = r"(?P<window>[0-9]{8}T[0-9]{4}Z)"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MEMBERS = {"version", "model", "window", "since", "until", "model_version", "rows", "sha256"}
_ID_DIGITS = 16
# What is said of a window has eight short members.
_BYTES = 16 * 1024
_MOST_ROWS = 200_000
# What a record keeps of the windows that were left out.
_LEFT_OUT = 1_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labelled:
    """The labelled windows of a run.

    Attributes:
        model: The model.
        files: What is written for the run, by key, in the order in which it is written; nothing without a window.
        id: The first digits of the list's digest; empty without a window.
        windows: How many there are.
        newest: The newest of them; empty when there is none.
        left_out: The windows that do not do, each with its sentence; empty when all do.
    """

    model: str
    files: dict[str, bytes]
    id: str
    windows: int
    newest: str
    left_out: str


class Windows:
    """The labelled windows in a bucket.

    Args:
        bucket: The bucket.
    """

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._s3: Client = boto3.client("s3")

    def composed(self, model: str, *, most: int, without: Set[str]) -> Labelled:
        """What a run is given: of the newest windows, those that do.

        Replication brings a window's two files in any order. A run that was started between them would be trained
        without the truth that may have called for it, so nothing is started then.

        Args:
            model: The model.
            most: How many windows are looked at.
            without: The windows that are passed over, as people want it.

        Raises:
            RefusedError: One of them is there by half; the signal has to come again.
            ClientError: AWS refused or failed.
        """
        windows, left_out = [], []
        for window in self._newest(model, most, without):
            try:
                windows.append(self._described(model, window))
            except RefusedError as refusal:
                left_out.append(str(refusal))
        said = "; ".join(left_out)[:_LEFT_OUT]
        if not windows:
            return Labelled(model=model, files={}, id="", windows=0, newest="", left_out=said)
        document = _written({"version": _VERSION, "windows": windows})
        id_ = hashlib.sha256(document).hexdigest()[:_ID_DIGITS]
        key = f"{model}/labelled/{id_}/labelled.json"
        manifest = [{"prefix": f"s3://{self._bucket}/"}, key, *(window["key"] for window in windows)]
        return Labelled(
            model=model,
            files={key: document, f"{model}/labelled/{id_}/manifest.json": _written(manifest)},
            id=id_,
            windows=len(windows),
            newest=str(windows[-1]["id"]),
            left_out=said,
        )

    def keep(self, labelled: Labelled) -> None:
        """Writes what a run is given; nothing follows from it until a run is started with it.

        Raises:
            ClientError: AWS refused or failed.
        """
        for key, body in labelled.files.items():
            self._s3.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType="application/json", ChecksumAlgorithm="SHA256"
            )

    def uri(self, model: str, id_: str) -> str:
        """Where the manifest of composed windows is."""
        return f"s3://{self._bucket}/{model}/labelled/{id_}/manifest.json"

    def _newest(self, model: str, most: int, without: Set[str]) -> list[str]:
        """The newest windows that are there, the oldest of them first.

        Raises:
            RefusedError: One of them is there by half.
        """
        if not most:
            return []
        prefix = f"labelled/{model}/"
        shape = re.compile(rf"{re.escape(prefix)}{_WINDOW}/(?P<file>labelled\.(?:json|parquet))")
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        found: dict[str, set[str]] = {}
        for page in pages:
            for entry in page.get("Contents", []):
                if match := shape.fullmatch(entry["Key"]):
                    found.setdefault(match["window"], set()).add(match["file"])
        newest = sorted(found.keys() - without)[-most:]
        for window in newest:
            if missing := {"labelled.json", "labelled.parquet"} - found[window]:
                raise RefusedError(
                    f"{missing.pop()} of the labelled window {window} has not come yet; if it does not come, name the "
                    "window in leave_out of the model's [retraining]"
                )
        return newest

    def _described(self, model: str, window: str) -> Document:
        """A window as the list of a run has it.

        Raises:
            RefusedError: What is said of it cannot be read, or is malformed.
        """
        folder = f"labelled/{model}/{window}"
        uri = f"s3://{self._bucket}/{folder}/labelled.json"
        said = _parsed(read(self._s3, uri, what="labelled window", limit=_BYTES), window)
        if (said["version"], said["model"], said["window"]) != (_VERSION, model, window):
            raise RefusedError(f"the labelled window {window} is of another version, model or window")
        rows, digest = said["rows"], said["sha256"]
        if isinstance(rows, bool) or not isinstance(rows, int) or not 1 <= rows <= _MOST_ROWS:
            raise RefusedError(f"the labelled window {window} has no whole number of rows from 1 to {_MOST_ROWS}")
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise RefusedError(f"the labelled window {window} does not say the SHA-256 of its rows")
        if not _in_order(said["since"], said["until"]):
            raise RefusedError(f"the labelled window {window} does not say from when to when it is")
        return {"id": window, "key": f"{folder}/labelled.parquet", "sha256": digest, "rows": rows}


def _parsed(content: bytes, window: str) -> Document:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"what is said of the labelled window {window} is no JSON") from error
    if not isinstance(said, dict) or said.keys() != _MEMBERS:
        raise RefusedError(f"the labelled window {window} has other members than {', '.join(sorted(_MEMBERS))}")
    return said


def _in_order(since: object, until: object) -> bool:
    try:
        return datetime.fromisoformat(str(since)) < datetime.fromisoformat(str(until))
    except (TypeError, ValueError):  # one with a time zone and one without, or none of them a time
        return False


def _written(document: object) -> bytes:
    return f"{json.dumps(document, indent=1, sort_keys=True)}\n".encode()

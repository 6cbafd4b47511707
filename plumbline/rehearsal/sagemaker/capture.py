"""Data capture: requests and answers of an endpoint as JSON lines in S3, in SageMaker's own format.

Source of format and paths: developer guide, "Capture data from real-time endpoint".
"""

import base64
import contextlib
import dataclasses
import datetime
import json
import random
import threading
import uuid

from botocore.exceptions import BotoCoreError, ClientError

from plumbline.rehearsal import clock
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.sagemaker.sessions import RoleSession
from plumbline.rehearsal.sagemaker.transfer import S3Uri

_FLUSH_SECONDS = 2.0
_FLUSH_RECORDS = 500
_open: "set[Capture]" = set()
_opening = threading.Lock()
# When it was captured, and its line.
_Record = tuple[datetime.datetime, str]


class UnwrittenError(ValueError):
    """What was captured cannot be written to its bucket."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Payload:
    """One side of an invocation."""

    body: bytes
    content_type: str


class Capture:
    """What is captured of one variant, written every few seconds.

    Args:
        config: The DataCaptureConfig.
        endpoint: The endpoint's name.
        variant: The variant's name.
        session: The execution role, which writes.
    """

    def __init__(self, *, config: Document, endpoint: str, variant: str, session: RoleSession) -> None:
        self._config = config
        self._endpoint, self._variant = endpoint, variant
        self._session = session
        self._options = {option["CaptureMode"] for option in config["CaptureOptions"]}
        self._lock = threading.Lock()
        self._records: list[_Record] = []
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=f"capture {endpoint}", daemon=True)
        self._thread.start()
        with _opening:
            _open.add(self)

    def add(self, asked: Payload, answered: Payload, *, inference_id: str | None, attributes: str | None) -> None:
        """Captures an invocation, or lets it pass when the sample leaves it out."""
        if random.random() * 100 >= self._config["InitialSamplingPercentage"]:  # noqa: S311 - a sample, not a secret
            return
        now = clock.moment()
        data = {}
        if "Input" in self._options or "InputAndOutput" in self._options:
            data["endpointInput"] = self._side(asked, "INPUT")
        if "Output" in self._options or "InputAndOutput" in self._options:
            data["endpointOutput"] = self._side(answered, "OUTPUT")
        metadata: Document = {"eventId": str(uuid.uuid4())}
        if attributes:
            metadata["customAttributes"] = [attributes]
        if inference_id:
            metadata["inferenceId"] = inference_id
        metadata["inferenceTime"] = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        record = {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}
        with self._lock:
            self._records.append((now, json.dumps(record, separators=(",", ":"))))
            if len(self._records) >= _FLUSH_RECORDS:
                self._wake.set()

    def flush(self) -> None:
        """Writes all that was captured before; what cannot be written is kept, and tried again with what comes.

        Raises:
            UnwrittenError: Something could not be written.
        """
        with self._writing:
            with self._lock:
                records, self._records = self._records, []
            try:
                while records:
                    hour = [record for record in records if _hour(record) == _hour(records[0])]
                    self._write(hour)
                    records = [record for record in records if _hour(record) != _hour(hour[0])]
            except (BotoCoreError, ClientError) as error:
                raise UnwrittenError(
                    f"{len(records)} captured invocations of endpoint {self._endpoint} cannot be written to "
                    f"{self._config['DestinationS3Uri']}: {error}"
                ) from error
            finally:
                with self._lock:
                    self._records[:0] = records

    def close(self) -> None:
        """Writes what is left and ends; what cannot be written, ``flush_all`` tries and tells of once more.

        Raises:
            UnwrittenError: Something could not be written.
        """
        self._closed = True
        self._wake.set()
        self._thread.join()
        self.flush()
        with _opening:
            _open.discard(self)

    def forget_if_closed(self) -> None:
        """Gives up what is left of an endpoint that is gone: its bucket may be gone, too."""
        if self._closed:
            with _opening:
                _open.discard(self)

    def _work(self) -> None:
        while not self._closed:
            self._wake.wait(_FLUSH_SECONDS)
            self._wake.clear()
            with contextlib.suppress(UnwrittenError):  # whoever needs the captures asks for them by flush
                self.flush()

    def _write(self, records: list[_Record]) -> None:
        first, _ = records[0]
        name = f"{first:%M-%S}-{first.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
        folder = f"{self._endpoint}/{self._variant}/{_hour(records[0])}"
        uri = S3Uri.parse(self._config["DestinationS3Uri"]) / f"{folder}/{name}"
        body = "".join(line + "\n" for _, line in records).encode()
        key = self._config.get("KmsKeyId")
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
        self._session.client("s3").put_object(Bucket=uri.bucket, Key=uri.key, Body=body, **encryption)

    def _side(self, payload: Payload, mode: str) -> Document:
        headers = self._config.get("CaptureContentTypeHeader", {})
        bare = payload.content_type.split(";")[0].strip().lower()
        if bare in [kind.lower() for kind in headers.get("CsvContentTypes", [])]:
            encoding, data = "CSV", payload.body.decode("utf-8", "replace")
        elif bare in [kind.lower() for kind in headers.get("JsonContentTypes", [])]:
            encoding, data = "JSON", payload.body.decode("utf-8", "replace")
        else:
            encoding, data = "BASE64", base64.b64encode(payload.body).decode()
        return {"observedContentType": payload.content_type, "mode": mode, "data": data, "encoding": encoding}


def flush_all() -> None:
    """Has every endpoint write what it has captured, and waits for it; of one that is gone it is the last try.

    Raises:
        UnwrittenError: Something could not be written.
    """
    with _opening:
        captures = list(_open)
    for capture in captures:
        try:
            capture.flush()
        except UnwrittenError:
            capture.forget_if_closed()
            raise


def _hour(record: _Record) -> str:
    return record[0].strftime("%Y/%m/%d/%H")

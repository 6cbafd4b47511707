"""A container's output in CloudWatch Logs, and its run in CloudWatch's metrics, written with the job's role."""

import collections
import contextlib
import threading
import time
from typing import Protocol

from botocore.exceptions import ClientError

from plumbline.rehearsal.sagemaker.sessions import RoleSession
from plumbline.rehearsal.session import Client

_FLUSH_SECONDS = 0.5
_LAST_LINES = 50
# PutLogEvents takes at most 10,000 events and 1 MiB; lines are cut to what one event holds.
_BATCH = 1000
_LINE = 8192


class Clients(Protocol):
    """Whoever has clients of AWS's services: a session, of a role or of anybody else."""

    def client(self, service: str) -> Client:
        """A client of one service."""
        ...


class LogStream:
    """One stream of a log group, filled line by line and written in the background.

    Args:
        session: Makes the clients of the role that writes.
        group: For example ``/aws/sagemaker/TrainingJobs``.
        stream: For example ``name/algo-1-1700000000``.
        described: Whether the service looks the stream up first, as SageMaker does.

    Raises:
        botocore.exceptions.ClientError: The role may not.
    """

    def __init__(self, *, session: Clients, group: str, stream: str, described: bool = True) -> None:
        self._client = session.client("logs")
        self._names = {"logGroupName": group, "logStreamName": stream}
        self._waiting: list[dict[str, int | str]] = []
        self._lock = threading.Lock()
        self._last: collections.deque[str] = collections.deque(maxlen=_LAST_LINES)
        self._failure: ClientError | None = None
        self._closed = threading.Event()
        try:
            self._open()
        except self._client.exceptions.ResourceNotFoundException:  # type: ignore[attr-defined]
            # Only a role that may makes the group that nobody made before; another may make it at the same moment.
            with contextlib.suppress(self._client.exceptions.ResourceAlreadyExistsException):  # type: ignore[attr-defined]
                self._client.create_log_group(logGroupName=group)
            self._open()
        if described:
            self._client.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)
        self._thread = threading.Thread(target=self._work, name=f"log {stream}", daemon=True)
        self._thread.start()

    def _open(self) -> None:
        with contextlib.suppress(self._client.exceptions.ResourceAlreadyExistsException):  # type: ignore[attr-defined]
            self._client.create_log_stream(**self._names)

    def write(self, line: str) -> None:
        """Adds a line, at the present time."""
        text = line.rstrip("\r\n")[:_LINE]
        with self._lock:
            self._last.append(text)
            # CloudWatch Logs refuses an empty event
            self._waiting.append({"timestamp": int(time.time() * 1000), "message": text or " "})

    def tail(self) -> list[str]:
        """The last lines."""
        with self._lock:
            return list(self._last)

    def close(self) -> None:
        """Writes what is left.

        Raises:
            botocore.exceptions.ClientError: A write was refused.
        """
        self._closed.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        while True:
            last_round = self._closed.wait(_FLUSH_SECONDS)
            with self._lock:
                events, self._waiting = self._waiting, []
            try:
                for start in range(0, len(events), _BATCH):
                    self._client.put_log_events(**self._names, logEvents=events[start : start + _BATCH])
            except ClientError as error:
                self._failure = error
                return
            if last_round:
                return


def put_metrics(session: RoleSession, *, namespace: str, dimensions: dict[str, str], values: dict[str, float]) -> None:
    """Publishes the utilisation that SageMaker publishes of each container.

    Args:
        session: The role that publishes.
        namespace: For example ``/aws/sagemaker/TrainingJobs``.
        dimensions: Dimension → value, for example Host → ``<job>/algo-1``.
        values: Metric name → value, in percent.
    """
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    session.client("cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[
            {"MetricName": name, "Value": value, "Unit": "Percent", "Dimensions": named}
            for name, value in values.items()
        ],
    )

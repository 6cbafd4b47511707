"""A build's log: in CloudWatch Logs, where the project says, and on this machine for what is remembered.

Source: CodeBuild API reference, "LogsConfig" and "CloudWatchLogsConfig": without a group it is
``/aws/codebuild/<project>``; the stream is the build's own part of its id, below the configured name.
"""

import datetime
import threading
from pathlib import Path

from botocore.exceptions import ClientError

from plumbline.rehearsal.api.errors import UnsupportedOperationError
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codebuild.errors import PhaseFailedError
from plumbline.rehearsal.codebuild.orders import Build
from plumbline.rehearsal.codebuild.transfer import said
from plumbline.rehearsal.sagemaker.logs import LogStream
from plumbline.rehearsal.session import Session


class BuildLog:
    """Lines of one build.

    Args:
        build: The build, whose record is told where its log is.
        session: The role that writes it.
        copy: Where a person finds it when the rehearsal is over.

    Raises:
        PhaseFailedError: The role may not; the words are CodeBuild's.
    """

    def __init__(self, build: Build, *, session: Session, copy: Path) -> None:
        self._copy = copy
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._stream: LogStream | None = None
        where = location(build)
        build.note(logs=where)
        if "groupName" not in where:
            return
        try:
            self._stream = LogStream(
                session=session, group=where["groupName"], stream=where["streamName"], described=False
            )
        except ClientError as error:
            raise PhaseFailedError(
                "ACCESS_DENIED",
                f"Service role {build.order.project['serviceRole']} does not allow AWS CodeBuild to create Amazon "
                f"CloudWatch Logs log streams for build {build.arn}. Error message: {said(error)}",
            ) from error

    @property
    def lines(self) -> list[str]:
        """What was written, oldest first."""
        with self._lock:
            return list(self._lines)

    def write(self, line: str) -> None:
        """Adds a line."""
        with self._lock:
            self._lines.append(line)
            with self._copy.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
        if self._stream:
            self._stream.write(line)

    def say(self, text: str) -> None:
        """Adds a line of CodeBuild's own."""
        self.write(f"[Container] {datetime.datetime.now(datetime.UTC):%Y/%m/%d %H:%M:%S.%f} {text}")

    def close(self) -> None:
        """Writes what is left.

        Raises:
            PhaseFailedError: The role may not write.
        """
        stream, self._stream = self._stream, None
        try:
            if stream:
                stream.close()
        except ClientError as error:
            raise PhaseFailedError("ACCESS_DENIED", f"the log cannot be written: {said(error)}") from error


def location(build: Build) -> Document:
    """Where a build's log goes, as its record says it."""
    order = build.order
    configured = order.project.get("logsConfig", {}).get("cloudWatchLogs", {"status": "ENABLED"})
    if configured["status"] == "DISABLED":
        return {"cloudWatchLogs": configured}
    group = configured.get("groupName") or f"/aws/codebuild/{order.project['name']}"
    stream = "/".join(filter(None, (configured.get("streamName"), build.uuid)))
    arn = f"arn:aws:logs:{order.region}:{order.account}:log-group:{group}:log-stream:{stream}"
    return {"groupName": group, "streamName": stream, "cloudWatchLogsArn": arn, "cloudWatchLogs": configured}


def refuse_objects(project: Document) -> None:
    """Refuses a project whose log goes to S3.

    Raises:
        UnsupportedOperationError: It does.
    """
    if project.get("logsConfig", {}).get("s3Logs", {}).get("status") == "ENABLED":
        raise UnsupportedOperationError("logsConfig.s3Logs is no part of the rehearsal's CodeBuild")

"""One production variant of an endpoint: its container, kept until the endpoint ends or changes."""

import contextlib
import dataclasses
import http.client
import shutil
import socket
import tarfile
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from botocore.exceptions import BotoCoreError, ClientError

from plumbline.rehearsal.api.scope import timestamp
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.sagemaker import images, jobs, network, transfer
from plumbline.rehearsal.sagemaker.capture import Capture, UnwrittenError
from plumbline.rehearsal.sagemaker.containers import Container, Program, isolation
from plumbline.rehearsal.sagemaker.logs import LogStream, put_metrics
from plumbline.rehearsal.sagemaker.models import Servable
from plumbline.rehearsal.sagemaker.platform import Platform, Run
from plumbline.rehearsal.sagemaker.scope import Scope
from plumbline.rehearsal.sagemaker.sessions import PlatformError, RoleSession
from plumbline.rehearsal.sagemaker.transfer import RemoteFile, S3Uri

PORT = 8080
# A container has 60 seconds to answer an invocation (developer guide, "How Containers Serve Requests").
INVOCATION_SECONDS = 60.0
_PING_SECONDS = 2.0
# AWS's own default is 8 minutes; what does not answer after two on this machine will not.
_STARTUP_SECONDS = 120.0
# SageMaker lets a serving container live for 30 seconds after SIGTERM (developer guide, "How Containers Serve
# Requests").
_STOP_SECONDS = 30.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What a container answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Variant:
    """A variant that runs.

    Args:
        platform: The machine.
        scope: Where the endpoint lives.
        endpoint: The endpoint's name.
        config: The endpoint's configuration.
        variant: The configuration's ProductionVariant.
        servable: Its model.

    Raises:
        PlatformError: It cannot be started, or does not pass the health check.
        botocore.exceptions.ClientError: The execution role may not do what starting it takes.
    """

    def __init__(
        self,
        *,
        platform: Platform,
        scope: Scope,
        endpoint: str,
        config: Document,
        variant: Document,
        servable: Servable,
    ) -> None:
        self.name = str(variant["VariantName"])
        self.weight = float(variant.get("InitialVariantWeight", 1.0))
        self.instances = int(variant.get("InitialInstanceCount", 1))
        self.image = servable.image
        self.digest = ""
        self.started = timestamp()
        self.capture: Capture | None = None
        self.log_stream = f"{self.name}/i-{uuid.uuid4().hex[:17]}"
        self._platform, self._scope, self._endpoint = platform, scope, endpoint
        self._container: Container | None = None
        self._stack = contextlib.ExitStack()
        try:
            self._start(config, variant, servable)
        except BaseException:
            self.close()
            raise

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Sends one request to the container.

        Raises:
            OSError: It does not answer.
        """
        return self._call("POST", "/invocations", body, headers, seconds=INVOCATION_SECONDS)

    def close(self) -> None:
        """Ends the container, writes what is captured and logged, and leaves the VPC."""
        with contextlib.suppress(
            PlatformError, ClientError, BotoCoreError, UnwrittenError
        ):  # the endpoint is gone whatever they met
            self._stack.close()

    def _start(self, config: Document, variant: Document, servable: Servable) -> None:
        options = self._platform.options
        arn = self._scope.arn(f"endpoint/{self._endpoint}")
        session = RoleSession(options=options, role_arn=servable.role_arn, scope=self._scope, source_arn=arn)
        data = self._stack.enter_context(network.in_vpc(session, servable.vpc))
        network.use_volume_key(session, config.get("KmsKeyId"))
        image = images.resolve(servable.image, session=data, options=options)
        self.digest = image.digest
        log = LogStream(session=data, group=f"/aws/sagemaker/Endpoints/{self._endpoint}", stream=self.log_stream)
        self._stack.callback(log.close)
        folder = options.state / "endpoints" / f"{self._scope.account}-{self._endpoint}" / uuid.uuid4().hex[:12]
        folder.mkdir(parents=True)
        self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        self._fetch(servable, folder, data)
        capturing = config.get("DataCaptureConfig")
        if capturing and capturing.get("EnableCapture", True):
            self.capture = Capture(config=capturing, endpoint=self._endpoint, variant=self.name, session=data)
            self._stack.callback(self.capture.close)
        self._run(servable, image, data if servable.isolated else network.confined(data), folder, log, arn)
        seconds = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", _STARTUP_SECONDS)
        self._await_health(seconds, log)
        put_metrics(
            data,
            namespace="/aws/sagemaker/Endpoints",
            dimensions={"EndpointName": self._endpoint, "VariantName": self.name},
            values={"CPUUtilization": 1.0, "MemoryUtilization": 10.0, "DiskUtilization": 1.0},
        )

    def _fetch(self, servable: Servable, folder: Path, data: RoleSession) -> None:
        model = folder / "ml" / "model"
        model.mkdir(parents=True)
        if servable.artifact is None:
            return
        uri = S3Uri.parse(servable.artifact)
        archive = PurePosixPath("model.tar.gz")
        transfer.download([RemoteFile(source=uri, path=archive)], folder, session=data)
        with tarfile.open(folder / archive) as packed:
            packed.extractall(model, filter="data")

    def _run(
        self, servable: Servable, image: images.Image, session: RoleSession, folder: Path, log: LogStream, arn: str
    ) -> None:
        self._platform.record(
            Run(
                arn=f"{arn}/{self.name}",
                isolation=str(isolation()) if servable.isolated else "none",
                image=servable.image,
                digest=image.digest,
            )
        )
        self._container = self._platform.containers.start(
            Program(
                command=(*image.entry_point, "serve"),
                environment=jobs.environment(
                    servable.environment,
                    image=image,
                    session=session,
                    isolated=servable.isolated,
                    options=self._platform.options,
                ),
                directory=image.directory or folder / "ml",
                folder=folder,
                isolated=servable.isolated,
                port=PORT,
            ),
            on_line=log.write,
        )
        grace = _STOP_SECONDS * self._platform.options.time_scale
        self._stack.callback(self._container.end, grace=grace)

    def _await_health(self, seconds: float, log: LogStream) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self._platform.ending.is_set():
            if self._container is None or not self._container.running:
                break
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self._call("GET", "/ping", b"", {}, seconds=_PING_SECONDS).status == http.HTTPStatus.OK:
                    return
            threading.Event().wait(0.05)
        words = " | ".join(log.tail()[-3:])
        raise PlatformError(
            f"The primary container for production variant {self.name} did not pass the ping health check. Please "
            f"check CloudWatch logs for this endpoint. (last lines: {words})"
        )

    def _call(self, method: str, path: str, body: bytes, headers: Mapping[str, str], *, seconds: float) -> Answer:
        if self._container is None:
            raise ConnectionRefusedError(f"variant {self.name} does not run")
        connection = _Connection(self._container.socket, self._container.port or PORT, seconds)
        try:
            connection.request(method, path, body=body, headers=dict(headers))
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(status=response.status, headers=found, body=response.read())
        finally:
            connection.close()


class _Connection(http.client.HTTPConnection):
    """A connection to a container: through its namespace's unix socket, or to a port of loopback."""

    def __init__(self, unix_socket: Path | None, port: int, seconds: float) -> None:
        super().__init__("127.0.0.1", port, timeout=seconds)
        self._unix_socket = unix_socket

    def connect(self) -> None:
        """Opens it."""
        if self._unix_socket is None:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._unix_socket))

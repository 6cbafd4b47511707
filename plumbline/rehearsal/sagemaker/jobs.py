"""What processing and training jobs have in common: roles, data, the container, its limits and its end."""

import abc
import contextlib
import dataclasses
import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from botocore.exceptions import BotoCoreError, ClientError

from plumbline.rehearsal.api.errors import ApiError
from plumbline.rehearsal.api.scope import timestamp
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.sagemaker import images, network
from plumbline.rehearsal.sagemaker.containers import BASE, GRACE_SECONDS, Container, Program, isolation
from plumbline.rehearsal.sagemaker.logs import LogStream, put_metrics
from plumbline.rehearsal.sagemaker.options import Options
from plumbline.rehearsal.sagemaker.platform import Platform, Run
from plumbline.rehearsal.sagemaker.scope import Scope
from plumbline.rehearsal.sagemaker.sessions import PlatformError, RoleSession, reason

HOST = "algo-1"
# FailureReason holds at most 1,024 characters.
_REASON_LENGTH = 1024
_TAIL = 5


class StoppedError(Exception):
    """The job was told to stop."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What a job asks of the platform, whichever kind it is.

    Attributes:
        scope: Where the job lives.
        arn: The job's ARN.
        name: The job's name.
        role_arn: The role that it works in.
        image: The URI of its image.
        entry_point: The job's own entry point, or the image's when empty.
        arguments: What follows the entry point.
        environment: The job's own variables.
        isolated: EnableNetworkIsolation.
        vpc: VpcConfig.
        volume_key: The KMS key of its volume.
        max_seconds: MaxRuntimeInSeconds.
        log_group: Where its output goes.
        namespace: Where its metrics go.
    """

    scope: Scope
    arn: str
    name: str
    role_arn: str
    image: str
    entry_point: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    isolated: bool
    vpc: Document | None
    volume_key: str | None
    max_seconds: float
    log_group: str
    namespace: str


class Job(abc.ABC):
    """A job from creation to its end, in a thread of its own.

    A kind of job gives what is its own: ``plan``, the phases ``fetch``, ``deliver``, and what a change of its status
    means. All changes of ``document`` happen under ``lock``.
    """

    def __init__(self, *, platform: Platform, scope: Scope, document: Document) -> None:
        self.platform = platform
        self.scope = scope
        self.document = document
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        self.ended = threading.Event()
        self.folder = platform.options.state

    @property
    @abc.abstractmethod
    def plan(self) -> Plan:
        """What the job asks of the platform."""

    @property
    def base(self) -> Path:
        """The folder that the container finds at /opt/ml."""
        return self.folder / "ml"

    def start(self) -> None:
        """Begins the work."""
        name = f"job {self.plan.name}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def local(self, path: str) -> Path:
        """Where a path of the container is on this machine.

        Raises:
            PlatformError: It is not below /opt/ml.
        """
        if not PurePosixPath(path).is_relative_to(BASE):
            raise PlatformError(f"ClientError: {path} is not below {BASE}")
        return self.base / PurePosixPath(path).relative_to(BASE)

    @abc.abstractmethod
    def fetch(self, data: RoleSession) -> None:
        """Brings the inputs and the configuration files."""

    @abc.abstractmethod
    def began(self) -> None:
        """The container is about to start."""

    def line(self, text: str) -> None:  # noqa: B027 - most kinds do not listen
        """The container wrote a line."""

    def release(self) -> None:  # noqa: B027 - most kinds leave nothing
        """Ends what ``fetch`` left working beside the container."""

    @abc.abstractmethod
    def deliver(self, data: RoleSession) -> None:
        """Takes the outputs away; also after a stop."""

    @abc.abstractmethod
    def finish(self, status: str, *, failure: str | None = None, timed_out: bool = False) -> None:
        """The job ends with a status."""

    def stop(self) -> None:
        """Tells the job to stop."""
        self.stopping.set()

    def _run(self) -> None:
        try:
            with self.platform.slots:
                timed_out, failure = self._work()
        except StoppedError:
            self.finish("Stopped")
        except (PlatformError, ClientError, BotoCoreError, ApiError) as error:
            self.finish("Failed", failure=reason(error)[:_REASON_LENGTH])
        except Exception as error:  # noqa: BLE001 - a job must come to an end, whatever the platform met
            self.finish("Failed", failure=f"InternalServerError: {type(error).__name__}: {error}"[:_REASON_LENGTH])
        else:
            if failure is not None:
                self.finish("Failed", failure=failure[:_REASON_LENGTH])
            elif timed_out or self.stopping.is_set():
                self.finish("Stopped", timed_out=timed_out)
            else:
                self.finish("Completed")
                # what a failed job had is kept for whoever looks into it
                shutil.rmtree(self.folder, ignore_errors=True)
        finally:
            self.ended.set()

    def _work(self) -> tuple[bool, str | None]:
        """Does it all.

        Returns:
            Whether the time was up, and the container's failure.
        """
        plan = self.plan
        self.folder = _fresh(self.platform.options.state / "jobs" / plan.arn.rsplit(":", 1)[-1].replace("/", "-"))
        (self.base / "output").mkdir(parents=True)
        session = RoleSession(
            options=self.platform.options, role_arn=plan.role_arn, scope=plan.scope, source_arn=plan.arn
        )
        with network.in_vpc(session, plan.vpc) as data:
            network.use_volume_key(session, plan.volume_key)
            image = images.resolve(plan.image, session=data, options=self.platform.options)
            log = LogStream(session=data, group=plan.log_group, stream=f"{plan.name}/{HOST}-{int(time.time() * 1000)}")
            with contextlib.ExitStack() as stack:
                stack.callback(log.close)
                self._check_stop()
                self.fetch(data)
                self._check_stop()
                self.began()
                outcome = self._contain(image, data if plan.isolated else network.confined(data), log)
            put_metrics(
                data,
                namespace=plan.namespace,
                dimensions={"Host": f"{plan.name}/{HOST}"},
                values={"CPUUtilization": 100.0, "MemoryUtilization": 10.0, "DiskUtilization": 1.0},
            )
            if outcome[1] is None:
                self.deliver(data)
            return outcome

    def _contain(self, image: images.Image, session: RoleSession, log: LogStream) -> tuple[bool, str | None]:
        plan = self.plan
        self.platform.record(
            Run(
                arn=plan.arn,
                isolation=str(isolation()) if plan.isolated else "none",
                image=plan.image,
                digest=image.digest,
            )
        )
        container = self.platform.containers.start(
            Program(
                command=(*(plan.entry_point or image.entry_point), *plan.arguments),
                environment=environment(
                    plan.environment,
                    image=image,
                    session=session,
                    isolated=plan.isolated,
                    options=self.platform.options,
                ),
                directory=image.directory or self.base,
                folder=self.folder,
                isolated=plan.isolated,
            ),
            on_line=lambda text: self._line(text, log),
        )
        try:
            code = container.wait(seconds=plan.max_seconds, stop=self.stopping)
            timed_out = code is None and not self.stopping.is_set()
            if code is None:
                container.end(grace=GRACE_SECONDS * self.platform.options.time_scale)
        finally:
            _end(container)
            self.release()
        return timed_out, None if code in (0, None) else self._failure(code, log)

    def _line(self, text: str, log: LogStream) -> None:
        log.write(text)
        self.line(text)

    def _failure(self, code: int | None, log: LogStream) -> str:
        """The container's own last words: its failure file, else the end of its output."""
        for name in ("failure", "message"):
            with contextlib.suppress(OSError):
                words = (self.base / "output" / name).read_text(errors="replace").strip()
                if words:
                    break
        else:
            words = "\n".join(log.tail()[-_TAIL:])
        ending = f", exit code: {code}"
        return f"AlgorithmError: {words}"[: _REASON_LENGTH - len(ending)] + ending

    def _check_stop(self) -> None:
        if self.stopping.is_set():
            raise StoppedError


def environment(
    own: Mapping[str, str], *, image: images.Image, session: RoleSession, isolated: bool, options: Options
) -> dict[str, str]:
    """All the variables of a container: its image's, SageMaker's, the job's own.

    An isolated container gets no credentials, as on AWS. One that is not gets those of its role, and the emulator's
    address: AWS gives it a URI to fetch them from, which botocore reads with the same effect.
    """
    variables = {
        **image.environment,
        "AWS_REGION": session.scope.region,
        **{name: value for name, value in own.items() if name != "PATH"},
    }
    if not isolated:
        variables |= {
            "AWS_ACCESS_KEY_ID": session.credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": session.credentials.secret_key,
            "AWS_SESSION_TOKEN": session.credentials.token,
            "AWS_DEFAULT_REGION": session.scope.region,
            "AWS_ENDPOINT_URL": options.endpoint,
            "AWS_CA_BUNDLE": str(options.certificate_authority),
        }
    return variables


def whole_seconds(start: float) -> int:
    """The seconds since a time, at least one: what SageMaker bills by."""
    return max(1, round(timestamp() - start))


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _end(container: Container) -> None:
    if container.running:
        container.end(grace=0)

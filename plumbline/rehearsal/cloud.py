"""One rehearsal's cloud seen from outside: start it, reach it as somebody, keep it or end it."""

import contextlib
import dataclasses
import datetime
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import httpx

from plumbline.configuration import Platform
from plumbline.errors import PlumblineError
from plumbline.rehearsal.control import (
    ADVANCE_CLOCK,
    ASSUME_SERVICE_ROLE,
    COMPLETE_CONNECTION,
    HEADER,
    REPOSITORY_CHANGED,
    TOKEN_FILE,
)
from plumbline.rehearsal.interrupts import held_back
from plumbline.rehearsal.options import ServerOptions
from plumbline.rehearsal.processes import command_line
from plumbline.rehearsal.server import KEEP, PORT_TAKEN, read_address
from plumbline.rehearsal.session import Session
from plumbline.rehearsal.state import StateFolder, abandoned, folders, is_kept, unwritable

_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_ANSWER_SECONDS = 30.0
# Thousands of events may be due.
_ADVANCE_SECONDS = 600.0
_SERVER = "plumbline.rehearsal.server"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Advance:
    """What came of the time that passed.

    Attributes:
        now: What the cloud's clock showed afterwards.
        fired: How many events each scheduled rule sent, by the rule's ARN.
    """

    now: datetime.datetime
    fired: Mapping[str, int]


class Cloud:
    """A running cloud with a folder of its own; a context manager that ends it unless it was kept.

    Attributes:
        platform: The configuration, whose accounts the cloud has.
        options: How the server is reached and where it keeps its files.
        pid: The server's process id.
    """

    def __init__(
        self, *, platform: Platform, options: ServerOptions, folder: StateFolder, process: subprocess.Popen[bytes]
    ) -> None:
        self.platform = platform
        self.options = options
        self.pid = process.pid
        self._folder = folder
        self._process = process
        self._kept = False

    @classmethod
    def launch(
        cls, *, platform: Platform, root: Path, port: int = 0, external_images: Mapping[str, Path] | None = None
    ) -> "Cloud":
        """Starts a cloud's process in a new state folder, and does not wait until it answers.

        For a caller that holds interrupts back: one that strikes within leaves a process and a folder behind.

        Args:
            platform: Names the accounts and the region.
            root: The checkout, under which the state folder lies.
            port: A TCP port of 127.0.0.1; 0 takes a free one.
            external_images: Environments that stand in for images of others, by the beginning of the image's URI.

        Raises:
            PlumblineError: The disk is full or cannot be written.
        """
        folder = StateFolder(root=root)
        options = ServerOptions(
            root=root,
            state=folder.path,
            port=port,
            region=platform.region,
            accounts=_accounts(platform),
            external_images=external_images or {},
            organization=platform.organization.id if platform.organization else None,
            organization_trail=bool(platform.organization and platform.organization.trail),
        )
        try:
            process = _spawn(options, hold=folder.hold)
        except OSError as error:
            folder.clear()
            raise unwritable(error, folder.path) from error
        return cls(platform=platform, options=options, folder=folder, process=process)

    @classmethod
    def start(
        cls, *, platform: Platform, root: Path, port: int = 0, external_images: Mapping[str, Path] | None = None
    ) -> "Cloud":
        """Starts a cloud in a new state folder and waits until it answers; leaves nothing behind when it fails.

        Args:
            platform: Names the accounts and the region.
            root: The checkout, under which the state folder lies.
            port: A TCP port of 127.0.0.1; 0 takes a free one.
            external_images: Environments that stand in for images of others, by the beginning of the image's URI.

        Raises:
            PlumblineError: The port is taken, the disk is full, or the server ends before it answers.
        """
        cloud: Cloud | None = None
        try:
            with held_back():
                cloud = cls.launch(platform=platform, root=root, port=port, external_images=external_images)
            cloud.wait()
        except BaseException:
            if cloud is not None:
                cloud.clear()
            raise
        return cloud

    def wait(self) -> None:
        """Waits until the cloud answers.

        Raises:
            PlumblineError: The port is taken, or the server ends before it answers or does not answer in time.
        """
        self.options = dataclasses.replace(self.options, port=_wait_until_healthy(self._process, self.options))

    def __enter__(self) -> "Cloud":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._kept:
            self.end()

    def administrator(self, account: str) -> Session:
        """An account's root user, who makes the account usable and otherwise does nothing."""
        return administrator_of(self.options, account)

    def assume(self, role_arn: str, *, caller: Session, name: str = "rehearsal", device: str | None = None) -> Session:
        """A role's session, for a caller whom its own policies and the role's trust policy let assume it.

        Args:
            role_arn: The role.
            caller: Who assumes it.
            name: What the session is called.
            device: The serial number of the caller's second factor; None for a caller who shows none.

        Raises:
            botocore.exceptions.ClientError: AccessDenied, as AWS words it.
        """
        factor = {"SerialNumber": device, "TokenCode": "000000"} if device else {}
        client = caller.client("sts")
        given = client.assume_role(RoleArn=role_arn, RoleSessionName=name, **factor)["Credentials"]
        return self.session(
            access_key=given["AccessKeyId"], secret_key=given["SecretAccessKey"], token=given["SessionToken"]
        )

    def assume_as_service(
        self, role_arn: str, *, service: str, source_account: str, source_arn: str, vpc: str | None = None
    ) -> Session:
        """A role's session as a service has it, when the role trusts the service for that source.

        Args:
            role_arn: The role.
            service: The service principal.
            source_account: The account of what the service works for.
            source_arn: What the service works for.
            vpc: The VPC from which the session's requests come; None for AWS's own network.

        Raises:
            PermissionError: The role's trust policy does not let the service assume it.
        """
        wanted = {
            "role_arn": role_arn,
            "service": service,
            "source_account": source_account,
            "source_arn": source_arn,
            **({"vpc": vpc} if vpc else {}),
        }
        given = self._ask(ASSUME_SERVICE_ROLE, wanted)
        if "error" in given:
            raise PermissionError(given["error"])
        return self.session(
            access_key=str(given["access_key"]), secret_key=str(given["secret_key"]), token=str(given["token"])
        )

    def connect(self, connection_arn: str) -> None:
        """Does what a person does in the console: there is a connection to a provider of Git."""
        self._ask(COMPLETE_CONNECTION, {"connection_arn": connection_arn})

    def pushed(self, repository: str, branch: str) -> list[str]:
        """Tells the cloud of a push as a connection's webhook does, which starts the pipelines that listen.

        Args:
            repository: The repository's full id.
            branch: The branch.

        Returns:
            The ARNs of the pipelines that were started.

        Raises:
            PlumblineError: There is no such repository or branch.
        """
        given = self._ask(REPOSITORY_CHANGED, {"repository": repository, "branch": branch})
        if "error" in given:
            raise PlumblineError(str(given["error"]), exit_code=1)
        started = given["started"]
        return [str(one) for one in started] if isinstance(started, list) else []

    def advance_clock(self, to: datetime.datetime) -> "Advance":
        """Lets time pass in the cloud: what is due until then is done, in the order of its times.

        It does not wait for functions, jobs and pipelines that events start: a caller who wants these to see their own
        time moves the clock step by step, and waits between two steps.

        Args:
            to: What the cloud's clock is to show, with its time zone.

        Raises:
            PlumblineError: The clock is past that time, or too much is due until then.
        """
        given = self._ask(ADVANCE_CLOCK, {"to": to.isoformat()}, seconds=_ADVANCE_SECONDS)
        if "error" in given:
            raise PlumblineError(str(given["error"]), exit_code=1)
        fired = given["fired"]
        return Advance(
            now=datetime.datetime.fromisoformat(str(given["now"])), fired=fired if isinstance(fired, dict) else {}
        )

    def _ask(self, question: str, given: Mapping[str, str], *, seconds: float = _ANSWER_SECONDS) -> dict[str, object]:
        token = (self.options.state / TOKEN_FILE).read_text(encoding="utf-8")
        with _connection(self.options) as connection:
            answer = connection.post(
                f"{self.options.endpoint}{question}", json=given, headers={HEADER.decode(): token}, timeout=seconds
            )
        answered: dict[str, object] = answer.json()
        return answered

    def keep(self) -> None:
        """Lets the cloud outlive this process; ``stop_kept`` ends it."""
        self._folder.keep()
        if self._process.stdin is not None:
            self._process.stdin.write(KEEP)
            self._process.stdin.close()
        self._folder.let_go()
        self._kept = True

    def end(self) -> None:
        """Ends the server and, by it, every process that it started; may be called again, also for a kept cloud."""
        _end(self._process)
        self._folder.let_go()

    def clear(self) -> None:
        """Ends the server, then removes its folder."""
        self.end()
        self._folder.clear()

    @property
    def network_isolation(self) -> str:
        """How this machine keeps isolated jobs from the network."""
        address = read_address(self.options.state)
        return address.network_isolation if address else "unknown"

    def log_tail(self) -> str:
        """The last lines of what the server said."""
        return _log_tail(self.options.state)

    def session(self, *, access_key: str, secret_key: str, token: str | None = None) -> Session:
        """Access to the cloud with given credentials."""
        return Session(
            endpoint=self.options.endpoint,
            certificate_authority=self.options.certificate_authority,
            region=self.options.region,
            access_key=access_key,
            secret_key=secret_key,
            token=token,
        )


def administrator_of(options: ServerOptions, account: str) -> Session:
    """The root user of an account of a cloud, whoever started it.

    The emulator takes the account's id for the root user's access key and does not verify that user's signature; every
    other caller's signature it does verify.
    """
    return Session(
        endpoint=options.endpoint,
        certificate_authority=options.certificate_authority,
        region=options.region,
        access_key=account,
        secret_key="any",  # noqa: S106 - not verified
    )


def kept_clouds(root: Path) -> list[ServerOptions]:
    """The kept clouds of this checkout that still run; not one that belongs to a rehearsal under way."""
    found = []
    for state in folders(root):
        address = read_address(state)
        if address is not None and is_kept(state) and _is_server(address.pid, state):
            found.append(
                ServerOptions(
                    root=root, state=state, port=address.port, region=address.region, accounts=address.accounts
                )
            )
    return found


def sweep(root: Path) -> None:
    """Removes what rehearsals that were killed have left of their folders; leaves kept, running and failed ones."""
    for state in abandoned(root):
        address = read_address(state)
        if address is None or not _is_server(address.pid, state):
            shutil.rmtree(state, ignore_errors=True)


def stop_kept(root: Path) -> list[Path]:
    """Ends the kept clouds of this checkout, and no other process.

    Returns:
        The state folders of the clouds that were ended.

    Raises:
        PlumblineError: A cloud does not end in time.
    """
    stopped = []
    for options in kept_clouds(root):
        address = read_address(options.state)
        if address is None:
            continue
        with contextlib.suppress(ProcessLookupError):
            os.kill(address.pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while _is_server(address.pid, options.state):
            if time.monotonic() > deadline:
                raise PlumblineError(
                    f"the cloud of {options.state} (process {address.pid}) does not end; end that process yourself",
                    exit_code=1,
                )
            time.sleep(0.05)
        stopped.append(options.state)
    return stopped


def _accounts(platform: Platform) -> tuple[str, ...]:
    """The platform's accounts, and the one in which people sign in when it is another."""
    people = [platform.people.account] if platform.people.account else []
    return tuple(dict.fromkeys([*platform.account_ids, *people]))


def _spawn(options: ServerOptions, *, hold: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", _SERVER, "--root", str(options.root), "--state", str(options.state)]
    command += ["--region", options.region, "--port", str(options.port)]
    for account in options.accounts:
        command += ["--account", account]
    for prefix, folder in options.external_images.items():
        command += ["--external-image", f"{prefix}={folder}"]
    if options.organization:
        command += ["--organization", options.organization]
    if options.organization_trail:
        command += ["--organization-trail"]
    environment = {**os.environ, "PYTHONPATH": str(options.root), "PYTHONUNBUFFERED": "1"}
    with (options.state / "server.log").open("wb") as log:
        # A session of its own: Ctrl-C is for this process, which then ends the server in order.
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=options.root,
            env=environment,
            start_new_session=True,
            pass_fds=(hold,),
        )


def _wait_until_healthy(process: subprocess.Popen[bytes], options: ServerOptions) -> int:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            if process.returncode == PORT_TAKEN:
                raise PlumblineError(
                    f"port {options.port} of 127.0.0.1 is in use: leave the port out to get a free one", exit_code=1
                )
            raise PlumblineError(
                f"the emulated cloud ended before it answered: {_log_tail(options.state)}", exit_code=1
            )
        address = read_address(options.state)
        if address is not None and address.pid == process.pid and _answers(options, address.port):
            return address.port
        time.sleep(0.05)
    raise PlumblineError(
        f"the emulated cloud did not answer in {_START_SECONDS:.0f} s: {_log_tail(options.state)}", exit_code=1
    )


def _answers(options: ServerOptions, port: int) -> bool:
    """Whether the listener is the very process that was started: only that one holds the certificate's key."""
    try:
        with _connection(options) as connection:
            return connection.get(f"https://127.0.0.1:{port}/_ministack/health").is_success
    except httpx.HTTPError:
        return False


def _connection(options: ServerOptions) -> httpx.Client:
    trusted = ssl.create_default_context(cafile=str(options.certificate_authority))
    # No proxy of the person's own may come between.
    return httpx.Client(verify=trusted, trust_env=False, timeout=_ANSWER_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None and not process.stdin.closed:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        # The server leads its own session: its jobs end with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _is_server(pid: int, state: Path) -> bool:
    """Whether a process is the server of this state folder, and not a stranger that was given the same id."""
    started_as = command_line(pid)
    return _SERVER in started_as and str(state) in started_as


def _log_tail(state: Path) -> str:
    try:
        text = (state / "server.log").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return "it said nothing"
    lines = [line for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-3:]) or "it said nothing"

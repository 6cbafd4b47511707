"""The process of one rehearsal: the emulator with TLS and IAM enforced, on loopback only.

``python -m plumbline.rehearsal.server --root ROOT --state DIR --region REGION --account ID … [--port N]``

It listens on 127.0.0.1 alone and on one port alone, keeps every byte in its state folder, and ends, with all the
processes that it started, on SIGTERM, on SIGINT, and when the process that started it goes away without having written
``keep`` to its standard input.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from plumbline.rehearsal.certificates import write_certificates
from plumbline.rehearsal.control import with_control, write_token
from plumbline.rehearsal.options import ServerOptions
from plumbline.rehearsal.processes import descendants

if TYPE_CHECKING:
    from hypercorn.typing import ASGIFramework

ADDRESS_FILE = "server.json"
KEEP = b"keep\n"
PORT_TAKEN = 3
_GRACE_SECONDS = 3.0
_DRAIN_SECONDS = 0.5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Address:
    """What a server writes about itself once it answers: enough to reach it, and to end it and nothing else.

    Attributes:
        pid: Its process.
        port: Its port on 127.0.0.1.
        region: The region of the accounts.
        accounts: Their ids.
        network_isolation: How jobs are kept from the network on this machine.
    """

    pid: int
    port: int
    region: str
    accounts: tuple[str, ...]
    network_isolation: str


def read_address(state: Path) -> Address | None:
    """Reads what the server of a state folder wrote.

    Returns:
        None when it has not (yet) begun to answer, and for what another version of this program wrote.
    """
    try:
        raw = json.loads((state / ADDRESS_FILE).read_text(encoding="utf-8"))
        return Address(**raw | {"accounts": tuple(raw["accounts"])})
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def main() -> int:
    """Serves until told to stop.

    Returns:
        0 after an orderly end, ``PORT_TAKEN`` when the port is taken.
    """
    parser = argparse.ArgumentParser(prog="plumbline.rehearsal.server", description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--account", action="append", required=True)
    parser.add_argument("--external-image", action="append", default=[], help="an image's prefix=its environment")
    parser.add_argument("--organization", help="the id of the organisation that the accounts belong to")
    parser.add_argument("--organization-trail", action="store_true", help="the organisation has a trail")
    parser.add_argument("--forget-builds", action="store_true", help="build again what has not changed")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    arguments = parser.parse_args()
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.bind(("127.0.0.1", arguments.port))
    except OSError as error:
        sys.stderr.write(f"port {arguments.port} of 127.0.0.1 cannot be opened: {error.strerror}\n")
        return PORT_TAKEN
    options = ServerOptions(
        root=arguments.root.resolve(),
        state=arguments.state.resolve(),
        port=listener.getsockname()[1],
        region=arguments.region,
        accounts=tuple(dict.fromkeys(arguments.account)),
        external_images={
            prefix: Path(folder) for prefix, _, folder in (pair.partition("=") for pair in arguments.external_image)
        },
        organization=arguments.organization,
        organization_trail=arguments.organization_trail,
        remember_builds=not arguments.forget_builds,
    )
    write_certificates(options.state)
    _prepare_environment(options)
    services = _add_services(options)
    # Not asyncio.run: that would wait for the emulator's threads, and nothing that they could do matters any more.
    asyncio.new_event_loop().run_until_complete(_serve(options, listener, services))
    _end_descendants()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _prepare_environment(options: ServerOptions) -> None:
    """Sets what MiniStack reads from the environment while it is imported, and removes what could lead it astray."""
    scratch = options.state / "scratch"
    scratch.mkdir(exist_ok=True)
    for name in [name for name in os.environ if name.startswith(("AWS_", "MINISTACK_", "LOCALSTACK_", "LAMBDA_"))]:
        del os.environ[name]
    os.environ.update(
        _emulator_environment(options, scratch)
        | {
            # for the clients inside this process and the functions that the emulator runs
            "AWS_CA_BUNDLE": str(options.certificate_authority),
            "AWS_DEFAULT_REGION": options.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    )


def _emulator_environment(options: ServerOptions, scratch: Path) -> dict[str, str]:
    return {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(options.port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": options.region,
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(options.state / "server.pem"),
        "MINISTACK_SSL_KEY": str(options.state / "server.key"),
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        "STATE_DIR": str(scratch / "state"),
        "S3_DATA_DIR": str(scratch / "s3"),
        "TMPDIR": str(scratch),
        # Neither a container engine nor other listeners: one process, one port.
        "DOCKER_HOST": f"unix://{scratch}/no-docker.sock",
        "LAMBDA_EXECUTOR": "local",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Services:
    """What was added to the emulator: how it ends, and how its jobs are isolated."""

    stop: Callable[[], None]
    network_isolation: str


def _add_services(options: ServerOptions) -> _Services:
    """Adds to the emulator what the platform needs of AWS and MiniStack lacks."""
    # The emulator reads its environment while it is imported.
    from plumbline.rehearsal import (
        cloudwatch,
        codebuild,
        codepipeline,
        emulator_clock,
        enforcement,
        eventbridge,
        function_code,
        function_processes,
        object_copies,
        object_key_states,
        parameter_events,
        provisioning,
        registry,
        replication,
        resources,
        sagemaker,
    )
    from plumbline.rehearsal.sagemaker.containers import isolation
    from plumbline.rehearsal.sagemaker.options import Options

    emulator_clock.register()
    enforcement.install(options)
    cloudwatch.register()
    eventbridge.register(
        eventbridge.Options(endpoint=options.endpoint, certificate_authority=options.certificate_authority)
    )
    resources.register()
    registry.register(options)
    function_code.register()
    function_processes.register(options.certificate_authority)
    object_copies.register()
    object_key_states.register()
    parameter_events.register()
    replication.register()
    options.jobs.mkdir(exist_ok=True)
    sagemaker.register(
        Options(
            state=options.jobs,
            endpoint=options.endpoint,
            certificate_authority=options.certificate_authority,
            images=options.images,
            external_images=dict(options.external_images),
        )
    )
    codebuild.register(
        codebuild.Options(
            root=options.root,
            state=options.state,
            endpoint=options.endpoint,
            certificate_authority=options.certificate_authority,
            images=options.images,
            unsupported=options.unsupported_calls,
            remember=options.remember_builds,
        )
    )
    codepipeline.register(
        codepipeline.Options(
            state=options.state,
            endpoint=options.endpoint,
            certificate_authority=options.certificate_authority,
        )
    )
    provisioning.install()

    def stop() -> None:
        codepipeline.shutdown()
        codebuild.shutdown()
        sagemaker.shutdown()

    return _Services(stop=stop, network_isolation=str(isolation()))


async def _serve(options: ServerOptions, listener: socket.socket, services: _Services) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.certfile, config.keyfile = str(options.state / "server.pem"), str(options.state / "server.key")
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    threading.Thread(
        target=_watch_parent, args=(lambda: loop.call_soon_threadsafe(stop.set),), name="parent", daemon=True
    ).start()
    announcer = asyncio.create_task(_announce_when_answering(options, services))
    application = cast("ASGIFramework", with_control(app, token=write_token(options.state)))
    serving = asyncio.create_task(serve(application, config, shutdown_trigger=stop.wait))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    announcer.cancel()
    (options.state / ADDRESS_FILE).unlink(missing_ok=True)
    await asyncio.to_thread(services.stop)
    # Idle clients hold their connections open for as long as they please; answers under way get this long.
    await asyncio.wait({serving}, timeout=_DRAIN_SECONDS)
    if serving.done():
        serving.result()


def _watch_parent(stop: Callable[[], object]) -> None:
    """Waits for the end of standard input, which comes when the parent dies, unless the parent said to keep."""
    if sys.stdin.buffer.readline() != KEEP:
        with contextlib.suppress(RuntimeError):  # the loop is closed already: the end that this asks for has come
            stop()


async def _announce_when_answering(options: ServerOptions, services: _Services) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", options.port)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        break
    address = Address(
        pid=os.getpid(),
        port=options.port,
        region=options.region,
        accounts=options.accounts,
        network_isolation=services.network_isolation,
    )
    partial = options.state / f"{ADDRESS_FILE}.partial"
    partial.write_text(json.dumps(dataclasses.asdict(address)), encoding="utf-8")
    partial.replace(options.state / ADDRESS_FILE)


def _end_descendants() -> None:
    """Ends every process that descends from this one: politely, then not."""
    for number, patience in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, 1.0)):
        deadline = time.monotonic() + patience
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        while descendants(os.getpid()) and time.monotonic() < deadline:
            time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())

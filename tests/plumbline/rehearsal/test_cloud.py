"""A cloud starts, keeps to itself, is kept or ended, and leaves nothing behind."""

import dataclasses
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError, SSLError

from plumbline.configuration import Platform
from plumbline.errors import PlumblineError
from plumbline.rehearsal.cloud import Cloud, kept_clouds, stop_kept
from plumbline.rehearsal.processes import command_line, descendants
from plumbline.rehearsal.server import read_address
from tests.plumbline.rehearsal.shared import linked_checkout

pytestmark = pytest.mark.rehearsal


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return linked_checkout(tmp_path)


@pytest.fixture(scope="module")
def started(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    checkout = linked_checkout(tmp_path_factory.mktemp("cloud"))
    with Cloud.start(platform=platform, root=checkout) as cloud:
        yield cloud


def _ended(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while command_line(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not command_line(pid)


def test_every_account_answers_under_its_own_name(started: Cloud) -> None:
    for account in started.platform.account_ids:
        assert started.administrator(account).client("sts").get_caller_identity()["Account"] == account


def test_an_account_that_is_not_configured_may_nothing(started: Cloud) -> None:
    with pytest.raises(ClientError, match="AuthFailure"):
        started.administrator("999999999999").client("ec2").describe_vpcs()


def test_it_listens_on_loopback_only(started: Cloud) -> None:
    listening = [
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{started.options.port:04X}")
    ]
    assert listening == [f"0100007F:{started.options.port:04X}"]


def test_two_clouds_do_not_disturb_each_other(started: Cloud, platform: Platform, checkout: Path) -> None:
    account = platform.delivery_account
    with Cloud.start(platform=platform, root=checkout) as other:
        assert other.options.port != started.options.port
        started.administrator(account).client("ssm").put_parameter(Name="/one", Value="1", Type="String")
        with pytest.raises(ClientError, match="ParameterNotFound"):
            other.administrator(account).client("ssm").get_parameter(Name="/one")
    assert started.administrator(account).client("ssm").get_parameter(Name="/one")["Parameter"]["Value"] == "1"


def test_a_client_of_one_cloud_does_not_trust_another(started: Cloud, platform: Platform, checkout: Path) -> None:
    with Cloud.start(platform=platform, root=checkout) as other:
        astray = dataclasses.replace(started.administrator(platform.delivery_account), endpoint=other.options.endpoint)
        with pytest.raises(SSLError):
            astray.client("sts").get_caller_identity()


def test_a_port_in_use_is_one_sentence(platform: Platform, checkout: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PlumblineError, match=f"port {port} of 127.0.0.1 is in use: leave the port out"):
            Cloud.start(platform=platform, root=checkout, port=port)
    assert not list((checkout / ".plumb" / "rehearsals").iterdir())


def test_ending_leaves_no_process(platform: Platform, checkout: Path) -> None:
    with Cloud.start(platform=platform, root=checkout) as cloud:
        pid = cloud.pid
        assert command_line(pid)
    assert _ended(pid)
    assert read_address(cloud.options.state) is None


def test_ending_does_not_wait_for_idle_clients(platform: Platform, checkout: Path) -> None:
    cloud = Cloud.start(platform=platform, root=checkout)
    client = cloud.administrator(platform.delivery_account).client("sts")
    client.get_caller_identity()
    began = time.monotonic()
    cloud.end()
    assert time.monotonic() - began < 5


_STARTER = """
import sys, time
from pathlib import Path
from plumbline.configuration import load_platform
from plumbline.rehearsal.cloud import Cloud
with Cloud.start(platform=load_platform(Path(sys.argv[2])), root=Path(sys.argv[1])) as cloud:
    print(cloud.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_server_ends_with_whoever_started_it(root: Path, checkout: Path, number: signal.Signals) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", _STARTER, str(checkout), str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=root,
        text=True,
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    starter.send_signal(number)
    starter.wait(20)
    assert _ended(pid)


def test_a_kept_cloud_outlives_its_starter_until_stopped(platform: Platform, checkout: Path) -> None:
    with Cloud.start(platform=platform, root=checkout) as cloud:
        cloud.keep()
    assert [options.state for options in kept_clouds(checkout)] == [cloud.options.state]
    assert cloud.administrator(platform.delivery_account).client("sts").get_caller_identity()
    assert stop_kept(checkout) == [cloud.options.state]
    assert _ended(cloud.pid)
    assert kept_clouds(checkout) == []


def test_stop_leaves_a_rehearsal_that_is_under_way(platform: Platform, checkout: Path) -> None:
    with Cloud.start(platform=platform, root=checkout) as cloud:
        assert stop_kept(checkout) == []
        assert cloud.administrator(platform.delivery_account).client("sts").get_caller_identity()


def test_stop_ends_no_stranger(checkout: Path) -> None:
    state = checkout / ".plumb" / "rehearsals" / "old"
    state.mkdir(parents=True)
    (state / "kept").touch()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (state / "server.json").write_text(
            f'{{"pid": {stranger.pid}, "port": 1, "region": "eu-west-1", "accounts": [], "network_isolation": ""}}'
        )
        assert stop_kept(checkout) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("written", ["", "{", "[]", '{"pid": 1, "port": 2}'])
def test_an_address_of_another_version_is_none(tmp_path: Path, written: str) -> None:
    (tmp_path / "server.json").write_text(written)
    assert read_address(tmp_path) is None


def test_nothing_is_written_into_shared_temporary_folders(started: Cloud) -> None:
    started.administrator(started.platform.delivery_account).client("lambda").list_functions()
    opened = {
        str(link.readlink())
        for pid in (started.pid, *descendants(started.pid))
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if link.is_symlink()
    }
    state = str(started.options.state)
    assert not [path for path in opened if path.startswith("/tmp/") and not path.startswith(state)]


def test_the_control_door_is_shut_without_the_token(started: Cloud) -> None:
    context = ssl.create_default_context(cafile=str(started.options.certificate_authority))
    with httpx.Client(verify=context, trust_env=False) as connection:
        answer = connection.post(f"{started.options.endpoint}/_plumbline/assume-service-role", json={})
    assert answer.status_code == 404

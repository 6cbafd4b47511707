"""A rehearsal that fails, whatever with, ends its cloud, keeps its logs and says one sentence."""

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError

from plumbline.configuration import Platform
from plumbline.errors import PlumblineError
from plumbline.rehearsal.cdk_tool import CdkTool
from plumbline.rehearsal.cloud import Cloud, stop_kept, sweep
from plumbline.rehearsal.journey import Journey, rehearse
from plumbline.rehearsal.processes import command_line
from plumbline.rehearsal.progress import Silent
from plumbline.rehearsal.summary import Summary
from tests.plumbline.rehearsal.shared import linked_checkout

pytestmark = pytest.mark.rehearsal

NOTHING = Summary(
    id="none",
    accounts={},
    region="eu-west-1",
    templates={},
    resources={},
    image="",
    image_digest="",
    deliveries=(),
    models=(),
    calls={},
    denied_calls=(),
    denied_attempts=0,
    network_isolation="",
    steps={},
    seconds=0.0,
)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout without models: what is tested here comes before them."""
    monkeypatch.setattr("plumbline.rehearsal.journey.load_models", lambda _root: ())
    return linked_checkout(tmp_path)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException | None], None]:
    """Shortens the journey to the start of its cloud, after which it fails, or ends well."""

    def shorten(error: BaseException | None) -> None:
        @contextlib.contextmanager
        def under_way(self: Journey) -> Iterator[Summary]:
            with self._starting():
                if error is not None:
                    raise error
                yield NOTHING

        monkeypatch.setattr(Journey, "under_way", under_way)

    return shorten


def _states(checkout: Path) -> list[Path]:
    return sorted((checkout / ".plumb" / "rehearsals").glob("*"))


def _processes_naming(folder: Path) -> list[str]:
    found = [command_line(int(entry.name)) for entry in Path("/proc").glob("[0-9]*")]
    return [line for line in found if str(folder) in line]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PlumblineError("the step failed", exit_code=1), r"the step failed"),
        (OSError(errno.ENOSPC, "No space left on device", "a/file"), r"no space is left on the disk for a/file: free"),
        (EndpointConnectionError(endpoint_url="https://x"), r"the emulated cloud has gone away; its last words: \S"),
        (KeyError("Contents"), r"KeyError: 'Contents'"),
    ],
    ids=["a step", "a full disk", "no cloud", "a fault"],
)
def test_every_failure_is_a_sentence_and_keeps_the_logs(
    checkout: Path, short: Callable[[BaseException | None], None], error: Exception, told: str
) -> None:
    short(error)
    with pytest.raises(PlumblineError, match=told + r"[^\n]*\n\(logs: .+\)") as raised:
        rehearse(checkout, progress=Silent())
    assert raised.value.exit_code == 1
    (state,) = _states(checkout)
    assert f"(logs: {state})" in str(raised.value)
    assert (state / "failed").exists()
    assert (state / "server.log").exists()
    assert (state / "failure.log").exists() is not isinstance(error, PlumblineError)
    assert _processes_naming(state) == []


def test_the_failure_that_ends_the_rest_is_the_one_that_is_told(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bootstrap(*, cloud: object, tool: CdkTool, root: Path) -> int:  # noqa: ARG001 - the signature of the real one
        deadline = time.monotonic() + 30
        while not _processes_naming(checkout / "sleep.py") and time.monotonic() < deadline:
            time.sleep(0.05)
        tool.end_all()
        raise PlumblineError("bootstrap failed of itself", exit_code=1)

    def synthesize(*, platform: object, root: Path, tool: CdkTool, output: Path) -> None:  # noqa: ARG001
        tool.run("synth", "--app", f"python3 '{root}/sleep.py'", caller=None, name="synth")

    (checkout / "sleep.py").write_text("import time; time.sleep(60)")
    monkeypatch.setattr("plumbline.rehearsal.accounts.bootstrap", bootstrap)
    monkeypatch.setattr("plumbline.rehearsal.accounts.synthesize", synthesize)
    with pytest.raises(PlumblineError, match="bootstrap failed of itself"):
        rehearse(checkout, progress=Silent())


def test_a_disk_too_full_for_the_mark_does_not_hide_the_failure(
    checkout: Path, short: Callable[[BaseException | None], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    short(OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr(Path, "write_text", full)
    with monkeypatch.context() as patched:
        patched.setattr("plumbline.rehearsal.state.Path.touch", full)
        with pytest.raises(PlumblineError, match="no space is left on the disk: free some"):
            rehearse(checkout, progress=Silent())


def test_an_interruption_alone_clears(checkout: Path, short: Callable[[BaseException | None], None]) -> None:
    short(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        rehearse(checkout, progress=Silent())
    assert _states(checkout) == []


def test_a_success_removes_the_logs_of_failures(checkout: Path, short: Callable[[BaseException | None], None]) -> None:
    short(KeyError("x"))
    with pytest.raises(PlumblineError):
        rehearse(checkout, progress=Silent())
    short(None)
    rehearse(checkout, progress=Silent())
    assert _states(checkout) == []


def test_a_cloud_is_kept_last_of_all(checkout: Path, short: Callable[[BaseException | None], None]) -> None:
    (checkout / "rehearsal.json").mkdir()
    short(None)
    with pytest.raises(PlumblineError, match=r"IsADirectoryError|cannot be written|Is a directory"):
        rehearse(checkout, progress=Silent(), keep=True)
    (state,) = _states(checkout)
    assert _processes_naming(state) == []
    assert (state / "failed").exists()


def test_a_failure_after_keeping_ends_the_cloud_all_the_same(
    checkout: Path, short: Callable[[BaseException | None], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = Cloud.keep

    def keep_and_be_interrupted(self: Cloud) -> None:
        keep(self)
        raise KeyboardInterrupt

    short(None)
    monkeypatch.setattr(Cloud, "keep", keep_and_be_interrupted)
    with pytest.raises(KeyboardInterrupt):
        rehearse(checkout, progress=Silent(), keep=True)
    assert _processes_naming(checkout / ".plumb") == []
    assert _states(checkout) == []


def test_a_kept_rehearsal_leaves_its_cloud_and_says_where(
    checkout: Path, short: Callable[[BaseException | None], None]
) -> None:
    short(None)
    summary = rehearse(checkout, progress=Silent(), keep=True)
    assert json.loads((checkout / "rehearsal.json").read_text())["state"] == summary.state
    assert stop_kept(checkout) == [Path(summary.state)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_while_the_server_is_spawned_leaves_nothing(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    spawn = subprocess.Popen
    spawned: list[int] = []

    def interrupted(*arguments: object, **options: object) -> object:
        process = spawn(*arguments, **options)  # type: ignore[call-overload]
        if "plumbline.rehearsal.server" in process.args:
            spawned.append(process.pid)
            signal.raise_signal(number)
        return process

    monkeypatch.setattr("subprocess.Popen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rehearse(checkout, progress=Silent())
    assert len(spawned) == 1
    assert not command_line(spawned[0])
    assert _states(checkout) == []


_STARTER = """
import sys, time
from pathlib import Path
from plumbline.configuration import load_platform
from plumbline.rehearsal.cloud import Cloud
with Cloud.start(platform=load_platform(Path(sys.argv[2])), root=Path(sys.argv[1])) as cloud:
    print(cloud.pid, cloud.options.state, flush=True)
    time.sleep(60)
"""


def test_the_next_start_sweeps_what_a_killed_rehearsal_left(root: Path, checkout: Path, platform: Platform) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", _STARTER, str(checkout), str(root)], stdout=subprocess.PIPE, cwd=root, text=True
    )
    assert starter.stdout is not None
    pid, state = starter.stdout.readline().rstrip("\n").split(" ", 1)
    sweep(checkout)
    assert Path(state).exists(), "one that runs was swept"
    starter.kill()
    starter.communicate()
    while command_line(int(pid)):
        os.sched_yield()
    failed = checkout / ".plumb" / "rehearsals" / "of-a-failure"
    shutil.copytree(state, failed)
    (failed / "failed").touch()
    with Cloud.start(platform=platform, root=checkout) as kept:
        kept.keep()
    try:
        sweep(checkout)
        assert _states(checkout) == sorted([kept.options.state, failed])
    finally:
        assert stop_kept(checkout) == [kept.options.state]


def test_a_rehearsal_sweeps_when_it_starts(checkout: Path, short: Callable[[BaseException | None], None]) -> None:
    left = checkout / ".plumb" / "rehearsals" / "left"
    left.mkdir(parents=True)
    short(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        rehearse(checkout, progress=Silent())
    assert not left.exists()

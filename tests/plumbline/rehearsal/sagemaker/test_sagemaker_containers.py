"""Containers: what they find, how they end, and the guard that stands in where the kernel gives no namespace."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from plumbline.rehearsal.sagemaker import containers
from plumbline.rehearsal.sagemaker.containers import Containers, Isolation, Program

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


@pytest.fixture(params=Isolation)
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Isolation:
    wanted = Isolation(request.param)
    if wanted is Isolation.NAMESPACE and containers.isolation() is not Isolation.NAMESPACE:
        pytest.skip("this machine's kernel gives no user namespace")
    monkeypatch.setattr(containers, "isolation", lambda: wanted)
    return wanted


def run(folder: Path, script: str, *, seconds: float = 20) -> tuple[int | None, list[str]]:
    (folder / "ml").mkdir()
    (folder / "ml" / "script.py").write_text(script)
    lines: list[str] = []
    all_of_them = Containers()
    container = all_of_them.start(
        Program(
            command=("python", "/opt/ml/script.py"),
            environment={"PATH": PATH},
            directory=folder,
            folder=folder,
            isolated=True,
        ),
        on_line=lambda line: lines.append(line.rstrip()),
    )
    code = container.wait(seconds=seconds, stop=threading.Event())
    all_of_them.close()
    return code, lines


@pytest.mark.usefixtures("mode")
def test_a_program_finds_its_folder_and_ends_with_its_own_code(tmp_path: Path) -> None:
    script = """
import os, pathlib, sys
base = pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
(base / "written").write_text("x")
print("HOME" in os.environ)
sys.exit(3)
"""
    code, lines = run(tmp_path, script)
    assert (code, lines) == (3, ["False"])
    assert (tmp_path / "ml" / "written").read_text() == "x"


@pytest.mark.usefixtures("mode")
def test_a_program_reaches_loopback_and_nothing_else(tmp_path: Path) -> None:
    script = """
import socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname()).close()
try:
    socket.create_connection(("192.0.2.1", 80), timeout=2)
except OSError as error:
    print(error.errno)
"""
    _, lines = run(tmp_path, script)
    assert lines == ["101"]  # ENETUNREACH


@pytest.mark.usefixtures("mode")
def test_what_a_program_started_ends_with_it(tmp_path: Path) -> None:
    script = """
import pathlib, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(2718)"])
print("started", flush=True)
"""
    code, lines = run(tmp_path, script)
    assert (code, lines) == (0, ["started"])
    deadline = time.monotonic() + 5
    while any("time.sleep(2718)" in command for command in _commands()):
        assert time.monotonic() < deadline, "a process was left"
        time.sleep(0.05)


@pytest.mark.usefixtures("mode")
def test_a_program_that_goes_on_is_ended(tmp_path: Path) -> None:
    code, _ = run(tmp_path, "import time\ntime.sleep(1618)", seconds=0.5)
    assert code is None
    assert not any("time.sleep(1618)" in command for command in _commands())


def test_a_program_that_is_not_there_says_so(tmp_path: Path) -> None:
    (tmp_path / "ml").mkdir()
    lines: list[str] = []
    container = Containers().start(
        Program(
            command=("no-such-program",),
            environment={"PATH": PATH},
            directory=tmp_path,
            folder=tmp_path,
            isolated=True,
        ),
        on_line=lines.append,
    )
    assert container.wait(seconds=10, stop=threading.Event()) == 127
    assert "no-such-program" in "".join(lines)


def test_nothing_starts_once_the_rehearsal_ends(tmp_path: Path) -> None:
    all_of_them = Containers()
    all_of_them.close()
    program = Program(command=("true",), environment={}, directory=tmp_path, folder=tmp_path, isolated=True)
    with pytest.raises(RuntimeError, match="is ending"):
        all_of_them.start(program, on_line=lambda _: None)


def _commands() -> list[str]:
    return [
        path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if path.exists()
    ]


def _need_namespaces() -> None:
    if containers.isolation() is not Isolation.NAMESPACE:
        pytest.skip("this machine's kernel gives no user namespace")


def test_a_program_cannot_change_the_checkout_or_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _need_namespaces()
    checkout, home = tmp_path / "checkout", tmp_path / "home"
    for folder in (checkout, home, tmp_path / "job"):
        folder.mkdir()
    monkeypatch.setattr(containers, "ROOT", checkout)
    monkeypatch.setenv("HOME", str(home))
    script = f"""
import errno, pathlib
for folder in ({str(checkout)!r}, {str(home)!r}):
    try:
        (pathlib.Path(folder) / "written").write_text("x")
    except OSError as error:
        print(errno.errorcode[error.errno])
"""
    assert run(tmp_path / "job", script) == (0, ["EROFS", "EROFS"])


def test_a_program_sees_nothing_of_a_rehearsal_but_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _need_namespaces()
    rehearsals = tmp_path / ".plumb" / "rehearsals"
    job, other = rehearsals / "one" / "jobs" / "mine", rehearsals / "one" / "jobs" / "another"
    for folder in (job, other):
        folder.mkdir(parents=True)
    (rehearsals / "one" / "server.key").write_text("secret")
    monkeypatch.setattr(containers, "ROOT", tmp_path)
    script = f"""
import os, pathlib
print(sorted(os.listdir({str(rehearsals / "one")!r})), os.listdir({str(other.parent)!r}))
pathlib.Path("written").write_text("x")
pathlib.Path("/opt/ml/output").write_text("x")
"""
    assert run(job, script) == (0, ["['jobs'] ['mine']"])
    assert (job / "written").exists()
    assert (job / "ml" / "output").exists()


def test_a_program_works_below_the_home_folder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _need_namespaces()
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "job").mkdir()
    assert run(tmp_path / "job", "open('/opt/ml/output', 'w').write('x'); open('written', 'w').write('x')") == (0, [])


def test_a_program_reads_and_keeps_the_certificate_of_its_cloud(tmp_path: Path) -> None:
    _need_namespaces()
    state = tmp_path / ".plumb" / "rehearsals" / "one"
    (state / "job" / "ml").mkdir(parents=True)
    (state / "authority.pem").write_text("trusted\n")
    lines: list[str] = []
    all_of_them = Containers()
    container = all_of_them.start(
        Program(
            command=("sh", "-c", 'cat "$AWS_CA_BUNDLE"; echo x > "$AWS_CA_BUNDLE" || echo kept'),
            environment={"PATH": PATH, "AWS_CA_BUNDLE": str(state / "authority.pem")},
            directory=state / "job",
            folder=state / "job",
            isolated=False,
        ),
        on_line=lambda line: lines.append(line.rstrip()),
    )
    container.wait(seconds=20, stop=threading.Event())
    all_of_them.close()
    assert (lines[0], lines[-1]) == ("trusted", "kept")

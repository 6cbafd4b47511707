"""How the command line ends: interrupted, misused, refused, or with the exit code of its command."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from plumbline.cli import application

ROOT = Path(__file__).resolve().parents[3]
_SLOW = "import time\nprint('importing', flush=True)\ntime.sleep(60)\n"


def _interrupted_while_importing(module: str, folder: Path, *words: str) -> tuple[int, str]:
    """Runs the command line with a module that takes its time to import, and sends it Ctrl-C meanwhile."""
    (folder / f"{module}.py").write_text(_SLOW)
    process = subprocess.Popen(
        [sys.executable, "-m", "plumbline.cli", *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    return process.returncode, said


def test_an_interrupt_while_the_commands_are_imported_shows_no_traceback(tmp_path: Path) -> None:
    assert _interrupted_while_importing("typer", tmp_path) == (-signal.SIGINT, "")


def test_an_interrupt_while_a_command_imports_is_one_sentence(tmp_path: Path) -> None:
    assert _interrupted_while_importing("httpx", tmp_path, "rehearse") == (130, "plumb: interrupted.\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--nope",), "No such option: --nope"),
        (("rehearse", "--nope"), "Try 'plumb rehearse --help' for help."),
        (("frobnicate",), "No such command 'frobnicate'."),
        (("rehearse", "--keep", "--stop"), "plumb: rehearse: --keep and --stop exclude each other; give one of them."),
        (("rehearse", "--drill", "fire"), "plumb: rehearse: there is no drill fire; accepted: delivery."),
    ],
)
def test_misuse_is_told_and_exits_with_2(words: tuple[str, ...], told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "plumbline.cli", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        (None, 0, ""),
        (typer.Exit(3), 3, ""),
        (typer.Abort(), 130, "plumb: interrupted.\n"),
        (KeyboardInterrupt(), 130, "plumb: interrupted.\n"),
    ],
    ids=["a success", "an exit code", "an abort", "Ctrl-C"],
)
def test_a_command_ends_the_process_with_its_own_code(
    raised: BaseException | None,
    code: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = typer.Typer()

    @app.command()
    def command() -> None:
        if raised is not None:
            raise raised

    monkeypatch.setattr(application, "app", app)
    monkeypatch.setattr(sys, "argv", ["plumb"])
    with pytest.raises(SystemExit) as ended:
        application.main()
    assert (ended.value.code, capsys.readouterr().err) == (code, told)

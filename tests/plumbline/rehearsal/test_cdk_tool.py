"""The real CDK command line: what it says when it fails, and that it ends when told to."""

import os
import threading
import time
from pathlib import Path

import pytest

from plumbline.errors import PlumblineError
from plumbline.rehearsal.cdk_tool import CdkTool, EndedError
from plumbline.rehearsal.processes import command_line, descendants


@pytest.fixture
def tool(tmp_path: Path) -> CdkTool:
    state = tmp_path / "state"
    state.mkdir()
    return CdkTool(root=tmp_path, state=state)


def test_a_failure_repeats_the_apps_last_words(tool: CdkTool, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("raise SystemExit('accounts.dev.id: no such account')")
    with pytest.raises(PlumblineError, match=r"accounts\.dev\.id: no such account") as error:
        tool.run("synth", "--app", "python3 app.py", caller=None, name="synth")
    assert error.value.exit_code == 1


def test_it_has_nobodys_credentials_unless_given_some(
    tool: CdkTool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    (tmp_path / "app.py").write_text(
        "import os, sys; sys.exit(','.join(n for n in os.environ if n.startswith('AWS_')))"
    )
    with pytest.raises(PlumblineError) as error:
        tool.run("synth", "--app", "python3 app.py", caller=None, name="synth")
    assert "AWS_PROFILE" not in str(error.value)
    assert "AWS_SECRET_ACCESS_KEY" not in str(error.value)


def test_ending_it_leaves_no_process(tool: CdkTool, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(f"import time; time.sleep(60)  # {tmp_path}")
    failed: list[EndedError] = []

    def run() -> None:
        try:
            tool.run("synth", "--app", f"python3 {tmp_path}/app.py", caller=None, name="synth")
        except EndedError as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def app() -> list[int]:
        return [pid for pid in descendants(os.getpid()) if str(tmp_path) in command_line(pid)]

    deadline = time.monotonic() + 20
    while not app() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert app()
    tool.end_all()
    thread.join(10)
    assert failed
    assert not app()
    with pytest.raises(PlumblineError, match="was ended"):
        tool.run("synth", caller=None, name="again")

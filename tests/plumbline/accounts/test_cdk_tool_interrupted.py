"""Ctrl-C while the CDK's command line runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from plumbline.accounts import cdk_tool


class _Interrupted(subprocess.Popen[bytes]):
    """A process whose first wait is interrupted, as Ctrl-C does it."""

    last: "_Interrupted | None" = None
    waits = 0

    def wait(self, timeout: float | None = None) -> int:
        type(self).last = self
        self.waits += 1
        if self.waits == 1:
            raise KeyboardInterrupt
        return super().wait(timeout)


def test_an_interrupted_tool_has_ended_when_the_interrupt_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "cdk"
    tool.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    tool.chmod(0o755)
    monkeypatch.setattr(cdk_tool, "CDK", tool)
    monkeypatch.setattr("plumbline.accounts.cdk_tool.subprocess.Popen", _Interrupted)
    monkeypatch.setattr(cdk_tool, "_GRACE_SECONDS", 0.2)
    with pytest.raises(KeyboardInterrupt):
        cdk_tool.run_cdk(("bootstrap",), root=tmp_path, credentials={})
    assert _Interrupted.last is not None
    assert _Interrupted.last.poll() is not None

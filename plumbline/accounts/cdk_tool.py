"""The CDK's command line in the foreground, as the caller whom AWS was asked about."""

import contextlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from plumbline.errors import PlumblineError
from plumbline.toolchain import CDK, tool_environment

# What would lead the command line to somebody else's credentials.
_PROFILES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_SDK_LOAD_CONFIG")
_GRACE_SECONDS = 20.0


def run_cdk(arguments: tuple[str, ...], *, root: Path, credentials: Mapping[str, str]) -> None:
    """Runs one command to its end; it talks to the terminal itself.

    Args:
        arguments: The words after `cdk`.
        root: The checkout.
        credentials: The caller, as environment variables.

    Raises:
        PlumblineError: The command fails, or its program is not there.
        KeyboardInterrupt: It was interrupted; the command has ended then, too.
    """
    environment = {name: value for name, value in tool_environment().items() if name not in _PROFILES}
    try:
        process = subprocess.Popen(
            [str(CDK), *arguments], cwd=root, env=environment | dict(credentials), stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise PlumblineError(f"{CDK} cannot be run: {error.strerror}", exit_code=1) from error
    try:
        code = process.wait()
    except BaseException:
        # Ctrl-C has reached it too, for it is in the terminal's foreground with this process.
        _end(process)
        raise
    if code != 0:
        raise PlumblineError(f"`cdk {arguments[0]}` failed with exit code {code}; what it said is above.", exit_code=1)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS if os.isatty(0) else 0.5)
        return
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
        return
    process.kill()
    process.wait()

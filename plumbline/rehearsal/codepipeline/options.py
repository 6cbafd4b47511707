"""What the CodePipeline part of a rehearsal is told when it is registered."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

from plumbline.rehearsal.codepipeline.builds import Builds, LocalBuilds


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How CodePipeline's side of a rehearsal works.

    Attributes:
        state: The rehearsal's folder: in it are ``repositories.json`` and the record of what was asked for in vain.
        endpoint: The emulator's address, ``https://127.0.0.1:<port>``.
        certificate_authority: The PEM file that this address is trusted by.
        builds: The CodeBuild that builds run in.
        clock: The time, in seconds since the epoch.
    """

    state: Path
    endpoint: str
    certificate_authority: Path
    builds: Builds = dataclasses.field(default_factory=LocalBuilds)
    clock: Callable[[], float] = time.time

"""What the CodeBuild part of a rehearsal is told when it is registered."""

import dataclasses
from pathlib import Path

BUILDS_FILE = "builds.jsonl"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How CodeBuild's side of a rehearsal works.

    Attributes:
        root: The checkout, whose ``.plumb/codebuild`` outlives a rehearsal: homes of builds and remembered results.
        state: The rehearsal's folder; builds get theirs in ``builds`` below it.
        endpoint: The emulator's address, ``https://127.0.0.1:<port>``.
        certificate_authority: The PEM file that this address is trusted by.
        images: The stand-ins for the platform's own images, which a build may add to.
        unsupported: The JSON-lines file that names what was asked for and the rehearsal lacks.
        workers: How many builds run at the same time; the others are queued.
        remember: Whether a build whose inputs have not changed is answered from what was remembered.
    """

    root: Path
    state: Path
    endpoint: str
    certificate_authority: Path
    images: Path
    unsupported: Path
    workers: int = 2
    remember: bool = True

    @property
    def builds(self) -> Path:
        """The folder under which each build gets its own."""
        return self.state / "builds"

    @property
    def call_log(self) -> Path:
        """The rehearsal's call log."""
        return self.state / "calls.jsonl"

    @property
    def record(self) -> Path:
        """The JSON-lines file with one finished build a line."""
        return self.state / BUILDS_FILE

    @property
    def lasting(self) -> Path:
        """What outlives a rehearsal."""
        return self.root / ".plumb" / "codebuild"

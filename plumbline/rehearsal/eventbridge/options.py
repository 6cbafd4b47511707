"""What the EventBridge part of a rehearsal is told when it is registered."""

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How EventBridge's side of a rehearsal works.

    Attributes:
        endpoint: The emulator's address, which targets that are started in a role are asked at.
        certificate_authority: The PEM file that this address is trusted by.
        time_scale: Real seconds for each second that EventBridge would wait between two attempts.
    """

    endpoint: str
    certificate_authority: Path
    time_scale: float = 1 / 60

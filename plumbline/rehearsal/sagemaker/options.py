"""What the SageMaker part of a rehearsal is told when it is registered."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How SageMaker's side of a rehearsal works.

    Attributes:
        state: The folder in which jobs and endpoints keep their files.
        endpoint: The emulator's address, ``https://127.0.0.1:<port>``, that the platform's side of a job calls.
        certificate_authority: The PEM file that this address is trusted by.
        images: The stand-ins for our own images, ``<runtime tag>/venv`` and ``<runtime tag>/program``.
        external_images: For images that are not ours, the beginning of their URI and the folder of a virtual
            environment that stands in for them.
        time_scale: Real seconds for each second that the *platform* would let pass: waits between retries, the grace
            between SIGTERM and SIGKILL. A job's own time limit is never scaled.
        workers: How many jobs and steps run at the same time.
    """

    state: Path
    endpoint: str
    certificate_authority: Path
    images: Path
    external_images: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    time_scale: float = 1 / 60
    workers: int = 2

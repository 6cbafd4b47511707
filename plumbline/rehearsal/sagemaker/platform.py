"""What the parts of the service share within one rehearsal."""

import dataclasses
import threading

from plumbline.rehearsal.sagemaker.containers import Containers
from plumbline.rehearsal.sagemaker.options import Options


class Platform:
    """The machine behind the API.

    Attributes:
        options: How the rehearsal works.
        containers: All that runs.
        slots: One for each job that may run at the same time.
        ending: Set when the rehearsal ends.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.containers = Containers()
        self.slots = threading.BoundedSemaphore(options.workers)
        self.ending = threading.Event()
        self._lock = threading.Lock()
        self._runs: list[Run] = []

    def record(self, run: "Run") -> None:
        """Keeps what the rehearsal's summary says of a job or an endpoint's variant."""
        with self._lock:
            self._runs.append(run)

    def runs(self) -> tuple["Run", ...]:
        """Everything that ran, oldest first."""
        with self._lock:
            return tuple(self._runs)

    def close(self) -> None:
        """Ends all that runs and leaves no process."""
        self.ending.set()
        self.containers.close()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One container's run.

    Attributes:
        arn: The job or endpoint that it was for.
        isolation: How it was kept from the network: ``user namespace``, ``guard``, or ``none`` where its job asked for
            no isolation.
        image: The URI of its image.
        digest: The image's digest, empty for an image that is not in the registry.
    """

    arn: str
    isolation: str
    image: str
    digest: str

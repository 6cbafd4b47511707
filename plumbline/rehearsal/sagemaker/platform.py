"""What the parts of the service share within one rehearsal."""

import dataclasses
import json
import threading
from pathlib import Path

from plumbline.rehearsal.sagemaker.containers import Containers
from plumbline.rehearsal.sagemaker.options import Options

# In the folder that the rehearsal's SageMaker was given: what ran, and what was asked for that the rehearsal lacks.
RUNS_FILE = "containers.jsonl"
UNSUPPORTED_FILE = "unsupported.jsonl"


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

    def record(self, run: "Run") -> None:
        """Writes down, for the rehearsal's summary, that a job or an endpoint's variant ran."""
        line = json.dumps(dataclasses.asdict(run)) + "\n"
        with self._lock, (self.options.state / RUNS_FILE).open("a", encoding="utf-8") as file:
            file.write(line)

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


def read_runs(state: Path) -> tuple[Run, ...]:
    """What ran in a rehearsal, oldest first.

    Args:
        state: The folder that the rehearsal's SageMaker was given.
    """
    path = state / RUNS_FILE
    if not path.exists():
        return ()
    return tuple(Run(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines())

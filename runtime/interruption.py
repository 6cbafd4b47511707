"""SIGTERM: a spot instance is taken back, or somebody stops the job.

SageMaker sends SIGTERM and, 120 seconds later, SIGKILL (StopTrainingJob). A job that writes a checkpoint in less than
that loses nothing; one that does not loses at most the work since its last checkpoint.
"""

import signal
from types import FrameType


class Interruption:
    """Remembers that the job was asked to end."""

    def __init__(self) -> None:
        self._requested = False

    @property
    def requested(self) -> bool:
        """Whether the job has been asked to end."""
        return self._requested

    def listen(self) -> None:
        """Takes SIGTERM from now on; works in the main thread only."""
        signal.signal(signal.SIGTERM, self._request)

    def _request(self, _signal: int, _frame: FrameType | None) -> None:
        self._requested = True

"""Checkpoints of a training: whole or absent, and only taken up by the training they belong to."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

_KEPT = 2  # SageMaker copies the folder while it is written to: the one before the last is whole for certain


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """All that an interval of training needs to know of those before it.

    Attributes:
        rounds: Rounds trained.
        best_round: Round with the lowest log loss on the validation rows, from 1.
        best_log_loss: That log loss.
        best_precision: Average precision in that round.
        model: The booster as LightGBM's text, every round of it.
    """

    rounds: int
    best_round: int
    best_log_loss: float
    best_precision: float
    model: str


class Checkpoints:
    """The checkpoints in a folder.

    Args:
        folder: The container's checkpoint folder.
        fingerprint: Of the data, the hyper-parameters and the library. Checkpoints of another training are ignored.
    """

    def __init__(self, *, folder: Path, fingerprint: str) -> None:
        self._folder = folder
        self._fingerprint = fingerprint

    def latest(self) -> Checkpoint | None:
        """The last whole checkpoint of this training, or none."""
        for path in reversed(self._paths()):
            checkpoint = self._read(path)
            if checkpoint is not None:
                return checkpoint
        return None

    def write(self, checkpoint: Checkpoint) -> None:
        """Writes a checkpoint and removes those that nobody needs any more."""
        content = {"fingerprint": self._fingerprint, **asdict(checkpoint)}
        beside = self._folder / "checkpoint.new"
        beside.write_text(json.dumps(content), encoding="utf-8")
        beside.replace(self._folder / f"checkpoint-{checkpoint.rounds:06d}.json")
        for path in self._paths()[:-_KEPT]:
            path.unlink()

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("checkpoint-*.json"))

    def _read(self, path: Path) -> Checkpoint | None:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError):
            return None  # cut short when the instance was taken away
        if not isinstance(content, dict) or content.pop("fingerprint", None) != self._fingerprint:
            return None
        return Checkpoint(**content)

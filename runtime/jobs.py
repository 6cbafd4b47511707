"""What a model's code is given to do its job with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runtime.channels import Channel
from runtime.interruption import Interruption
from runtime.layout import Layout
from runtime.values import Values


@dataclass(frozen=True, kw_only=True)
class ProcessingJob:
    """A processing job: folders in, folders out.

    Attributes:
        layout: The container's folders.
        arguments: `--name value` arguments of the job.
    """

    layout: Layout
    arguments: Values

    def input(self, name: str) -> Path:
        """Folder of an input."""
        return self.layout.processing_input(name)

    def output(self, name: str) -> Path:
        """Folder of an output; exists."""
        folder = self.layout.processing_output(name)
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """A training job: channels in, a model out.

    Attributes:
        channels: The channels by name.
        hyperparameters: The job's hyper-parameters.
        model: Folder to write the model to; exists.
        checkpoints: Folder that a resumed job finds as the interrupted one left it; exists.
        interruption: Asked after each checkpoint whether to stop.
    """

    channels: Mapping[str, Channel]
    hyperparameters: Values
    model: Path
    checkpoints: Path
    interruption: Interruption

"""Where SageMaker puts things in a container, and where it takes them from.

| path below the base | who writes | what |
|---|---|---|
| `input/config/hyperparameters.json` | SageMaker | hyper-parameters, every value a text |
| `input/config/inputdataconfig.json` | SageMaker | channels and their input modes |
| `input/data/<channel>/` | SageMaker | a channel in File or FastFile mode |
| `input/data/<channel>_<epoch>` | SageMaker | a FIFO, one an epoch, in Pipe mode |
| `checkpoints/` | both | synchronised with S3 while the job runs, filled again when it is resumed |
| `model/` | training; SageMaker when serving | becomes, or comes from, `model.tar.gz` |
| `output/failure` | the job | last words of a training job: `FailureReason`, its first 1,024 characters |
| `output/message` | the job | last words of a processing job: `ExitMessage`, the first 1 KB |
| `processing/input/<name>/` | SageMaker | what a processing job reads |
| `processing/output/<name>/` | the job | what it writes |
"""

import os
from dataclasses import dataclass
from pathlib import Path

DEFAULT_BASE = Path("/opt/ml")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The folders of one container.

    Attributes:
        base: `/opt/ml`, or the value of `SAGEMAKER_BASE_DIR`, the variable of SageMaker's own training toolkit.
    """

    base: Path

    @classmethod
    def of_environment(cls) -> "Layout":
        """The layout of this process's container."""
        return cls(base=Path(os.environ.get("SAGEMAKER_BASE_DIR", DEFAULT_BASE)))

    @property
    def hyperparameters(self) -> Path:
        """File of the training job's hyper-parameters."""
        return self.base / "input" / "config" / "hyperparameters.json"

    @property
    def input_data_config(self) -> Path:
        """File of the training job's channels."""
        return self.base / "input" / "config" / "inputdataconfig.json"

    @property
    def checkpoints(self) -> Path:
        """Folder that outlives an interrupted training job."""
        return self.base / "checkpoints"

    @property
    def model(self) -> Path:
        """Folder of the model: its content is `model.tar.gz`."""
        return self.base / "model"

    @property
    def last_words(self) -> tuple[Path, Path]:
        """Files for a training and for a processing job's reason of failure."""
        return (self.base / "output" / "failure", self.base / "output" / "message")

    def channel(self, name: str) -> Path:
        """Folder of a training channel; in Pipe mode, the beginning of its FIFOs' names."""
        return self.base / "input" / "data" / name

    def processing_input(self, name: str) -> Path:
        """Folder of a processing input."""
        return self.base / "processing" / "input" / name

    def processing_output(self, name: str) -> Path:
        """Folder of a processing output."""
        return self.base / "processing" / "output" / name

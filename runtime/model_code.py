"""A model's own modules, imported apart from everybody else's.

Two versions of a model can be loaded side by side (a champion and its challenger), since each folder becomes a package
of its own name. The modules of a model import each other relatively: `from .features import features`.
"""

import hashlib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import cast

from runtime.archives import extract
from runtime.errors import JobError
from runtime.predictor import Predictor

MODEL_CODE = "code"  # name of the channel that brings it, and of its folder in a model


class ModelCode:
    """The modules in one folder.

    | module | function | called by |
    |---|---|---|
    | `prepare.py` | `prepare(job: ProcessingJob) -> None` | `python -m runtime prepare` |
    | `train.py` | `train(job: TrainingJob) -> None` | `python -m runtime train` |
    | `evaluate.py` | `evaluate(job: ProcessingJob) -> None` | `python -m runtime evaluate` |
    | `serve.py` | `load(folder: Path) -> Predictor` | `python -m runtime serve`, and an evaluation |

    Args:
        folder: Folder of the modules.
    """

    def __init__(self, *, folder: Path) -> None:
        self.folder = folder.resolve()
        # The name tells the folders apart, so that no module of another version is ever found in its place.
        self._package = f"model_code_{hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]}"

    @classmethod
    def of_channel(cls, channel: Path, *, into: Path) -> "ModelCode":
        """Extracts the `sourcedir.tar.gz` of a `code` channel."""
        return cls(folder=extract(channel / "sourcedir.tar.gz", into=into))

    def job(self, verb: str) -> Callable[[object], None]:
        """The function of a job, e.g. `train` in `train.py`.

        Raises:
            JobError: The module or the function is missing.
        """
        return cast("Callable[[object], None]", self._function(verb, verb))

    def load(self, folder: Path) -> Predictor:
        """Loads the model that lies in `folder` with this code.

        Raises:
            JobError: `serve.py` or its `load` is missing.
        """
        return cast("Callable[[Path], Predictor]", self._function("serve", "load"))(folder)

    def _function(self, module: str, name: str) -> object:
        path = self.folder / f"{module}.py"
        if not path.is_file():
            raise JobError(f"the model's code has no {path.name}; it has {', '.join(self._modules()) or 'no module'}.")
        function = getattr(self._imported(module), name, None)
        if not callable(function):
            raise JobError(f"the model's {path.name} has no function {name}.")
        return function

    def _imported(self, module: str) -> ModuleType:
        if self._package not in sys.modules:
            package = ModuleType(self._package)
            package.__path__ = [str(self.folder)]
            sys.modules[self._package] = package
            importlib.invalidate_caches()
        return importlib.import_module(f"{self._package}.{module}")

    def _modules(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("*.py"))

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
CODE_DIGEST = "MODEL_CODE_DIGEST"  # environment variable with which a definition pins the code


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
    def of_channel(cls, channel: Path, *, into: Path, digest: str | None = None) -> "ModelCode":
        """Extracts the `sourcedir.tar.gz` of a `code` channel.

        Args:
            channel: Folder of the channel.
            into: Where to.
            digest: What the reviewed definition says of the code (`code_digest`); None takes any code.

        Raises:
            JobError: It is not the code that was reviewed.
        """
        code = cls(folder=extract(channel / "sourcedir.tar.gz", into=into))
        if digest is not None and code.digest() != digest:
            raise JobError(f"the code has the digest {code.digest()}, the pipeline's definition asks for {digest}.")
        return code

    def digest(self) -> str:
        """16 hexadecimal digits of the SHA-256 over the files in order: name, size and content of each."""
        digest = hashlib.sha256()
        for path in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(self.folder).as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()[:16]

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

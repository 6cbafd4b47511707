"""What finished builds came to, remembered from one rehearsal to the next."""

import contextlib
import dataclasses
import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

_KEPT = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What a successful build came to.

    Attributes:
        build_id: The build that it was.
        log: The lines of its commands.
        exported: The variables that it exported.
        outputs: The ZIP archive of each output, by the artifact's name.
    """

    build_id: str
    log: Sequence[str]
    exported: Mapping[str, str]
    outputs: Mapping[str, Path]


class Results:
    """The newest results of a checkout, whoever rehearses in it.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, digest: str) -> Result | None:
        """What a build with that digest came to, if it is remembered."""
        folder = self._folder / digest
        try:
            document = json.loads((folder / "result.json").read_text(encoding="utf-8"))
            os.utime(folder)
        except (FileNotFoundError, ValueError):
            return None
        return Result(
            build_id=document["build_id"],
            log=document["log"],
            exported=document["exported"],
            outputs={name: folder / f"{name}.zip" for name in document["outputs"]},
        )

    def keep(self, digest: str, result: Result) -> None:
        """Remembers a result, and forgets the oldest when there are too many."""
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = self._folder / f".{digest}.{secrets.token_hex(4)}"
        partial.mkdir()
        for name, archive in result.outputs.items():
            shutil.copyfile(archive, partial / f"{name}.zip")
        document = dataclasses.asdict(result) | {"outputs": list(result.outputs)}
        (partial / "result.json").write_text(json.dumps(document), encoding="utf-8")
        try:
            partial.rename(self._folder / digest)
        except OSError:  # somebody has remembered the same meanwhile
            shutil.rmtree(partial, ignore_errors=True)
        self._forget()

    def _forget(self) -> None:
        found = []
        for path in self._folder.glob("[0-9a-f]*"):
            with contextlib.suppress(FileNotFoundError):  # another rehearsal forgets, too
                found.append((path.stat().st_mtime, path))
        for _, path in sorted(found, reverse=True)[_KEPT:]:
            shutil.rmtree(path, ignore_errors=True)

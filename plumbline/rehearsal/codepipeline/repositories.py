"""The Git repositories of a rehearsal: bare ones on this disk, which connections and CodeCommit lead to.

``repositories.json`` in the rehearsal's folder maps a repository's full id (``owner/name`` behind a connection, a name
in CodeCommit) to the path of a bare repository. It is read for each question, so one can be added at any time.
"""

import dataclasses
import io
import json
import os
import subprocess
import tempfile
import zipfile
from pathlib import Path

FILE = "repositories.json"
# Nothing of the person's own configuration, nothing that asks, and repositories of any owner.
_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C.UTF-8",
}
_FIELDS = "%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B"
_SECONDS = 120


class NoRepositoryError(Exception):
    """There is no such repository, branch or commit."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit.

    Attributes:
        id: 40 hexadecimal digits.
        tree: The tree's id.
        parents: The parents' ids.
        author: Name, e-mail address and time in seconds since the epoch.
        committer: The same of the committer.
        message: The whole message, without the end of its last line.
    """

    id: str
    tree: str
    parents: tuple[str, ...]
    author: tuple[str, str, int]
    committer: tuple[str, str, int]
    message: str


class Repositories:
    """The repositories.

    Args:
        state: The rehearsal's folder.
    """

    def __init__(self, state: Path) -> None:
        self._file = state / FILE

    def add(self, full_id: str, path: Path) -> None:
        """Makes a repository known."""
        known = self._known() | {full_id: str(path)}
        partial = self._file.with_suffix(".partial")
        partial.write_text(json.dumps(known, indent=2), encoding="utf-8")
        partial.replace(self._file)

    def head(self, full_id: str, branch: str) -> str:
        """The commit that a branch is at.

        Raises:
            NoRepositoryError: There is no such repository or branch.
        """
        return (
            self._git(full_id, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}").decode().strip()
        )

    def commit(self, full_id: str, commit: str) -> Commit:
        """A commit.

        Raises:
            NoRepositoryError: There is no such repository or commit.
        """
        text = self._git(full_id, "show", "--no-patch", f"--format={_FIELDS}", f"{commit}^{{commit}}", "--").decode()
        found, tree, parents, name, mail, at, by, by_mail, by_at, message = text.split("\0")
        return Commit(
            id=found,
            tree=tree,
            parents=tuple(parents.split()),
            author=(name, mail, int(at)),
            committer=(by, by_mail, int(by_at)),
            message=message.rstrip("\n"),
        )

    def archive(self, full_id: str, commit: str) -> bytes:
        """A zip of a commit's files.

        Raises:
            NoRepositoryError: There is no such repository or commit.
        """
        return self._git(full_id, "archive", "--format=zip", commit)

    def clone(self, full_id: str, commit: str, branch: str) -> bytes:
        """A zip of a full clone, its working tree at a commit of a branch.

        Raises:
            NoRepositoryError: There is no such repository or commit.
        """
        with tempfile.TemporaryDirectory() as scratch:
            tree = Path(scratch) / "tree"
            bare = self._path(full_id)
            _run("clone", "--quiet", "--no-local", "--no-checkout", str(bare), str(tree))
            _run("-C", str(tree), "checkout", "--quiet", "-B", branch, commit)
            return _zipped(tree)

    def _known(self) -> dict[str, str]:
        try:
            known: dict[str, str] = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return known

    def _path(self, full_id: str) -> Path:
        known = self._known()
        if full_id not in known:
            raise NoRepositoryError(f"no repository {full_id}")
        return Path(known[full_id])

    def _git(self, full_id: str, *arguments: str) -> bytes:
        return _run("--git-dir", str(self._path(full_id)), *arguments)


def _run(*arguments: str) -> bytes:
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": os.devnull, **_ENVIRONMENT},
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        raise NoRepositoryError(done.stderr.decode(errors="replace").strip() or "not found")
    return done.stdout


def _zipped(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink()):
            entry = zipfile.ZipInfo(str(path.relative_to(folder)))
            mode = path.lstat().st_mode
            entry.external_attr = mode << 16
            content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()

"""The repository that a rehearsal delivers: the checkout as it is, in a bare repository of the rehearsal's own."""

import os
import shutil
import subprocess
from pathlib import Path

from plumbline.errors import PlumblineError

_AUTHOR = {
    "GIT_AUTHOR_NAME": "rehearsal",
    "GIT_AUTHOR_EMAIL": "rehearsal@localhost",
    "GIT_COMMITTER_NAME": "rehearsal",
    "GIT_COMMITTER_EMAIL": "rehearsal@localhost",
    # The person's own settings, hooks among them, are no part of a rehearsal.
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def refuse_without_git() -> None:
    """Says so before anything has begun.

    Raises:
        PlumblineError: git is missing.
    """
    if shutil.which("git") is None:
        raise PlumblineError("git is not installed, and what is delivered is a commit: install git", exit_code=1)


class SourceRepository:
    """A bare repository, and a folder in which its next commit is made.

    Args:
        root: The checkout; nothing in it is changed, nor in its own repository.
        folder: Where the repository and the folder go.
        branch: The branch that is delivered.

    Attributes:
        path: The bare repository.
        tree: The folder, which holds what the newest commit holds.

    Raises:
        PlumblineError: git refuses.
    """

    def __init__(self, *, root: Path, folder: Path, branch: str) -> None:
        self.path = folder / "repository.git"
        self.tree = folder / "tree"
        self._branch = branch
        folder.mkdir(parents=True, exist_ok=True)
        self._git("init", "--quiet", "--bare", f"--initial-branch={branch}", str(self.path), git_dir=None)
        if (root / ".git").exists():
            # A commit keeps its name when nothing was changed since.
            self._git("fetch", "--quiet", "--depth=1", root.as_uri(), f"HEAD:refs/heads/{branch}")
        self._take(root)
        self.tree.mkdir()
        self._git("checkout", "--quiet", "--force", branch, "--", ".", work_tree=self.tree)

    @property
    def commit(self) -> str:
        """The newest commit of the branch."""
        return self._git("rev-parse", f"refs/heads/{self._branch}")

    def commit_all(self, message: str) -> str:
        """Commits what is in the folder.

        Args:
            message: What the commit says.

        Returns:
            The commit.

        Raises:
            PlumblineError: Nothing was changed.
        """
        self._git("add", "--all", work_tree=self.tree)
        if not self._git("status", "--porcelain", work_tree=self.tree):
            raise PlumblineError(f"there is nothing to commit for: {message}", exit_code=1)
        self._git("commit", "--quiet", "--no-verify", f"--message={message}", work_tree=self.tree)
        return self.commit

    def commit_patch(self, patch: Path, message: str) -> str:
        """Changes what is in the folder as a patch says, and commits it.

        Args:
            patch: A patch of git's; of the lines around a change one on each side has to be there.
            message: What the commit says.

        Returns:
            The commit.

        Raises:
            PlumblineError: The patch does not fit what is in the folder.
        """
        try:
            self._git("apply", "-C1", str(patch), work_tree=self.tree)
        except PlumblineError as error:
            raise PlumblineError(f"{patch.name} does not fit this checkout: {error}", exit_code=1) from error
        return self.commit_all(message)

    def revert(self) -> str:
        """Takes the newest commit back by another one.

        Returns:
            The commit.
        """
        self._git("revert", "--no-edit", "HEAD", work_tree=self.tree)
        return self.commit

    def _take(self, root: Path) -> None:
        """Commits what the checkout has beyond its own newest commit; what git ignores is left out."""
        self._git("add", "--all", work_tree=root)
        if self._git("status", "--porcelain", work_tree=root):
            self._git("commit", "--quiet", "--no-verify", "--message=The checkout as it is", work_tree=root)

    def _git(self, *words: str, git_dir: str | None = "", work_tree: Path | None = None) -> str:
        own = [] if git_dir is None else [f"--git-dir={self.path}"]
        # Bare, but for the moment in which a folder is given.
        own += [f"--work-tree={work_tree}", "-c", "core.bare=false"] if work_tree else []
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        done = subprocess.run(
            ["git", *own, *words], cwd=work_tree, env=kept | _AUTHOR, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise PlumblineError(f"git {words[0]} failed: {done.stderr.strip().splitlines()[-1:]}", exit_code=1)
        return done.stdout.strip()

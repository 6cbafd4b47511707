"""The part of CodeCommit's API that reads a branch and a commit of the rehearsal's repositories."""

from collections.abc import Iterable
from pathlib import Path

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.api.authorization import Check
from plumbline.rehearsal.api.errors import ApiError
from plumbline.rehearsal.api.scope import Scope
from plumbline.rehearsal.api.service import JsonService
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codepipeline.repositories import NoRepositoryError, Repositories


class CodeCommitService(JsonService):
    """CodeCommit: GetBranch and GetCommit.

    Args:
        repositories: The rehearsal's repositories.
        unsupported: The file that names what the rehearsal lacks.
    """

    def __init__(self, *, repositories: Repositories, unsupported: Path) -> None:
        super().__init__(model="codecommit", unsupported=unsupported)
        self._repositories = repositories

    def operations(self) -> Iterable[str]:
        """The names of the operations that there are."""
        return ("GetBranch", "GetCommit")

    def do(self, operation: str, request: Document, scope: Scope, caller: enforcement.Caller | None) -> Document:  # noqa: ARG002
        """Does an operation.

        Raises:
            ApiError: There is no such branch or commit.
        """
        name = request.get("repositoryName", "")
        if operation == "GetBranch":
            branch = request.get("branchName", "")
            try:
                return {"branch": {"branchName": branch, "commitId": self._repositories.head(name, branch)}}
            except NoRepositoryError as error:
                raise ApiError("BranchDoesNotExistException", f"{branch} does not exist in {name}") from error
        try:
            commit = self._repositories.commit(name, request["commitId"])
        except NoRepositoryError as error:
            raise ApiError("CommitIdDoesNotExistException", f"{request['commitId']} does not exist") from error
        return {
            "commit": {
                "commitId": commit.id,
                "treeId": commit.tree,
                "parents": list(commit.parents),
                "message": commit.message + "\n",
                "author": _person(commit.author),
                "committer": _person(commit.committer),
                "additionalData": "",
            }
        }

    def checks(self, operation: str, request: Document, scope: Scope) -> Iterable[Check]:
        """The decisions that a request needs."""
        yield Check(
            action=f"codecommit:{operation}", resource=scope.arn_of("codecommit", request.get("repositoryName", ""))
        )


def _person(person: tuple[str, str, int]) -> Document:
    name, mail, at = person
    return {"name": name, "email": mail, "date": f"{at} +0000"}

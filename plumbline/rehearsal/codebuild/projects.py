"""Projects, with every member that they were given.

MiniStack keeps a project's name, source, artifacts, environment and role; what decides how its builds run besides these
is kept here. Source: CodeBuild API reference, "CreateProject", for what a project has when nothing is said.
"""

import dataclasses
import threading
from collections.abc import Mapping, Sequence

from plumbline.rehearsal.api.errors import ApiError, UnsupportedOperationError
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codebuild.errors import invalid_input, not_found
from plumbline.rehearsal.codebuild.logs import refuse_objects
from plumbline.rehearsal.codebuild.orders import now
from plumbline.rehearsal.codebuild.transfer import MANAGED_KEY

_REQUIRED = ("name", "source", "artifacts", "environment", "serviceRole")
_SOURCES = frozenset({"CODEPIPELINE", "NO_SOURCE"})
# What would make builds run otherwise than they do here; an empty one says nothing.
_REFUSED = (
    *("secondarySources", "secondaryArtifacts", "secondarySourceVersions", "vpcConfig", "fileSystemLocations"),
    *("buildBatchConfig", "autoRetryLimit"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scope:
    """An account and a region."""

    account: str
    region: str

    def arn(self, resource: str) -> str:
        """The ARN of a CodeBuild resource, given as ``project/name``."""
        return f"arn:aws:codebuild:{self.region}:{self.account}:{resource}"


class Projects:
    """The projects of all accounts; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._rows: dict[tuple[Scope, str], Document] = {}

    def get(self, scope: Scope, name: str) -> Document:
        """A project, by its name or ARN.

        Raises:
            ApiError: ``ResourceNotFoundException``.
        """
        plain = name.removeprefix(scope.arn("project/"))
        with self._lock:
            if (scope, plain) not in self._rows:
                raise not_found(f"Project cannot be found: {scope.arn(f'project/{plain}')}")
            return dict(self._rows[scope, plain])

    def create(self, scope: Scope, request: Document) -> Document:
        """CreateProject."""
        for member in _REQUIRED:
            if not request.get(member):
                raise invalid_input(f"Invalid input: {member} is required")
        _check(request)
        name = request["name"]
        defaults: Document = {
            "timeoutInMinutes": 60,
            "queuedTimeoutInMinutes": 480,
            "encryptionKey": f"arn:aws:kms:{scope.region}:{scope.account}:{MANAGED_KEY}",
            "cache": {"type": "NO_CACHE"},
            "badge": {"badgeEnabled": False},
            "projectVisibility": "PRIVATE",
        }
        made = {"arn": scope.arn(f"project/{name}"), "created": now(), "lastModified": now()}
        with self._lock:
            if (scope, name) in self._rows:
                raise ApiError(
                    "ResourceAlreadyExistsException", f"Project already exists: {scope.arn(f'project/{name}')}"
                )
            given = {member: value for member, value in request.items() if member != "badgeEnabled"}
            self._rows[scope, name] = defaults | given | made
        return {"project": self.get(scope, name)}

    def update(self, scope: Scope, request: Document) -> Document:
        """UpdateProject: what is given replaces what was, all of it."""
        present = self.get(scope, request.get("name", ""))
        _check(present | request)
        with self._lock:
            self._rows[scope, present["name"]] = present | request | {"lastModified": now()}
        return {"project": self.get(scope, present["name"])}

    def forget(self, scope: Scope, name: str, members: Sequence[str]) -> None:
        """Takes away members that a project need not have: they are again what they are when nothing is said."""
        with self._lock:
            row = self._rows.get((scope, name), {})
            for member in members:
                row.pop(member, None)

    def delete(self, scope: Scope, request: Document) -> Document:
        """DeleteProject, which AWS answers in the same way when there is none."""
        with self._lock:
            self._rows.pop((scope, request["name"].removeprefix(scope.arn("project/"))), None)
        return {}

    def batch_get(self, scope: Scope, request: Document) -> Document:
        """BatchGetProjects."""
        found, missing = [], []
        for name in request["names"]:
            try:
                found.append(self.get(scope, name))
            except ApiError:
                missing.append(name)
        return {"projects": found, "projectsNotFound": missing}

    def list_all(self, scope: Scope, request: Document) -> Document:
        """ListProjects."""
        with self._lock:
            rows = [row for (where, _), row in self._rows.items() if where == scope]
        members = {"CREATED_TIME": "created", "LAST_MODIFIED_TIME": "lastModified"}
        member = members.get(request.get("sortBy", ""), "name")
        rows.sort(key=lambda row: row[member], reverse=request.get("sortOrder") == "DESCENDING")
        return {"projects": [row["name"] for row in rows]}


def _check(project: Mapping[str, object]) -> None:
    source = project["source"]
    kind = source.get("type") if isinstance(source, Mapping) else None
    if kind not in _SOURCES:
        raise UnsupportedOperationError(f"source.type {kind} is no part of the rehearsal's CodeBuild")
    artifacts = project["artifacts"]
    written = artifacts.get("type") if isinstance(artifacts, Mapping) else None
    if (kind == "CODEPIPELINE") != (written == "CODEPIPELINE"):
        raise invalid_input(
            "Invalid artifacts: artifact type CODEPIPELINE can only be used with source type CODEPIPELINE, and source "
            "type CODEPIPELINE only with artifact type CODEPIPELINE"
        )
    if written not in ("CODEPIPELINE", "NO_ARTIFACTS"):
        raise UnsupportedOperationError(f"artifacts.type {written} is no part of the rehearsal's CodeBuild")
    for member in _REFUSED:
        if project.get(member):
            raise UnsupportedOperationError(f"{member} is no part of the rehearsal's CodeBuild")
    refuse_objects(dict(project))

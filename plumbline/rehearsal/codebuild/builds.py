"""The builds of a rehearsal: started, found, stopped, and never more at once than allowed.

Source: CodeBuild API reference, "StartBuild", "StopBuild", "BatchGetBuilds", "ListBuildsForProject"; user guide, "Build
project: concurrent build limit".
"""

import dataclasses
import json
import threading
import time
import uuid

from plumbline.rehearsal.api.errors import ApiError, UnsupportedOperationError
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codebuild import events
from plumbline.rehearsal.codebuild.errors import invalid_input, not_found
from plumbline.rehearsal.codebuild.options import Options
from plumbline.rehearsal.codebuild.orders import Build, BuildRun, Order
from plumbline.rehearsal.codebuild.projects import Projects, Scope
from plumbline.rehearsal.codebuild.results import Results
from plumbline.rehearsal.codebuild.run import Machine, Run
from plumbline.rehearsal.sagemaker.containers import Containers

_END_SECONDS = 5.0
_POLL_SECONDS = 0.05
_OVERRIDES = {
    "buildspecOverride": ("source", "buildspec"),
    "imageOverride": ("environment", "image"),
    "computeTypeOverride": ("environment", "computeType"),
    "environmentTypeOverride": ("environment", "type"),
    "privilegedModeOverride": ("environment", "privilegedMode"),
    "timeoutInMinutesOverride": ("timeoutInMinutes",),
    "queuedTimeoutInMinutesOverride": ("queuedTimeoutInMinutes",),
    "encryptionKeyOverride": ("encryptionKey",),
    "serviceRoleOverride": ("serviceRole",),
    "logsConfigOverride": ("logsConfig",),
    "cacheOverride": ("cache",),
}
_OTHER = frozenset({"projectName", "environmentVariablesOverride", "idempotencyToken", "sourceVersion"})


class Builds:
    """All builds.

    Args:
        options: How the rehearsal works.
        projects: The projects.
    """

    def __init__(self, options: Options, projects: Projects) -> None:
        self._options = options
        self._projects = projects
        self._machine = Machine(
            options=options,
            containers=Containers(),
            slots=threading.Semaphore(options.workers),
            results=Results(options.lasting / "results"),
        )
        self._lock = threading.Lock()
        self._rows: dict[str, tuple[Scope, Build]] = {}
        self._tokens: dict[tuple[Scope, str], str] = {}
        self._closed = False

    def begin(self, order: Order) -> Build:
        """Starts a build.

        Raises:
            ApiError: ``AccountLimitExceededException`` when as many builds of the project run as it lets.
        """
        scope, project = Scope(account=order.account, region=order.region), order.project
        with self._lock:
            if self._closed:
                raise ApiError("InvalidInputException", "the rehearsal is ending")
            others = [
                build
                for where, build in self._rows.values()
                if where == scope and build.order.project["name"] == project["name"]
            ]
            limit = project.get("concurrentBuildLimit")
            if limit and sum(not build.complete for build in others) >= limit:
                raise ApiError(
                    "AccountLimitExceededException", f"Cannot have more than {limit} active builds for the project"
                )
            build = Build(
                order,
                build_id=f"{project['name']}:{uuid.uuid4()}",
                number=len(others) + 1,
                changed=events.changed,
            )
            self._rows[build.id] = scope, build
        threading.Thread(target=self._run, args=(build,), name=f"build {build.id}", daemon=True).start()
        return build

    def find(self, scope: Scope, build_id: str) -> Build | None:
        """A build of an account and region, by its id or ARN."""
        with self._lock:
            where, build = self._rows.get(build_id.removeprefix(scope.arn("build/")), (None, None))
        return build if where == scope else None

    def start(self, scope: Scope, request: Document, initiator: str) -> Document:
        """StartBuild."""
        project = self._projects.get(scope, request["projectName"])
        if project["source"]["type"] == "CODEPIPELINE":
            # CodePipeline alone brings the source.
            raise invalid_input(
                "Cannot start a build for a project with source type CODEPIPELINE outside of a pipeline"
            )
        for member in request:
            if member not in _OVERRIDES and member not in _OTHER:
                raise UnsupportedOperationError(f"StartBuild's {member} is no part of the rehearsal's CodeBuild")
        token = (scope, str(request.get("idempotencyToken", "")))
        if token in self._tokens:
            return {"build": self._rows[self._tokens[token]][1].describe()}
        order = Order(
            account=scope.account,
            region=scope.region,
            project=_overridden(project, request),
            initiator=initiator,
            environment=request.get("environmentVariablesOverride", ()),
        )
        build = self.begin(order)
        if "idempotencyToken" in request:
            self._tokens[token] = build.id
        return {"build": build.describe()}

    def stop(self, scope: Scope, request: Document) -> Document:
        """StopBuild: the build ends soon; one that has ended stays as it is."""
        build = self.find(scope, request["id"])
        if build is None:
            raise not_found(f"Build cannot be found: {request['id']}")
        build.stopping.set()
        return {"build": build.describe()}

    def batch_get(self, scope: Scope, request: Document) -> Document:
        """BatchGetBuilds."""
        found = {build_id: self.find(scope, build_id) for build_id in request["ids"]}
        return {
            "builds": [build.describe() for build in found.values() if build],
            "buildsNotFound": [build_id for build_id, build in found.items() if build is None],
        }

    def list_all(self, scope: Scope, request: Document) -> Document:
        """ListBuilds."""
        return {"ids": self._ids(scope, request, project=None)}

    def list_for_project(self, scope: Scope, request: Document) -> Document:
        """ListBuildsForProject."""
        project = self._projects.get(scope, request["projectName"])
        return {"ids": self._ids(scope, request, project=project["name"])}

    def close(self) -> None:
        """Ends every build; no process is left when it returns."""
        with self._lock:
            self._closed = True
            running = [build for _, build in self._rows.values() if not build.complete]
        for build in running:
            build.stopping.set()
        self._machine.containers.close()
        until = time.monotonic() + _END_SECONDS
        while not all(build.complete for build in running) and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)

    def _ids(self, scope: Scope, request: Document, *, project: str | None) -> list[str]:
        with self._lock:
            ids = [
                build.id
                for where, build in self._rows.values()
                if where == scope and project in (None, build.order.project["name"])
            ]
        return ids if request.get("sortOrder") == "ASCENDING" else ids[::-1]

    def _run(self, build: Build) -> None:
        build.announce()
        run = Run(build, self._machine)
        run.run()
        self._record(build, replayed=run.replayed)
        run.clear()

    def _record(self, build: Build, *, replayed: bool) -> None:
        """Writes down, for the rehearsal's summary, that a build has ended."""
        record = build.describe()
        line = BuildRun(
            build_id=build.id,
            account=build.order.account,
            project=record["projectName"],
            status=record["buildStatus"],
            seconds=round(record["endTime"] - record["startTime"], 3),
            replayed=replayed,
        )
        with self._lock, self._options.record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dataclasses.asdict(line)) + "\n")


def _overridden(project: Document, request: Document) -> Document:
    changed = {name: dict(value) if isinstance(value, dict) else value for name, value in project.items()}
    for member, path in _OVERRIDES.items():
        if member in request:
            target = changed if len(path) == 1 else changed[path[0]]
            target[path[-1]] = request[member]
    return changed

"""One build from its start to its end.

Source: CodeBuild user guide, "View build details" (phases) and "Build phase transitions". What a phase says when it
fails is CodeBuild's where its logs or its troubleshooting guide show it.
"""

import contextlib
import dataclasses
import os
import shutil
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

from plumbline.rehearsal.codebuild import artifacts, commands, environment, image, results, roles, transfer
from plumbline.rehearsal.codebuild.buildspec import Artifact
from plumbline.rehearsal.codebuild.digests import build_digest
from plumbline.rehearsal.codebuild.errors import PhaseContext, PhaseFailedError, client_error
from plumbline.rehearsal.codebuild.homes import home
from plumbline.rehearsal.codebuild.logs import BuildLog
from plumbline.rehearsal.codebuild.options import Options
from plumbline.rehearsal.codebuild.orders import FAILED, FAULT, STOPPED, SUCCEEDED, TIMED_OUT, ArtifactObject, Build
from plumbline.rehearsal.codebuild.source import Source, fetch, wanted_outputs
from plumbline.rehearsal.sagemaker.containers import Containers
from plumbline.rehearsal.session import Session

_POLL_SECONDS = 0.1
_PHASES = ("INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD")
_TIMED_OUT = PhaseContext(code="BUILD_TIMED_OUT", message="Build has timed out.")


class _EndedError(Exception):
    """The build ends before it is through, with a status that is no failure of its own."""

    def __init__(self, status: str, context: PhaseContext | None = None) -> None:
        super().__init__(status)
        self.status, self.context = status, context or PhaseContext()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Machine:
    """What builds share.

    Attributes:
        options: How the rehearsal works.
        containers: All that runs.
        slots: One for each build that may run at the same time.
        results: What is remembered.
    """

    options: Options
    containers: Containers
    slots: threading.Semaphore
    results: results.Results


class Run:
    """Runs a build.

    Args:
        build: The build.
        machine: What it shares with others.
    """

    def __init__(self, build: Build, machine: Machine) -> None:
        self._build = build
        self._machine = machine
        self._options = machine.options
        self._folder = machine.options.builds / build.uuid
        self._deadline = float("inf")
        self._in_phase = False
        self.replayed = False

    def run(self) -> None:
        """Runs it; whatever happens, the record ends with a status."""
        status = FAULT
        try:
            status = self._run()
        except PhaseFailedError as error:
            status = FAILED
            self._fail(FAILED, error.context)
        except _EndedError as error:
            status = error.status
            self._fail(error.status, error.context)
        except Exception as error:  # noqa: BLE001 - a fault of the rehearsal ends the build and is seen in its record
            traceback.print_exc()
            self._fail(FAULT, PhaseContext(code="INTERNAL_ERROR", message=f"{type(error).__name__}: {error}"))
        finally:
            self._build.finish(status)

    def clear(self) -> None:
        """Removes the build's folder, which takes longer than many a build."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self) -> str:
        build = self._build
        with self._phase("SUBMITTED"):
            service = roles.assume(build, self._options, session_name=f"AWSCodeBuild-{build.uuid}")
            log = BuildLog(build, session=service, copy=self._folder.with_suffix(".log"))
        try:
            with self._slot(), home(self._options.lasting / "home") as own:
                return self._finalized(service, log, own)
        finally:
            log.close()

    def _finalized(self, service: Session, log: BuildLog, own: Path) -> str:
        try:
            return self._work(service, log, own)
        except PhaseFailedError:
            if self._build.describe()["currentPhase"] != "FINALIZING":
                self._finalize(log)
            raise

    def _work(self, service: Session, log: BuildLog, own: Path) -> str:
        build = self._build
        with self._phase("PROVISIONING"):
            image.check_image(build.order.project["environment"]["image"])
            place = self._place(own)
        log.say("Running on CodeBuild On-demand")
        with self._phase("DOWNLOAD_SOURCE", log):
            source = fetch(build, place, session=service, log=log)
            outputs = wanted_outputs(build, source.buildspec)
        digest = self._digest(source)
        known = self._machine.results.find(digest) if self._options.remember else None
        if known is not None:
            return self._replay(known, service, log)
        first = len(log.lines)
        outcome, failed, name = self._commands(source, log, place)
        lines = log.lines[first:]
        packed: dict[str, Path] = {}
        if outcome.through:
            with self._phase("UPLOAD_ARTIFACTS", log):
                packed = self._pack(outputs, place)
                self._upload(packed, service)
        self._finalize(log)
        if not failed and self._may_remember(place, name):
            result = results.Result(build_id=build.id, log=lines, exported=outcome.exported, outputs=packed)
            self._machine.results.keep(digest, result)
        return FAILED if failed else SUCCEEDED

    def _place(self, own: Path) -> commands.Place:
        privileged = bool(self._build.order.project["environment"].get("privilegedMode"))
        return commands.prepare(
            folder=self._folder,
            home=own,
            images=self._options.images if privileged else None,
            authority=self._options.certificate_authority,
        )

    def _digest(self, source: Source) -> str:
        order = self._build.order
        settings = order.project["environment"]
        return build_digest(
            buildspec=source.text,
            place=[order.account, order.region, order.project["serviceRole"]],
            image=settings["image"],
            privileged=bool(settings.get("privilegedMode")),
            variables=source.variables,
            inputs=source.folders,
            primary=order.source.name if order.source else "",
            outputs=[output.name for output in order.outputs],
        )

    def _commands(self, source: Source, log: BuildLog, place: commands.Place) -> tuple[commands.Outcome, bool, str]:
        """Runs the phases; returns what came of them, whether one failed, and the name of the commands' session."""
        name = f"AWSCodeBuild-{self._build.uuid}-commands"
        session = roles.assume(self._build, self._options, session_name=name)
        variables = {
            **environment.machine_variables(os.environ, uv_cache=place.uv_cache),
            **({"PLUMBLINE_PRIVILEGED": str(place.images.resolve())} if place.images else {}),
            **source.variables,
            **environment.build_variables(self._build, session=session, revision=source.revision),
        }
        failures: list[str] = []

        def ended(phase: str, failed: tuple[str, int] | None) -> None:
            context = PhaseContext()
            if failed:
                failures.append(phase)
                context = PhaseContext(
                    code="COMMAND_EXECUTION_ERROR",
                    message=f"Error while executing command: {failed[0]}. Reason: exit status {failed[1]}",
                )
            self._end(FAILED if failed else SUCCEEDED, context, log)

        outcome = commands.run(
            source.buildspec,
            place=place,
            variables=variables,
            containers=self._machine.containers,
            listener=commands.Listener(line=log.write, said=log.say, begun=self._begin, ended=ended),
            seconds=max(0.0, self._deadline - time.monotonic()),
            stop=self._build.stopping,
        )
        self._check()
        if outcome.code != 0:
            raise RuntimeError(f"the agent ended with code {outcome.code}")
        self._build.note(exportedEnvironmentVariables=_exported(outcome.exported))
        return outcome, bool(failures), name

    def _pack(self, outputs: list[tuple[ArtifactObject, Artifact]], place: commands.Place) -> dict[str, Path]:
        packed: dict[str, Path] = {}
        for output, artifact in outputs:
            archive = self._folder / f"{output.name}.zip"
            try:
                artifacts.pack(artifacts.chosen(artifact, place.at(environment.SOURCE)), archive)
            except PhaseFailedError as error:
                if len(outputs) == 1:
                    raise
                raise client_error(f"Error in UPLOAD_ARTIFACTS phase: [{output.name}: [{error}]]") from error
            packed[output.name] = archive
        return packed

    def _upload(self, packed: Mapping[str, Path], service: Session) -> None:
        for output in self._build.order.outputs:
            key = self._build.order.project["encryptionKey"]
            transfer.upload(output, packed[output.name], session=service, key=key)

    def _may_remember(self, place: commands.Place, session_name: str) -> bool:
        role = self._build.order.project["serviceRole"]
        return (
            self._options.remember
            and not (place.root / "docker").exists()
            and not roles.acted(self._options, role_arn=role, session_name=session_name)
        )

    def _replay(self, known: results.Result, service: Session, log: BuildLog) -> str:
        self.replayed = True
        log.say(f"Nothing has changed since build {known.build_id}, which asked AWS for nothing: here is its result")
        for phase in _PHASES:
            self._begin(phase)
            self._end(SUCCEEDED, PhaseContext())
        for line in known.log:
            log.write(line)
        self._build.note(exportedEnvironmentVariables=_exported(known.exported))
        with self._phase("UPLOAD_ARTIFACTS", log):
            self._upload(known.outputs, service)
        self._finalize(log)
        return SUCCEEDED

    def _finalize(self, log: BuildLog) -> None:
        with self._phase("FINALIZING"):
            log.close()

    @contextlib.contextmanager
    def _phase(self, name: str, log: BuildLog | None = None) -> Iterator[None]:
        self._check()
        self._begin(name)
        try:
            yield
        except PhaseFailedError as error:
            self._end(FAILED, error.context, log)
            raise
        self._check()
        self._end(SUCCEEDED, PhaseContext(), log)

    @contextlib.contextmanager
    def _slot(self) -> Iterator[None]:
        """Waits for its turn, for as long as the project lets a build wait; then its time begins."""
        self._begin("QUEUED")
        minutes = self._build.order.project["queuedTimeoutInMinutes"]
        until = time.monotonic() + 60 * minutes
        while not self._machine.slots.acquire(timeout=_POLL_SECONDS):
            self._check()
            if time.monotonic() > until:
                raise _EndedError(TIMED_OUT, _TIMED_OUT)
        try:
            self._check()
            self._end(SUCCEEDED, PhaseContext())
            self._deadline = time.monotonic() + 60 * self._build.order.project["timeoutInMinutes"]
            yield
        finally:
            self._machine.slots.release()

    def _check(self) -> None:
        if self._build.stopping.is_set():
            raise _EndedError(STOPPED)
        if time.monotonic() >= self._deadline:
            raise _EndedError(TIMED_OUT, _TIMED_OUT)

    def _begin(self, phase: str) -> None:
        self._build.begin(phase)
        self._in_phase = True

    def _end(self, status: str, context: PhaseContext, log: BuildLog | None = None) -> None:
        if not self._in_phase:
            return
        self._in_phase = False
        phase = self._build.describe()["currentPhase"]
        if log:
            log.say(f"Phase complete: {phase} State: {status}")
            log.say(f"Phase context status code: {context.code} Message: {context.message}")
        self._build.end(status, context)

    def _fail(self, status: str, context: PhaseContext) -> None:
        self._end(status, context)


def _exported(variables: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in variables.items()]

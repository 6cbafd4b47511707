"""A build's commands in a container of their own."""

import dataclasses
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from plumbline.rehearsal.codebuild import environment
from plumbline.rehearsal.codebuild.buildspec import PHASES, Buildspec, Phase
from plumbline.rehearsal.codebuild.image import interpreters, uv_cache, write_tools
from plumbline.rehearsal.sagemaker.containers import Containers, Program, Sight
from plumbline.toolchain import ROOT

AGENT = "agent.py"
_PYTHON = "python3"


@dataclasses.dataclass(kw_only=True)
class Outcome:
    """What became of the commands.

    Attributes:
        exported: The variables that are exported.
        through: Whether the artifacts are to be uploaded.
        code: The exit code of the agent itself; None when it was ended.
    """

    exported: Mapping[str, str] = dataclasses.field(default_factory=dict)
    through: bool = False
    code: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listener:
    """Whom the agent tells.

    Attributes:
        line: Of a line that a command wrote.
        said: Of a line of CodeBuild's own.
        begun: Of a phase that begins.
        ended: Of a phase that ends: its name, and what failed with its exit code, or None.
    """

    line: Callable[[str], None]
    said: Callable[[str], None]
    begun: Callable[[str], None]
    ended: Callable[[str, tuple[str, int] | None], None]


def run(
    buildspec: Buildspec,
    *,
    place: "Place",
    variables: Mapping[str, str],
    containers: Containers,
    listener: Listener,
    seconds: float,
    stop: threading.Event,
) -> Outcome:
    """Runs the phases.

    Args:
        buildspec: What to run.
        place: Where.
        variables: All that the commands see of an environment.
        containers: Keeps hold of what runs.
        listener: Is told, from another thread.
        seconds: How long at most.
        stop: Ends it from another thread.
    """
    _write_plan(buildspec, place)
    outcome = Outcome()

    def on_line(text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:  # the agent's own end, told by Python
            listener.line(text.rstrip())
            return
        match message:
            case {"line": line}:
                listener.line(line)
            case {"said": line}:
                listener.said(line)
            case {"begun": phase}:
                listener.begun(phase)
            case {"ended": phase}:
                failed = (message["command"], message["code"]) if "command" in message else None
                listener.ended(phase, failed)
            case {"exported": exported}:
                outcome.exported = exported
            case {"through": through}:
                outcome.through = through

    container = containers.start(place.program(variables), on_line=on_line)
    try:
        outcome.code = container.wait(seconds=seconds, stop=stop)
    finally:
        container.end(grace=0)
    return outcome


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """The folders of one build.

    Attributes:
        folder: The build's own; ``root`` below it is what the commands find at /opt/codebuild.
        home: The home that they have.
        uv_cache: The person's cache of Python packages.
        images: The stand-ins of the platform's images, for a build that may make one.
    """

    folder: Path
    home: Path
    uv_cache: Path | None
    images: Path | None

    @property
    def root(self) -> Path:
        """What the commands find at /opt/codebuild."""
        return self.folder / "root"

    def at(self, path: str) -> Path:
        """Where on this machine something lies that the commands find below /opt/codebuild."""
        return self.root / Path(path).relative_to(environment.BASE)

    def program(self, variables: Mapping[str, str]) -> Program:
        """The agent as a program; the person's home is not there, but for what the tools need of it."""
        writable = [self.home, *filter(None, (self.uv_cache, self.images))]
        return Program(
            command=(f"{environment.BASE}/bin/{_PYTHON}", "-I", "-S", f"{environment.TEMPORARY}/{AGENT}", self._plan),
            environment=variables,
            directory=self.folder,
            folder=self.folder,
            isolated=False,
            mounts={environment.BASE: self.root, environment.HOME: self.home},
            view={
                Path.home(): Sight.HIDDEN,
                ROOT / ".plumb" / "rehearsals": Sight.HIDDEN,
                **dict.fromkeys((ROOT, *interpreters()), Sight.READ_ONLY),
                **{path.resolve(): Sight.WRITABLE for path in writable},
            },
        )

    @property
    def _plan(self) -> str:
        return f"{environment.TEMPORARY}/plan.json"


def prepare(*, folder: Path, home: Path, images: Path | None, authority: Path) -> Place:
    """Makes the folders of a build, with the tools in them.

    Args:
        folder: The build's own, which is not there yet.
        home: The home that its commands have.
        images: The stand-ins of the platform's images, for a build that may make one.
        authority: The rehearsal's certificate authority.
    """
    place = Place(folder=folder, home=home, uv_cache=uv_cache(), images=images)
    if images:
        images.mkdir(parents=True, exist_ok=True)
    for path in (environment.SOURCE, environment.TEMPORARY, environment.HOME, environment.SCRATCH):
        place.at(path).mkdir(parents=True)
    write_tools(place.root / "bin")
    place.at(environment.AUTHORITY).write_bytes(authority.read_bytes())
    place.at(environment.AUTHORITIES).write_text(environment.authorities(authority), encoding="utf-8")
    return place


def _write_plan(buildspec: Buildspec, place: Place) -> None:
    phases = [(name, buildspec.phases.get(name, Phase())) for name in PHASES]
    plan = {
        "shell": buildspec.shell,
        "exported": buildspec.exported,
        "phases": [
            {
                "name": name.upper(),
                "commands": phase.commands,
                "finally": phase.finally_commands,
                "on_failure": phase.on_failure,
            }
            for name, phase in phases
        ],
    }
    folder = place.at(environment.TEMPORARY)
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    (folder / AGENT).write_bytes(Path(__file__).with_name(AGENT).read_bytes())

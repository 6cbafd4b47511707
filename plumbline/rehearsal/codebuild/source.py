"""What a build works on: its inputs, its buildspec, its variables.

Source: CodePipeline user guide, "AWS CodeBuild build and test action reference"; CodeBuild user guide, "Build
specification reference for CodeBuild".
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from plumbline.rehearsal.codebuild import artifacts, environment, image, transfer
from plumbline.rehearsal.codebuild.buildspec import Artifact, Buildspec, parse
from plumbline.rehearsal.codebuild.commands import Place
from plumbline.rehearsal.codebuild.errors import YamlFileError
from plumbline.rehearsal.codebuild.logs import BuildLog
from plumbline.rehearsal.codebuild.orders import ArtifactObject, Build
from plumbline.rehearsal.session import Session

_FILE = "buildspec.yml"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """What a build works on.

    Attributes:
        buildspec: Parsed.
        text: As it is written.
        variables: What buildspec, project and start of the build set.
        revision: The source's revision.
        folders: The folder of each input, by the artifact's name.
    """

    buildspec: Buildspec
    text: str
    variables: Mapping[str, str]
    revision: str
    folders: Mapping[str, Path]


def fetch(build: Build, place: Place, *, session: Session, log: BuildLog) -> Source:
    """Fetches the inputs of a build and reads its buildspec.

    Args:
        build: The build, whose record is told the source's revision.
        place: Where they go.
        session: The role that fetches them.
        log: Is told of it.

    Raises:
        PhaseFailedError: The role may not, or the buildspec cannot be used.
    """
    order, folders, revision = build.order, {}, ""
    log.say("Phase is DOWNLOAD_SOURCE")
    for artifact in order.inputs:
        primary = artifact == order.source
        target = place.at(environment.SOURCE if primary else f"{environment.INPUTS}/{artifact.name}")
        target.mkdir(parents=True, exist_ok=True)
        found = transfer.download(artifact, session=session, folder=place.folder)
        artifacts.unpack(found.archive, target)
        found.archive.unlink()
        folders[artifact.name] = target
        revision = found.revision if primary else revision
    build.note(resolvedSourceVersion=revision)
    log.say(f"CODEBUILD_SRC_DIR={environment.SOURCE}")
    text = _text(build, place, log)
    buildspec = parse(text)
    image.check_runtimes(buildspec.runtimes)
    log.say("Processing environment variables")
    for name, version in buildspec.runtimes.items():
        log.say(f"Selecting '{name}' runtime version '{version}' based on manual selections...")
    parameters = transfer.read_parameters(environment.named_parameters(build, buildspec), session=session)
    given = environment.given_variables(build, buildspec, parameters)
    return Source(buildspec=buildspec, text=text, variables=given, revision=revision, folders=folders)


def wanted_outputs(build: Build, buildspec: Buildspec) -> list[tuple[ArtifactObject, Artifact]]:
    """Which files go where.

    A single output is the buildspec's primary artifact; of several, each is the secondary artifact of its name.

    Raises:
        YamlFileError: The buildspec does not say what an output is.
    """
    found: list[tuple[ArtifactObject, Artifact]] = []
    outputs = build.order.outputs
    for output in outputs:
        artifact = buildspec.secondary.get(output.name) or (buildspec.artifact if len(outputs) == 1 else None)
        if artifact is None:
            raise YamlFileError(f"no definition for artifact {output.name} was found in the buildspec")
        found.append((output, artifact))
    return found


def _text(build: Build, place: Place, log: BuildLog) -> str:
    """The project's buildspec: its text, or the file of the source that it names."""
    given = str(build.order.project["source"].get("buildspec") or _FILE).strip()
    if "\n" in given or given.startswith("{"):
        log.say("YAML location is /codebuild/readonly/buildspec.yml")
        return given
    path = f"{environment.SOURCE}/{given}"
    log.say(f"YAML location is {path}")
    source = place.at(environment.SOURCE).resolve()
    found = (source / given).resolve()
    if not found.is_relative_to(source) or not found.is_file():
        raise YamlFileError(f"stat {path}: no such file or directory")
    return found.read_text(encoding="utf-8")

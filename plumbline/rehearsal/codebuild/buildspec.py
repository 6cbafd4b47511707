"""A buildspec of version 0.2.

Source: CodeBuild user guide, "Build specification reference for CodeBuild". The messages for a file that cannot be used
are CodeBuild's where one is known from its logs; a part of the language that the rehearsal has not is refused by name.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping

import yaml

from plumbline.rehearsal.codebuild.errors import YamlFileError

PHASES = ("install", "pre_build", "build", "post_build")
_SECTIONS = ("version", "env", "phases", "artifacts", "cache", "reports", "proxy", "batch", "run-as")
_ENV = ("shell", "variables", "parameter-store", "secrets-manager", "exported-variables", "git-credential-helper")
_PHASE = ("commands", "finally", "runtime-versions", "on-failure", "run-as")
_ARTIFACTS = ("files", "name", "discard-paths", "base-directory", "exclude-paths", "enable-symlinks", "s3-prefix")
_SHELLS = {"bash": "bash", "/bin/bash": "bash", "sh": "sh", "/bin/sh": "sh"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phase:
    """One of the phases that run commands.

    Attributes:
        commands: Run in order until one fails.
        finally_commands: Run afterwards in any case.
        on_failure: ``ABORT``, ``CONTINUE``, or empty for what CodeBuild does by itself.
    """

    commands: tuple[str, ...] = ()
    finally_commands: tuple[str, ...] = ()
    on_failure: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Artifact:
    """Which files become an output.

    Attributes:
        files: Patterns below the base directory.
        base_directory: A pattern of a folder below the source; empty for the source itself.
        exclude_paths: Patterns of what is left out.
        discard_paths: Whether the files lose their folders.
    """

    files: tuple[str, ...]
    base_directory: str = ""
    exclude_paths: tuple[str, ...] = ()
    discard_paths: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Buildspec:
    """What a build does.

    Attributes:
        shell: ``sh`` or ``bash``.
        variables: Plain variables.
        parameters: Variable → name of an SSM parameter.
        exported: The variables that the build gives to the pipeline.
        phases: The phases that are given, by name.
        runtimes: Name → version, as ``runtime-versions`` has them.
        artifact: The primary output.
        secondary: The outputs by their identifier.
    """

    shell: str = "sh"
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict)
    exported: tuple[str, ...] = ()
    phases: Mapping[str, Phase] = dataclasses.field(default_factory=dict)
    runtimes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    artifact: Artifact | None = None
    secondary: Mapping[str, Artifact] = dataclasses.field(default_factory=dict)


def parse(text: str) -> Buildspec:
    """Reads a buildspec.

    Raises:
        YamlFileError: It is no YAML, breaks the language's rules, or needs what the rehearsal has not.
    """
    document = _load(text)
    _known(document, _SECTIONS, "")
    version = str(document.get("version", ""))
    if version != "0.2":
        raise YamlFileError(f"invalid buildspec version {version or '(none)'}: the rehearsal knows 0.2")
    for section in ("proxy", "batch", "run-as"):
        if document.get(section):
            raise YamlFileError(f"{section} is no part of the rehearsal's CodeBuild")
    _refuse_reports(_mapping(document, "reports"))
    _strings(_mapping(document, "cache").get("paths"), "cache.paths")
    phases = _mapping(document, "phases")
    if not phases:
        raise YamlFileError("at least one phase is required: phases is empty")
    _known(phases, PHASES, "phases.")
    artifacts = _mapping(document, "artifacts")
    _known(artifacts, (*_ARTIFACTS, "secondary-artifacts"), "artifacts.")
    secondary = _mapping(artifacts, "secondary-artifacts")
    return dataclasses.replace(
        _env(_mapping(document, "env")),
        phases={name: _phase(_mapping(phases, name), name) for name in PHASES if name in phases},
        runtimes=_runtimes(phases),
        artifact=_artifact(artifacts, "artifacts") if "files" in artifacts else None,
        secondary={name: _secondary(_mapping(secondary, name), name) for name in secondary},
    )


def _load(text: str) -> Mapping[str, object]:
    try:
        document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - the base loader makes texts, no objects
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise YamlFileError(f"{error.problem} at line {line}") from error
    except yaml.YAMLError as error:
        raise YamlFileError(str(error)) from error
    if not isinstance(document, dict):
        raise YamlFileError("wrong number of container tags, expected 1")
    return document


def _env(env: Mapping[str, object]) -> Buildspec:
    _known(env, _ENV, "env.")
    if env.get("secrets-manager"):
        raise YamlFileError("env.secrets-manager is no part of the rehearsal's CodeBuild")
    shell = str(env.get("shell") or "sh")
    if shell not in _SHELLS:
        raise YamlFileError(f"invalid shell {shell}: the rehearsal has bash and /bin/sh")
    exported = _strings(env.get("exported-variables"), "env.exported-variables")
    for name in exported:
        if not _NAME.fullmatch(name):
            raise YamlFileError(f"invalid exported variable name {name}")
    return Buildspec(
        shell=_SHELLS[shell],
        variables=_texts(_mapping(env, "variables"), "env.variables"),
        parameters=_texts(_mapping(env, "parameter-store"), "env.parameter-store"),
        exported=exported,
    )


def _phase(phase: Mapping[str, object], name: str) -> Phase:
    _known(phase, _PHASE, f"phases.{name}.")
    if phase.get("run-as"):
        raise YamlFileError(f"phases.{name}.run-as is no part of the rehearsal's CodeBuild: builds run as one user")
    on_failure = str(phase.get("on-failure") or "")
    if on_failure not in ("", "ABORT", "CONTINUE"):
        raise YamlFileError(f"phases.{name}.on-failure: the rehearsal knows ABORT and CONTINUE, got {on_failure}")
    return Phase(
        commands=_commands(phase.get("commands"), "Commands"),
        finally_commands=_commands(phase.get("finally"), "Finally"),
        on_failure=on_failure,
    )


def _runtimes(phases: Mapping[str, object]) -> Mapping[str, str]:
    for name in phases:
        if name != "install" and "runtime-versions" in _mapping(phases, name):
            raise YamlFileError(f"runtime-versions belongs to the phase install, got it in {name}")
    return _texts(_mapping(_mapping(phases, "install"), "runtime-versions"), "runtime-versions")


def _secondary(document: Mapping[str, object], name: str) -> Artifact:
    _known(document, _ARTIFACTS, f"secondary-artifacts.{name}.")
    return _artifact(document, f"secondary-artifacts.{name}")


def _artifact(document: Mapping[str, object], where: str) -> Artifact:
    if document.get("enable-symlinks", "no") not in ("no", "false"):
        raise YamlFileError(f"{where}.enable-symlinks is no part of the rehearsal's CodeBuild")
    files = _strings(document.get("files"), f"{where}.files")
    if not files:
        raise YamlFileError(f"{where}.files: at least one path is required")
    return Artifact(
        files=files,
        base_directory=str(document.get("base-directory") or ""),
        exclude_paths=_strings(document.get("exclude-paths"), f"{where}.exclude-paths"),
        discard_paths=document.get("discard-paths", "no") in ("yes", "true"),
    )


def _refuse_reports(reports: Mapping[str, object]) -> None:
    for group in reports:
        if _mapping(reports, group).get("files"):
            raise YamlFileError(f"reports.{group}: test reports are no part of the rehearsal's CodeBuild")


def _commands(value: object, name: str) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise YamlFileError(f"Expected {name} to be of list type: found subkeys instead")
    for index, command in enumerate(value):
        if not isinstance(command, str):
            raise YamlFileError(
                f"Expected {name}[{index}] to be of string type: found subkeys instead, value of the key tag might be "
                "empty"
            )
    return tuple(value)


def _mapping(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = document.get(name)
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise YamlFileError(f"Expected {name} to be of map type")
    return value


def _texts(document: Mapping[str, object], where: str) -> dict[str, str]:
    for name, value in document.items():
        if not isinstance(value, str):
            raise YamlFileError(f"Expected {where}.{name} to be of string type: found subkeys instead")
    return {name: str(value) for name, value in document.items()}


def _strings(value: object, where: str) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise YamlFileError(f"Expected {where} to be a list of strings")
    return tuple(value)


def _known(document: Mapping[str, object], names: Iterable[str], where: str) -> None:
    for name in document:
        if name not in names:
            raise YamlFileError(f"{where}{name} is no part of a buildspec that the rehearsal's CodeBuild knows")

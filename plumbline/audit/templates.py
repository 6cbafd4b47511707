"""The templates that are audited: those of a cloud assembly, or single files from anywhere."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from plumbline.audit.json_value import Document, Json, as_list, as_object
from plumbline.errors import PlumblineError


@dataclass(frozen=True, kw_only=True)
class AuditedTemplate:
    """A template, and what is known of where it goes.

    Attributes:
        file: Its path, as a person would name it.
        stack_name: Name of its stack; of a single file, the file's name without its ending.
        account: 12-digit id of the account; none if nothing says it.
        region: The region; none if nothing says it.
        body: The template.
        termination_protection: Whether deleting the stack is refused; none if nothing says it.
        path: Where the file lies; none for a template that is not read from one.
        tags: Tags of the stack.
        constructs: Path of the construct that made a resource, by the resource's logical id; empty outside an assembly.
    """

    file: str
    stack_name: str
    account: str | None
    region: str | None
    body: Document
    termination_protection: bool | None = None
    path: Path | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    constructs: Mapping[str, str] = field(default_factory=dict)

    @property
    def resources(self) -> dict[str, dict[str, Json]]:
        """Resources by their logical id."""
        return {name: as_object(resource) for name, resource in as_object(self.body.get("Resources")).items()}


def read_assembly(folder: Path) -> tuple[AuditedTemplate, ...]:
    """Reads every template of a cloud assembly, those of nested assemblies too.

    Raises:
        PlumblineError: There is no assembly, or a file of it cannot be read; exit code 2.
    """
    found = tuple(_stacks(folder, folder))
    if not found:
        raise PlumblineError(f"{folder}: no stack is in it; accepted: a folder that `cdk synth` wrote.")
    return found


def read_files(paths: Sequence[Path]) -> tuple[AuditedTemplate, ...]:
    """Reads single templates, JSON or YAML.

    Raises:
        PlumblineError: A file is missing or is no template; exit code 2.
    """
    return tuple(
        AuditedTemplate(
            file=str(path),
            stack_name=path.name.split(".")[0],
            account=None,
            region=None,
            body=_body(path),
            path=path,
        )
        for path in paths
    )


def _stacks(folder: Path, root: Path) -> Iterator[AuditedTemplate]:
    manifest = as_object(_json(folder / "manifest.json", accepted="a folder that `cdk synth` wrote"))
    for artifact in as_object(manifest.get("artifacts")).values():
        properties = as_object(as_object(artifact).get("properties"))
        kind = as_object(artifact).get("type")
        if kind == "cdk:cloud-assembly":
            yield from _stacks(folder / str(properties.get("directoryName")), root)
        elif kind == "aws:cloudformation:stack":
            path = folder / str(properties.get("templateFile"))
            account, _, region = str(as_object(artifact).get("environment")).removeprefix("aws://").partition("/")
            yield AuditedTemplate(
                file=str(path.relative_to(root)),
                stack_name=str(properties.get("stackName", path.name.split(".")[0])),
                account=None if account.startswith("unknown") else account,
                region=None if region.startswith("unknown") else region,
                body=as_object(_json(path, accepted="a CloudFormation template")),
                termination_protection=bool(properties.get("terminationProtection", False)),
                path=path,
                tags={key: str(value) for key, value in as_object(properties.get("tags")).items()},
                constructs=_constructs(folder, as_object(artifact)),
            )


def _constructs(folder: Path, artifact: Mapping[str, Json]) -> dict[str, str]:
    """Construct paths by logical id, from the metadata that synth writes into the manifest or beside it."""
    metadata = as_object(artifact.get("metadata"))
    beside = artifact.get("additionalMetadataFile")
    if isinstance(beside, str):
        metadata = {**metadata, **as_object(_json(folder / beside, accepted="what `cdk synth` wrote"))}
    return {
        str(as_object(entry)["data"]): path.strip("/")
        for path, entries in metadata.items()
        for entry in as_list(entries)
        if as_object(entry).get("type") == "aws:cdk:logicalId" and "data" in as_object(entry)
    }


def _json(path: Path, *, accepted: str) -> Json:
    try:
        value: Json = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PlumblineError(f"{path}: the file is missing; accepted: {accepted}.") from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise PlumblineError(f"{path}: it cannot be read as JSON: {error}; accepted: {accepted}.") from None
    return value


def _body(path: Path) -> Document:
    from cfnlint.decode import decode  # reads CloudFormation's short forms, too

    if not path.is_file():
        raise PlumblineError(f"{path}: the file is missing; accepted: a CloudFormation template, JSON or YAML.")
    template, problems = decode(str(path))
    if problems or not isinstance(template, dict):
        reason = problems[0].message if problems else "it is no object"
        raise PlumblineError(f"{path}: it is no template: {reason}; accepted: a CloudFormation template, JSON or YAML.")
    if not as_object(template.get("Resources")):
        raise PlumblineError(f"{path}: it has no Resources; accepted: a CloudFormation template, JSON or YAML.")
    body: Document = json.loads(json.dumps(template))
    return body

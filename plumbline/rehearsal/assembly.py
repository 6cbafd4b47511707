"""What synth wrote: the stacks of the cloud assembly, and whether what was deployed is the same, byte for byte."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from plumbline.errors import PlumblineError
from plumbline.rehearsal.session import Session


@dataclasses.dataclass(frozen=True, kw_only=True)
class SynthesizedStack:
    """One stack of the assembly.

    Attributes:
        path: The hierarchical id, ``<stage>/<stack>``.
        name: The stack's name in its account.
        account: Twelve digits.
        region: The region.
        template: The template's file.
        digest: SHA-256 of the template's bytes.
        tags: The stack's tags.
    """

    path: str
    name: str
    account: str
    region: str
    template: Path
    digest: str
    tags: Mapping[str, str]

    @property
    def stage(self) -> str:
        """The CDK Stage, such as ``dev`` or ``release-staging``."""
        return self.path.partition("/")[0]


def read_assembly(folder: Path) -> tuple[SynthesizedStack, ...]:
    """Reads every stack of a cloud assembly, those of nested assemblies too.

    Raises:
        PlumblineError: The assembly has no stacks.
    """
    stacks = tuple(_stacks(folder))
    if not stacks:
        raise PlumblineError(f"{folder} holds no stacks", exit_code=1)
    return stacks


def submitted_digest(stack: str, caller: Session) -> str:
    """SHA-256 of the template that CloudFormation holds for a stack, as it was submitted.

    Args:
        stack: The stack's name.
        caller: Who looks.
    """
    client = caller.client("cloudformation")
    # botocore would parse the template, and what is compared is bytes.
    client.meta.events.unregister("after-call.cloudformation.GetTemplate", unique_id=None, handler=_parse_handler())
    body = client.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    return hashlib.sha256(str(body).encode()).hexdigest()


def _parse_handler() -> object:
    from botocore.handlers import json_decode_template_body

    return json_decode_template_body


def _stacks(folder: Path) -> Iterator[SynthesizedStack]:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for artifact in manifest["artifacts"].values():
        properties = artifact.get("properties", {})
        if artifact["type"] == "cdk:cloud-assembly":
            yield from _stacks(folder / properties["directoryName"])
        elif artifact["type"] == "aws:cloudformation:stack":
            template = folder / properties["templateFile"]
            account, region = artifact["environment"].removeprefix("aws://").split("/")
            yield SynthesizedStack(
                path=artifact["displayName"].partition(" ")[0],
                name=properties["stackName"],
                account=account,
                region=region,
                template=template,
                digest=hashlib.sha256(template.read_bytes()).hexdigest(),
                tags=properties.get("tags", {}),
            )

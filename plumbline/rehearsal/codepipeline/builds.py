"""The builds that a pipeline orders: what it needs of a CodeBuild."""

import dataclasses
import importlib
from collections.abc import Mapping, Sequence
from typing import Protocol

from plumbline.rehearsal.api.shapes import Document


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArtifactObject:
    """An artifact in the artifact store: one zip in S3.

    Attributes:
        name: The artifact's name.
        bucket: The store's bucket.
        key: The object's key.
        kms_key: The store's key; empty for none.
    """

    name: str
    bucket: str
    key: str
    kms_key: str


class Builds(Protocol):
    """Builds of a CodeBuild; who may start one is decided before."""

    def start(
        self,
        *,
        account: str,
        region: str,
        project: str,
        inputs: Sequence[ArtifactObject],
        primary: str,
        outputs: Sequence[ArtifactObject],
        environment: Sequence[Mapping[str, str]],
        initiator: str,
    ) -> str:
        """Starts a build and returns its id."""

    def describe(self, build_id: str, *, account: str, region: str) -> Document:
        """A build as BatchGetBuilds gives it."""

    def stop(self, build_id: str, *, account: str, region: str) -> None:
        """Stops a build."""


class LocalBuilds:
    """The rehearsal's own CodeBuild, in this process, found when the first build is started."""

    def start(
        self,
        *,
        account: str,
        region: str,
        project: str,
        inputs: Sequence[ArtifactObject],
        primary: str,
        outputs: Sequence[ArtifactObject],
        environment: Sequence[Mapping[str, str]],
        initiator: str,
    ) -> str:
        """Starts a build and returns its id."""
        codebuild = importlib.import_module("plumbline.rehearsal.codebuild")
        started: str = codebuild.start_pipeline_build(
            account=account,
            region=region,
            project=project,
            inputs=[codebuild.ArtifactObject(**dataclasses.asdict(one)) for one in inputs],
            primary=primary,
            outputs=[codebuild.ArtifactObject(**dataclasses.asdict(one)) for one in outputs],
            environment=environment,
            initiator=initiator,
        )
        return started

    def describe(self, build_id: str, *, account: str, region: str) -> Document:
        """A build as BatchGetBuilds gives it."""
        codebuild = importlib.import_module("plumbline.rehearsal.codebuild")
        described: Document = codebuild.describe_build(build_id, account=account, region=region)
        return described

    def stop(self, build_id: str, *, account: str, region: str) -> None:
        """Stops a build."""
        importlib.import_module("plumbline.rehearsal.codebuild").stop_build(build_id, account=account, region=region)

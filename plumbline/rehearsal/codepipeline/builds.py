"""The builds that a pipeline orders: what it needs of a CodeBuild."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from plumbline.rehearsal import codebuild
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codebuild import ArtifactObject


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
    """The rehearsal's own CodeBuild, in this process."""

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
        return codebuild.start_pipeline_build(
            account=account,
            region=region,
            project=project,
            inputs=inputs,
            primary=primary,
            outputs=outputs,
            environment=environment,
            initiator=initiator,
        )

    def describe(self, build_id: str, *, account: str, region: str) -> Document:
        """A build as BatchGetBuilds gives it."""
        return codebuild.describe_build(build_id, account=account, region=region)

    def stop(self, build_id: str, *, account: str, region: str) -> None:
        """Stops a build."""
        codebuild.stop_build(build_id, account=account, region=region)

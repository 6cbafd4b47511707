"""One server for every test of the rehearsal's CodePipeline."""

from collections.abc import Iterator

import pytest

from tests.plumbline.rehearsal.codepipeline.world import HOME, REGION, World, allow, running


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("delivery")) as found:
        yield found


@pytest.fixture(scope="session")
def role(world: World) -> str:
    """A pipeline's role that may all that the pipelines of most tests do."""
    build = allow(
        f"arn:aws:codebuild:{REGION}:{HOME}:project/*",
        "codebuild:StartBuild",
        "codebuild:BatchGetBuilds",
        "codebuild:StopBuild",
    )
    connection = allow(world.connection, "codeconnections:UseConnection")
    return world.pipeline_role("pipeline", [*world.artifact_statements(), build, connection])

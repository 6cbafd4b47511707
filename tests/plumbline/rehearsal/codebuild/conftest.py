"""One server for every test of the rehearsal's CodeBuild."""

from collections.abc import Iterator

import pytest

from tests.plumbline.rehearsal.codebuild.world import World, running


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    # a path with blanks, as a person's may have
    with running(tmp_path_factory.mktemp("builds") / "a checkout") as found:
        yield found

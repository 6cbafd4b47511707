"""One server for every test of the rehearsal's SageMaker."""

from collections.abc import Iterator

import pytest

from tests.plumbline.rehearsal.sagemaker.world import World, job_statements, running


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("checkout")) as found:
        yield found


@pytest.fixture(scope="session")
def job_role(world: World) -> str:
    return world.role("tiny-job", job_statements(world.key))

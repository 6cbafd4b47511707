"""What the tests of the access matrix share: small templates, and the simulator."""

from collections.abc import Iterator

import pytest

from plumbline.audit.access.engine import SimulationEngine


@pytest.fixture(scope="session")
def simulator() -> Iterator[SimulationEngine]:
    """The simulator, started once; a test that cannot have it fails with the sentence why."""
    with SimulationEngine() as engine:
        yield engine

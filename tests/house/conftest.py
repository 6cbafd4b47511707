import pytest

from tests.house.assembly import Assembly, synthesized


@pytest.fixture(scope="session")
def assembly() -> Assembly:
    """The platform as it is synthesized, once for all tests of the process."""
    return synthesized()

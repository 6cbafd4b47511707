"""What holds for every test."""

import pytest
from hypothesis import settings

# How long an example takes is the machine's affair, and no test's: a busy one would fail a test that is right.
settings.register_profile("plumbline", deadline=None)
settings.load_profile("plumbline")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what looks at the shared rehearsal: it runs in one process, beside all that does not."""
    for item in items:
        if isinstance(item, pytest.Function) and "rehearsal" in item.fixturenames:
            item.add_marker("shares")

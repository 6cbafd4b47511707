"""How the tests are shared out between two processes."""

import pytest


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps a file's tests in one process, and all that need the shared rehearsal in one, so that there is only one."""
    for item in items:
        group = "rehearsal" if item.get_closest_marker("rehearsal") else item.path.as_posix()
        item.add_marker(pytest.mark.xdist_group(group))

"""A cloud without a platform in it, for the tests of the rehearsal's parts."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from plumbline.configuration import Platform, load_platform
from plumbline.rehearsal.cloud import Cloud
from tests.plumbline.rehearsal.shared import rehearsal

__all__ = ["rehearsal"]

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def platform() -> Platform:
    return load_platform(ROOT)


@pytest.fixture(scope="session")
def cloud(platform: Platform) -> Iterator[Cloud]:
    """Three empty accounts; a test names what it makes after itself."""
    with Cloud.start(platform=platform, root=ROOT) as started:
        yield started
    shutil.rmtree(started.options.state)

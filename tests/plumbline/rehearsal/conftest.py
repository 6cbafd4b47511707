"""A cloud without a platform in it, for the tests of the rehearsal's parts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from plumbline.configuration import Platform, load_platform
from plumbline.configuration.platform import Organization
from plumbline.rehearsal.cloud import Cloud
from tests.plumbline.rehearsal.asking import ORGANIZATION
from tests.plumbline.rehearsal.shared import linked_checkout
from tests.reference.configuration import REFERENCE

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def platform() -> Platform:
    return load_platform(REFERENCE)


@pytest.fixture(scope="session")
def cloud(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Three empty accounts of an organisation; a test names what it makes after itself."""
    organization = Organization(
        id=ORGANIZATION, management_account="999999999999", targets=["r-root"], landing_zone_roles=[], trail=None
    )
    member = platform.model_copy(update={"organization": organization})
    with Cloud.start(platform=member, root=linked_checkout(tmp_path_factory.mktemp("cloud"))) as started:
        yield started

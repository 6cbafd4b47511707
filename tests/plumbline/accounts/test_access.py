"""Whose the credentials are."""

import datetime
from pathlib import Path

import pytest

from plumbline.accounts.access import Access, Caller, identify
from plumbline.accounts.parts import part_of, parts
from plumbline.configuration import Platform
from plumbline.configuration.accounts import DeliveryAccount
from plumbline.errors import PlumblineError
from tests.plumbline.accounts.conftest import StubbedClients


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without credentials or profiles."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.mark.usefixtures("nobody")
def test_without_credentials_there_is_no_access(platform: Platform) -> None:
    with pytest.raises(PlumblineError, match="there are no AWS credentials"):
        Access(platform)


@pytest.mark.usefixtures("nobody")
def test_a_profile_that_is_not_there_is_named(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    with pytest.raises(PlumblineError, match=r"nowhere.*AWS_PROFILE"):
        Access(platform)


@pytest.mark.usefixtures("nobody")
def test_another_program_becomes_the_same_caller(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert Access(platform).environment() == given


@pytest.mark.usefixtures("nobody")
def test_clients_are_of_the_platforms_region_whatever_is_usual(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    access = Access(platform)
    assert access.client("sts").meta.region_name == platform.region
    assert access.usual_region == "us-east-1"


def test_the_caller_is_whom_aws_says(clients: StubbedClients) -> None:
    answer = {
        "Account": "222222222222",
        "Arn": "arn:aws:iam::222222222222:root",
        "UserId": "x",
        "ResponseMetadata": {"HTTPHeaders": {"date": "Sat, 28 Nov 2026 12:00:00 GMT"}},
    }
    clients.on("sts").add_response("get_caller_identity", answer)
    caller = identify(clients, region="eu-west-1")
    assert caller == Caller(
        account="222222222222",
        arn="arn:aws:iam::222222222222:root",
        answered_at=datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC),
    )


def test_expired_credentials_are_one_sentence(clients: StubbedClients) -> None:
    clients.on("sts").add_client_error("get_caller_identity", "ExpiredToken")
    with pytest.raises(PlumblineError, match="have expired"):
        identify(clients, region="eu-west-1")


def test_an_account_may_play_two_parts(platform: Platform) -> None:
    assert parts(platform)[platform.delivery_account] == "staging and delivery"


def test_a_delivery_account_of_its_own_is_the_fourth(platform: Platform) -> None:
    fourth = DeliveryAccount(id="444444444444")
    own = platform.model_copy(update={"accounts": platform.accounts.model_copy(update={"delivery": fourth})})
    assert list(parts(own).items())[-1] == ("444444444444", "delivery")


def test_a_strangers_account_is_told_which_are_accepted(platform: Platform) -> None:
    caller = Caller(account="999999999999", arn="arn:aws:iam::999999999999:root", answered_at=None)
    with pytest.raises(PlumblineError) as refusal:
        part_of(platform, caller)
    for told in (
        "999999999999",
        "111111111111 (dev)",
        "222222222222 (staging and delivery)",
        "333333333333 (production)",
    ):
        assert told in str(refusal.value)

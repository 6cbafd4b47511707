"""The region, its zones, the clock, and what would be deployed."""

import dataclasses
import datetime
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from plumbline.accounts.checks import checkout, place
from plumbline.accounts.findings import Finding, State
from plumbline.accounts.looking import CannotTellError, Look
from tests.plumbline.accounts.conftest import NOW, StubbedClients


def only(findings: Iterable[Finding]) -> Finding:
    (finding,) = findings
    return finding


@pytest.mark.parametrize(
    ("status", "state"),
    [("opt-in-not-required", State.OK), ("opted-in", State.OK), ("not-opted-in", State.MISSING)],
)
def test_a_region_has_to_be_enabled(look: Look, clients: StubbedClients, status: str, state: State) -> None:
    clients.on("ec2").add_response("describe_regions", {"Regions": [{"OptInStatus": status}]})
    finding = only(place.region(look))
    assert finding.state is state
    assert ("enable-region" in finding.way_out) is (state is State.MISSING)


def test_a_region_that_does_not_exist_is_one_of_platform_toml(look: Look, clients: StubbedClients) -> None:
    clients.on("ec2").add_client_error("describe_regions", "InvalidParameterValue")
    assert only(place.region(look)).way_out == "change region in platform.toml"


def test_who_may_not_ask_for_regions_cannot_tell(look: Look, clients: StubbedClients) -> None:
    clients.on("ec2").add_client_error("describe_regions", "UnauthorizedOperation")
    with pytest.raises(CannotTellError, match=r"^ec2:DescribeRegions$"):
        list(place.region(look))


@pytest.mark.parametrize(
    ("usual", "state"), [("eu-west-1", State.OK), ("us-east-1", State.MISSING), (None, State.MISSING)]
)
def test_the_usual_region_is_pointed_out_and_blocks_nothing(look: Look, usual: str | None, state: State) -> None:
    finding = only(place.usual_region(dataclasses.replace(look, usual_region=usual)))
    assert finding.state is state
    assert not finding.blocks


@pytest.mark.parametrize(("letters", "state"), [("abc", State.OK), ("bc", State.MISSING)])
def test_both_zones_have_to_be_there(look: Look, clients: StubbedClients, letters: str, state: State) -> None:
    zones = [{"ZoneName": f"eu-west-1{letter}", "State": "available"} for letter in letters]
    clients.on("ec2").add_response("describe_availability_zones", {"AvailabilityZones": zones})
    assert only(place.zones(look)).state is state


def test_a_zone_that_is_impaired_is_not_available(look: Look, clients: StubbedClients) -> None:
    zones = [{"ZoneName": "eu-west-1a", "State": "available"}, {"ZoneName": "eu-west-1b", "State": "impaired"}]
    clients.on("ec2").add_response("describe_availability_zones", {"AvailabilityZones": zones})
    assert only(place.zones(look)).said.startswith("eu-west-1b")


@pytest.mark.parametrize(
    ("seconds", "state"), [(0, State.OK), (-299, State.OK), (301, State.MISSING), (-301, State.MISSING)]
)
def test_a_clock_may_be_five_minutes_off(look: Look, seconds: int, state: State) -> None:
    finding = only(place.clock(dataclasses.replace(look, now=NOW + datetime.timedelta(seconds=seconds))))
    assert finding.state is state


def test_without_a_date_nobody_can_tell_of_the_clock(look: Look) -> None:
    caller = dataclasses.replace(look.caller, answered_at=None)
    assert only(place.clock(dataclasses.replace(look, caller=caller))).state is State.CANNOT_TELL


@pytest.fixture
def models(look: Look, tmp_path: Path) -> Path:
    """A checkout with the models only."""
    copied = tmp_path / "pipeline_definitions"
    shutil.copytree(look.root / "pipeline_definitions", copied, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_a_definition_that_names_the_code_beside_it_is_ok(look: Look, models: Path) -> None:
    assert only(checkout.definitions(dataclasses.replace(look, root=models))).state is State.OK


def test_a_definition_of_other_code_is_stale(look: Look, models: Path) -> None:
    with (models / "pipeline_definitions" / "flight_delays" / "train.py").open("a") as code:
        code.write("# changed\n")
    finding = only(checkout.definitions(dataclasses.replace(look, root=models)))
    assert finding.blocks
    assert finding.said.endswith("definition.json is stale")


def test_a_definition_that_was_never_rendered_is_missing(look: Look, models: Path) -> None:
    (models / "pipeline_definitions" / "flight_delays" / "definition.json").unlink()
    finding = only(checkout.definitions(dataclasses.replace(look, root=models)))
    assert "./plumb render" in finding.way_out


def test_a_model_that_breaks_a_rule_is_told_by_file_and_field(look: Look, models: Path) -> None:
    path = models / "pipeline_definitions" / "flight_delays" / "model.toml"
    path.write_text(path.read_text().replace("confidence = 0.95", "confidence = 2"))
    finding = only(checkout.definitions(dataclasses.replace(look, root=models)))
    assert finding.blocks
    assert "confidence" in finding.said

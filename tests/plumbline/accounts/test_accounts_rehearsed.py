"""Both commands against an emulated account: before, twice, with another template, and after."""

import dataclasses
import datetime
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from plumbline.accounts import bootstrapping, doctor
from plumbline.accounts.access import identify
from plumbline.accounts.findings import State
from plumbline.accounts.looking import Look
from plumbline.configuration import Platform, bootstrap_template, load_platform
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Session
from tests.plumbline.accounts.conftest import ROOT
from tests.plumbline.rehearsal.asking import make_role
from tests.plumbline.rehearsal.shared import Rehearsed, linked_checkout

pytestmark = pytest.mark.rehearsal

_BOOTSTRAPPED = {"plain stack", "boundary", "cdk bootstrap", "trust", "execution policies"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command:
    """What one run of the command line came to."""

    code: int
    output: str
    errors: str

    def states(self) -> dict[str, str]:
        """The state of each check of `doctor --json`."""
        return {finding["check"]: finding["state"] for finding in json.loads(self.output)["findings"]}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Story:
    """An account that was empty, tried, bootstrapped twice, tried with another template, and looked at throughout."""

    cloud: Cloud
    before: Command
    tried: Command
    stacks_after_trying: list[str]
    first: Command
    second: Command
    planned: list[tuple[str, str]]
    template_after_planning: str
    executable_sets: list[str]
    after: Command

    @property
    def administrator(self) -> Session:
        return self.cloud.administrator(self.cloud.platform.delivery_account)

    @property
    def stack(self) -> Mapping[str, Any]:
        client = self.administrator.client("cloudformation")
        (found,) = client.describe_stacks(StackName=self.cloud.platform.bootstrap_stack)["Stacks"]
        return dict(found)


def _plumb(caller: Session, *words: str) -> Command:
    done = subprocess.run(
        [sys.executable, "-m", "plumbline.cli", *words],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **caller.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    return Command(code=done.returncode, output=done.stdout, errors=done.stderr)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    platform: Platform = load_platform(ROOT)
    text = bootstrap_template(ROOT).read_text()
    with Cloud.start(platform=platform, root=linked_checkout(tmp_path_factory.mktemp("accounts"))) as cloud:
        caller = cloud.administrator(platform.delivery_account)
        client = caller.client("cloudformation")
        name = platform.bootstrap_stack
        before = _plumb(caller, "doctor", "--json")
        tried = _plumb(caller, "bootstrap", "--dry-run")
        listed = client.list_stacks()["StackSummaries"]
        first, second = _plumb(caller, "bootstrap"), _plumb(caller, "bootstrap")
        changed = bootstrapping.plan(
            clients=caller,
            platform=platform,
            account=platform.delivery_account,
            template=text.replace('              - "cloudtrail:LookupEvents"\n', "", 1),
        )
        cloud.connect(platform.delivery.connection_arn)
        yield Story(
            cloud=cloud,
            before=before,
            tried=tried,
            stacks_after_trying=[one["StackName"] for one in listed if one["StackStatus"] != "DELETE_COMPLETE"],
            first=first,
            second=second,
            planned=[(change.action, change.logical_id) for change in changed.changes],
            template_after_planning=client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"],
            executable_sets=[
                one["ChangeSetName"]
                for one in client.list_change_sets(StackName=name)["Summaries"]
                if one["ExecutionStatus"] == "AVAILABLE"
            ],
            after=_plumb(caller, "doctor", "--json"),
        )


def test_an_empty_account_lacks_all_that_bootstrap_makes(story: Story) -> None:
    missing = {check for check, state in story.before.states().items() if state == "missing"}
    assert missing == _BOOTSTRAPPED | {"source"}
    assert (story.before.code, story.before.errors) == (1, "")


def test_a_dry_run_shows_the_changes_and_the_command_and_leaves_no_stack(story: Story) -> None:
    assert story.tried.code == 0
    assert "ExecutionDelivery" in story.tried.output
    assert "then: ./plumb cdk bootstrap aws://222222222222/eu-west-1" in story.tried.output
    assert story.stacks_after_trying == []


def test_a_bootstrapped_account_lacks_nothing_of_it(story: Story) -> None:
    assert story.first.code == 0, story.first.errors
    states = story.after.states()
    assert {check for check in _BOOTSTRAPPED if states[check] == "ok"} == _BOOTSTRAPPED
    assert story.after.code == 0, story.after.output


def test_bootstrapping_again_changes_nothing(story: Story) -> None:
    assert story.second.code == 0, story.second.errors
    assert "no resource to change" in story.second.output
    assert story.stack["StackStatus"] == "CREATE_COMPLETE"


def test_the_stack_is_protected_from_termination(story: Story) -> None:
    assert story.stack["EnableTerminationProtection"] is True


def test_a_plan_of_another_template_names_what_it_would_modify_and_changes_nothing(story: Story) -> None:
    assert story.planned == [("Modify", "Boundary")]
    assert story.template_after_planning == bootstrap_template(ROOT).read_text()
    assert story.executable_sets == []


def test_quotas_that_the_emulator_lacks_cannot_be_told(story: Story) -> None:
    assert story.after.states()["instances"] == "cannot tell"


def test_who_may_nothing_gets_no_traceback_but_the_actions(story: Story) -> None:
    looker = make_role(story.cloud, story.cloud.platform.delivery_account, "looker-without-permissions")
    looked = _plumb(looker, "doctor", "--json")
    assert looked.errors == ""
    denied = {f["check"]: f["said"] for f in json.loads(looked.output)["findings"] if f["state"] == "cannot tell"}
    assert denied["plain stack"] == "cloudformation:DescribeStacks"
    assert denied["trust"] == "iam:GetRole"


def test_who_may_nothing_bootstraps_nothing_and_is_told_so(story: Story) -> None:
    looker = make_role(story.cloud, story.cloud.platform.delivery_account, "bootstrapper-without-permissions")
    done = _plumb(looker, "bootstrap")
    assert done.code == 1
    assert "these credentials may not" in done.errors
    assert "Traceback" not in done.errors


@pytest.mark.parametrize("part", [0, 1, 2], ids=["dev", "staging", "production"])
def test_nothing_is_missing_in_an_account_with_the_platform_in_it(rehearsal: Rehearsed, part: int) -> None:
    platform = rehearsal.journey.platform
    administrator = rehearsal.cloud.administrator(platform.deployments()[part].account)
    look = Look(
        clients=administrator,
        caller=identify(administrator, region=platform.region),
        platform=platform,
        root=ROOT,
        usual_region=platform.region,
        now=datetime.datetime.now(tz=datetime.UTC),
    )
    assert [finding for finding in doctor.examine(look) if finding.state is State.MISSING] == []

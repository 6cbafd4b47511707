"""Truth goes to production and, joined to its answers, into runs of staging; a storm of signals starts one of them.

Two months pass after what the rehearsal has watched. In the first nothing is wrong: its window comes to staging, and of
a thousand signals that follow one starts a run, which trains with the window and does not beat the champion. In the
second no carrier is known: the run that drift starts is refused before it trains, and, as the third in a row that has
failed, the last one until a person says so.
"""

import concurrent.futures
import dataclasses
import datetime
import importlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from plumbline.configuration import REQUEST_SOURCE, REQUEST_TYPE, Model, Person
from plumbline.rehearsal import training_run
from plumbline.rehearsal.hearing import subscribe
from plumbline.rehearsal.training_run import Run
from plumbline.rehearsal.watching import Seen, Watching, decision
from plumbline.retraining.decisions import Decision, Standing, standing
from plumbline.retraining.requests import request
from tests.plumbline.rehearsal.shared import Rehearsed

pytestmark = pytest.mark.rehearsal

_LIMIT_SECONDS = 300.0
_FLIGHTS = 2_000
_REQUESTS, _TIMES, _ALARMS = 240, 4, 40  # a thousand signals, and some events more: what is told of an alarm's end
_SENDERS, _BATCH = 3, 4
_UNKNOWN = "ZZ"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Passed:
    """A month of flights that has passed, with its truth."""

    seen: Seen
    run: Run
    given: dict[str, str]
    standing: Standing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Storm:
    """What became of the storm."""

    sent: set[str]
    alarms: int
    decisions: tuple[Decision, ...]
    left: int


class Story:
    """Lets time pass in a rehearsal's cloud."""

    def __init__(self, rehearsal: Rehearsed, folder: Path) -> None:
        assert rehearsal.model.monitoring is not None
        assert rehearsal.way.watched is not None
        self.rehearsal, self.monitoring = rehearsal, rehearsal.model.monitoring
        self.watching = Watching(cloud=rehearsal.cloud, deployment=rehearsal.production, model=rehearsal.model)
        self.looking = rehearsal.journey.people.take(Person.DATA_SCIENTIST, rehearsal.staging)
        self.asking = rehearsal.journey.people.take(Person.APPROVER, rehearsal.staging)
        drawn = importlib.import_module(f"pipeline_definitions.{rehearsal.model.name}.year")
        self.months = drawn.stationary(folder, windows=2, rows=_FLIGHTS)
        last = datetime.datetime.strptime(f"{rehearsal.way.watched.windows[-1].window}+0000", "%Y%m%dT%H%MZ%z")
        self.watching.reach(last + self.monitoring.looked_at_after + datetime.timedelta(days=1))
        self._answer_what_waits()

    @property
    def model(self) -> Model:
        return self.rehearsal.model

    def standing(self, most: int = 1) -> Standing:
        return standing(self.looking.client("dynamodb"), deployment=self.rehearsal.staging, model=self.model, most=most)

    def pass_month(self, rows: Sequence[str], labels: Sequence[int]) -> tuple[Seen, datetime.datetime]:
        """Asks, lets the month end, delivers the truth, and lets the window be looked at."""
        answers, ended = self.watching.fill_window(rows, self.monitoring, name="flights")
        self.watching.tell_truth(answers, labels, ended=ended)
        return self.watching.pass_window(self.monitoring, ended=ended), ended

    def _answer_what_waits(self) -> None:
        """Rejects the versions that other tests have had registered: no run starts while one waits."""
        sagemaker = self.asking.client("sagemaker")
        waiting = sagemaker.list_model_packages(
            ModelPackageGroupName=self.rehearsal.staging.model_package_group(self.model),
            ModelApprovalStatus="PendingManualApproval",
        )["ModelPackageSummaryList"]
        for package in waiting:
            arn = package["ModelPackageArn"]
            sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")

    def follow(self, seen: Seen, arn: str) -> Passed:
        run = training_run.follow(arn=arn, caller=self.looking, tell=lambda _: None)
        sagemaker = self.looking.client("sagemaker")
        given = sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)["PipelineParameters"]
        until(lambda: not self.standing().in_flight, what=f"the end of {arn} in the governor's table")
        return Passed(seen=seen, run=run, given={one["Name"]: one["Value"] for one in given}, standing=self.standing())

    def replicated(self, window: str) -> set[str]:
        """What staging has of a window."""
        staging = self.rehearsal.staging
        prefix = f"labelled/{self.model.name}/{window}/"
        found = self.rehearsal.client(staging, "s3").list_objects_v2(Bucket=staging.data_bucket, Prefix=prefix)
        return {entry["Key"].removeprefix(prefix) for entry in found.get("Contents", [])}


def until(happened: Callable[[], bool], *, what: str) -> None:
    deadline = time.monotonic() + _LIMIT_SECONDS
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def story(rehearsal: Rehearsed, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return Story(rehearsal, tmp_path_factory.mktemp("flights"))


@pytest.fixture(scope="module")
def honest(story: Story) -> Seen:
    """A month in which nothing is wrong; its window has come to staging."""
    month = story.months[0]
    seen, _ = story.pass_month([_a_year_later(row) for row in month.rows], month.labels)
    until(lambda: len(story.replicated(seen.window)) > 1, what=f"the window {seen.window} in staging")
    return seen


@pytest.fixture(scope="module")
def storm(story: Story, honest: Seen) -> Storm:
    """Signals of two kinds, requests four times each, in any order and several at once, over the real buses."""
    assert honest
    rehearsal, draw = story.rehearsal, random.Random(5)
    sent = [f"storm-request-{number}" for number in range(_REQUESTS)] * _TIMES
    draw.shuffle(sent)
    events = story.asking.client("events")
    alarms = rehearsal.client(rehearsal.production, "cloudwatch")
    name = rehearsal.production.drift_alarm(story.model)

    def put(ids: Sequence[str]) -> None:
        entries = [
            {
                "EventBusName": rehearsal.staging.event_bus_arn,
                "Source": REQUEST_SOURCE,
                "DetailType": REQUEST_TYPE,
                "Detail": json.dumps({"model": story.model.name, "reason": id_, "id": id_, "resume": False}),
            }
            for id_ in ids
        ]
        assert events.put_events(Entries=entries)["FailedEntryCount"] == 0

    def alarm() -> None:
        for number in range(_ALARMS):
            alarms.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason=f"storm-alarm-{number}")
            alarms.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="calm")

    with concurrent.futures.ThreadPoolExecutor(_SENDERS) as pool:
        raised = pool.submit(alarm)
        list(pool.map(put, [sent[start : start + _BATCH] for start in range(0, len(sent), _BATCH)]))
        raised.result()

    def decided() -> list[Decision]:
        found = story.standing(2_000).decisions
        return [one for one in found if one.reason.startswith("storm-")]

    until(lambda: len(decided()) >= _REQUESTS + _ALARMS, what="a decision on each signal of the storm")
    # What is put last is taken up last, though what was taken up before may still be under way.
    last = _asked(story, "after the storm", resume=False)
    assert last.verdict == "refused"
    until(lambda: all(one.execution for one in decided() if one.verdict == "started"), what="the start of the run")
    queue = rehearsal.client(rehearsal.staging, "sqs")
    url = queue.get_queue_url(QueueName=rehearsal.staging.dead_letter_queue("events"))["QueueUrl"]
    left = queue.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    return Storm(
        sent=set(sent),
        alarms=_ALARMS,
        decisions=tuple(decided()),
        left=int(left["ApproximateNumberOfMessages"]),
    )


@pytest.fixture(scope="module")
def trained(story: Story, honest: Seen, storm: Storm) -> Passed:
    (started,) = (one for one in storm.decisions if one.verdict == "started")
    return story.follow(honest, started.execution)


@pytest.fixture(scope="module")
def told(story: Story, trained: Passed) -> str:
    assert trained
    return subscribe(cloud=story.rehearsal.cloud, deployment=story.rehearsal.staging)


@pytest.fixture(scope="module")
def broken(story: Story, told: str) -> Passed:
    """A month of flights of a carrier that nobody knows."""
    assert told
    month = story.months[1]
    rows = [json.dumps(json.loads(row) | {"carrier": _UNKNOWN}) for row in month.rows]
    seen, ended = story.pass_month(rows, month.labels)
    drift = decision(story.looking, "drift", deployment=story.rehearsal.staging, model=story.model, since=ended)
    assert drift.verdict == "started", drift
    return story.follow(seen, drift.execution)


def test_the_window_of_a_month_comes_to_staging_with_its_truth(story: Story, honest: Seen) -> None:
    assert story.replicated(honest.window) == {"labelled.parquet", "labelled.json"}
    staging = story.rehearsal.staging
    found = story.looking.client("s3").get_object(
        Bucket=staging.data_bucket, Key=f"labelled/{story.model.name}/{honest.window}/labelled.json"
    )
    assert json.loads(found["Body"].read())["rows"] == _FLIGHTS


def test_of_a_month_in_which_nothing_is_wrong_every_monitor_says_so(story: Story, honest: Seen) -> None:
    assert honest.deviations.keys() == set(story.monitoring.checks)
    assert max(honest.deviations.values()) <= story.monitoring.line


def test_of_a_storm_each_signal_is_decided_on_once_and_one_starts_a_run(storm: Storm) -> None:
    by_kind = Counter(one.kind for one in storm.decisions)
    assert by_kind == {"person": _REQUESTS, "drift": storm.alarms}
    assert {one.reason for one in storm.decisions if one.kind == "person"} == storm.sent
    assert Counter(one.verdict for one in storm.decisions) == {"started": 1, "refused": len(storm.decisions) - 1}
    assert {one.brake for one in storm.decisions if one.verdict == "refused"} <= {"in flight", "stale", "cool-down"}


def test_of_a_storm_nothing_is_left_behind(storm: Storm) -> None:
    assert storm.left == 0


def test_the_run_is_given_the_window_and_its_data_passes(honest: Seen, storm: Storm, trained: Passed) -> None:
    (started,) = (one for one in storm.decisions if one.verdict == "started")
    assert (started.windows, started.newest_window) == (1, honest.window)
    assert started.labelled in trained.given["LabelledUri"]
    assert trained.given["LabelledId"] == started.labelled
    assert {step.name: step.status for step in trained.run.steps}["Check"] == "Succeeded"


def test_what_does_not_beat_the_champion_on_the_newest_window_is_not_registered(
    story: Story, honest: Seen, trained: Passed
) -> None:
    rehearsal = story.rehearsal
    assert (trained.run.status, trained.run.model_package_arn) == ("Failed", "")
    report = training_run.evaluation(
        run=trained.run, deployment=rehearsal.staging, model=story.model, caller=story.looking
    )
    assert report["judged_on"] == "newest"
    assert honest.window in json.dumps(report["labelled"])


def test_data_that_is_broken_is_refused_by_column_and_rule_before_anything_trains(broken: Passed) -> None:
    assert broken.run.status == "Failed"
    steps = {step.name: step for step in broken.run.steps}
    assert "Train" not in steps
    said = steps["Check"].failure
    assert "rejected: " in said
    for part in (broken.seen.window, "carrier"):
        assert part in said


def test_after_the_third_run_that_fails_a_person_is_called_and_nothing_starts(
    story: Story, told: str, broken: Passed
) -> None:
    rehearsal = story.rehearsal
    assert broken.standing.failures == 3
    assert broken.standing.stopped
    sqs, heard = rehearsal.client(rehearsal.staging, "sqs"), list[str]()

    def called() -> bool:
        heard.extend(one["Body"] for one in sqs.receive_message(QueueUrl=told, WaitTimeSeconds=1).get("Messages", []))
        return any(f"training runs of {story.model.name} in a row have failed" in one for one in heard)

    until(called, what="the message to a person")
    assert _asked(story, "another try", resume=False).brake == "stopped"
    resumed = _asked(story, "the carrier was added", resume=True)
    assert resumed.brake == "cool-down"
    assert story.standing().stopped == ""


def test_a_commit_that_is_delivered_is_a_signal_where_it_counts(story: Story, broken: Passed) -> None:
    assert broken
    staging, ssm = story.rehearsal.staging, story.rehearsal.client(story.rehearsal.staging, "ssm")
    settings = f"{staging.retraining_settings}/{story.model.name}"
    before = ssm.get_parameter(Name=settings)["Parameter"]["Value"]
    taken = json.loads(before)
    taken["signals"] += ["code"]
    commit = ssm.get_parameter(Name=staging.commit_parameter)["Parameter"]["Value"]
    try:
        ssm.put_parameter(Name=settings, Value=json.dumps(taken), Overwrite=True)
        ssm.put_parameter(Name=staging.commit_parameter, Value="e" * 40, Overwrite=True)
        until(lambda: any(one.kind == "code" for one in story.standing(10).decisions), what="a decision on the commit")
    finally:
        ssm.put_parameter(Name=settings, Value=before, Overwrite=True)
        ssm.put_parameter(Name=staging.commit_parameter, Value=commit, Overwrite=True)


def _a_year_later(row: str) -> str:
    """The flight on the same weekday beyond the dataset: of a window, what the dataset has is not trained on."""
    flight = json.loads(row)
    day = datetime.date(flight["year"], flight["month"], flight["day"]) + datetime.timedelta(weeks=52)
    return json.dumps(flight | {"year": day.year, "month": day.month, "day": day.day})


def _asked(story: Story, because: str, *, resume: bool) -> Decision:
    staging = story.rehearsal.staging
    request(story.asking.client("events"), deployment=staging, model=story.model, because=because, resume=resume)
    return decision(story.looking, "person", deployment=staging, model=story.model, because=because)

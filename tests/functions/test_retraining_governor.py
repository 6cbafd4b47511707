"""Which signals start a training run, which brake holds which back, and what is kept of it."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import pytest
from botocore.exceptions import ClientError
from hypothesis import strategies as st

from brakes import State, not_started, started
from functions.retraining_governor import index
from refusal import RefusedError
from runs import property_value
from table import ConflictError
from tests.functions import governing
from tests.functions.governing import (
    COMMIT,
    DATA,
    NOON,
    PREFIX,
    PRODUCTION,
    REGION,
    SETTINGS,
    STAGING,
    Cloud,
    CrashedError,
    refusal,
)

MODEL = "flight_delays"
PIPELINE = f"{PREFIX}-flight-delays"
STARTED_BY_ANOTHER = {
    "model": {"S": MODEL},
    "item": {"S": "state"},
    "revision": {"N": "7"},
    "in_flight": {"NULL": True},
    "starts": {"L": [{"S": "2026-11-28T11:59:00.000000+00:00"}]},
    "failures": {"N": "0"},
    "stopped": {"NULL": True},
    "told": {"BOOL": False},
}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Document = dict[str, Any]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    made = governing.cloud()
    made.use(monkeypatch)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    return made


def handle(event: object) -> str:
    """What is said to an event."""
    return index.handler(event, None)["said"]  # type: ignore[arg-type]


def run_through(cloud: Cloud, event: Document, status: str = "Succeeded", after: timedelta = HOUR) -> None:
    """Has an event start a run, which ends; then another commit is delivered."""
    before = len(cloud.started())
    handle(event)
    assert len(cloud.started()) == before + 1
    cloud.now = datetime.fromisoformat(event["time"]) + after
    handle(cloud.finish(cloud.started()[-1], status))
    cloud.deliver()


def parameters(cloud: Cloud) -> dict[str, str]:
    """What the last run was started with."""
    return {one["Name"]: one["Value"] for one in cloud.started()[-1]["parameters"]}


def brake(cloud: Cloud, model: str = MODEL) -> str | None:
    """What held the last decision back, by the signals' time."""
    found: str | None = cloud.decisions(model)[-1]["brake"]
    return found


EACH_KIND = {
    "drift": governing.alarm(),
    "schedule": governing.schedule(),
    "data": governing.dataset(),
    "person": governing.request(),
    "code": governing.commit(),
}


@pytest.mark.parametrize("kind", EACH_KIND)
def test_each_kind_of_signal_starts_a_run_that_knows_it(cloud: Cloud, kind: str) -> None:
    handle(EACH_KIND[kind])
    (execution,) = cloud.started()
    assert {"Name": "Trigger", "Value": kind} in execution["parameters"]


def test_a_run_is_started_with_what_its_version_will_record(cloud: Cloud) -> None:
    cloud.packages += [
        governing.package(MODEL, 1, "Approved", "s3://models/one/model.tar.gz"),
        governing.package(MODEL, 2, "Approved", "s3://models/two/model.tar.gz", **governing.evaluated("s3://data/two")),
        governing.package(MODEL, 3, "PendingManualApproval", "s3://models/three/model.tar.gz"),
        governing.package("other", 4, "Approved", "s3://models/other/model.tar.gz"),
    ]
    handle(governing.request(reason="new labels"))
    (execution,) = cloud.started()
    assert execution["pipeline"] == PIPELINE
    assert {one["Name"]: one["Value"] for one in execution["parameters"]} == {
        "CommitId": "1a2b3c4d5e6f",
        "DatasetId": "one",
        "DatasetVersion": "v1",
        "Trigger": "person",
        "TriggerReason": "new labels",
        "ChampionUri": "s3://models/two/model.tar.gz",
        "BaselineUri": "s3://data/two/baselines/",
    }


@pytest.mark.parametrize("packages", [[], [governing.package(MODEL, 1, "Approved")]])
def test_without_a_champion_its_parameters_are_left_out(cloud: Cloud, packages: list[Document]) -> None:
    cloud.packages += packages
    handle(governing.alarm())
    assert not {"ChampionUri", "BaselineUri"} & parameters(cloud).keys()


def test_a_decision_is_kept_with_its_reason_and_found_by_model_and_time(cloud: Cloud) -> None:
    handle(governing.request(reason="new\n  labels"))
    handle(governing.alarm(time=NOON - HOUR))
    refused, started = cloud.decisions(MODEL)
    assert refused["item"].startswith("decision#2026-11-28T11:00:00.000000+00:00#")
    assert (refused["kind"], refused["verdict"], refused["brake"]) == ("drift", "refused", "stale")
    assert refused["why"].startswith("the signal of 2026-11-28T11:00:00+00:00 is older than the last run")
    assert (started["signal"], started["verdict"], started["reason"]) == ("person/ada-1", "started", "new labels")
    assert started["execution"] == cloud.started()[0]["PipelineExecutionArn"]


# Each brake alone


def test_a_signal_that_the_model_does_not_take_is_refused(cloud: Cloud) -> None:
    cloud.govern(MODEL, signals=["person"])
    assert handle(governing.alarm()).endswith("is refused (signals): flight_delays takes no signals of kind drift")
    assert cloud.started() == []


def test_a_signal_during_a_run_is_refused(cloud: Cloud) -> None:
    cloud.govern(MODEL, cooldown_hours=0)
    handle(governing.alarm())
    handle(governing.alarm(time=NOON + DAY))
    assert brake(cloud) == "in flight"
    assert len(cloud.started()) == 1


def test_a_signal_during_a_run_that_a_person_has_started_by_hand_is_refused(cloud: Cloud) -> None:
    pipelines = governing.Pipelines(cloud)
    for number, status in enumerate(["Stopping", "Succeeded", "Failed"]):
        arn = pipelines.start_pipeline_execution(PipelineName=PIPELINE, PipelineParameters=[])["PipelineExecutionArn"]
        cloud.executions[arn]["PipelineExecutionStatus"] = status
        assert number or handle(governing.alarm()).endswith(f"{arn} has not ended")
    assert len(cloud.started()) == 3


def test_a_list_that_is_behind_holds_nothing_back(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    run_through(cloud, governing.alarm())
    ended = cloud.started()[0] | {"PipelineExecutionStatus": "Executing"}
    shown = {name: ended[name] for name in ("PipelineExecutionArn", "PipelineExecutionStatus", "StartTime")}
    behind = {"PipelineExecutionSummaries": [shown]}
    monkeypatch.setattr(governing.Pipelines, "list_pipeline_executions", lambda _self, **_request: behind)
    handle(governing.alarm(time=NOON + 2 * DAY))
    assert len(cloud.started()) == 2


@pytest.mark.parametrize(("hours", "started"), [(23.9, 1), (24, 2)])
def test_a_signal_inside_the_cool_down_is_refused(cloud: Cloud, hours: float, started: int) -> None:
    run_through(cloud, governing.alarm())
    handle(governing.alarm(time=NOON + hours * HOUR))
    assert len(cloud.started()) == started
    assert brake(cloud) == ("cool-down" if started == 1 else None)


def test_a_signal_over_the_runs_of_a_day_is_refused_and_the_next_day_is_another(cloud: Cloud) -> None:
    cloud.govern(MODEL, cooldown_hours=1)
    for hours in (0, 2):
        run_through(cloud, governing.alarm(time=NOON + hours * HOUR))
    handle(governing.alarm(time=NOON + 11.9 * HOUR))
    assert brake(cloud) == "runs a day"
    handle(governing.alarm(time=NOON + 12 * HOUR))
    assert len(cloud.started()) == 3


def test_a_signal_over_the_budget_of_a_month_is_refused_and_the_next_month_is_another(cloud: Cloud) -> None:
    # In binary fractions, three times 0.1 would be more than 0.3.
    cloud.govern(MODEL, cooldown_hours=0, runs_a_day=9, run_cost=0.1, monthly_budget=0.3)
    for hours in (0, 1, 2):
        run_through(cloud, governing.alarm(time=NOON + hours * HOUR))
    handle(governing.alarm(time=NOON + 4 * HOUR))
    assert brake(cloud) == "budget"
    handle(governing.alarm(time=NOON + 3 * DAY))
    assert len(cloud.started()) == 4


def test_a_signal_that_was_handled_gets_the_same_answer(cloud: Cloud) -> None:
    first = handle(governing.alarm())
    assert handle(governing.alarm()) == first
    refused = handle(governing.schedule(time=NOON + HOUR))
    handle(cloud.finish(cloud.started()[0], "Succeeded"))
    assert handle(governing.schedule(time=NOON + HOUR)) == refused
    assert len(cloud.started()) == 1
    assert len(cloud.decisions(MODEL)) == 2


def test_a_signal_older_than_the_last_run_is_refused(cloud: Cloud) -> None:
    cloud.govern(MODEL, cooldown_hours=0)
    run_through(cloud, governing.alarm())
    handle(governing.alarm(time=NOON - timedelta(milliseconds=1)))
    assert len(cloud.started()) == 1
    assert cloud.decisions(MODEL)[0]["brake"] == "stale"


def stop(cloud: Cloud) -> None:
    """Has three runs fail, one a day."""
    for day in range(3):
        run_through(cloud, governing.alarm(time=NOON + day * DAY), "Failed")


def test_after_some_failures_in_a_row_a_person_is_told_and_signals_are_refused(cloud: Cloud) -> None:
    stop(cloud)
    handle(governing.alarm(time=NOON + 5 * DAY))
    assert brake(cloud) == "stopped"
    (told,) = cloud.told
    assert told["subject"] == "Retraining of flight_delays is stopped"
    assert told["message"].startswith("3 training runs of flight_delays in a row have failed")


def test_a_run_that_succeeds_ends_the_row_and_one_that_was_stopped_does_not_count(cloud: Cloud) -> None:
    for day, status in enumerate(["Failed", "Failed", "Succeeded", "Failed", "Stopped", "Failed"]):
        run_through(cloud, governing.alarm(time=NOON + day * DAY), status)
    assert cloud.told == []
    run_through(cloud, governing.alarm(time=NOON + 6 * DAY), "Failed")
    assert len(cloud.told) == 1


@pytest.mark.parametrize(("resume", "started"), [(False, 3), (True, 4)])
def test_only_a_person_who_says_so_resumes(cloud: Cloud, resume: bool, started: int) -> None:
    stop(cloud)
    handle(governing.request(time=NOON + 4 * DAY, resume=resume))
    assert len(cloud.started()) == started


def test_a_person_resumes_even_if_another_brake_holds_the_own_run_back(cloud: Cloud) -> None:
    stop(cloud)
    handle(governing.request(time=NOON + 2 * DAY + 2 * HOUR, resume=True))
    assert brake(cloud) == "cool-down"
    handle(governing.alarm(time=NOON + 4 * DAY))
    assert len(cloud.started()) == 4


def test_a_word_from_before_the_stop_resumes_nothing(cloud: Cloud) -> None:
    stop(cloud)
    handle(governing.request(time=NOON + 2 * DAY + HOUR - timedelta(seconds=1), resume=True))
    handle(governing.alarm(time=NOON + 5 * DAY))
    assert brake(cloud) == "stopped"


def test_a_model_without_a_dataset_is_not_trained(cloud: Cloud) -> None:
    cloud.objects = {
        "flight_delays/datasets/one/flights.csv": ("v1", NOON),
        "flight_delays/datasets/one/deeper/dataset.json": ("v1", NOON),
        "flight_delays/datasets/dataset.json": ("v1", NOON),
        "flight_delays_too/datasets/one/dataset.json": ("v1", NOON),
    }
    assert handle(governing.alarm()).endswith("is refused (no dataset): flight_delays has no dataset")


@pytest.mark.usefixtures("cloud")
def test_a_dataset_that_has_gone_since_starts_nothing() -> None:
    said = handle(governing.dataset(name="two"))
    assert said.endswith("is refused (no dataset): the dataset two is gone")


# A version that waits


@pytest.mark.parametrize("champion", [True, False])
@pytest.mark.parametrize("event", [governing.alarm(), governing.request()])
def test_while_a_newer_version_waits_for_an_approval_nothing_is_started(
    cloud: Cloud, champion: bool, event: Document
) -> None:
    cloud.packages = [
        *([governing.package(MODEL, 1, "Approved", "s3://models/one/model.tar.gz")] if champion else []),
        governing.package(MODEL, 2, "PendingManualApproval", CreationTime=NOON + HOUR),
    ]
    said = handle(event)
    assert said.endswith(f"model-package/{PIPELINE}/2 is newer than the champion and waits for an approval")
    assert (brake(cloud), cloud.started()) == ("waiting", [])


@pytest.mark.parametrize("status", ["Approved", "Rejected"])
def test_an_answer_ends_the_wait(cloud: Cloud, status: str) -> None:
    waiting = governing.package(MODEL, 2, "PendingManualApproval", "s3://models/two/model.tar.gz")
    cloud.packages = [governing.package(MODEL, 1, "Approved", "s3://models/one/model.tar.gz"), waiting]
    waiting["CreationTime"] = NOON + HOUR
    handle(governing.alarm())
    waiting["ModelApprovalStatus"] = status
    handle(governing.alarm(time=NOON + HOUR))
    assert parameters(cloud)["ChampionUri"] == f"s3://models/{'two' if status == 'Approved' else 'one'}/model.tar.gz"


def test_versions_that_nobody_can_approve_hold_nothing_back(cloud: Cloud) -> None:
    cloud.packages = [
        governing.package(MODEL, 1, "PendingManualApproval", CreationTime=NOON - HOUR),
        governing.package(MODEL, 2, "Approved", "s3://models/two/model.tar.gz"),
        governing.package("other", 3, "PendingManualApproval", CreationTime=NOON + HOUR),
        governing.package(MODEL, 4, "PendingManualApproval", CreationTime=NOON + HOUR, ModelPackageStatus="Failed"),
    ]
    handle(governing.alarm())
    assert len(cloud.started()) == 1


# A run whose result is known


@pytest.mark.parametrize("status", ["Succeeded", "Failed", "Stopped"])
@pytest.mark.parametrize("event", [governing.alarm, governing.request])
def test_a_run_of_what_the_last_one_was_made_of_is_not_started_if_that_had_a_result(
    cloud: Cloud, status: str, event: Callable[..., Document]
) -> None:
    cloud.add_window(MODEL, "20261101T0000Z")
    handle(governing.alarm())
    cloud.now = NOON + HOUR
    handle(cloud.finish(cloud.started()[0], status))
    said = handle(event(time=NOON + 2 * DAY))
    if status == "Stopped":
        assert len(cloud.started()) == 2
        return
    assert said.partition(" is refused (unchanged): ")[2] == (
        "dataset, labelled windows, commit and champion are those of the last run, which "
        f"{cloud.decisions(MODEL)[0]['signal']} started"
    )
    first, second = cloud.decisions(MODEL)
    assert [second[name] for name in ("dataset", "labelled", "commit")] == [
        first[name] for name in ("dataset", "labelled", "commit")
    ]
    assert len(cloud.started()) == 1


REJECTED = {
    "StepName": "Check",
    "StepStatus": "Failed",
    "FailureReason": "ClientError: AlgorithmError: See job logs for more information, exit code: 1",
}


@pytest.mark.parametrize(("step", "runs"), [(governing.BROKE, 2), (REJECTED, 1), (governing.GATE, 1)])
@pytest.mark.parametrize("told", [True, False])
def test_a_run_that_broke_has_no_result_and_may_be_started_again(
    cloud: Cloud, step: Document, runs: int, told: bool
) -> None:
    handle(governing.alarm())
    cloud.now = NOON + HOUR
    event = cloud.finish(cloud.started()[0], "Failed", failed=step)
    if told:
        handle(event)
    handle(governing.alarm(time=NOON + 2 * DAY))
    assert len(cloud.started()) == runs
    assert cloud.state(MODEL)["failures"] == 1


def test_the_end_of_a_run_that_sagemaker_does_not_know_any_more_is_none_of_a_result(cloud: Cloud) -> None:
    handle(governing.alarm())
    event = cloud.finish(cloud.started()[0], "Failed")
    cloud.executions.clear()
    handle(event)
    handle(governing.alarm(time=NOON + 2 * DAY))
    assert len(cloud.started()) == 1
    assert [one["verdict"] for one in cloud.decisions(MODEL)] == ["started", "started"]


def test_of_a_run_whose_end_is_told_before_its_start_is_written_down_the_result_is_known(cloud: Cloud) -> None:
    def cut_short(name: str, when: str, _request: Document) -> None:
        if (name, when) == ("sagemaker.start_pipeline_execution", "after"):
            raise CrashedError(name)

    cloud.interfere = cut_short
    with pytest.raises(CrashedError):
        handle(governing.alarm())
    cloud.interfere = lambda _name, _when, _request: None
    cloud.now = NOON + HOUR
    handle(cloud.finish(cloud.started()[0], "Failed"))
    handle(governing.alarm())
    assert cloud.decisions(MODEL)[0]["execution"]
    assert "(unchanged)" in handle(governing.alarm(time=NOON + 2 * DAY))


def ends(cloud: Cloud, *ways: str, told: bool) -> None:
    """The only run ends, and is retried and ends again for each way but the first; told of every end or of none."""
    (run,) = cloud.started()
    for number, way in enumerate(ways):
        if number:
            cloud.retry(run)
        cloud.now = NOON + (number + 1) * HOUR
        status, _, step = way.partition(" ")
        event = cloud.finish(run, status, failed={"gate": governing.GATE}.get(step, governing.BROKE))
        if told:
            handle(event)


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(
    ("ways", "failures", "known"),
    [
        (("Failed", "Succeeded"), 0, True),
        (("Failed", "Failed"), 1, False),
        (("Failed", "Failed gate"), 1, True),
        (("Failed", "Stopped", "Failed"), 1, False),
        (("Stopped", "Failed gate"), 1, True),
        (("Stopped", "Succeeded"), 0, True),
    ],
)
def test_a_run_that_is_retried_counts_for_what_it_has_come_to(
    cloud: Cloud, ways: tuple[str, ...], failures: int, known: bool, told: bool
) -> None:
    handle(governing.alarm())
    ends(cloud, *ways, told=told)
    said = handle(governing.alarm(time=NOON + 2 * DAY))
    assert ("(unchanged)" in said) is known
    assert cloud.state(MODEL)["failures"] == failures


@pytest.mark.parametrize("told", [True, False])
def test_a_retry_that_succeeds_is_the_end_of_a_stop(cloud: Cloud, told: bool) -> None:
    cloud.govern(MODEL, failures=1)
    handle(governing.alarm())
    ends(cloud, "Failed", told=True)
    assert "(stopped)" in handle(governing.alarm(time=NOON + 2 * DAY))
    cloud.retry(cloud.started()[0])
    cloud.now = NOON + 2 * DAY
    event = cloud.finish(cloud.started()[0], "Succeeded")
    cloud.deliver()
    if told:
        handle(event)
    assert "has started" in handle(governing.alarm(time=NOON + 3 * DAY))


def test_while_a_run_is_retried_no_other_starts(cloud: Cloud) -> None:
    handle(governing.alarm())
    ends(cloud, "Failed", told=True)
    cloud.retry(cloud.started()[0])
    assert "(in flight)" in handle(governing.alarm(time=NOON + 2 * DAY))


def test_a_list_that_is_behind_lets_no_run_start_beside_one_that_is_retried(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle(governing.alarm())
    ends(cloud, "Failed", told=True)
    cloud.retry(cloud.started()[0])
    behind: Document = {"PipelineExecutionSummaries": []}
    monkeypatch.setattr(governing.Pipelines, "list_pipeline_executions", lambda *_, **__: behind)
    assert "(in flight)" in handle(governing.alarm(time=NOON + 2 * DAY))


def test_a_retry_that_ends_while_the_next_start_is_held_up_counts(cloud: Cloud) -> None:
    handle(governing.alarm())
    ends(cloud, "Failed", told=True)

    def refuse(name: str, when: str, _request: Document) -> None:
        if (name, when) == ("sagemaker.start_pipeline_execution", "before"):
            raise refusal(code)

    cloud.interfere, code = refuse, "ResourceLimitExceeded"
    with pytest.raises(ClientError):
        handle(governing.alarm(time=NOON + 2 * DAY))
    cloud.retry(cloud.started()[0])
    handle(cloud.finish(cloud.started()[0], "Succeeded"))
    code = "ValidationException"
    with pytest.raises(RefusedError):
        handle(governing.alarm(time=NOON + 2 * DAY))
    state = cloud.state(MODEL)
    assert (state["failures"], state["known"]) == (0, cloud.decisions(MODEL)[0]["signal"])
    assert state["in_flight"] is None


def test_the_retry_of_an_older_run_than_the_last_changes_nothing(cloud: Cloud) -> None:
    handle(governing.alarm())
    ends(cloud, "Failed", told=True)
    cloud.deliver()
    handle(governing.alarm(time=NOON + 2 * DAY))
    handle(cloud.finish(cloud.started()[1], "Failed"))
    cloud.retry(cloud.started()[0])
    handle(cloud.finish(cloud.started()[0], "Succeeded"))
    state = cloud.state(MODEL)
    assert (state["failures"], state["known"]) == (2, cloud.decisions(MODEL)[1]["signal"])


def test_an_end_whose_steps_were_not_listed_yet_is_looked_at_again(cloud: Cloud) -> None:
    handle(governing.alarm())
    event = cloud.finish(cloud.started()[0], "Failed")
    listed, cloud.started()[0]["steps"] = cloud.started()[0]["steps"], []
    handle(event)
    cloud.started()[0]["steps"] = listed
    assert "(unchanged)" in handle(governing.alarm(time=NOON + 2 * DAY))


def add_dataset(cloud: Cloud) -> None:
    cloud.add_dataset(MODEL, "two", NOON + HOUR)


def write_dataset_again(cloud: Cloud) -> None:
    cloud.add_dataset(MODEL, "one", NOON, version="v2")


def approve(cloud: Cloud) -> None:
    cloud.packages.append(governing.package(MODEL, 1, "Approved", "s3://models/one/model.tar.gz"))


def label(cloud: Cloud) -> None:
    cloud.add_window(MODEL, "20261129T0000Z")


@pytest.mark.parametrize("change", [add_dataset, write_dataset_again, approve, label, Cloud.deliver])
@pytest.mark.parametrize("status", ["Succeeded", "Failed"])
def test_whatever_has_changed_since_starts_another(cloud: Cloud, status: str, change: Callable[[Cloud], None]) -> None:
    handle(governing.alarm())
    cloud.now = NOON + HOUR
    handle(cloud.finish(cloud.started()[0], status))
    change(cloud)
    handle(governing.alarm(time=NOON + 2 * DAY))
    assert len(cloud.started()) == 2


def test_a_state_from_before_there_was_such_a_brake_holds_nothing_back(cloud: Cloud) -> None:
    cloud.items[MODEL, "state"] = STARTED_BY_ANOTHER
    handle(governing.alarm(time=NOON + 2 * DAY))
    assert len(cloud.started()) == 1


# Labelled windows

WEEKS = ["20261101T0000Z", "20261108T0000Z", "20261115T0000Z", "20261122T0000Z"]


def composed(cloud: Cloud) -> Document:
    """The list of windows that the last run was given; its manifest and its id are those of its bytes."""
    given = parameters(cloud)
    folder = f"{MODEL}/labelled/{given['LabelledId']}"
    assert given["LabelledUri"] == f"s3://{DATA}/{folder}/manifest.json"
    content = cloud.contents[f"{folder}/labelled.json"]
    assert hashlib.sha256(content).hexdigest()[:16] == given["LabelledId"]
    said: Document = json.loads(content)
    assert content == (json.dumps(said, indent=1, sort_keys=True) + "\n").encode()
    assert json.loads(cloud.contents[f"{folder}/manifest.json"]) == [
        {"prefix": f"s3://{DATA}/"},
        f"{folder}/labelled.json",
        *(one["key"] for one in said["windows"]),
    ]
    return said


def test_a_run_is_given_the_newest_labelled_windows_the_oldest_first(cloud: Cloud) -> None:
    cloud.govern(MODEL, labelled_windows=3)
    for window in WEEKS[::-1]:
        cloud.add_window(MODEL, window)
    cloud.add_window("other", "20261129T0000Z")
    handle(governing.alarm())
    assert composed(cloud) == {
        "version": 1,
        "windows": [
            {
                "id": window,
                "key": f"labelled/{MODEL}/{window}/labelled.parquet",
                "rows": 1_000,
                "sha256": hashlib.sha256(window.encode()).hexdigest(),
            }
            for window in WEEKS[1:]
        ],
    }
    (decision,) = cloud.decisions(MODEL)
    assert (decision["labelled"], decision["windows"], decision["newest_window"], decision["left_out"]) == (
        parameters(cloud)["LabelledId"],
        3,
        WEEKS[-1],
        "",
    )


def test_a_window_that_people_leave_out_is_passed_over_and_an_older_one_takes_its_place(cloud: Cloud) -> None:
    cloud.govern(MODEL, labelled_windows=2, leave_out=[WEEKS[-1]])
    for window in WEEKS:
        cloud.add_window(MODEL, window)
    handle(governing.alarm())
    assert [one["id"] for one in composed(cloud)["windows"]] == WEEKS[-3:-1]


@pytest.mark.parametrize("most", [0, 12])
def test_without_labelled_windows_their_parameters_are_left_out_and_nothing_is_written(cloud: Cloud, most: int) -> None:
    cloud.govern(MODEL, labelled_windows=most)
    if not most:
        cloud.add_window(MODEL, WEEKS[0])
    before = dict(cloud.contents)
    handle(governing.alarm())
    assert not {"LabelledId", "LabelledUri"} & parameters(cloud).keys()
    assert cloud.contents == before


@pytest.mark.parametrize("missing", ["labelled.parquet", "labelled.json"])
def test_nothing_starts_while_replication_has_brought_half_of_a_window(cloud: Cloud, missing: str) -> None:
    for window in WEEKS[:2]:
        cloud.add_window(MODEL, window)
    half = cloud.objects.pop(f"labelled/{MODEL}/{WEEKS[1]}/{missing}")
    with pytest.raises(RefusedError, match=f"^{missing} of the labelled window {WEEKS[1]} has not come yet; if it"):
        handle(governing.alarm())
    assert cloud.items == {}
    cloud.objects[f"labelled/{MODEL}/{WEEKS[1]}/{missing}"] = half
    handle(governing.alarm())  # as Lambda calls again, or as it is replayed
    assert [one["id"] for one in composed(cloud)["windows"]] == WEEKS[:2]


def test_a_window_of_which_half_never_comes_holds_nothing_up_once_people_leave_it_out(cloud: Cloud) -> None:
    cloud.govern(MODEL, leave_out=[WEEKS[1]])
    for window in WEEKS[:2]:
        cloud.add_window(MODEL, window)
    del cloud.objects[f"labelled/{MODEL}/{WEEKS[1]}/labelled.parquet"]
    handle(governing.alarm())
    assert [one["id"] for one in composed(cloud)["windows"]] == WEEKS[:1]


def test_a_person_resumes_even_if_half_a_window_holds_the_own_run_up(cloud: Cloud) -> None:
    cloud.govern(MODEL, failures=1)
    handle(governing.alarm())
    handle(cloud.finish(cloud.started()[0], "Failed"))
    cloud.add_window(MODEL, WEEKS[0])
    del cloud.objects[f"labelled/{MODEL}/{WEEKS[0]}/labelled.parquet"]
    with pytest.raises(RefusedError, match="has not come yet"):
        handle(governing.request(time=NOON + 2 * DAY, resume=True))
    assert cloud.state(MODEL)["stopped"] is None
    assert "(stopped)" not in str(cloud.decisions(MODEL))


def test_half_a_window_that_no_run_would_be_given_holds_nothing_up(cloud: Cloud) -> None:
    cloud.govern(MODEL, labelled_windows=1)
    for window in WEEKS[:2]:
        cloud.add_window(MODEL, window)
    del cloud.objects[f"labelled/{MODEL}/{WEEKS[0]}/labelled.parquet"]
    handle(governing.alarm())
    assert [one["id"] for one in composed(cloud)["windows"]] == WEEKS[1:2]


MALFORMED_WINDOWS: list[tuple[Document, str]] = [
    ({"version": 2}, "is of another version, model or window"),
    ({"model": "other"}, "is of another version, model or window"),
    ({"window": WEEKS[0]}, "is of another version, model or window"),
    ({"rows": 0}, "has no whole number of rows from 1 to 200000"),
    ({"rows": True}, "has no whole number of rows"),
    ({"rows": 200_001}, "has no whole number of rows"),
    ({"rows": "7"}, "has no whole number of rows"),
    ({"sha256": "A" * 64}, "does not say the SHA-256 of its rows"),
    ({"sha256": None}, "does not say the SHA-256 of its rows"),
    ({"since": "2027-01-01T00:00:00+00:00"}, "does not say from when to when it is"),
    ({"since": "2026-01-01T00:00:00"}, "does not say from when to when it is"),
    ({"until": None}, "does not say from when to when it is"),
    ({"more": 1}, "has other members than model, model_version, rows, sha256, since, until, version, window"),
]


@pytest.mark.parametrize(("changes", "sentence"), MALFORMED_WINDOWS)
def test_a_malformed_window_is_left_out_with_a_sentence(cloud: Cloud, changes: Document, sentence: str) -> None:
    cloud.add_window(MODEL, WEEKS[1])
    cloud.add_window(MODEL, WEEKS[2], **changes)
    handle(governing.alarm())
    assert [one["id"] for one in composed(cloud)["windows"]] == WEEKS[1:2]
    assert cloud.decisions(MODEL)[0]["left_out"].startswith(f"the labelled window {WEEKS[2]} {sentence}")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", f"what is said of the labelled window {WEEKS[0]} is no JSON"),
        (b"\xff", f"what is said of the labelled window {WEEKS[0]} is no JSON"),
        (b"[]", f"the labelled window {WEEKS[0]} has other members than"),
        (b" " * 20_000, f"the labelled window s3://data/labelled/{MODEL}/{WEEKS[0]}/labelled.json has 20000 bytes"),
        (None, f"the labelled window s3://data/labelled/{MODEL}/{WEEKS[0]}/labelled.json is gone"),
    ],
)
def test_a_window_of_which_nothing_can_be_read_is_left_out(cloud: Cloud, content: bytes | None, sentence: str) -> None:
    cloud.add_window(MODEL, WEEKS[0])
    key = f"labelled/{MODEL}/{WEEKS[0]}/labelled.json"
    if content is None:
        del cloud.contents[key]
    else:
        cloud.contents[key] = content
    handle(governing.alarm())
    assert "LabelledId" not in parameters(cloud)
    assert cloud.decisions(MODEL)[0]["left_out"].startswith(sentence)


def test_what_keeps_a_window_from_being_read_for_a_time_decides_nothing(cloud: Cloud) -> None:
    cloud.add_window(MODEL, WEEKS[0])

    def throttle(name: str, when: str, _request: Document) -> None:
        if (name, when) == ("s3.get_object", "before"):
            raise refusal("SlowDown")

    cloud.interfere = throttle
    with pytest.raises(ClientError, match="SlowDown"):
        handle(governing.alarm())
    assert cloud.items == {}


@pytest.mark.parametrize(
    "call", ["s3.put_object", "dynamodb.transact_write_items", "sagemaker.start_pipeline_execution"]
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_between_the_windows_and_the_start_is_harmless(cloud: Cloud, call: str, when: str) -> None:
    cloud.add_window(MODEL, WEEKS[0])
    crash_at(cloud, call, when)
    with pytest.raises(CrashedError):
        handle(governing.alarm())
    decided = bool(cloud.decisions(MODEL))
    cloud.add_window(MODEL, WEEKS[1])
    handle(governing.alarm())
    # What was decided on is what is started, whatever has come since.
    assert [one["id"] for one in composed(cloud)["windows"]] == (WEEKS[:1] if decided else WEEKS[:2])
    assert len(cloud.started()) == 1


def test_what_a_run_is_given_is_there_before_the_decision(cloud: Cloud) -> None:
    cloud.add_window(MODEL, WEEKS[0])
    handle(governing.alarm())
    order = [name for name, _ in cloud.calls]
    assert order.count("s3.put_object") == 2
    last = len(order) - order[::-1].index("s3.put_object")
    assert last <= order.index("dynamodb.transact_write_items") < order.index("sagemaker.start_pipeline_execution")


# The dataset


def trained_on(cloud: Cloud) -> str:
    (execution,) = cloud.started()
    found: str = {one["Name"]: one["Value"] for one in execution["parameters"]}["DatasetId"]
    return found


def test_the_dataset_that_was_completed_last_is_trained_on(cloud: Cloud) -> None:
    for name, hours in (("a", 5), ("new", 6), ("z", 4)):
        cloud.add_dataset(MODEL, name, NOON + hours * HOUR)
    handle(governing.alarm())
    assert trained_on(cloud) == "new"


@pytest.mark.parametrize(("hours", "dataset"), [(0, "a"), (1, "b")])
def test_a_dataset_that_has_come_is_trained_on_unless_there_is_a_newer_one(
    cloud: Cloud, hours: int, dataset: str
) -> None:
    cloud.add_dataset(MODEL, "a", NOON + HOUR)
    cloud.add_dataset(MODEL, "b", NOON + HOUR + hours * HOUR)
    handle(governing.dataset(name="a"))
    assert trained_on(cloud) == dataset


def test_a_bucket_without_versions_is_refused(cloud: Cloud) -> None:
    cloud.add_dataset(MODEL, "one", NOON, version="")
    with pytest.raises(RefusedError, match=r"^the bucket data keeps no versions of dataset one$"):
        handle(governing.alarm())


# Code


def test_a_delivery_is_a_signal_for_each_model_that_takes_code(cloud: Cloud) -> None:
    for model in ("a", "b", "c"):
        cloud.govern(model, signals=["code"])
    cloud.govern(MODEL, signals=["drift"])
    handle(governing.commit())
    assert [one["pipeline"] for one in cloud.started()] == [f"{PREFIX}-{model}" for model in ("a", "b", "c")]
    assert cloud.decisions(MODEL) == []


def test_a_model_whose_settings_are_malformed_keeps_no_other_from_a_delivery(cloud: Cloud) -> None:
    cloud.govern("z")
    cloud.parameters[f"{SETTINGS}/a"] = "{}"
    with pytest.raises(RefusedError, match=r"^it could not be decided on code/2026.*Z for a: the settings of a have"):
        handle(governing.commit())
    assert len(cloud.started()) == 2


def test_a_delivery_that_no_model_takes_starts_nothing(cloud: Cloud) -> None:
    cloud.govern(MODEL, signals=["drift"])
    assert handle(governing.commit()) == "no model takes signals of code"


# Ends


def test_an_end_that_arrives_twice_counts_once(cloud: Cloud) -> None:
    handle(governing.alarm())
    event = cloud.finish(cloud.started()[0], "Failed")
    handle(event)
    handle(event)
    assert cloud.state(MODEL)["failures"] == 1


def test_a_run_that_was_started_by_hand_counts_for_nothing(cloud: Cloud) -> None:
    handle(governing.alarm())
    other = f"arn:aws:sagemaker:{REGION}:{STAGING}:pipeline/{PIPELINE}/execution/other"
    handle(governing.end(other, "Failed"))
    state = cloud.state(MODEL)
    assert (state["failures"], state["in_flight"]["execution"]) == (0, cloud.started()[0]["PipelineExecutionArn"])


@pytest.mark.parametrize("status", ["Executing", "Stopping"])
def test_a_run_that_goes_on_has_not_ended(cloud: Cloud, status: str) -> None:
    handle(governing.alarm())
    said = handle(governing.end(cloud.started()[0]["PipelineExecutionArn"], status))
    assert said == "the event is about nothing that retrains"


def test_the_end_of_a_run_of_a_model_without_settings_is_passed_over(cloud: Cloud) -> None:
    arn = f"arn:aws:sagemaker:{REGION}:{STAGING}:pipeline/{PREFIX}-other/execution/e"
    assert handle(governing.end(arn, "Failed")) == "other is no model that retrains"
    assert cloud.items == {}


@pytest.mark.parametrize(("status", "failures"), [("Failed", 1), ("Succeeded", 0)])
def test_an_end_that_arrives_before_the_start_is_written_down_counts(cloud: Cloud, status: str, failures: int) -> None:
    def end_at_once(name: str, when: str, _request: Document) -> None:
        if (name, when) == ("sagemaker.start_pipeline_execution", "after"):
            handle(cloud.finish(cloud.started()[-1], status))

    cloud.interfere = end_at_once
    handle(governing.alarm())
    state = cloud.state(MODEL)
    assert (state["in_flight"], state["failures"]) == (None, failures)
    assert cloud.decisions(MODEL)[0]["execution"]


@pytest.mark.parametrize(("status", "failures"), [("Failed", 1), ("Succeeded", 0), ("", 0)])
def test_an_end_of_which_nobody_was_told_is_found_by_the_next_signal(cloud: Cloud, status: str, failures: int) -> None:
    handle(governing.alarm())
    first = cloud.started()[0]["PipelineExecutionArn"]
    cloud.now = NOON + HOUR
    if status:
        cloud.finish(cloud.started()[0], status)
    else:
        del cloud.executions[first]
        cloud.executions["old"] = {"pipeline": "old", "token": "", "PipelineExecutionStatus": "Failed"}
    cloud.deliver()
    handle(governing.alarm(time=NOON + 2 * DAY))
    assert cloud.decisions(MODEL)[-1]["verdict"] == "started"
    assert cloud.state(MODEL)["failures"] == failures
    handle(governing.end(first, "Failed"))  # late, and already known, but for the run that was gone
    assert cloud.state(MODEL)["failures"] == (failures if status else 1)


def test_a_person_who_could_not_be_told_is_told_when_the_event_comes_again(cloud: Cloud) -> None:
    cloud.govern(MODEL, failures=1)
    handle(governing.alarm())
    event = cloud.finish(cloud.started()[0], "Failed")

    def refuse(name: str, when: str, _request: Document) -> None:
        if (name, when) == ("sns.publish", "before"):
            raise refusal("ThrottledException")

    cloud.interfere = refuse
    with pytest.raises(ClientError, match="ThrottledException"):
        handle(event)
    cloud.interfere = lambda _name, _when, _request: None
    handle(event)
    handle(event)
    assert len(cloud.told) == 1


# Starts that are cut short, or fail


def crash_at(cloud: Cloud, name: str, when: str) -> None:
    """Ends the function, once, before or after a call."""

    def crash(called: str, at: str, _request: Document) -> None:
        if (called, at) == (name, when):
            cloud.interfere = lambda _name, _when, _request: None
            raise CrashedError(called)

    cloud.interfere = crash


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("forgets", [False, True])
def test_a_start_that_was_cut_short_is_made_up_for_by_the_same_event(cloud: Cloud, when: str, forgets: bool) -> None:
    crash_at(cloud, "sagemaker.start_pipeline_execution", when)
    with pytest.raises(CrashedError):
        handle(governing.alarm())
    if forgets:  # SageMaker knows a token for a time, of which nobody says how long
        for execution in cloud.started():
            execution["token"] = ""
    handle(governing.alarm())
    (execution,) = cloud.started()
    (decision,) = cloud.decisions(MODEL)
    assert decision["execution"] == cloud.state(MODEL)["in_flight"]["execution"] == execution["PipelineExecutionArn"]


def test_a_start_that_is_made_up_for_is_the_one_that_was_decided_on(cloud: Cloud) -> None:
    crash_at(cloud, "sagemaker.start_pipeline_execution", "after")
    with pytest.raises(CrashedError):
        handle(governing.alarm())
    cloud.add_dataset(MODEL, "newer", NOON + DAY)
    cloud.parameters[COMMIT] = "another"
    cloud.packages.append(governing.package(MODEL, 1, "Approved", "s3://models/one/model.tar.gz"))
    for execution in cloud.started():
        execution["PipelineExecutionDisplayName"] = ""  # not in the list yet
    handle(governing.alarm())
    assert len(cloud.started()) == 1
    assert trained_on(cloud) == "one"


def test_a_start_that_was_cut_short_for_good_is_made_up_for_by_the_next_signal(cloud: Cloud) -> None:
    crash_at(cloud, "sagemaker.start_pipeline_execution", "before")
    with pytest.raises(CrashedError):
        handle(governing.alarm())
    handle(governing.alarm(time=NOON + 2 * DAY))
    first, second = cloud.decisions(MODEL)
    (execution,) = cloud.started()
    assert first["execution"] == execution["PipelineExecutionArn"]
    assert second["brake"] == "in flight"


def fail_starts(cloud: Cloud, code: str) -> None:
    def fail(name: str, when: str, _request: Document) -> None:
        if (name, when) == ("sagemaker.start_pipeline_execution", "before"):
            raise refusal(code)

    cloud.interfere = fail


def test_a_run_that_cannot_be_started_blocks_no_other_and_costs_nothing(cloud: Cloud) -> None:
    fail_starts(cloud, "ValidationException")
    sentence = r"^the run of flight_delays for drift/.* could not be started: ValidationException: no$"
    for _ in range(2):  # Lambda calls again, and the event must reach the queue of failed ones
        with pytest.raises(RefusedError, match=sentence):
            handle(governing.alarm())
    (decision,) = cloud.decisions(MODEL)
    assert (decision["verdict"], decision["why"]) == ("failed to start", "ValidationException: no")
    cloud.interfere = lambda _name, _when, _request: None
    handle(governing.alarm(time=NOON + timedelta(minutes=1)))
    assert len(cloud.started()) == 1
    assert len(cloud.state(MODEL)["starts"]) == 1


PASSING = ["ConflictException", "ResourceLimitExceeded", "ThrottlingException"]


@pytest.mark.parametrize("code", PASSING)
def test_a_start_that_was_held_up_is_made_when_the_event_comes_again(cloud: Cloud, code: str) -> None:
    fail_starts(cloud, code)
    for _ in range(3):  # Lambda's own attempts, after which the event lies in the queue of failed ones
        with pytest.raises(ClientError, match=code):
            handle(governing.alarm())
    cloud.interfere = lambda _name, _when, _request: None
    handle(governing.alarm())
    assert len(cloud.started()) == 1
    assert cloud.state(MODEL)["in_flight"]["execution"] == cloud.started()[0]["PipelineExecutionArn"]


@pytest.mark.parametrize("code", PASSING)
def test_a_start_that_was_held_up_for_good_is_made_up_for_by_the_next_signal(cloud: Cloud, code: str) -> None:
    fail_starts(cloud, code)
    for event in (governing.alarm(), governing.alarm(time=NOON + 2 * DAY)):
        with pytest.raises(ClientError, match=code):
            handle(event)
    (first,) = cloud.decisions(MODEL)  # the second is not decided on as long as the first one's run may start
    assert first["verdict"] == "started"
    cloud.interfere = lambda _name, _when, _request: None
    handle(governing.alarm(time=NOON + 2 * DAY))
    assert [one["brake"] for one in cloud.decisions(MODEL)] == [None, "in flight"]
    run = cloud.started()[0]
    cloud.now = NOON + 3 * DAY
    handle(cloud.finish(run, "Succeeded"))
    cloud.deliver()
    handle(governing.alarm(time=NOON + 4 * DAY))
    handle(governing.alarm())  # what lay in the queue comes last
    assert len(cloud.started()) == 2


def test_another_signals_run_that_cannot_be_started_gives_way(cloud: Cloud) -> None:
    crash_at(cloud, "sagemaker.start_pipeline_execution", "before")
    with pytest.raises(CrashedError):
        handle(governing.alarm())

    def fail(name: str, when: str, request: Document) -> None:
        drift = {"Name": "Trigger", "Value": "drift"}
        if (name, when) == ("sagemaker.start_pipeline_execution", "before") and drift in request["PipelineParameters"]:
            raise refusal("ValidationException")

    cloud.interfere = fail
    handle(governing.schedule(time=NOON + HOUR))
    assert [one["verdict"] for one in cloud.decisions(MODEL)] == ["failed to start", "started"]


def test_a_decision_that_others_always_forestall_is_left_to_the_next_attempt(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **_request: object) -> Document:
        raise refusal("TransactionCanceledException", CancellationReasons=[{"Code": "TransactionConflict"}])

    monkeypatch.setattr(governing.Rows, "transact_write_items", refuse)
    with pytest.raises(ConflictError, match=r"^flight_delays is being decided on by somebody else$"):
        handle(governing.alarm())
    assert cloud.started() == []


def test_a_decision_that_others_forestall_once_is_made_anew(cloud: Cloud) -> None:
    def forestall(name: str, when: str, _request: Document) -> None:
        if (name, when) == ("dynamodb.transaction", "within"):
            cloud.interfere = lambda _name, _when, _request: None
            cloud.items[MODEL, "state"] = STARTED_BY_ANOTHER

    cloud.interfere = forestall
    handle(governing.alarm())
    assert brake(cloud) == "cool-down"
    assert cloud.started() == []


def start_meanwhile(cloud: Cloud, code: str) -> None:
    """Has a start fail, while the same event, delivered twice, is handled and its start does not."""

    def start(name: str, when: str, _request: Document) -> None:
        if (name, when) == ("sagemaker.start_pipeline_execution", "before"):
            cloud.interfere = lambda _name, _when, _request: None
            handle(governing.alarm())
            raise refusal(code)

    cloud.interfere = start


def test_a_run_that_another_has_started_meanwhile_is_not_taken_back(cloud: Cloud) -> None:
    start_meanwhile(cloud, "ValidationException")
    assert handle(governing.alarm()).endswith("has started " + cloud.started()[0]["PipelineExecutionArn"])
    assert cloud.state(MODEL)["in_flight"]["execution"] == cloud.started()[0]["PipelineExecutionArn"]


def test_a_run_that_was_started_after_all_is_in_flight_again(cloud: Cloud) -> None:
    def fail_meanwhile(name: str, when: str, _request: Document) -> None:
        if (name, when) == ("sagemaker.start_pipeline_execution", "before"):
            fail_starts(cloud, "ValidationException")
            with pytest.raises(RefusedError, match="could not be started"):
                handle(governing.alarm())
            cloud.interfere = lambda _name, _when, _request: None

    cloud.interfere = fail_meanwhile
    handle(governing.alarm())
    state, (decision,) = cloud.state(MODEL), cloud.decisions(MODEL)
    assert state["in_flight"]["execution"] == decision["execution"] == cloud.started()[0]["PipelineExecutionArn"]
    assert (decision["verdict"], len(state["starts"])) == ("started", 1)


@pytest.mark.usefixtures("cloud")
def test_a_transaction_that_is_wrong_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(*_: object, **request: object) -> Document:
        asked.append(request)
        reasons = [{"Code": "None"}, {"Code": "ValidationError"}]
        raise refusal("TransactionCanceledException", CancellationReasons=reasons)

    monkeypatch.setattr(governing.Rows, "transact_write_items", refuse)
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        handle(governing.alarm())
    assert len(asked) == 1


# Settings


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "the settings of flight_delays are no JSON"),
        ('{"run_cost": NaN}', "the settings of flight_delays are no JSON"),
        ("[]", "the settings of flight_delays have other members than cooldown_hours, failures, labelled_windows, l"),
        ("{}", "the settings of flight_delays have other members than"),
        ({"more": 1}, "the settings of flight_delays have other members than"),
        ({"signals": "drift"}, "the settings of flight_delays name signals other than drift, schedule, data, person"),
        ({"signals": ["rain"]}, "the settings of flight_delays name signals other than"),
        ({"signals": [["drift"]]}, "the settings of flight_delays name signals other than"),
        ({"cooldown_hours": -1}, "cooldown_hours in the settings of flight_delays is no number from 0 to 8760"),
        ({"cooldown_hours": "1"}, "cooldown_hours in the settings of flight_delays is no number"),
        ({"cooldown_hours": True}, "cooldown_hours in the settings of flight_delays is no number"),
        ({"monthly_budget": 1e99}, "monthly_budget in the settings of flight_delays is no number"),
        ({"run_cost": None}, "run_cost in the settings of flight_delays is no number"),
        ({"runs_a_day": 0}, "runs_a_day in the settings of flight_delays is no whole number from 1 to 100"),
        ({"runs_a_day": 1.5}, "runs_a_day in the settings of flight_delays is no whole number"),
        ({"failures": True}, "failures in the settings of flight_delays is no whole number"),
        (
            {"labelled_windows": -1},
            "labelled_windows in the settings of flight_delays is no whole number from 0 to 366",
        ),
        ({"leave_out": "20130501T0000Z"}, "leave_out in the settings of flight_delays is no list of windows"),
        ({"leave_out": [1]}, "leave_out in the settings of flight_delays is no list of windows"),
        ({"labelled_windows": 367}, "labelled_windows in the settings of flight_delays is no whole number"),
    ],
)
def test_settings_that_are_malformed_are_refused(cloud: Cloud, text: str | Document, sentence: str) -> None:
    said = text if isinstance(text, str) else json.dumps(governing.settings(**text))
    cloud.parameters[f"{SETTINGS}/{MODEL}"] = said
    with pytest.raises(RefusedError, match=f"^{sentence}"):
        handle(governing.alarm())
    assert cloud.items == {}


@pytest.mark.usefixtures("cloud")
def test_a_signal_for_a_model_without_settings_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"^there are no settings of other$"):
        handle(governing.alarm("other"))


# Events


def changed(event: Document, *path: str, to: object = None) -> Document:
    """A copy of an event with another member, or without it."""
    copy: Document = json.loads(json.dumps(event))
    inner = copy
    for member in path[:-1]:
        inner = inner[member]
    if to is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return copy


STEP = "SageMaker Model Building Pipeline Execution Step Status Change"
ENDED = f"arn:aws:sagemaker:{REGION}:{STAGING}:pipeline/{PIPELINE}/execution/e1"
OF_OTHERS = {
    "an alarm of another account": changed(governing.alarm(), "account", to="444444444444"),
    "an alarm of staging": changed(governing.alarm(), "account", to=STAGING),
    "an alarm of another name": changed(governing.alarm(), "detail", "alarmName", to="plumbline-production-x-errors"),
    "an alarm that begins like ours": changed(
        governing.alarm(), "detail", "alarmName", to="xplumbline-production-x-drift"
    ),
    "an alarm with a line more": changed(governing.alarm(), "detail", "alarmName", to="plumbline-production-x-drift\n"),
    "an alarm that is over": governing.alarm(value="OK"),
    "an alarm without data": governing.alarm(value="INSUFFICIENT_DATA"),
    "a rule of another account": changed(
        governing.schedule(), "resources", to=[f"arn:aws:events:{REGION}:{PRODUCTION}:rule/{PREFIX}-a-retrain"]
    ),
    "a rule of another name": changed(
        governing.schedule(), "resources", to=[f"arn:aws:events:{REGION}:{STAGING}:rule/other-a-retrain"]
    ),
    "a schedule of another account": changed(governing.schedule(), "account", to=PRODUCTION),
    "another bucket": changed(governing.dataset(), "detail", "bucket", "name", to="elsewhere"),
    "a dataset of another account": changed(governing.dataset(), "account", to=PRODUCTION),
    "another object": changed(
        governing.dataset(), "detail", "object", "key", to="flight_delays/datasets/a/flights.csv"
    ),
    "a deeper object": changed(governing.dataset(), "detail", "object", "key", to="m/datasets/a/b/dataset.json"),
    "a key of no model": changed(governing.dataset(), "detail", "object", "key", to="m__/datasets/a/dataset.json"),
    "an object that was deleted": changed(governing.dataset(), "detail-type", to="Object Deleted"),
    "another parameter": governing.commit(name="/other"),
    "a commit of another account": changed(governing.commit(), "account", to=PRODUCTION),
    "a parameter that was deleted": governing.commit(operation="Delete"),
    "a label of the parameter": governing.commit(operation="LabelParameterVersion"),
    "a request of another account": changed(governing.request(), "account", to=PRODUCTION),
    "a request of another source": changed(governing.request(), "source", to="plumbline.else"),
    "another pipeline": governing.end(ENDED.replace(PIPELINE, "other-flight-delays"), "Failed"),
    "a pipeline of another account": governing.end(ENDED.replace(STAGING, PRODUCTION), "Failed"),
    "an end of another account": changed(governing.end(ENDED, "Failed"), "account", to=PRODUCTION),
    "a step of a pipeline": changed(
        governing.end(ENDED, "Failed"),
        "detail-type",
        to="SageMaker Model Building Pipeline Execution Step Status Change",
    ),
    "nothing": {},
}


@pytest.mark.parametrize("what", OF_OTHERS)
def test_what_is_not_ours_is_passed_over(cloud: Cloud, what: str) -> None:
    assert handle(OF_OTHERS[what]) == "the event is about nothing that retrains"
    assert cloud.calls == []


MALFORMED = {
    "the event has no detail.state.timestamp": changed(governing.alarm(), "detail", "state", "timestamp"),
    "the event has no detail.state.value": changed(governing.alarm(), "detail", "state"),
    "the event has no detail.alarmName": changed(governing.alarm(), "detail"),
    "yesterday is no time": changed(governing.alarm(), "detail", "state", "timestamp", to="yesterday"),
    "2026-11-28T12:00:00 has no zone, or": changed(governing.request(), "time", to="2026-11-28T12:00:00"),
    "9999-12-31T23:59:59Z has no zone, or": changed(governing.request(), "time", to="9999-12-31T23:59:59Z"),
    "0001-01-01T00:00:00Z has no zone, or": changed(governing.request(), "time", to="0001-01-01T00:00:00Z"),
    "the scheduled event names no rule": changed(governing.schedule(), "resources", to=[]),
    "the event has no time": changed(governing.schedule(), "time"),
    "the event has no detail.object.version-id": changed(governing.dataset(), "detail", "object", "version-id"),
    "the event has no detail.bucket.name": changed(governing.dataset(), "detail", "bucket", to="data"),
    "the id of a signal has more than 900 bytes": governing.dataset(version="v" * 1024),
    "the event has no detail.operation": changed(governing.commit(), "detail", "operation"),
    "the event has no detail.model": changed(governing.request(), "detail", "model", to=7),
    "the event has no detail.reason": governing.request(reason=""),
    "Flight is no name of a model": governing.request("Flight"),
    "../flight is no name of a model": governing.request("../flight"),
    "a b is no id of a request": governing.request(id="a b"),
    "detail.resume of a request for a retraining is neither": governing.request(resume="true"),
    "a request for a retraining has no member resumed": governing.request(resumed=True),
    "the event has no detail.pipelineExecutionArn": changed(
        governing.end(ENDED, "Failed"), "detail", "pipelineExecutionArn"
    ),
    "arn:other is no execution of arn:aws:sagemaker": changed(
        governing.end(ENDED, "Failed"), "detail", "pipelineExecutionArn", to="arn:other"
    ),
}


@pytest.mark.parametrize("sentence", MALFORMED)
def test_what_is_ours_and_malformed_is_refused(cloud: Cloud, sentence: str) -> None:
    with pytest.raises(RefusedError, match=f"^{sentence}"):
        handle(MALFORMED[sentence])
    assert cloud.items == {}


@pytest.mark.parametrize("event", [None, [], "event", 7])
def test_what_is_no_event_is_refused(cloud: Cloud, event: object) -> None:
    with pytest.raises(RefusedError, match=r"^this is no event of EventBridge$"):
        handle(event)
    assert cloud.calls == []


def members(document: Document, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Where a document has something."""
    found = []
    for name, value in document.items():
        found.append((*path, name))
        if isinstance(value, dict):
            found += members(value, (*path, name))
    return found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["ALARM", DATA, STAGING]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@hypothesis.given(data=st.data(), event=st.sampled_from([*EACH_KIND.values(), governing.end(ENDED, "Failed")]))
@hypothesis.settings(max_examples=300)
def test_no_event_is_answered_with_any_other_error_than_a_refusal(data: st.DataObject, event: Document) -> None:
    hostile: Document = json.loads(json.dumps(event))
    for path in data.draw(st.lists(st.sampled_from(members(event)), max_size=3)):
        inner: Any = hostile
        for member in path[:-1]:
            inner = inner.get(member) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner[path[-1]] = data.draw(JSON)
    with pytest.MonkeyPatch.context() as patch:
        cloud = governing.cloud()
        cloud.use(patch)
        try:
            handle(hostile)
        except RefusedError as refused:
            assert "\n" not in str(refused) or "\n" in json.dumps(hostile, ensure_ascii=False)


# What SageMaker takes


@hypothesis.given(reason=st.text())
def test_a_reason_is_one_that_a_model_package_takes(reason: str) -> None:
    value = property_value(reason)
    assert 1 <= len(value.encode("utf-16-le")) // 2 <= 256
    assert all(character.isalnum() or character in " _.:/=+-@" for character in value if character.isascii())
    assert property_value(value) == value


def test_what_an_alarm_says_is_kept_and_cut_to_what_a_model_package_takes() -> None:
    said = "Threshold Crossed: 1 datapoint [3.0 (28/11/26)] > 0.0; " + "x" * 300
    assert property_value(said).startswith("Threshold Crossed: 1 datapoint 3.0 28/11/26 0.0 xxx")
    assert len(property_value(said)) == 256
    assert property_value("[]") == "not given"


def test_the_starts_that_are_kept_are_those_of_a_month(cloud: Cloud) -> None:
    cloud.govern(MODEL, cooldown_hours=0, runs_a_day=100, monthly_budget=1e6)
    cloud.strict = False
    for day in range(70):
        run_through(cloud, governing.alarm(time=datetime(2026, 1, 1, tzinfo=UTC) + day * DAY))
    starts = cloud.state(MODEL)["starts"]
    assert (starts[0], starts[-1]) == ("2026-03-01T00:00:00.000000+00:00", "2026-03-11T00:00:00.000000+00:00")


def test_the_clock_is_never_asked(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("time", "time_ns", "monotonic", "gmtime", "localtime"):
        monkeypatch.setattr(f"time.{name}", lambda *_: pytest.fail("asks the clock"))
    handle(governing.alarm(time=datetime(2031, 5, 1, tzinfo=UTC)))
    handle(cloud.finish(cloud.started()[0], "Succeeded"))
    assert cloud.decisions(MODEL)[0]["verdict"] == "started"


@hypothesis.given(
    days=st.lists(st.integers(1, 30), max_size=8),
    later=st.integers(0, 40),
)
def test_a_run_that_does_not_start_leaves_what_its_month_and_the_one_before_have_spent(
    days: list[int], later: int
) -> None:
    """A signal of November that comes after one of December, whose run could not start, meets November's budget."""
    starts = tuple(datetime(2026, 11, day, tzinfo=UTC) for day in sorted(days))
    state = State(starts=starts)
    time = datetime(2026, 11, 30, tzinfo=UTC) + timedelta(days=later)
    assert not_started(started(state, "one", time), "one", time).starts == starts


def test_a_start_that_is_noted_late_does_not_become_the_last_one() -> None:
    first, last = NOON, NOON + HOUR
    state = started(State(starts=(last,)), "late", first)
    assert state.starts == (first, last)

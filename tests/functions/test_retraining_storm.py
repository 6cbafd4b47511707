"""Signals twice, out of order and at once, in threads that crash: what starts is what the brakes allow, and no more.

The oracle is no second governor. It reads what was committed, in order, and says of each decision which brakes held
then, as a set: a run that was started had none, and one that was refused had the one that its record names.
"""

import dataclasses
import random
import threading
import time as clock
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import pytest
from botocore.exceptions import ClientError
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from functions.retraining_governor import index
from refusal import RefusedError
from table import ConflictError
from tests.functions import governing
from tests.functions.governing import Cloud, CrashedError, refusal

Document = dict[str, Any]
HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 11, 24, tzinfo=UTC)  # so that a month ends in the middle
TAKEN: dict[str, dict[str, object]] = {
    "flight_delays": {"cooldown_hours": 3, "runs_a_day": 3, "monthly_budget": 20, "run_cost": 1.5, "failures": 2},
    "arrivals": {"cooldown_hours": 0, "runs_a_day": 2, "monthly_budget": 9, "run_cost": 0.9, "failures": 3},
    "fares": {"cooldown_hours": 12, "runs_a_day": 9, "monthly_budget": 99, "run_cost": 1, "failures": 1}
    | {"signals": ["drift", "person", "code", "data"]},
}
_PASSED = (CrashedError, ConflictError, ClientError)


def account() -> Cloud:
    """An account in which three models retrain."""
    cloud = Cloud(parameters={governing.COMMIT: "1a2b3c4d5e6f"}, strict=False, now=BEGIN)
    for model, changes in TAKEN.items():
        cloud.govern(model, **changes)
    return cloud


@dataclasses.dataclass
class Oracle:
    """What must hold of what was committed.

    Attributes:
        cloud: The account.
        exact: Whether nothing of the registry changed between a decision and its record: in threads, it does.
    """

    cloud: Cloud
    exact: bool

    def judge(self, signals: set[tuple[str, str]]) -> Counter[str]:
        """Fails for whatever should not be; counts verdicts and brakes.

        Args:
            signals: Model and id of each signal that was delivered.
        """
        counted: Counter[str] = Counter()
        decided = []
        ends = {one["PipelineExecutionArn"]: one["ends"] for one in self.cloud.started()}
        for model in TAKEN:
            ledger = Ledger(model, exact=self.exact, ends=ends)
            for written in self.cloud.log:
                for row in written:
                    if row["model"] == model:
                        ledger.take(row)
            decided += [(model, signal) for signal in ledger.decisions]
            counted += ledger.counted
            assert len(self.cloud.decisions(model)) == len(ledger.decisions), "each signal has one record"
        assert len(set(decided)) == len(decided)
        assert set(decided) == signals, "no signal is lost, and none is invented"
        self._executions()
        return counted

    def _executions(self) -> None:
        executions = self.cloud.started()
        assert [one["beside"] for one in executions if one["beside"]] == [], "no two runs of a model at once"
        tokens = [one["token"] for one in executions]
        assert len(set(tokens)) == len(tokens)
        records = [record for model in TAKEN for record in self.cloud.decisions(model)]
        started = [record["execution"] for record in records if record["verdict"] == "started"]
        assert sorted(started) == sorted(one["PipelineExecutionArn"] for one in executions), (
            "each run is one decision's"
        )
        assert not any(record["execution"] for record in records if record["verdict"] != "started")


@dataclasses.dataclass
class Count:
    """What the end of a run counts for: its first, and what retrying it came to until another had ended."""

    status: str
    time: datetime
    judged: bool


class Ledger:
    """What was committed of one model, so far."""

    def __init__(self, model: str, *, exact: bool, ends: dict[str, list[tuple[str, list[Document]]]]) -> None:
        self.decisions: dict[str, Document] = {}
        self._exact = exact
        self._all_ends = ends
        self._retrying: set[str] = set()
        self._retried: set[str] = set()
        self._waiting = self._ever_waited = False
        self.counted: Counter[str] = Counter()
        self._settings = governing.settings(**TAKEN[model])
        self._starts: dict[str, datetime] = {}
        self._ends: dict[str, Document] = {}
        self._counts: dict[str, Count] = {}
        self._resumed: datetime | None = None
        self._resumes = 0

    def take(self, row: Document) -> None:
        """Takes what was written next."""
        if row["item"] == "world":
            self._waiting, self._ever_waited = row["waiting"], True
        if row["item"] == "retry":
            if row["now"]:
                self._retried.add(row["execution"])
                self._retrying.add(row["execution"])
            else:
                self._retrying.discard(row["execution"])
        if row["item"].startswith("end#"):
            self._end(row)
        if row["item"].startswith("decision#"):
            known = row["signal"] in self.decisions
            if not known:
                self._judge(row)
            if row["verdict"] == "failed to start":
                del self._starts[row["signal"]]
                self.counted["failed to start"] += 1
            self.decisions[row["signal"]] = row

    def _judge(self, row: Document) -> None:
        time = datetime.fromisoformat(row["time"])
        stopped = self._stopped()
        if stopped and row["signal"].startswith("person/resume") and time >= stopped:
            self._resumes, stopped = len(self._landed()), None
        holding = self._holding(row, time, stopped)
        if row["verdict"] == "started":
            assert not holding, (row, holding)
            self._starts[row["signal"]] = time
        else:
            assert row["brake"] in holding, (row, holding)
        self.counted[row["brake"] or "started"] += 1

    def _holding(self, row: Document, time: datetime, stopped: datetime | None) -> set[str]:
        """Every brake that holds a signal back."""
        settings, starts = self._settings, list(self._starts.values())
        cooldown = settings["cooldown_hours"] * HOUR
        month = [start for start in starts if (start.year, start.month) == (time.year, time.month)]
        brakes = {
            "signals": row["kind"] not in settings["signals"],
            "stopped": stopped is not None,
            "stale": any(start > time for start in starts),
            "in flight": len(self._landed()) < len(starts)
            or (bool(self._retrying) if self._exact else row["brake"] == "in flight" and bool(self._retried)),
            "cool-down": any(start + cooldown > time for start in starts),
            "runs a day": sum(start.date() == time.date() for start in starts) >= settings["runs_a_day"],
            "budget": round((len(month) + 1) * settings["run_cost"], 6) > settings["monthly_budget"],
            "no dataset": "gone" in row["signal"],
            "waiting": self._waiting if self._exact else row["brake"] == "waiting" and self._ever_waited,
            "unchanged": bool(row["dataset"]) and _made_of(row) == self._known(),
        }
        return {brake for brake, holds in brakes.items() if holds}

    def _known(self) -> tuple[str, ...]:
        """What the last run was made of that has ended with a result."""
        for signal in reversed(self._starts):
            execution = self.decisions[signal]["execution"]
            if execution in self._counts and self._counts[execution].judged:
                return _made_of(self.decisions[signal])
        return ()

    def _end(self, row: Document) -> None:
        execution, status, judged = row["execution"], row["status"], row["judged"]
        results = [one == "Succeeded" or governing.GATE in steps for one, steps in self._all_ends[execution]]
        assert any(results) if judged else execution in self._retried or not results[0]
        before, self._ends[execution] = self._ends.get(execution), row
        assert before is None or _said(before) < _said(row), "an end is noted once, unless a retry says more"
        count = Count(status, datetime.fromisoformat(row["time"]), judged)
        attached = [self.decisions[signal]["execution"] for signal in self._starts]
        if before is None or execution not in attached:
            self._counts[execution] = count
        elif execution == [one for one in attached if one in self._counts][-1]:
            if before["status"] == status == "Failed":  # it has failed once
                count = dataclasses.replace(self._counts[execution], judged=True)
            elif self._resumes == len(self._landed()):
                self._resumes -= 1
            self._counts[execution] = count

    def _landed(self) -> list[Count]:
        """How the runs that were started have ended, in the order of their starts."""
        executions = [self.decisions[signal]["execution"] for signal in self._starts]
        return [self._counts[execution] for execution in executions if execution in self._counts]

    def _stopped(self) -> datetime | None:
        """When the last of enough failures in a row was, since a person has resumed."""
        row = 0
        for end in self._landed()[self._resumes :]:
            row = {"Succeeded": 0, "Failed": row + 1}.get(end.status, row)
            if row >= self._settings["failures"]:
                return end.time
        return None


def _said(end: Document) -> int:
    return ["Stopped", "Failed", "Failed of itself", "Succeeded"].index(
        "Failed of itself" if end["judged"] and end["status"] == "Failed" else end["status"]
    )


def _made_of(row: Document) -> tuple[str, ...]:
    return tuple(row[name] for name in ("dataset", "dataset_version", "labelled", "commit", "champion"))


def change(cloud: Cloud, draw: random.Random) -> None:
    """Has something change of what runs are made of, or in the registry."""
    model = draw.choice(list(TAKEN))
    changes: dict[str, Callable[[], None]] = {
        "deliver": cloud.deliver,
        "label": lambda: cloud.add_window(model, f"2026{draw.randrange(1, 13):02}{draw.randrange(1, 29):02}T0000Z"),
        "register": lambda: cloud.register(model),
        "answer": lambda: cloud.answer(model, draw.choice(["Approved", "Rejected"])),
    }
    with cloud.lock:
        changes[draw.choices(list(changes), [6, 6, 1, 4])[0]]()


def some_signals(draw: random.Random, count: int) -> list[tuple[list[tuple[str, str]], Document]]:
    """Signals in about the order of their times: what each is a signal of, and its event."""
    made = []
    for number in range(count):
        model, time = draw.choice(list(TAKEN)), BEGIN + number * HOUR / 3
        stamp = governing.stamp(time)
        kind = draw.choices(["drift", "schedule", "data", "gone", "person", "resume", "code"], [6, 2, 2, 1, 2, 2, 1])[0]
        slug = model.replace("_", "-")
        alarm = governing.alarm(model, time)
        choices = {
            "drift": (alarm, f"drift/{alarm['detail']['alarmName']}/{alarm['detail']['state']['timestamp']}"),
            "schedule": (governing.schedule(model, time), f"schedule/{governing.PREFIX}-{slug}-retrain/{stamp}"),
            "data": (governing.dataset(model, time, version=f"v{number}"), f"data/one/v{number}"),
            "gone": (governing.dataset(model, time, "gone", f"v{number}"), f"data/gone/v{number}"),
            "person": (governing.request(model, time, id=f"ask-{number}"), f"person/ask-{number}"),
            "resume": (governing.request(model, time, id=f"resume-{number}", resume=True), f"person/resume-{number}"),
            "code": (governing.commit(time), f"code/{stamp}"),
        }
        event, signal = choices[kind]
        made.append(([(one, signal) for one in (TAKEN if kind == "code" else [model])], event))
    return made


class Storm:
    """Workers that take events from a queue as Lambda does: one that raised comes again.

    One whose start is held up, or fails for good, is tried three times, and then lies among the letters.
    """

    def __init__(self, cloud: Cloud, seed: int, events: list[Document]) -> None:
        self._cloud = cloud
        self._seed = seed
        self._local = threading.local()
        self._lock = threading.Lock()
        self._queue = deque(events)
        self._busy = 0
        self._attempts: Counter[str] = Counter()
        self._starts: Counter[str] = Counter()
        self.letters: list[Document] = []
        self.broken: list[BaseException] = []
        self.calm = False
        cloud.interfere = self._interfere

    def blow(self, workers: int) -> None:
        """Works until nothing is left."""
        threads = [threading.Thread(target=self._work, args=(number,)) for number in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.broken:
            raise self.broken[0]

    def _work(self, number: int) -> None:
        self._local.draw = random.Random(f"{self._seed} {number}")
        try:
            while not self.broken and (event := self._next()) is not None:
                self._handle(event)
        except BaseException as error:  # noqa: BLE001 - the test fails of it
            self.broken.append(error)

    def _next(self) -> Document | None:
        while True:
            with self._lock:
                if self._queue:
                    self._busy += 1
                    return self._queue.popleft()
                if not self._busy:
                    return None
            clock.sleep(0.001)

    def _handle(self, event: Document) -> None:
        draw = self._local.draw
        again = []
        try:
            index.handler(event, None)
        except _PASSED as error:
            if "held up" not in str(error) or self._tries(event) < 3:
                again.append(event)
            else:
                self.letters.append(event)
        except RefusedError as refused:
            # A delivery that fails for good for one model may have failed for another for a while.
            assert "could not be " in str(refused)
            if "ValidationException" not in str(refused) or self._tries(event) < 3:
                again.append(event)
            else:
                self.letters.append(event)
        with self._cloud.lock:
            self._cloud.now = max(self._cloud.now, datetime.fromisoformat(event["time"]))
        again += self._ends(draw)
        if not self.calm and draw.random() < 0.3:
            change(self._cloud, draw)
        with self._lock:
            for one in again:
                self._queue.insert(draw.randrange(min(30, len(self._queue)) + 1), one)
            self._busy -= 1

    def _tries(self, event: Document) -> int:
        with self._lock:
            self._attempts[str(event)] += 1
            return self._attempts[str(event)]

    def _held_up(self, request: Document) -> bool:
        """Whether a start meets a limit: some do so often that their signal lies among the letters meanwhile."""
        token = str(request["ClientRequestToken"])
        with self._lock:
            self._starts[token] += 1
            return token[-1] in "12" and self._starts[token] <= 5

    def _ends(self, draw: random.Random) -> list[Document]:
        """Ends some runs; an event of that is told not at all, once or more."""
        with self._cloud.lock:
            running = [one for one in self._cloud.started() if one["PipelineExecutionStatus"] == "Executing"]
            ending = [one for one in running if draw.random() < 0.15]
            events = [
                self._cloud.finish(
                    one,
                    draw.choice(["Succeeded", "Failed", "Failed", "Stopped"]),
                    failed=draw.choice([governing.GATE, governing.BROKE]),
                )
                for one in ending
            ]
            ended = [one for one in self._cloud.started() if one["PipelineExecutionStatus"] in {"Failed", "Stopped"}]
            if ended and not self.calm and draw.random() < 0.02:
                self._cloud.retry(draw.choice(ended[-5:]))
        return [event for event in events for _ in range(draw.choice([0, 1, 1, 3]))]

    def _interfere(self, name: str, when: str, request: Document) -> None:
        draw = self._local.draw
        if draw.random() < 0.1:
            clock.sleep(draw.random() / 2000)
        if name == "sagemaker.start_pipeline_execution" and when == "before" and _doomed(request):
            raise refusal("ValidationException")
        if self.calm or when == "within":
            return
        if name == "sagemaker.start_pipeline_execution" and when == "before" and self._held_up(request):
            raise refusal(draw.choice(["ResourceLimitExceeded", "ConflictException"]), "held up")
        if draw.random() < (0.1 if name == "sagemaker.start_pipeline_execution" else 0.01):
            raise CrashedError(name)
        if when == "before" and draw.random() < 0.005:
            raise refusal("ThrottlingException")


def _doomed(request: Document) -> bool:
    """Whether a run cannot be started, however often it is tried."""
    return str(request["ClientRequestToken"]).endswith("0")


@pytest.mark.parametrize("seed", range(3))
def test_a_storm_of_a_thousand_signals_starts_exactly_what_the_brakes_allow(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(seed)
    signals = some_signals(draw, 1_000)
    late = [(place + draw.expovariate(1 / 8), event) for place, (_, event) in enumerate(signals)]
    late += [(place + draw.expovariate(1 / 60), event) for place, event in late if draw.random() < 0.4]
    events = [event for _, event in sorted(late, key=lambda one: one[0])]
    cloud = account()
    cloud.use(monkeypatch)
    monkeypatch.setattr("governor._PAUSE_SECONDS", 0.0005)
    monkeypatch.setattr("builtins.print", lambda *_: None)
    storm = Storm(cloud, seed, events)
    storm.blow(workers=6)
    storm.calm = True
    storm._queue.extend(storm.letters)  # a person sends them again
    storm.blow(workers=2)
    taken = {
        one
        for of, event in signals
        for one in of
        if event["source"] != "aws.ssm" or "code" in governing.settings(**TAKEN[one[0]])["signals"]
    }
    counted = Oracle(cloud, exact=False).judge(taken)
    assert counted["started"] > 10
    # Which of the rarer brakes a storm meets is for its threads to say; each has tests of its own.
    assert {"started", "signals", "in flight", "cool-down"} <= {*counted}
    after = BEGIN + timedelta(days=90)
    for model in TAKEN:  # nothing has been left that blocks for good
        cloud.answer(model, "Rejected")
        cloud.deliver()
        with cloud.lock:
            [cloud.finish(one, "Stopped") for one in cloud.started() if one["PipelineExecutionStatus"] == "Executing"]
        asked = [governing.request(model, after, id=f"resume-at-last-{number}", resume=True) for number in range(9)]
        storm._queue.extend(asked)
        storm.blow(workers=2)
        taken |= {(model, f"person/resume-at-last-{number}") for number in range(9)}
        assert after.isoformat(timespec="microseconds") in cloud.state(model)["starts"]
        assert cloud.state(model)["told"] or not cloud.state(model)["stopped"]
    Oracle(cloud, exact=False).judge(taken)


class Retraining(RuleBasedStateMachine):
    """The same, one after the other, so that what goes wrong can be made small."""

    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self.cloud = account()
        self.cloud.use(self._patch)
        self.taken: set[tuple[str, str]] = set()
        self.undelivered: list[Document] = []
        self.crash_after = -1
        self.cloud.interfere = self.interfere

    def interfere(self, _name: str, when: str, _request: Document) -> None:
        if when == "within":
            return
        self.crash_after -= 1
        if self.crash_after == 0:
            raise CrashedError

    @rule(seed=st.integers(0, 2**32), hours=st.integers(0, 24 * 40), crash=st.integers(-30, 60))
    def signal(self, seed: int, hours: int, crash: int) -> None:
        ((of, event),) = some_signals(random.Random(seed), 1)
        time = BEGIN + hours * HOUR
        event = governing.alarm(of[0][0], time)
        detail = event["detail"]
        self.taken.add((of[0][0], f"drift/{detail['alarmName']}/{detail['state']['timestamp']}"))
        self.deliver(event, crash)

    @rule(model=st.sampled_from(sorted(TAKEN)), hours=st.integers(0, 24 * 40), crash=st.integers(-30, 60))
    def resume(self, model: str, hours: int, crash: int) -> None:
        number = len(self.taken)
        self.taken.add((model, f"person/resume-{number}"))
        event = governing.request(model, BEGIN + hours * HOUR, id=f"resume-{number}", resume=True)
        self.deliver(event, crash)

    @rule(seed=st.integers(0, 2**32))
    def change(self, seed: int) -> None:
        change(self.cloud, random.Random(seed))

    @precondition(lambda self: self.having("Executing"))
    @rule(
        data=st.data(),
        told=st.booleans(),
        status=st.sampled_from(["Failed", "Failed", "Stopped", "Succeeded"]),
        broke=st.booleans(),
        crash=st.integers(-30, 30),
    )
    def finish(self, data: st.DataObject, told: bool, status: str, broke: bool, crash: int) -> None:
        execution = data.draw(st.sampled_from(self.having("Executing")))
        event = self.cloud.finish(execution, status, failed=governing.BROKE if broke else governing.GATE)
        if told:
            self.deliver(event, crash)

    @precondition(lambda self: self.having("Failed", "Stopped"))
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        self.cloud.retry(data.draw(st.sampled_from(self.having("Failed", "Stopped"))))

    @precondition(lambda self: self.undelivered)
    @rule(data=st.data(), crash=st.integers(-30, 60))
    def again(self, data: st.DataObject, crash: int) -> None:
        self.deliver(self.undelivered.pop(data.draw(st.integers(0, len(self.undelivered) - 1))), crash)

    def having(self, *statuses: str) -> list[Document]:
        return [one for one in self.cloud.started() if one["PipelineExecutionStatus"] in statuses]

    def deliver(self, event: Document, crash: int) -> None:
        self.crash_after = crash
        self.cloud.now = max(self.cloud.now, datetime.fromisoformat(event["time"]))
        try:
            index.handler(event, None)
        except CrashedError:
            self.undelivered.append(event)
        self.crash_after = -1

    def teardown(self) -> None:
        """What has crashed is delivered again, and then nothing is lost."""
        try:
            for event in self.undelivered:
                self.deliver(event, -1)
            Oracle(self.cloud, exact=True).judge(self.taken)
        finally:
            self._patch.undo()


TestRetraining = Retraining.TestCase
TestRetraining.settings = hypothesis.settings(max_examples=60, stateful_step_count=25, deadline=None)

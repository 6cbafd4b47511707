"""What production's monitors see of a model's traffic: windows pass, jobs look at them, an alarm goes off.

Staging hears of it and decides. Trained on the same data, a model is no better than itself: the run that drift has
started ends at the gate, and nothing is registered.
"""

import dataclasses
import datetime
import json
import time
from collections.abc import Callable, Mapping, Sequence

from plumbline.accounts.access import Client, Clients
from plumbline.configuration import Deployment, Every, Model, Monitor, Monitoring
from plumbline.errors import PlumblineError
from plumbline.rehearsal import training_run
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.hearing import listen
from plumbline.rehearsal.labels import deliver
from plumbline.rehearsal.predictions import Offline
from plumbline.rehearsal.release import invoke
from plumbline.rehearsal.training_run import Run
from plumbline.retraining.decisions import Decision, standing
from plumbline.retraining.requests import request

_LIMIT_SECONDS = 120.0
_POLL_SECONDS = 0.25
_ENDED = frozenset({"Succeeded", "Failed", "Stopped"})
_ROWS_A_REQUEST = 100
_BECAUSE = "is it no better yet?"
# Past the quarter of an hour for which captures are waited for, before a window is looked at.
_WRITTEN = datetime.timedelta(minutes=20)
# When a system that knows the truth tells it, after the end of a window.
_TOLD_AFTER = datetime.timedelta(hours=2)
# Captures are told apart by hours: those of a release's hour, and of the next one, are not held against a version.
_TAKEN_OVER = datetime.timedelta(hours=2)
_PUBLISHED_WITHIN = datetime.timedelta(days=7)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seen:
    """What the monitors said of one window.

    Attributes:
        window: Its name.
        deviations: By monitor, of those that had something to look at.
        sustained: What the alarms look at, likewise: the deviation that enough of the last windows have had.
        seconds: How long it took, from the end of the window to the published numbers.
    """

    window: str
    deviations: Mapping[str, float]
    sustained: Mapping[str, float]
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answers:
    """What an endpoint has answered.

    Attributes:
        ids: The inference id of each answer, by which its truth is told; empty if the requests had none.
        probabilities: The answers, in the same order.
    """

    ids: tuple[str, ...]
    probabilities: tuple[float, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Watched:
    """What was seen, and what came of it.

    Attributes:
        windows: The windows, in order.
        alarm: The alarm that went off.
        heard: The bus that was told of it.
        decision: What was decided on it.
        run: The run that it has started.
        braked: What was decided on a person's request, right after.
    """

    windows: tuple[Seen, ...]
    alarm: str
    heard: str
    decision: Decision
    run: Run
    braked: Decision


class Watching:
    """Lets windows of a model's traffic pass in production.

    Args:
        cloud: The cloud.
        deployment: Production.
        model: The model.
    """

    def __init__(self, *, cloud: Cloud, deployment: Deployment, model: Model) -> None:
        self._cloud = cloud
        self._deployment = deployment
        self._model = model
        self._caller = cloud.administrator(deployment.account)
        self._ahead = datetime.timedelta()

    def ask(self, rows: Sequence[str], *, name: str = "") -> Answers:
        """Asks the endpoint for rows; they are captured by the time at which the clock is moved next.

        Args:
            rows: A JSON object a row.
            name: What begins the inference ids; left out, the requests have none.
        """
        endpoint = self._deployment.endpoint_name(self._model)
        client = self._caller.client("sagemaker-runtime")
        ids, probabilities = list[str](), list[float]()
        for start in range(0, len(rows), _ROWS_A_REQUEST):
            asked = rows[start : start + _ROWS_A_REQUEST]
            body, id_ = "".join(f"{row}\n" for row in asked).encode(), f"{name}-{start}" if name else ""
            probabilities += invoke(endpoint=endpoint, caller=self._caller, rows=body, client=client, inference_id=id_)
            # As the monitors number the rows of a request.
            ids += [f"{id_}/{number}" if number else id_ for number in range(len(asked))] if id_ else []
        return Answers(ids=tuple(ids), probabilities=tuple(probabilities))

    def fill_window(
        self, rows: Sequence[str], monitoring: Monitoring, *, name: str
    ) -> tuple[Answers, datetime.datetime]:
        """Asks for rows in an hour in which the version alone answers, and says when their window ends.

        Args:
            rows: A JSON object a row.
            monitoring: What is watched.
            name: What begins the inference ids.
        """
        self.reach(self.now + _TAKEN_OVER)
        ended = window_end(self.now, monitoring.every)
        return self.ask(rows, name=f"{name}-{ended:%Y%m%d}"), ended

    def tell_truth(self, answers: Answers, labels: Sequence[int], *, ended: datetime.datetime) -> datetime.datetime:
        """Lets a window end, tells production what has become of its rows, and says when.

        Args:
            answers: What was answered, with inference ids.
            labels: What each of them should have been, 0 or 1.
            ended: When the window ends.
        """
        told = self.reach(ended + _TOLD_AFTER)
        deliver(
            cloud=self._cloud,
            deployment=self._deployment,
            model=self._model,
            labels=dict(zip(answers.ids, labels, strict=True)),
            at=told,
        )
        return told

    @property
    def now(self) -> datetime.datetime:
        """What the cloud's clock shows."""
        return datetime.datetime.now(datetime.UTC) + self._ahead

    def reach(self, to: datetime.datetime) -> datetime.datetime:
        """Lets time pass until a moment, and says what the clock shows then."""
        shown = self._cloud.advance_clock(to).now
        self._ahead = shown - datetime.datetime.now(datetime.UTC)
        return shown

    def pass_window(self, monitoring: Monitoring, *, ended: datetime.datetime | None = None) -> Seen:
        """Lets time pass until a window is looked at, and waits until what its job found is published.

        Args:
            monitoring: What is watched.
            ended: When the window has ended; left out, it is the one that has not yet.
        """
        began = time.monotonic()
        end = ended or window_end(self.now, monitoring.every)
        window = f"{end:%Y%m%dT%H%MZ}"
        self.reach(end + monitoring.looked_at_after + _WRITTEN)
        self._wait_for_job(window)
        _until(lambda: self._point("failed", {}, end) is not None, what="the numbers of the monitors")
        return Seen(
            window=window,
            deviations=self._by_monitor("deviation", monitoring, since=end),
            sustained=self._by_monitor("sustained_deviation", monitoring, since=end),
            seconds=round(time.monotonic() - began, 2),
        )

    def state_of(self, alarm: str) -> str:
        """The state of an alarm of the model's."""
        found = self._caller.client("cloudwatch").describe_alarms(
            AlarmNames=[alarm], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        alarms = [*found.get("MetricAlarms", []), *found.get("CompositeAlarms", [])]
        return str(alarms[0]["StateValue"]) if alarms else ""

    def _wait_for_job(self, window: str) -> None:
        sagemaker = self._caller.client("sagemaker")
        name = self._deployment.monitor_pipeline_name(self._model)

        def ended() -> bool:
            for one in sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]:
                if one.get("PipelineExecutionDisplayName") == window and one["PipelineExecutionStatus"] in _ENDED:
                    if one["PipelineExecutionStatus"] != "Succeeded":
                        raise PlumblineError(
                            f"the monitors of {window} have {self._failure(sagemaker, one)}", exit_code=1
                        )
                    return True
            return False

        _until(ended, what=f"the run of {name} for the window {window}")

    @staticmethod
    def _failure(sagemaker: Client, execution: Mapping[str, object]) -> str:
        steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=execution["PipelineExecutionArn"])
        reasons = [str(step.get("FailureReason", "")) for step in steps["PipelineExecutionSteps"]]
        return f"{execution['PipelineExecutionStatus']}: {'; '.join(filter(None, reasons)) or 'no reason was given'}"

    def _by_monitor(self, metric: str, monitoring: Monitoring, *, since: datetime.datetime) -> dict[str, float]:
        """What was published of each monitor since a time, of those that had something to look at."""
        points = {
            monitor.value: self._point(metric, {"Monitor": monitor.value}, since) for monitor in monitoring.checks
        }
        return {name: value for name, value in points.items() if value is not None}

    def _point(self, metric: str, dimensions: Mapping[str, str], since: datetime.datetime) -> float | None:
        named = {"Model": self._model.name, **dimensions}
        found = self._caller.client("cloudwatch").get_metric_statistics(
            Namespace=self._deployment.monitoring_namespace,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in named.items()],
            StartTime=since,
            EndTime=since + _PUBLISHED_WITHIN,
            Period=60,
            Statistics=["Maximum"],
        )
        points = sorted(found["Datapoints"], key=lambda point: point["Timestamp"])
        return float(points[-1]["Maximum"]) if points else None


def watch(
    *,
    cloud: Cloud,
    model: Model,
    monitoring: Monitoring,
    production: Deployment,
    told: Deployment,
    offline: Offline,
    looking: Clients,
    asking: Clients,
    tell: Callable[[str], None],
) -> Watched:
    """Lets a window of honest traffic pass, and then as many with other traffic as it takes for the alarm to go off.

    Args:
        cloud: The cloud; the endpoint has been asked before.
        model: The model.
        monitoring: What is watched of it.
        production: Where.
        told: Whose bus hears of the alarm.
        offline: Rows that the endpoint was asked, like those of the baseline.
        looking: Who sees decisions and runs where models are trained for the record.
        asking: Who may ask for a retraining there.
        tell: Called with one line whenever a window has passed.

    Raises:
        PlumblineError: The honest window is beyond the line, the others are not, nobody is told, no run is started, or
            it registers a version that is no better.
    """
    watching = Watching(cloud=cloud, deployment=production, model=model)
    seen = [watching.pass_window(monitoring)]
    _refuse(seen[0].deviations, monitoring, beyond=False)
    tell(_sentence(seen[0]))
    alarm = production.drift_alarm(model)
    if (state := watching.state_of(alarm)) == "ALARM":
        raise PlumblineError(f"the alarm {alarm} is in {state} after honest traffic", exit_code=1)
    listener = listen(cloud=cloud, deployment=told, account=production.account)
    for _ in range(monitoring.windows_to_alarm):
        watching.ask(_alike(offline.rows))
        seen.append(watching.pass_window(monitoring))
        _refuse(seen[-1].deviations, monitoring, beyond=True)
        tell(_sentence(seen[-1]))
    listener.wait(alarm, what=f"the alarm {alarm} of {production.account}")
    listener.stop()
    drift = decision(looking, "drift", deployment=told, model=model)
    if drift.verdict != "started":
        raise PlumblineError(f"the drift of {model.name} has started no run: {drift.why}", exit_code=1)
    tell(f"retraining {drift.verdict}")
    run = training_run.follow(arn=drift.execution, caller=looking, tell=tell)
    if run.status != "Failed" or run.model_package_arn:
        raise PlumblineError(f"the run {run.arn}, on the data of its champion, ended as {run.status}", exit_code=1)
    _until(
        lambda: standing(looking.client("dynamodb"), deployment=told, model=model, most=1).failures == 1,
        what=f"the end of the run {run.arn}, in the governor's table,",
    )
    request(asking.client("events"), deployment=told, model=model, because=_BECAUSE, resume=False)
    braked = decision(looking, "person", deployment=told, model=model, because=_BECAUSE)
    if braked.brake != "cool-down":
        raise PlumblineError(f"a request right after a run was {braked.verdict}; expected the cool-down", exit_code=1)
    return Watched(windows=tuple(seen), alarm=alarm, heard=told.event_bus, decision=drift, run=run, braked=braked)


def decisions(
    looking: Clients,
    kind: str,
    *,
    deployment: Deployment,
    model: Model,
    since: datetime.datetime | None = None,
    because: str = "",
) -> list[Decision]:
    """What was decided on signals of a kind, the newest first.

    Args:
        looking: Who sees decisions.
        kind: The kind.
        deployment: Where it is decided.
        model: The model.
        since: The time from which on signals count; left out, all of them do.
        because: The signals' reason; left out, any.
    """
    found = standing(looking.client("dynamodb"), deployment=deployment, model=model, most=10).decisions
    of_kind = [one for one in found if one.kind == kind and because in ("", one.reason)]
    return [one for one in of_kind if since is None or datetime.datetime.fromisoformat(one.time) >= since]


def decision(
    looking: Clients,
    kind: str,
    *,
    deployment: Deployment,
    model: Model,
    since: datetime.datetime | None = None,
    because: str = "",
) -> Decision:
    """The newest of them, waited for until its run is known, if it has one.

    Raises:
        PlumblineError: None comes.
    """
    found: list[Decision] = []

    def decided() -> bool:
        made = decisions(looking, kind, deployment=deployment, model=model, since=since, because=because)
        found[:] = [one for one in made if one.execution or one.verdict != "started"]
        return bool(found)

    _until(decided, what=f"a decision on {kind} of {model.name}")
    return found[0]


def _alike(rows: Sequence[str]) -> list[str]:
    """Rows that all are like the first one in whatever it says in words: one carrier, one origin, one destination."""
    first = json.loads(rows[0])
    words = {name: value for name, value in first.items() if isinstance(value, str)}
    return [json.dumps(json.loads(row) | words) for row in rows]


def _refuse(deviations: Mapping[str, float], monitoring: Monitoring, *, beyond: bool) -> None:
    """Refuses a window that is not where it should be: other traffic shows in data quality, honest traffic nowhere."""
    if not deviations:
        raise PlumblineError("the monitors have published no deviation", exit_code=1)
    looked = {Monitor.DATA_QUALITY.value: deviations.get(Monitor.DATA_QUALITY, 0.0)} if beyond else deviations
    for name, deviation in looked.items():
        if (deviation > monitoring.line) is not beyond:
            raise PlumblineError(
                f"{name} deviates by {deviation:.3f}; expected {'more' if beyond else 'at most'} {monitoring.line:g}",
                exit_code=1,
            )


def _sentence(seen: Seen) -> str:
    return ", ".join(f"{name} {deviation:.3f}" for name, deviation in seen.deviations.items())


def window_end(now: datetime.datetime, every: Every) -> datetime.datetime:
    """When the window ends that a moment lies in."""
    hour = now.astimezone(datetime.UTC).replace(minute=0, second=0, microsecond=0)
    if every is Every.HOUR:
        return hour + datetime.timedelta(hours=1)
    midnight = hour.replace(hour=0)
    if every is Every.DAY:
        return midnight + datetime.timedelta(days=1)
    if every is Every.WEEK:
        return midnight + datetime.timedelta(days=7 - midnight.weekday())
    return (midnight.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)


def _until(happened: Callable[[], bool], *, what: str) -> None:
    deadline = time.monotonic() + _LIMIT_SECONDS
    while not happened():
        if time.monotonic() > deadline:
            raise PlumblineError(f"{what} did not come within {_LIMIT_SECONDS:.0f} s", exit_code=1)
        time.sleep(_POLL_SECONDS)

"""The rehearsal from an empty machine to answers in production, in the order in which a person would do it on AWS."""

import concurrent.futures
import contextlib
import dataclasses
import json
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from plumbline.configuration import (
    Backend,
    Deployment,
    Environment,
    Model,
    Person,
    Platform,
    code_digest,
    load_models,
    load_platform,
    runtime_tag,
)
from plumbline.errors import PlumblineError
from plumbline.rehearsal import (
    accounts,
    denials,
    drills,
    images,
    predictions,
    releasing,
    training,
    watching,
)
from plumbline.rehearsal.alerts import Alerts, try_alerts
from plumbline.rehearsal.assembly import SynthesizedStack, read_assembly
from plumbline.rehearsal.calls import read_call_log
from plumbline.rehearsal.cdk_tool import CdkTool, EndedError
from plumbline.rehearsal.cloud import Cloud, stop_kept, sweep
from plumbline.rehearsal.delivery import Delivery
from plumbline.rehearsal.drills.acts import Scene
from plumbline.rehearsal.failures import sentence
from plumbline.rehearsal.interrupts import as_keyboard_interrupt, held_back
from plumbline.rehearsal.people import People
from plumbline.rehearsal.pipeline_run import PipelineRun
from plumbline.rehearsal.progress import Progress, Steps
from plumbline.rehearsal.release import Served
from plumbline.rehearsal.source import refuse_without_git
from plumbline.rehearsal.state import mark_failed, remove_failed
from plumbline.rehearsal.summary import DeniedCall, Drill, ModelSummary, Summary, denied
from plumbline.rehearsal.training import TrainedModel
from plumbline.rehearsal.year.months import Scenery, play
from plumbline.rehearsal.year.page import PAGE, page
from plumbline.rehearsal.year.story import Year
from plumbline.writing import write_whole

REASON = "rehearsal"
_DELIVERED = ("delivery/", "dev/", "staging/", "production/", "delivered-", "releases/")


def rehearse(root: Path, *, progress: Progress, keep: bool = False, drill: str = "", year: bool = False) -> Summary:
    """Rehearses the platform of a checkout and writes ``rehearsal.json`` into it.

    Args:
        root: The checkout.
        progress: Is told of every step.
        keep: Leaves the cloud up; ``stop`` ends it.
        drill: The drill that is played after all the rest; empty for none.
        year: Lets a year pass in production, in the place of some windows, and writes ``year.html`` beside.

    Returns:
        What the rehearsal showed. When it returns, every step succeeded and every refusal was an expected one.

    Raises:
        PlumblineError: There is no such drill, or something failed. The failed rehearsal's folder stays, with its
            logs, until one succeeds.
        KeyboardInterrupt: The rehearsal was interrupted, by Ctrl-C, SIGTERM or SIGHUP; nothing of it is left.
    """
    with as_keyboard_interrupt():
        journey = Journey(root=root.resolve(), progress=progress, drill=drill, year=year)
        try:
            summary = journey.go(keep=keep)
        except Exception as error:
            raise journey.failed(error) from error
        except BaseException:
            journey.clear()
            raise
        if not keep:
            journey.clear()
        remove_failed(journey.root)
        return summary


def stop(root: Path) -> list[Path]:
    """Ends the clouds that were kept in a checkout and removes their folders.

    Returns:
        The folders.
    """
    stopped = stop_kept(root.resolve())
    for state in stopped:
        shutil.rmtree(state, ignore_errors=True)
    return stopped


class Journey:
    """One rehearsal under way; its steps are methods, so that tests can take some of them.

    Args:
        root: The checkout.
        progress: Is told of every step.
        drill: The drill that is played after all the rest; empty for none.
        year: Whether a year passes in production, in the place of some windows.

    Attributes:
        root: The checkout.
        platform: The configuration.
        models: The models.
        tag: The runtime's tag.
        cloud: The cloud, once it has started.
        stacks: What synth wrote, once it has.
        state: The rehearsal's folder, once the cloud has started.

    Raises:
        PlumblineError: The configuration is refused, a model was changed and not rendered, git is missing, or there is
            no such drill.
    """

    def __init__(self, *, root: Path, progress: Progress, drill: str = "", year: bool = False) -> None:
        refuse_without_git()
        self._play = drills.find(drill) if drill else None
        self._year = year
        self.root = root
        self.platform: Platform = load_platform(root)
        _refuse_model_monitor(self.platform)
        self.models: tuple[Model, ...] = load_models(root)
        for model in self.models:
            _refuse_stale(model)
        self.tag = runtime_tag(root)
        self.stacks: tuple[SynthesizedStack, ...] = ()
        self.state: Path | None = None
        self._cloud: Cloud | None = None
        self._people: People | None = None
        self._delivery: Delivery | None = None
        self._delivered: list[PipelineRun] = []
        self._steps = Steps(progress)

    @property
    def cloud(self) -> Cloud:
        """The cloud.

        Raises:
            PlumblineError: It has not started.
        """
        if self._cloud is None:
            raise PlumblineError("the cloud has not started", exit_code=1)
        return self._cloud

    @property
    def people(self) -> People:
        """The people of the rehearsal.

        Raises:
            PlumblineError: The cloud has not started.
        """
        if self._people is None:
            self._people = People(self.cloud)
        return self._people

    @property
    def delivery(self) -> Delivery:
        """What delivers.

        Raises:
            PlumblineError: The accounts are not ready.
        """
        if self._delivery is None:
            raise PlumblineError("the accounts are not ready", exit_code=1)
        return self._delivery

    @property
    def staging(self) -> Deployment:
        """Where models are trained and registered."""
        return self.platform.deployment(Environment.STAGING)

    def go(self, *, keep: bool) -> Summary:
        """Goes all the way and writes the summary into the checkout."""
        with self.under_way() as summary:
            if keep:
                cloud = self.cloud
                summary = dataclasses.replace(summary, endpoint=cloud.options.endpoint, state=str(cloud.options.state))
            summary.write(self.root)
            if summary.years:
                write_whole(self.root / PAGE, page(summary.years), by=summary.id)
            if keep:
                # The last thing: whatever fails before ends the cloud.
                self.cloud.keep()
            return summary

    @contextlib.contextmanager
    def under_way(self) -> Iterator[Summary]:
        """Goes all the way and gives the summary while the cloud is still up."""
        began = time.monotonic()
        with self._starting() as cloud, _tool(self.root, cloud.options.state) as tool, _background() as pool:
            image = pool.submit(images.build_stand_in, root=self.root, tag=self.tag)
            resources = self.provision(tool)
            stand_in, image_digest = image.result(), self.image_digest()
            ways: list[ModelSummary] = []
            refused: list[DeniedCall] = []
            trained = [self.train(model) for model in self.models]
            for one in trained:
                way, met = self.promote(one, stand_in=stand_in)
                ways.append(way)
                refused += met
            self.alert()
            years = [passed for one in trained if (passed := self.pass_year(one, stand_in=stand_in)) is not None]
            played = self.drill(trained)
            refused += [denied for drill in played for act in drill.acts for denied in act.refused]
            self._refuse_surprises(refused)
            yield Summary(
                id=cloud.options.state.name,
                accounts={d.environment.value: d.account for d in self.platform.deployments()}
                | {"delivery": self.platform.delivery_account},
                region=self.platform.region,
                templates={stack.name: stack.digest for stack in self.stacks},
                resources=resources | accounts.resources(cloud=cloud, stacks=self._stacks_of("release-")),
                image=self.platform.runtime_image(self.tag),
                image_digest=image_digest,
                deliveries=tuple(self._delivered),
                models=tuple(ways),
                calls=self.calls(),
                denied_calls=tuple(dict.fromkeys(refused)),
                denied_attempts=len(refused),
                network_isolation=cloud.network_isolation,
                drills=played,
                years=tuple(years),
                steps=self._steps.seconds,
                seconds=round(time.monotonic() - began, 2),
            )

    def provision(self, tool: CdkTool) -> dict[str, dict[str, int]]:
        """Bootstraps the accounts and has everything that comes before a model delivered to them.

        Returns:
            The number of resources of each type, by stack.
        """
        cloud = self.cloud
        assembly = cloud.options.state / "cdk.out"
        with self._steps.step("Bootstrap the accounts and synthesize the templates") as step, _background() as pool:
            made = pool.submit(accounts.bootstrap, cloud=cloud, tool=tool, root=self.root)
            try:
                accounts.synthesize(platform=self.platform, root=self.root, tool=tool, output=assembly)
            except EndedError:
                made.result()  # raises the failure that ended it
                raise
            except BaseException:
                tool.end_all()
                raise
            self.stacks = read_assembly(assembly)
            step.outcome = f"{made.result()} accounts, {len(self.stacks)} templates"
        self._delivery = Delivery(root=self.root, cloud=cloud, people=self.people)
        with self._steps.step("Deploy the delivery pipeline, once by hand") as step:
            execution = self.delivery.deploy_by_hand(tool=tool, assembly=assembly)
            step.outcome = self.platform.delivery.pipeline_name
        with self._steps.step("Deliver the commit to three accounts") as step:
            run = self.delivery.follow(execution, tell=step.detail)
            if run.status != "Succeeded":
                raise self.delivery.failure(run)
            self._delivered.append(run)
            stacks = [stack for stack in self.stacks if stack.path.startswith(_DELIVERED)]
            accounts.verify_templates(cloud=cloud, stacks=stacks)
            resources = accounts.resources(cloud=cloud, stacks=stacks)
            count = sum(sum(types.values()) for types in resources.values())
            step.outcome = f"{len(stacks)} stacks, {count} resources, each template as synth wrote it"
        return resources

    def image_digest(self) -> str:
        """The digest of the runtime image in the delivery account's registry."""
        client = self.cloud.administrator(self.platform.delivery_account).client("ecr")
        found = client.describe_images(
            repositoryName=self.platform.runtime_repository, imageIds=[{"imageTag": self.tag}]
        )
        return str(found["imageDetails"][0]["imageDigest"])

    def train(self, model: Model) -> TrainedModel:
        """Trains a model in staging, up to its registered version."""
        return training.train(
            model,
            deployment=self.staging,
            delivering=self.delivery.model_session(model),
            looking=self.people.take(Person.DATA_SCIENTIST, self.staging),
            commit=self.delivery.repository.commit,
            reason=REASON,
            steps=self._steps,
        )

    def promote(
        self, trained: TrainedModel, *, stand_in: images.StandIn
    ) -> tuple[ModelSummary, tuple[DeniedCall, ...]]:
        """Approves a version and takes it to staging and production."""
        cloud, model = self.cloud, trained.model
        arn = trained.run.model_package_arn
        with self._steps.step(f"Approve {model.name}") as step:
            releases = releasing.rehearsed(cloud=cloud, people=self.people, model=model)
            execution = releases.approve(arn, because=REASON)
            step.outcome = arn.rsplit("/", 2)[-2] + " " + arn.rsplit("/", 1)[-1]
        with self._steps.step(f"Release {model.name} to staging and production") as step:
            run = releases.follow(execution, because=REASON, tell=step.detail)
            accounts.verify_templates(cloud=cloud, stacks=self._stacks_of("release-", model=model))
            served = {d.environment.value: self.served(model, d) for d in self.platform.deployments() if d.serves}
            step.outcome = f"{run.pipeline} {run.status}, both endpoints InService"
        if len({(one.artifact_digest, one.image_digest) for one in served.values()}) != 1:
            raise PlumblineError(f"staging and production serve different versions: {served}", exit_code=1)
        production = self.platform.deployment(Environment.PRODUCTION)
        with self._steps.step(f"Ask production's endpoint of {model.name}") as step:
            offline = training.predict_offline(
                trained,
                deployment=self.staging,
                caller=self.people.take(Person.DATA_SCIENTIST, self.staging),
                stand_in=stand_in,
                folder=cloud.options.state / "offline" / model.name,
            )
            agreement = predictions.compare(
                deployment=production,
                model=model,
                caller=cloud.administrator(production.account),
                offline=offline,
                tell=step.detail,
            )
            step.outcome = f"{agreement.rows:,} answers equal to the artifact's, to {agreement.largest_difference:.0e}"
        watched = self.watch(model, offline=offline)
        with self._steps.step("Try what must be refused") as step:
            refused = denials.try_all(
                denials.probes(cloud=cloud, model=model, inputs=trained.inputs, model_package_arn=arn)
            )
            step.outcome = f"{denied(len(refused), len(set(refused)))}, all refused"
        way = ModelSummary(
            model=model.name,
            commit=trained.commit,
            dataset_id=trained.inputs.dataset_id,
            code_digest=trained.inputs.code_digest,
            run=trained.run,
            metrics=trained.metrics,
            model_package_arn=arn,
            release=run,
            served=served,
            agreement=agreement,
            watched=watched,
        )
        return way, refused

    def watch(self, model: Model, *, offline: predictions.Offline) -> watching.Watched | None:
        """Lets windows of a model's traffic pass in production, until its monitors see that it has changed.

        Args:
            model: The model.
            offline: Rows that production's endpoint was asked.

        Returns:
            What was seen; None for a model that nobody watches, or whose year is to pass.
        """
        if model.monitoring is None or self._year:
            return None
        with self._steps.step(f"Watch {model.name} in production") as step:
            watched = watching.watch(
                cloud=self.cloud,
                model=model,
                monitoring=model.monitoring,
                production=self.platform.deployment(Environment.PRODUCTION),
                told=self.staging,
                offline=offline,
                looking=self.people.take(Person.DATA_SCIENTIST, self.staging),
                asking=self.people.take(Person.APPROVER, self.staging),
                tell=step.detail,
            )
            step.outcome = (
                f"{len(watched.windows)} windows, {watched.alarm} told to {watched.heard}, retraining "
                f"{watched.decision.verdict} and refused by its gate"
            )
        return watched

    def pass_year(self, trained: TrainedModel, *, stand_in: images.StandIn) -> Year | None:
        """Lets a year of a model's traffic pass in production, if one is wanted.

        Args:
            trained: The model, whose first version has been released.
            stand_in: The runtime.

        Returns:
            The year; None for a model that nobody watches.
        """
        if not self._year or trained.model.monitoring is None:
            return None
        return play(
            Scenery(
                cloud=self.cloud,
                people=self.people,
                stand_in=stand_in,
                folder=self.cloud.options.state / "year" / trained.model.name,
                step=self._steps.step,
            ),
            trained=trained,
            monitoring=trained.model.monitoring,
        )

    def served(self, model: Model, deployment: Deployment) -> Served:
        """What an environment's endpoint of a model serves."""
        return releasing.served(cloud=self.cloud, people=self.people, model=model, deployment=deployment)

    def alert(self) -> Alerts:
        """Sees to it that people in production, and staging, are told what needs them."""
        production, staging = (self.platform.deployment(one) for one in (Environment.PRODUCTION, Environment.STAGING))
        with self._steps.step("Raise an alarm and break the glass in production") as step:
            told = try_alerts(cloud=self.cloud, people=self.people, deployment=production, told=staging)
            step.outcome = f"told to {told.topic} and to staging's bus"
        return told

    def drill(self, trained: Sequence[TrainedModel]) -> tuple[Drill, ...]:
        """Plays the drill that is wanted, if one is.

        Args:
            trained: The models that have been released.
        """
        if self._play is None:
            return ()
        scene = Scene(
            cloud=self.cloud,
            people=self.people,
            delivery=self.delivery,
            models=self.models,
            inputs={one.model.name: one.inputs for one in trained},
            step=self._steps.step,
        )
        return (self._play(scene),)

    def calls(self) -> dict[str, dict[str, int]]:
        """How often each principal was allowed each action."""
        counted: dict[str, Counter[str]] = {}
        for decision in read_call_log(self.cloud.options.call_log):
            if decision.allowed:
                counted.setdefault(denials.principal_of(decision), Counter())[decision.action] += 1
        return {principal: dict(sorted(counted[principal].items())) for principal in sorted(counted)}

    def _refuse_surprises(self, refused: list[DeniedCall]) -> None:
        """Fails the rehearsal for a refusal that nobody expected and for a call that the emulator does not know."""
        denials.refuse_unexpected(read_call_log(self.cloud.options.call_log), expected=refused)
        unsupported = self.cloud.options.unsupported_calls
        if unsupported.exists():
            first = json.loads(unsupported.read_text(encoding="utf-8").splitlines()[0])
            raise PlumblineError(f"the rehearsal's SageMaker lacks something: {first['message']}", exit_code=1)

    def failed(self, error: Exception) -> PlumblineError:
        """Ends the cloud, sees to it that its logs stay, and says what happened and where they are."""
        if self._cloud is None:
            return sentence(error, said="")
        self._cloud.end()
        state = self._cloud.options.state
        told = sentence(error, said=self._cloud.log_tail())
        mark_failed(state)
        if not isinstance(error, PlumblineError):
            with contextlib.suppress(OSError):
                (state / "failure.log").write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        return PlumblineError(f"{told}\n(logs: {state})", exit_code=told.exit_code)

    def clear(self) -> None:
        """Ends the cloud and removes its folder."""
        if self._cloud is not None:
            self._cloud.clear()

    @contextlib.contextmanager
    def _starting(self) -> Iterator[Cloud]:
        with contextlib.ExitStack() as ending:
            with self._steps.step("Start the cloud") as step:
                sweep(self.root)
                with held_back():
                    cloud = ending.enter_context(Cloud.launch(platform=self.platform, root=self.root))
                    self._cloud, self.state = cloud, cloud.options.state
                cloud.wait()
                step.outcome = f"{len(self.platform.account_ids)} accounts at {cloud.options.endpoint}"
            yield cloud

    def _stacks_of(self, path: str, *, model: Model | None = None) -> list[SynthesizedStack]:
        return [
            stack
            for stack in self.stacks
            if stack.path.startswith(path) and (model is None or stack.path.endswith(f"-{model.slug}"))
        ]


def _refuse_model_monitor(platform: Platform) -> None:
    """Says before anything starts that nobody emulates Model Monitor."""
    if platform.monitoring.backend is Backend.MANAGED:
        raise PlumblineError(
            'platform.toml: monitoring.backend is managed; accepted in a rehearsal: "portable", for the emulated cloud '
            "has no SageMaker Model Monitor."
        )


def _refuse_stale(model: Model) -> None:
    """Refuses a model whose definition names other code than the model's: its roles would let no job read the code."""
    name = f"{model.folder.parent.name}/{model.folder.name}/{model.definition_path.name}"
    try:
        definition = model.definition_path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PlumblineError(f"{name}: missing; run `./plumb render` and commit what it writes.") from None
    if code_digest(model) not in definition:
        raise PlumblineError(f"{name}: stale; run `./plumb render` and commit what it writes.")


@contextlib.contextmanager
def _tool(root: Path, state: Path) -> Iterator[CdkTool]:
    tool = CdkTool(root=root, state=state)
    try:
        yield tool
    finally:
        tool.end_all()


@contextlib.contextmanager
def _background() -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    """One thread beside; when its block fails, what has not begun is dropped."""
    pool = concurrent.futures.ThreadPoolExecutor(1)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)

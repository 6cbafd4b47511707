"""The rehearsal from an empty machine to answers in production, in the order in which a person would do it on AWS."""

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import importlib
import json
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from plumbline.configuration import (
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
    release,
    training_run,
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
from plumbline.rehearsal.predictions import Offline
from plumbline.rehearsal.progress import Progress, Steps
from plumbline.rehearsal.releasing import Releasing
from plumbline.rehearsal.session import Session
from plumbline.rehearsal.source import refuse_without_git
from plumbline.rehearsal.state import mark_failed, remove_failed
from plumbline.rehearsal.summary import DeniedCall, Drill, ModelSummary, Summary, denied
from plumbline.rehearsal.training_run import Inputs

REASON = "rehearsal"
_DELIVERED = ("delivery/", "dev/", "staging/", "production/", "delivered-", "releases/")


def rehearse(root: Path, *, progress: Progress, keep: bool = False, drill: str = "") -> Summary:
    """Rehearses the platform of a checkout and writes ``rehearsal.json`` into it.

    Args:
        root: The checkout.
        progress: Is told of every step.
        keep: Leaves the cloud up; ``stop`` ends it.
        drill: The drill that is played after all the rest; empty for none.

    Returns:
        What the rehearsal showed. When it returns, every step succeeded and every refusal was an expected one.

    Raises:
        PlumblineError: There is no such drill, or something failed. The failed rehearsal's folder stays, with its
            logs, until one succeeds.
        KeyboardInterrupt: The rehearsal was interrupted, by Ctrl-C, SIGTERM or SIGHUP; nothing of it is left.
    """
    with as_keyboard_interrupt():
        journey = Journey(root=root.resolve(), progress=progress, drill=drill)
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


@dataclasses.dataclass(kw_only=True)
class TrainedModel:
    """A model that has been trained and registered in staging.

    Attributes:
        model: The model.
        commit: What the run records.
        inputs: What the run was started with.
        run: The run.
        package: The registered version, as the registry describes it.
        metrics: The evaluation report.
        offline: What the artifact predicts without an endpoint.
        artifact_digest: SHA-256 of the artifact.
    """

    model: Model
    commit: str
    inputs: Inputs
    run: training_run.Run
    package: dict[str, object]
    metrics: dict[str, object]
    offline: Offline
    artifact_digest: str


class Journey:
    """One rehearsal under way; its steps are methods, so that tests can take some of them.

    Args:
        root: The checkout.
        progress: Is told of every step.
        drill: The drill that is played after all the rest; empty for none.

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

    def __init__(self, *, root: Path, progress: Progress, drill: str = "") -> None:
        refuse_without_git()
        self._play = drills.find(drill) if drill else None
        self.root = root
        self.platform: Platform = load_platform(root)
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
            trained = [self.train(model, stand_in=stand_in) for model in self.models]
            for one in trained:
                way, met = self.promote(one)
                ways.append(way)
                refused += met
            self.alert()
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

    def train(self, model: Model, *, stand_in: images.StandIn) -> TrainedModel:
        """Trains a model in staging, up to its registered version.

        Raises:
            PlumblineError: The run fails, with the failed step's last words, or registers nothing.
        """
        delivering = self.delivery.model_session(model)
        looking = self.people.take(Person.DATA_SCIENTIST, self.staging)
        with self._steps.step(f"Bring data of {model.name} to staging") as step:
            inputs = self.upload(model, caller=delivering)
            step.outcome = f"dataset {inputs.dataset_id}, code {inputs.code_digest}"
        with self._steps.step(f"Train {model.name} in staging") as step:
            run = training_run.register(
                deployment=self.staging,
                model=model,
                inputs=inputs,
                commit=self.delivery.repository.commit,
                reason=REASON,
                caller=delivering,
                tell=step.detail,
            )
            package = looking.client("sagemaker").describe_model_package(ModelPackageName=run.model_package_arn)
            metrics = training_run.evaluation(run=run, deployment=self.staging, model=model, caller=looking)
            step.outcome = f"version {package['ModelPackageVersion']}, {package['ModelApprovalStatus']}"
        artifact = self._artifact(package)
        offline = predictions.predict_offline(
            stand_in=stand_in,
            artifact=artifact,
            prepared=self._prepared_test_set(model, inputs),
            folder=self.cloud.options.state / "offline" / model.name,
        )
        return TrainedModel(
            model=model,
            commit=self.delivery.repository.commit,
            inputs=inputs,
            run=run,
            package=package,
            metrics=dict(metrics),
            offline=offline,
            artifact_digest=hashlib.sha256(artifact).hexdigest(),
        )

    def upload(self, model: Model, *, caller: Session) -> Inputs:
        """Brings a model's dataset to staging, where delivery has brought its code."""
        data = importlib.import_module(f"pipeline_definitions.{model.name}.data")
        return training_run.upload_dataset(
            deployment=self.staging,
            model=model,
            caller=caller,
            make_dataset=lambda folder: str(data.dataset(folder=folder).identifier),
        )

    def promote(self, trained: TrainedModel) -> tuple[ModelSummary, tuple[DeniedCall, ...]]:
        """Approves a version and takes it to staging and production."""
        cloud, model = self.cloud, trained.model
        arn = trained.run.model_package_arn
        with self._steps.step(f"Approve {model.name}") as step:
            releases = Releasing(cloud=cloud, people=self.people, model=model)
            execution = releases.approve(arn, because=REASON)
            step.outcome = arn.rsplit("/", 2)[-2] + " " + arn.rsplit("/", 1)[-1]
        with self._steps.step(f"Release {model.name} to staging and production") as step:
            run = releases.follow(execution, because=REASON, tell=step.detail)
            accounts.verify_templates(cloud=cloud, stacks=self._stacks_of("release-", model=model))
            served = {d.environment.value: releases.served(d) for d in self.platform.deployments() if d.serves}
            step.outcome = f"{run.pipeline} {run.status}, both endpoints InService"
        if len({(one.artifact_digest, one.image_digest) for one in served.values()}) != 1:
            raise PlumblineError(f"staging and production serve different versions: {served}", exit_code=1)
        production = self.platform.deployment(Environment.PRODUCTION)
        with self._steps.step(f"Ask production's endpoint of {model.name}") as step:
            agreement = predictions.compare(
                deployment=production,
                model=model,
                caller=cloud.administrator(production.account),
                offline=trained.offline,
                tell=step.detail,
            )
            step.outcome = f"{agreement.rows:,} answers equal to the artifact's, to {agreement.largest_difference:.0e}"
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
        )
        return way, refused

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

    def _artifact(self, package: dict[str, object]) -> bytes:
        return release.read_artifact(package, caller=self.people.take(Person.DATA_SCIENTIST, self.staging))

    def _prepared_test_set(self, model: Model, inputs: Inputs) -> bytes:
        client = self.people.take(Person.DATA_SCIENTIST, self.staging).client("s3")
        prefix = f"{model.name}/prepared/{inputs.code_digest}/{inputs.dataset_id}/"
        listed = client.list_objects_v2(Bucket=self.staging.data_bucket, Prefix=prefix).get("Contents", [])
        keys = [found["Key"] for found in listed if "/test/" in found["Key"] and found["Key"].endswith(".parquet")]
        if not keys:
            raise PlumblineError(f"the run prepared no test set below {prefix}", exit_code=1)
        body: bytes = client.get_object(Bucket=self.staging.data_bucket, Key=keys[0])["Body"].read()
        return body


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

"""The smoke test: what a data scientist would do first with a model in dev, at a bounded price."""

import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import botocore.exceptions

from plumbline.accounts.access import Clients
from plumbline.accounts.refusals import code_of, sentence
from plumbline.configuration import Deployment, Environment, Model, Platform, code_digest
from plumbline.errors import PlumblineError
from plumbline.rehearsal import training
from plumbline.rehearsal.progress import Progress, Steps
from plumbline.rehearsal.training import TrainedModel
from plumbline.smoke.bound import Job, bound, jobs_of
from plumbline.smoke.prices import Prices
from plumbline.writing import write_whole

FILE = "smoke.json"
REASON = "smoke test"
_POLL_SECONDS = 10.0
# A job waits for its machines, for spot ones longer.
_STARTING_SECONDS = 1_800


@dataclasses.dataclass(frozen=True, kw_only=True)
class Smoked:
    """What a smoke test showed.

    Attributes:
        id: The run's id.
        accounts: The account of dev.
        region: The region.
        models: The one model's way to its registered version, each part as ``rehearsal.json`` has it.
        cost: The bound and the budget, in US dollars.
        steps: Seconds of each step.
        seconds: Seconds of all of it.
    """

    id: str
    accounts: Mapping[str, str]
    region: str
    models: tuple[Mapping[str, object], ...]
    cost: Mapping[str, str]
    steps: Mapping[str, float]
    seconds: float

    def write(self, folder: Path) -> Path:
        """Writes ``smoke.json``, whole or not at all."""
        return write_whole(folder / FILE, f"{json.dumps(dataclasses.asdict(self), indent=2)}\n", by=self.id)


class Smoke:
    """One smoke test.

    Args:
        platform: The configuration.
        model: The model.
        commit: What the version records.
        access: The access of a data scientist of dev.
        prices: The price list.
        budget: The most that it may cost, in US dollars.
        progress: Is told of every step.
    """

    def __init__(
        self,
        *,
        platform: Platform,
        model: Model,
        commit: str,
        access: Clients,
        prices: Prices,
        budget: Decimal,
        progress: Progress,
    ) -> None:
        self._platform, self._model, self._commit = platform, model, commit
        self._access, self._prices, self._budget = access, prices, budget
        self._steps = Steps(progress)
        self._dev: Deployment = platform.deployment(Environment.DEV)

    def go(self) -> Smoked:
        """Goes all the way to a registered version.

        Raises:
            PlumblineError: It would cost more than the budget, dev has other code than this checkout, or something
                fails.
        """
        began = time.monotonic()
        try:
            self._refuse_other_code()
            jobs = self._jobs()
            cost = self._afford(jobs)
            trained = training.train(
                self._model,
                deployment=self._dev,
                delivering=self._access,
                looking=self._access,
                commit=self._commit,
                reason=REASON,
                steps=self._steps,
                limit_seconds=sum((job.seconds + _STARTING_SECONDS) * job.runs for job in jobs),
                poll_seconds=_POLL_SECONDS,
            )
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
            raise PlumblineError(f"smoke: {sentence(error, region=self._platform.region)}", exit_code=1) from error
        return Smoked(
            id=trained.run.execution_id,
            accounts={self._dev.environment.value: self._dev.account},
            region=self._platform.region,
            models=(_told(trained),),
            cost=cost,
            steps=self._steps.seconds,
            seconds=round(time.monotonic() - began, 2),
        )

    def _jobs(self) -> list[Job]:
        """The jobs of the pipeline that dev has, whatever this checkout would make of it."""
        name = self._dev.pipeline_name(self._model)
        return jobs_of(self._access.client("sagemaker").describe_pipeline(PipelineName=name)["PipelineDefinition"])

    def _afford(self, jobs: Sequence[Job]) -> dict[str, str]:
        with self._steps.step(f"Ask what a run of {self._model.name} can cost at most") as step:
            most = bound(jobs, self._prices)
            step.outcome = f"{most:.2f} USD, of a budget of {self._budget:.2f} USD"
            if most > self._budget:
                raise PlumblineError(
                    f"smoke: a run of {self._model.name} can cost {most:.2f} USD, its jobs at their limits "
                    "and tried anew as often as its definition says; accepted: that budget or more, or lower limits.",
                    exit_code=1,
                )
        return {"bound": f"{most:.2f}", "budget": f"{self._budget:.2f}"}

    def _refuse_other_code(self) -> None:
        dev, digest = self._dev, code_digest(self._model)
        with self._steps.step("Look whether dev has this checkout's code") as step:
            key = f"{self._model.name}/code/{digest}/sourcedir.tar.gz"
            try:
                self._access.client("s3").head_object(Bucket=dev.models_bucket, Key=key)
            except botocore.exceptions.ClientError as error:
                # HeadObject answers without a body, so by the status alone.
                if code_of(error) != "404":
                    raise
                raise PlumblineError(
                    f"smoke: {dev.part} has not the code {digest} of {self._model.name}; accepted: the checkout of a "
                    "commit that was delivered to it.",
                    exit_code=1,
                ) from error
            step.outcome = f"code {digest}"


def _told(trained: TrainedModel) -> dict[str, object]:
    return {
        "model": trained.model.name,
        "commit": trained.commit,
        "dataset_id": trained.inputs.dataset_id,
        "code_digest": trained.inputs.code_digest,
        "run": dataclasses.asdict(trained.run),
        "metrics": trained.metrics,
        "model_package_arn": trained.run.model_package_arn,
    }

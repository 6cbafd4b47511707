"""The smoke test: what a person would do first with a model in staging, at a bounded price; production is let be."""

import dataclasses
import json
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import botocore.exceptions

from plumbline.accounts.access import Clients
from plumbline.accounts.refusals import code_of, sentence
from plumbline.configuration import Deployment, Environment, Model, Platform, code_digest, runtime_tag
from plumbline.errors import PlumblineError
from plumbline.rehearsal import images, predictions, release, training
from plumbline.rehearsal.progress import Progress, Steps
from plumbline.rehearsal.releasing import Releasing
from plumbline.rehearsal.training import TrainedModel
from plumbline.smoke.bound import ENDPOINT_HOURS, bound, endpoint_hourly
from plumbline.smoke.prices import Prices

FILE = "smoke.json"
REASON = "smoke test"
_NOT_THERE = frozenset({"404", "NoSuchKey", "NotFound", "ParameterNotFound", "NoSuchBucket"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Smoked:
    """What a smoke test showed.

    Attributes:
        id: The run's id.
        accounts: The account of staging.
        region: The region.
        models: The one model's way, each part as ``rehearsal.json`` has it.
        cost: The bound and the budget, and what an hour of the endpoint goes on costing, in US dollars.
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
        path = folder / FILE
        partial = path.with_name(f".{FILE}.partial")
        partial.write_text(f"{json.dumps(dataclasses.asdict(self), indent=2)}\n", encoding="utf-8")
        return partial.replace(path)


class Smoke:
    """One smoke test.

    Args:
        root: The checkout.
        platform: The configuration.
        model: The model.
        access: The access of staging's administrator.
        prices: The price list.
        budget: The most that it may cost, in US dollars.
        folder: Where the files in between go.
        progress: Is told of every step.
    """

    def __init__(
        self,
        *,
        root: Path,
        platform: Platform,
        model: Model,
        access: Clients,
        prices: Prices,
        budget: Decimal,
        folder: Path,
        progress: Progress,
    ) -> None:
        self._root, self._platform, self._model = root, platform, model
        self._access, self._prices, self._budget = access, prices, budget
        self._folder = folder
        self._steps = Steps(progress)
        self._staging: Deployment = platform.deployment(Environment.STAGING)

    def go(self) -> Smoked:
        """Goes all the way to the release's approval, which it rejects.

        Raises:
            PlumblineError: It would cost more than the budget, staging has other code than this checkout, or something
                fails.
        """
        began = time.monotonic()
        try:
            cost = self._afford()
            trained = self._train(self._delivered())
            way = self._told(trained) | (self._release(trained) if self._releases_here else {})
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
            raise PlumblineError(f"smoke: {sentence(error, region=self._platform.region)}", exit_code=1) from error
        return Smoked(
            id=trained.run.execution_id,
            accounts={self._staging.environment.value: self._staging.account},
            region=self._platform.region,
            models=(way,),
            cost=cost,
            steps=self._steps.seconds,
            seconds=round(time.monotonic() - began, 2),
        )

    @property
    def _releases_here(self) -> bool:
        """Whether staging's administrator is the one of the releases, too."""
        return self._platform.delivery_account == self._staging.account

    def _afford(self) -> dict[str, str]:
        with self._steps.step(f"Ask what {self._model.name} can cost at most") as step:
            most, hourly = bound(self._model, self._prices), endpoint_hourly(self._model, self._prices)
            step.outcome = f"{most:.2f} USD, of a budget of {self._budget:.2f} USD"
            if most > self._budget:
                raise PlumblineError(
                    f"smoke: {self._model.name} can cost {most:.2f} USD, its jobs at the limits of model.toml and "
                    f"{ENDPOINT_HOURS} h of its endpoint; accepted: a budget of that or more, or lower limits.",
                    exit_code=1,
                )
        return {"bound": f"{most:.2f}", "budget": f"{self._budget:.2f}", "endpoint_hourly": f"{hourly:.4f}"}

    def _delivered(self) -> str:
        """The commit that staging has, when it has this checkout's code of the model."""
        staging, digest = self._staging, code_digest(self._model)
        with self._steps.step("Look at what staging has") as step:
            try:
                name = staging.commit_parameter
                commit = str(self._access.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
                key = f"{self._model.name}/code/{digest}/sourcedir.tar.gz"
                self._access.client("s3").head_object(Bucket=staging.models_bucket, Key=key)
            except botocore.exceptions.ClientError as error:
                if code_of(error) not in _NOT_THERE:
                    raise
                raise PlumblineError(
                    f"smoke: {staging.part} has not the code {digest} of {self._model.name}; accepted: the checkout of "
                    "a commit that was delivered to it.",
                    exit_code=1,
                ) from error
            step.outcome = f"commit {commit[:8]}, code {digest}"
        return commit

    def _train(self, commit: str) -> TrainedModel:
        with self._steps.step("Make the runtime on this machine, for comparison") as step:
            tag = runtime_tag(self._root)
            stand_in = images.build_stand_in(root=self._root, tag=tag)
            step.outcome = tag
        return training.train(
            self._model,
            deployment=self._staging,
            delivering=self._access,
            looking=self._access,
            commit=commit,
            reason=REASON,
            stand_in=stand_in,
            folder=self._folder,
            steps=self._steps,
        )

    def _release(self, trained: TrainedModel) -> dict[str, object]:
        """Releases to staging, asks its endpoint, and has the release rejected before production."""
        model, access = self._model, self._access
        releases = Releasing(self._platform.release(model), approving=access, answering=access, looking=access)
        with self._steps.step(f"Approve {model.name}") as step:
            execution = releases.approve(trained.run.model_package_arn, because=REASON)
            step.outcome = execution
        with self._steps.step(f"Release {model.name} to staging, and reject it before production") as step:
            run = releases.follow(execution, because=REASON, tell=step.detail, approved=False)
            step.outcome = f"{run.pipeline} as wanted"
        with self._steps.step(f"Ask staging's endpoint of {model.name}") as step:
            served = release.describe(deployment=self._staging, model=model, caller=access, reader=access)
            agreement = predictions.compare(
                deployment=self._staging, model=model, caller=access, offline=trained.offline, tell=step.detail
            )
            step.outcome = f"{agreement.rows:,} answers equal to the artifact's"
        return {
            "release": dataclasses.asdict(run),
            "served": {self._staging.environment.value: dataclasses.asdict(served)},
            "agreement": dataclasses.asdict(agreement),
        }

    def _told(self, trained: TrainedModel) -> dict[str, object]:
        return {
            "model": self._model.name,
            "commit": trained.commit,
            "dataset_id": trained.inputs.dataset_id,
            "code_digest": trained.inputs.code_digest,
            "run": dataclasses.asdict(trained.run),
            "metrics": trained.metrics,
            "model_package_arn": trained.run.model_package_arn,
        }

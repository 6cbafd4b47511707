"""`model.toml`: what one model needs to be trained, judged and served."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plumbline.configuration.deployment import LABELLED, Environment
from plumbline.configuration.monitoring import Monitoring
from plumbline.configuration.reading import Settings, read_settings, refusal
from plumbline.configuration.retraining import Retraining
from plumbline.errors import PlumblineError

InstanceType = Annotated[
    str,
    Field(
        pattern=r"^ml\.[a-z][a-z0-9-]*\.(nano|micro|small|medium|large|xlarge|[0-9]+xlarge|metal)$",
        description="a SageMaker instance type such as ml.m5.xlarge",
    ),
]
# API_ResourceConfig, API_ProcessingClusterConfig: VolumeSizeInGB 1 to 16384.
VolumeGb = Annotated[int, Field(ge=1, le=16384, description="a whole number of gigabytes from 1 to 16384")]
InstanceCount = Annotated[int, Field(ge=1, le=100, description="a whole number from 1 to 100")]

# Families whose instances come with NVMe storage: they encrypt it with a key of their own and refuse a volume key
# (API_ResourceConfig, VolumeKmsKeyId: "certain Nitro-based instances include local storage").
_LOCAL_NVME = re.compile(
    r"^ml\.([a-z]+\d+[a-z]*d[a-z]*|g4dn|g5|g6|g6e|p4de|p5|p5e|p5en|p6-b200|trn1|trn1n|trn2|inf2|i3|i3en)\."
)


class Compute(Settings):
    """The machines of one job.

    `local_nvme` says that the team knows that the instance type keeps its data on local NVMe disks, encrypted with a
    key of the hardware's and not with the platform's.
    """

    instance_type: InstanceType
    instance_count: InstanceCount = 1
    volume_gb: VolumeGb = 30
    local_nvme: bool = Field(default=False, description="true or false")

    @model_validator(mode="after")
    def _volume_key_possible(self) -> Self:
        has_nvme = _LOCAL_NVME.match(self.instance_type) is not None
        if has_nvme != self.local_nvme:
            accepted = (
                "an instance type without local NVMe disks, which take no key of yours, or local_nvme = true beside it"
                if has_nvme
                else "false: this instance type has no local NVMe disks"
            )
            field, value = ("instance_type", self.instance_type) if has_nvme else ("local_nvme", "true")
            raise refusal(field=field, value=value, accepted=accepted)
        return self


class ProcessingCompute(Compute):
    """The machines of a processing job."""

    # API_ProcessingStoppingCondition: 1 to 777600 seconds.
    max_runtime_seconds: int = Field(default=3600, ge=1, le=777_600, description="seconds, from 1 to 777600 (9 days)")


class TrainingCompute(Compute):
    """The machines of the training job."""

    # Service quota "longest run time for a training job": 28 days.
    max_runtime_seconds: int = Field(
        default=3600, ge=1, le=2_419_200, description="seconds, from 1 to 2419200 (28 days)"
    )
    max_wait_seconds: int | None = Field(default=None, ge=1, description="seconds, max_runtime_seconds or more")
    spot: bool = Field(default=True, description="true or false")
    checkpoints: bool = Field(default=True, description="true or false")
    input_mode: Literal["File", "FastFile", "Pipe"] = Field(default="File", description='"File", "FastFile" or "Pipe"')

    @model_validator(mode="after")
    def _spot(self) -> Self:
        if not self.spot:
            if self.max_wait_seconds is not None:
                raise refusal(
                    field="max_wait_seconds", value=self.max_wait_seconds, accepted="nothing unless spot = true"
                )
            return self
        if not self.checkpoints:
            raise refusal(
                field="checkpoints",
                value="false with spot = true",
                accepted="true (an interrupted job starts over without checkpoints), or spot = false",
            )
        if self.max_wait_seconds is None:
            raise refusal(
                field="max_wait_seconds", value="missing with spot = true", accepted="max_runtime_seconds or more"
            )
        if self.max_wait_seconds < self.max_runtime_seconds:
            raise refusal(
                field="max_wait_seconds",
                value=self.max_wait_seconds,
                accepted=f"max_runtime_seconds ({self.max_runtime_seconds}) or more: it covers waiting and running",
            )
        return self


class Jobs(Settings):
    """The compute of the jobs of a training run."""

    prepare: ProcessingCompute = Field(description="a table with instance_type and more")
    train: TrainingCompute = Field(description="a table with instance_type and more")
    evaluate: ProcessingCompute = Field(description="a table with instance_type and more")
    monitor: ProcessingCompute = Field(
        default=ProcessingCompute(instance_type="ml.m5.large", max_runtime_seconds=1800),
        description="a table with instance_type and more",
    )


class Gate(Settings):
    """When a model is good enough to be registered.

    A challenger passes when the lower bounds of its gains over every reference model, on the newest rows that were held
    out, exceed `minimum_gain`, and those over the champion on the old ones are not further below zero than `margin`.
    """

    confidence: float = Field(default=0.95, ge=0.5, le=0.999, description="a number from 0.5 to 0.999")
    resamples: int = Field(default=1000, ge=200, le=100_000, description="a whole number from 200 to 100000")
    minimum_gain: float = Field(default=0.0, ge=0.0, le=1.0, description="a number from 0.0 to 1.0")
    margin: float = Field(default=0.02, ge=0.0, le=1.0, description="a number from 0.0 to 1.0")


class Approval(Settings):
    """Who says that a registered model may be released."""

    mode: Literal["manual", "automatic"] = Field(default="manual", description='"manual" or "automatic"')

    @property
    def status(self) -> str:
        """The approval status with which a version is registered."""
        return "Approved" if self.mode == "automatic" else "PendingManualApproval"


class Hosting(Settings):
    """How many instances answer in one environment."""

    instance_count: InstanceCount


class Serving(Settings):
    """The endpoint."""

    instance_type: InstanceType
    capture_percent: int = Field(default=100, ge=1, le=100, description="a whole number from 1 to 100")
    staging: Hosting = Field(default=Hosting(instance_count=2), description="a table with instance_count")
    production: Hosting = Field(default=Hosting(instance_count=2), description="a table with instance_count")

    @model_validator(mode="after")
    def _survives_a_zone(self) -> Self:
        if _LOCAL_NVME.match(self.instance_type):
            raise refusal(
                field="instance_type",
                value=self.instance_type,
                accepted="an instance type without local NVMe disks: CreateEndpointConfig refuses a volume key for it",
            )
        if self.production.instance_count < 2:
            raise refusal(
                field="production.instance_count",
                value=self.production.instance_count,
                accepted="2 or more, so that the endpoint outlives one availability zone",
            )
        return self

    def instance_count(self, environment: Environment) -> int:
        """Number of instances of the endpoint in an environment that serves."""
        return self.production.instance_count if environment is Environment.PRODUCTION else self.staging.instance_count


class Model(Settings):
    """The whole of a `model.toml`, and the folder it lies in.

    Attributes:
        folder: Absolute path of the model's folder; the modules of the model and its rendered definition lie there.
    """

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{1,23}$",
        description="2 to 24 lower-case letters, digits and underscores, a letter first, the same as its folder",
    )
    description: str = Field(min_length=1, max_length=1024, description="1 to 1024 characters")
    owner: str = Field(min_length=1, max_length=256, description="a team or an address, 1 to 256 characters")
    compute: Jobs = Field(description="tables prepare, train and evaluate")
    gate: Gate = Field(default_factory=Gate, description="a table with confidence, resamples, minimum_gain and margin")
    approval: Approval = Field(default_factory=Approval, description="a table with mode")
    serving: Serving = Field(description="a table with instance_type and more")
    monitoring: Monitoring | None = Field(default=None, description="a table with every, answers and more")
    retraining: Retraining = Field(default_factory=Retraining, description="a table with signals and more")
    folder: Path

    @property
    def slug(self) -> str:
        """The name with hyphens, as AWS resource names want it."""
        return self.name.replace("_", "-")

    @property
    def definition_path(self) -> Path:
        """Where the rendered pipeline definition lies."""
        return self.folder / "definition.json"

    @model_validator(mode="after")
    def _named_for_its_folder(self) -> Self:
        if self.name != self.folder.name:
            raise refusal(field="name", value=self.name, accepted=f"{self.folder.name}, the name of its folder")
        if self.name == LABELLED:
            raise refusal(
                field="name", value=self.name, accepted="another name: data of every model lies below this one"
            )
        if self.name.endswith("_") or "__" in self.name:
            raise refusal(field="name", value=self.name, accepted="single underscores between letters or digits")
        return self

    @model_validator(mode="after")
    def _monitor_ends_before_the_next_begins(self) -> Self:
        if self.monitoring is None:
            return self
        limit = int(self.monitoring.every.shortest.total_seconds())
        if self.compute.monitor.max_runtime_seconds > limit:
            raise refusal(
                field="compute.monitor.max_runtime_seconds",
                value=self.compute.monitor.max_runtime_seconds,
                accepted=f'{limit} or less: the next window ends then (monitoring.every = "{self.monitoring.every}")',
            )
        return self


def load_model(folder: Path) -> Model:
    """Reads `model.toml` of the model in `folder`.

    Raises:
        PlumblineError: The file is missing or breaks a rule.
    """
    return read_settings(folder / "model.toml", Model, extra={"folder": folder.resolve()})


def load_models(root: Path) -> tuple[Model, ...]:
    """Reads every model below `pipeline_definitions/` of the project at `root`, by name.

    Raises:
        PlumblineError: There is no model, or one of them breaks a rule.
    """
    folders = sorted(path.parent for path in (root / "pipeline_definitions").glob("*/model.toml"))
    if not folders:
        raise PlumblineError(
            "pipeline_definitions: there is no model; accepted: a folder with a model.toml for each model."
        )
    return tuple(load_model(folder) for folder in folders)


def named_model(models: Sequence[Model], name: str) -> Model:
    """The model of a name.

    Raises:
        PlumblineError: There is none.
    """
    for model in models:
        if model.name == name:
            return model
    raise PlumblineError(f"there is no model {name}; accepted: {', '.join(model.name for model in models)}.")

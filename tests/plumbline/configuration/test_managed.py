"""What Model Monitor does not do is refused in a sentence, and AWS's images are those that the SDK knows."""

import json
from collections.abc import Callable
from importlib.resources import files

import pytest

from plumbline.configuration import (
    Backend,
    Every,
    Model,
    Monitor,
    bootstrap_parameters,
    image_uri,
    load_platform,
    refuse_unmanageable,
)
from plumbline.configuration import managed as table
from plumbline.errors import PlumblineError
from plumbline.rehearsal.journey import _refuse_model_monitor
from tests.house.assembly import configured, models_of
from tests.house.layouts import MODEL_MONITOR
from tests.reference.configuration import REFERENCE

MODEL = models_of(configured(MODEL_MONITOR))[0]


def changed(*, monitor: dict[str, object] | None = None, **monitoring: object) -> Model:
    compute = MODEL.compute.model_copy(update={"monitor": MODEL.compute.monitor.model_copy(update=monitor or {})})
    assert MODEL.monitoring is not None
    return MODEL.model_copy(update={"compute": compute, "monitoring": MODEL.monitoring.model_copy(update=monitoring)})


def judged(model: Model) -> None:
    assert model.monitoring is not None
    refuse_unmanageable(model, model.monitoring)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (changed(every=Every.WEEK), 'monitoring.every is week; .*"hour" or "day"'),
        (changed(every=Every.MONTH), 'monitoring.every is month; .*"hour" or "day"'),
        (changed(line=0.2), "monitoring.line is 0.2; .*0.10"),
        (
            changed(monitor={"instance_type": "ml.m5d.large", "local_nvme": True}),
            "compute.monitor.instance_type is ml.m5d.large; ",
        ),
        (
            changed(every=Every.HOUR, monitor={"max_runtime_seconds": 1801}),
            "compute.monitor.max_runtime_seconds is 1801; .*1800 or less: its jobs for model-quality",
        ),
        (
            changed(every=Every.HOUR, monitor={"max_runtime_seconds": 2401}, model_quality=None, bias=None),
            "compute.monitor.max_runtime_seconds is 2401; .*2400 or less: its jobs for data-quality",
        ),
        (
            changed(monitor={"max_runtime_seconds": 86_400}),
            "compute.monitor.max_runtime_seconds is 86400; .*85200 or less",
        ),
    ],
    ids=["week", "month", "line", "local disks", "an hour with labels", "an hour", "a day"],
)
def test_what_model_monitor_does_not_do_is_refused(model: Model, sentence: str) -> None:
    with pytest.raises(PlumblineError, match=f"^flight_delays/model.toml: {sentence}"):
        judged(model)


@pytest.mark.parametrize(
    "model",
    [
        MODEL,
        changed(every=Every.HOUR, monitor={"max_runtime_seconds": 1800}),
        changed(every=Every.HOUR, monitor={"max_runtime_seconds": 2400}, model_quality=None, bias=None),
        changed(monitor={"max_runtime_seconds": 85_200}),
    ],
    ids=["by the day", "an hour with labels", "an hour", "a day"],
)
def test_what_it_does_is_taken(model: Model) -> None:
    judged(model)


@pytest.mark.parametrize(
    ("file", "known", "registries"),
    [
        ("model-monitor.json", table._ANALYZER, lambda said: said["versions"][""]["registries"]),
        ("clarify.json", table._CLARIFY, lambda said: said["processing"]["versions"]["1.0"]["registries"]),
    ],
    ids=["model monitor", "clarify"],
)
def test_the_accounts_of_images_are_those_of_the_sdk(
    file: str, known: dict[str, str], registries: Callable[[dict[str, object]], dict[str, str]]
) -> None:
    said = json.loads((files("sagemaker.core") / "image_uri_config" / file).read_text())
    isolated = {region: account for region, account in registries(said).items() if not region.startswith("us-iso")}
    assert known == isolated


def test_an_image_is_named_as_the_sdk_names_it() -> None:
    platform = load_platform(REFERENCE)
    assert image_uri(platform, Monitor.DATA_QUALITY) == (
        "468650794304.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-model-monitor-analyzer"
    )
    assert image_uri(platform, Monitor.BIAS) == (
        "131013547314.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-clarify-processing:1.0"
    )


def test_a_region_without_an_image_is_refused() -> None:
    platform = load_platform(REFERENCE).model_copy(update={"region": "me-central-1"})
    assert image_uri(platform, Monitor.MODEL_QUALITY).startswith("588750061953.")
    with pytest.raises(PlumblineError, match="AWS has no image for bias in me-central-1"):
        image_uri(platform, Monitor.BIAS)


def test_the_boundary_is_told_of_awss_accounts_with_model_monitor_alone() -> None:
    portable, managed = load_platform(REFERENCE), configured(MODEL_MONITOR)
    assert (portable.monitoring.backend, managed.monitoring.backend) == (Backend.PORTABLE, Backend.MANAGED)
    ours = ",".join(portable.account_ids)
    assert bootstrap_parameters(portable)["ImageAccounts"] == ours
    assert bootstrap_parameters(managed)["ImageAccounts"] == f"{ours},468650794304,131013547314"
    assert bootstrap_parameters(managed)["Accounts"] == ours


def test_a_rehearsal_with_model_monitor_is_refused() -> None:
    with pytest.raises(PlumblineError, match="the emulated cloud has no SageMaker Model Monitor"):
        _refuse_model_monitor(configured(MODEL_MONITOR))
    _refuse_model_monitor(load_platform(REFERENCE))

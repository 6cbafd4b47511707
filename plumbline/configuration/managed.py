"""`[monitoring]` of `platform.toml`: what runs the monitors; and what Model Monitor, which may be chosen, can do.

SageMaker Model Monitor and Clarify take no new customers. Their images are in accounts of AWS's, one a region.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import Field

from plumbline.configuration.monitoring import Every, Monitor, Monitoring
from plumbline.configuration.reading import Settings
from plumbline.errors import PlumblineError

if TYPE_CHECKING:
    from plumbline.configuration.model import Model
    from plumbline.configuration.platform import Platform


class Backend(StrEnum):
    """What runs the monitors."""

    PORTABLE = "portable"
    MANAGED = "managed"


class Watching(Settings):
    """What runs the monitors: the platform's own jobs, or SageMaker Model Monitor."""

    backend: Backend = Field(
        default=Backend.PORTABLE,
        description='"portable", or "managed" in accounts that still have SageMaker Model Monitor',
        strict=False,
    )


# SageMaker Python SDK 3, `image_uri_config/model-monitor.json`; a test compares.
_ANALYZER = {
    "af-south-1": "875698925577",
    "ap-east-1": "001633400207",
    "ap-northeast-1": "574779866223",
    "ap-northeast-2": "709848358524",
    "ap-northeast-3": "990339680094",
    "ap-south-1": "126357580389",
    "ap-southeast-1": "245545462676",
    "ap-southeast-2": "563025443158",
    "ap-southeast-3": "669540362728",
    "ca-central-1": "536280801234",
    "cn-north-1": "453000072557",
    "cn-northwest-1": "453252182341",
    "eu-central-1": "048819808253",
    "eu-central-2": "590183933784",
    "eu-north-1": "895015795356",
    "eu-south-1": "933208885752",
    "eu-south-2": "437450045455",
    "eu-west-1": "468650794304",
    "eu-west-2": "749857270468",
    "eu-west-3": "680080141114",
    "il-central-1": "843974653677",
    "me-central-1": "588750061953",
    "me-south-1": "607024016150",
    "sa-east-1": "539772159869",
    "us-east-1": "156813124566",
    "us-east-2": "777275614652",
    "us-west-1": "890145073186",
    "us-west-2": "159807026194",
}
# SageMaker Python SDK 3, `image_uri_config/clarify.json`; a test compares.
_CLARIFY = {
    "af-south-1": "811711786498",
    "ap-east-1": "098760798382",
    "ap-northeast-1": "377024640650",
    "ap-northeast-2": "263625296855",
    "ap-northeast-3": "912233562940",
    "ap-south-1": "452307495513",
    "ap-southeast-1": "834264404009",
    "ap-southeast-2": "007051062584",
    "ap-southeast-3": "705930551576",
    "ca-central-1": "675030665977",
    "cn-north-1": "122526803553",
    "cn-northwest-1": "122578899357",
    "eu-central-1": "017069133835",
    "eu-central-2": "730335477804",
    "eu-north-1": "763603941244",
    "eu-south-1": "638885417683",
    "eu-west-1": "131013547314",
    "eu-west-2": "440796970383",
    "eu-west-3": "341593696636",
    "me-south-1": "835444307964",
    "sa-east-1": "520018980103",
    "us-east-1": "205585389593",
    "us-east-2": "211330385671",
    "us-gov-west-1": "598674086554",
    "us-west-1": "740489534195",
    "us-west-2": "306415355426",
}
_OF_CLARIFY = (Monitor.BIAS, Monitor.EXPLAINABILITY)
# ScheduleConfig, ScheduleExpression: by the hour or by the day. It begins up to 20 minutes later.
_SCHEDULES = {Every.HOUR: "cron(0 * ? * * *)", Every.DAY: "cron(0 0 ? * * *)"}
_BEGINS_WITHIN = timedelta(minutes=20)
# MonitoringStoppingCondition: an hourly job, and one that waits for labels to be merged, which is a job before it.
_HOURLY_SECONDS = {
    Monitor.DATA_QUALITY: 3_600,
    Monitor.MODEL_QUALITY: 1_800,
    Monitor.BIAS: 1_800,
    Monitor.EXPLAINABILITY: 3_600,
}
_DAILY_SECONDS = 86_400
LINE = 0.10  # of the constraints that a training run measures: the runtime's


def image_repository(platform: "Platform", monitor: Monitor) -> tuple[str, str]:
    """Account and name of AWS's repository with the image that makes a check.

    Raises:
        PlumblineError: There is none in the platform's region.
    """
    accounts, name = (
        (_CLARIFY, "sagemaker-clarify-processing")
        if monitor in _OF_CLARIFY
        else (_ANALYZER, "sagemaker-model-monitor-analyzer")
    )
    if platform.region not in accounts:
        raise PlumblineError(
            f"platform.toml: monitoring.backend is managed; accepted: portable, for AWS has no image for "
            f"{monitor} in {platform.region}."
        )
    return accounts[platform.region], name


def image_repository_arns(platform: "Platform", monitors: Iterable[Monitor]) -> list[str]:
    """ARNs of AWS's repositories with the images that make checks, each once."""
    repositories = dict.fromkeys(image_repository(platform, monitor) for monitor in monitors)
    return [
        f"arn:{platform.partition}:ecr:{platform.region}:{account}:repository/{name}" for account, name in repositories
    ]


def image_uri(platform: "Platform", monitor: Monitor) -> str:
    """URI of AWS's image that makes a check, as the SDK has it."""
    account, name = image_repository(platform, monitor)
    version = ":1.0" if monitor in _OF_CLARIFY else ""
    return f"{account}.dkr.ecr.{platform.region}.{platform.url_suffix}/{name}{version}"


def image_accounts(platform: "Platform") -> tuple[str, ...]:
    """The accounts whose images a role may pull: the platform's, and AWS's if Model Monitor is chosen."""
    if platform.monitoring.backend is Backend.PORTABLE:
        return platform.account_ids
    tables: tuple[Mapping[str, str], ...] = (_ANALYZER, _CLARIFY)
    return (*platform.account_ids, *(table[platform.region] for table in tables if platform.region in table))


def schedule(monitoring: Monitoring) -> str:
    """The schedule of a model's windows, as MonitoringSchedule takes it."""
    return _SCHEDULES[monitoring.every]


def refuse_unmanageable(model: "Model", monitoring: Monitoring) -> None:
    """Refuses what Model Monitor would refuse after a deployment, or would never do.

    Args:
        model: The model.
        monitoring: What is watched of it.

    Raises:
        PlumblineError: Windows are longer than a day, jobs may run for longer than the service lets them, or end after
            the next window.
    """
    every, compute = monitoring.every, model.compute.monitor
    if compute.local_nvme:
        accepted = "an instance type without local NVMe disks, which take no key of yours"
        raise _refused(model, "compute.monitor.instance_type", compute.instance_type, accepted)
    if monitoring.line != LINE:
        accepted = f"{LINE:.2f}, which is the line of the constraints that come with a version"
        raise _refused(model, "monitoring.line", monitoring.line, accepted)
    if every not in _SCHEDULES:
        raise _refused(model, "monitoring.every", every, '"hour" or "day", which are the windows that it has')
    seconds = compute.max_runtime_seconds
    between = int((every.shortest - _BEGINS_WITHIN).total_seconds())
    for monitor in monitoring.checks:
        most = min(_HOURLY_SECONDS[monitor], between) if every is Every.HOUR else min(_DAILY_SECONDS, between)
        if seconds > most:
            accepted = f"{most} or less: its jobs for {monitor} begin up to 20 minutes late, and end before the next"
            raise _refused(model, "compute.monitor.max_runtime_seconds", seconds, accepted)


def _refused(model: "Model", field: str, value: object, accepted: str) -> PlumblineError:
    return PlumblineError(
        f"{model.name}/model.toml: {field} is {value}; accepted with Model Monitor (platform.toml: "
        f'monitoring.backend = "managed"): {accepted}.'
    )

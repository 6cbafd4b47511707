"""The most that a run can cost, from what AWS itself stops."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from plumbline.smoke.prices import Prices

_SECONDS_AN_HOUR = 3600
# A job runs anew after this one alone; the other reasons for which a step is retried come before there is a job.
_RUNS_ANEW = "SageMaker.JOB_INTERNAL_ERROR"
# API_RetryPolicy of a definition: what MaxAttempts is when it is not given.
_ATTEMPTS = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """What one job of the definition may use.

    Attributes:
        name: Its step.
        component: What the price list calls its kind.
        instance_type: For example ``ml.m5.large``.
        instances: How many.
        seconds: After how many AWS stops it.
        runs: How often it may run: once, and each retry.
    """

    name: str
    component: str
    instance_type: str
    instances: int
    seconds: int
    runs: int

    def cost(self, prices: Prices) -> Decimal:
        """The most that it costs, in US dollars."""
        hours = Decimal(self.instances * self.seconds * self.runs) / _SECONDS_AN_HOUR
        return hours * prices.hourly(self.instance_type, self.component)


def jobs_of(definition: str) -> list[Job]:
    """The jobs of a pipeline.

    Args:
        definition: As SageMaker has it.
    """
    return list(_jobs(json.loads(definition)["Steps"]))


def bound(jobs: Iterable[Job], prices: Prices) -> Decimal:
    """The most that a run costs, in US dollars. Storage, requests and logs are cents, and are left out."""
    return sum((job.cost(prices) for job in jobs), start=Decimal(0))


def _jobs(steps: list[Mapping[str, Any]]) -> Iterator[Job]:
    for step in steps:
        arguments = step.get("Arguments", {})
        if step["Type"] == "Condition":
            yield from _jobs([*arguments["IfSteps"], *arguments["ElseSteps"]])
        elif step["Type"] in ("Processing", "Training"):
            of_processing = arguments.get("ProcessingResources", {}).get("ClusterConfig")
            resources = of_processing or arguments["ResourceConfig"]
            yield Job(
                name=step["Name"],
                component=step["Type"],
                instance_type=resources["InstanceType"],
                instances=resources["InstanceCount"],
                seconds=arguments["StoppingCondition"]["MaxRuntimeInSeconds"],
                runs=1 + sum(_again(policy) for policy in step.get("RetryPolicies", [])),
            )


def _again(policy: Mapping[str, Any]) -> int:
    return int(policy.get("MaxAttempts", _ATTEMPTS)) if _RUNS_ANEW in policy["ExceptionType"] else 0

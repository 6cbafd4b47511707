"""The most that a run can cost."""

import dataclasses
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from plumbline.configuration import load_models
from plumbline.smoke.bound import Job, bound, jobs_of
from plumbline.smoke.prices import Prices
from tests.plumbline.smoke.test_prices import PriceList, product

ROOT = Path(__file__).resolve().parents[3]
JOB = Job(name="Train", component="Training", instance_type="ml.m5.large", instances=2, seconds=1800, runs=3)


@pytest.fixture
def prices() -> Prices:
    """Each component at a price of its own."""
    each = {"Processing": "1", "Training": "10"}
    return Prices(PriceList(*(product(usd=usd, component=one) for one, usd in each.items())), region="eu-west-1")


def test_a_job_costs_its_instances_for_all_its_time_as_often_as_it_may_run(prices: Prices) -> None:
    assert JOB.cost(prices) == Decimal(2 * 3 * 10) / 2
    assert dataclasses.replace(JOB, runs=6).cost(prices) == 2 * JOB.cost(prices)


def test_jobs_are_those_of_the_definition_with_the_limits_that_aws_keeps() -> None:
    for model in load_models(ROOT):
        jobs = {job.name: job for job in jobs_of(model.definition_path.read_text())}
        compute: dict[str, Any] = {
            "Prepare": model.compute.prepare,
            "Train": model.compute.train,
            "Check": model.compute.evaluate,
            "Evaluate": model.compute.evaluate,
        }
        assert jobs.keys() == compute.keys()
        for name, job in jobs.items():
            assert job.instance_type == compute[name].instance_type
            assert job.seconds == compute[name].max_runtime_seconds
            assert job.component == ("Training" if name == "Train" else "Processing")
            # The definition has a job run anew three times when SageMaker has failed.
            assert job.runs == 4


def test_the_bound_is_that_of_all_jobs(prices: Prices) -> None:
    other = dataclasses.replace(JOB, component="Processing", seconds=3600, runs=1)
    assert bound([JOB, other], prices) == JOB.cost(prices) + 2

"""Pipelines, end to end: from raw numbers to a registered model, and every way in which they do not get there."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.plumbline.rehearsal.sagemaker import tiny
from tests.plumbline.rehearsal.sagemaker.world import HOME, REGION, World


@pytest.fixture(scope="module")
def pipeline_role(world: World) -> str:
    return world.role("tiny-pipeline", tiny.pipeline_statements(world))


@pytest.fixture(scope="module")
def trained(world: World, job_role: str, pipeline_role: str) -> str:
    """The name of a pipeline that has run once, with its steps cached."""
    tiny.create(world, "trained", job_role=job_role, pipeline_role=pipeline_role, cached=True)
    execution, steps = tiny.run(world, "trained", Commit="abc")
    assert execution["PipelineExecutionStatus"] == "Succeeded", steps
    return "trained"


def test_a_model_that_passes_the_gate_is_registered_with_what_it_came_from(world: World, trained: str) -> None:
    client = world.client("sagemaker")
    package = client.list_model_packages(ModelPackageGroupName=trained)["ModelPackageSummaryList"][-1]
    described = client.describe_model_package(ModelPackageName=package["ModelPackageArn"])
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["CustomerMetadataProperties"]["commit"] == "abc"
    assert f":pipeline/{trained}/execution/" in described["CustomerMetadataProperties"]["execution"]


def test_an_unchanged_step_is_found_in_the_cache_and_the_model_is_the_same(world: World, trained: str) -> None:
    _, steps = tiny.run(world, trained, Commit="def")
    first = world.client("sagemaker").list_pipeline_executions(PipelineName=trained, SortOrder="Ascending")
    source = first["PipelineExecutionSummaries"][0]["PipelineExecutionArn"]
    assert [steps[name]["CacheHitResult"]["SourcePipelineExecutionArn"] for name in ("Prepare", "Train")] == [
        source,
        source,
    ]
    assert "CacheHitResult" not in steps["Evaluate"]


def test_other_hyperparameters_are_not_found_in_the_cache(world: World, trained: str) -> None:
    _, steps = tiny.run(world, trained, Factor="2")
    assert "CacheHitResult" in steps["Prepare"]
    assert "CacheHitResult" not in steps["Train"]

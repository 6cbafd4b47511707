"""What the default bus hears of a pipeline that fails, is retried and stopped."""

from typing import Any

import pytest

from tests.plumbline.rehearsal.codepipeline.world import HOME, REGION, STORE, World, action, stage

pytestmark = pytest.mark.rehearsal
Document = dict[str, Any]
NAME = "told-of"


@pytest.fixture(scope="module")
def heard(world: World, role: str) -> list[Document]:
    """The events of an execution whose build fails, and fails again in a retry."""
    queue = world.queue("told-of", pattern={"source": ["aws.codepipeline"], "detail": {"pipeline": [NAME]}})
    build = action("Make", "Build/CodeBuild", {"ProjectName": "failing"}, inputs=["Code"])
    execution, _ = world.run(world.declaration(NAME, role, [world.source(), stage("Build", build)]))
    world.client("codepipeline").retry_stage_execution(
        pipelineName=NAME, stageName="Build", pipelineExecutionId=execution, retryMode="ALL_ACTIONS"
    )
    found: list[Document] = []

    def complete() -> bool:
        found.extend(world.received(queue))
        return [one["detail"]["state"] for one in found].count("FAILED") == 6

    world.until(complete)
    return found


def of(heard: list[Document], kind: str, state: str) -> list[Document]:
    wanted = f"CodePipeline {kind} Execution State Change"
    return [one["detail"] for one in heard if one["detail-type"] == wanted and one["detail"]["state"] == state]


def test_an_execution_tells_what_started_it(heard: list[Document]) -> None:
    (started,) = of(heard, "Pipeline", "STARTED")
    assert started["execution-trigger"]["trigger-type"] == "CreatePipeline"
    assert (started["pipeline"], started["version"], started["pipeline-execution-attempt"]) == (NAME, 1.0, 1.0)
    assert started["start-time"].endswith("Z")


def test_a_retry_is_another_attempt_and_says_when(heard: list[Document]) -> None:
    (resumed,) = of(heard, "Stage", "RESUMED")
    assert resumed["pipeline-execution-attempt"] == 2.0
    assert resumed["stage-last-retry-attempt-time"].endswith("Z")
    assert len(of(heard, "Pipeline", "RESUMED")) == 1


def test_a_source_that_succeeded_names_commit_and_artifact(heard: list[Document]) -> None:
    (source,) = [one for one in of(heard, "Action", "SUCCEEDED") if one["action"] == "Checkout"]
    (artifact,) = source["output-artifacts"]
    assert (artifact["name"], artifact["s3location"]["bucket"]) == ("Code", STORE)
    assert len(source["execution-result"]["external-execution-id"]) == 40
    assert source["type"] == {
        "owner": "AWS",
        "provider": "CodeStarSourceConnection",
        "category": "Source",
        "version": "1",
    }
    assert source["region"] == REGION


def test_a_failed_action_says_why(heard: list[Document]) -> None:
    failed = of(heard, "Action", "FAILED")[0]
    assert failed["execution-result"]["error-code"] == "JobFailed"
    assert failed["execution-result"]["external-execution-summary"].startswith("Build terminated with state: FAILED")
    assert failed["input-artifacts"][0]["name"] == "Code"


def test_every_event_is_about_the_pipeline(heard: list[Document]) -> None:
    assert {tuple(one["resources"]) for one in heard} == {(f"arn:aws:codepipeline:{REGION}:{HOME}:{NAME}",)}
    assert {(one["source"], one["account"]) for one in heard} == {("aws.codepipeline", HOME)}

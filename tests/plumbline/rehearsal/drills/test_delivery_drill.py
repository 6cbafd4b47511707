"""The drill of delivery, played once, and what it shows."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from plumbline.configuration import Deployment, Environment, KeyPurpose
from plumbline.rehearsal.calls import read_call_log
from plumbline.rehearsal.denials import principal_of
from plumbline.rehearsal.drills.questions import questions
from plumbline.rehearsal.journey import Journey
from plumbline.rehearsal.progress import Silent
from plumbline.rehearsal.summary import Act, Summary
from tests.plumbline.rehearsal.drilled import small_checkout

pytestmark = pytest.mark.rehearsal


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Journey, Summary]]:
    checkout = small_checkout(tmp_path_factory.mktemp("drill"))
    journey = Journey(root=checkout, progress=Silent(), drill="delivery")
    try:
        with journey.under_way() as summary:
            yield journey, summary
    finally:
        if journey.state is not None:
            shutil.rmtree(journey.state, ignore_errors=True)


@pytest.fixture
def acts(played: tuple[Journey, Summary]) -> dict[str, Act]:
    (drill,) = played[1].drills
    return {act.name: act for act in drill.acts}


def _deployments(played: tuple[Journey, Summary]) -> tuple[Deployment, ...]:
    return tuple(played[0].platform.deployments())


def test_its_acts_end_as_they_should_each_with_a_commit_of_its_own(acts: dict[str, Act]) -> None:
    assert [(name, act.status, list(act.stages)[-1]) for name, act in acts.items()] == [
        ("a stack", "Succeeded", "releases"),
        ("a broken test", "Failed", "Build"),
        ("a refused change", "Failed", "production"),
        ("a revert", "Succeeded", "releases"),
        ("a rollback", "Succeeded", "Production"),
    ]
    assert len({act.commit for act in acts.values()}) == len({act.execution for act in acts.values()}) == len(acts)


def test_a_stack_reaches_every_account_by_the_pipeline_that_has_changed_itself_first(
    played: tuple[Journey, Summary], acts: dict[str, Act]
) -> None:
    shown = acts["a stack"].shown
    assert shown["stacks"] == {one.stack_name("contact"): "CREATE_COMPLETE" for one in _deployments(played)}
    assert shown["values"] == {one.parameter("contact"): "the platform team" for one in _deployments(played)}
    for pair in ("pipeline version", "pipeline template", "executions"):
        before, after = shown[pair].values()  # type: ignore[attr-defined]
        assert before != after, pair


def test_a_commit_that_fails_its_tests_changes_nothing_and_says_which(acts: dict[str, Act]) -> None:
    shown = acts["a broken test"].shown
    tests = "tests/plumbline/configuration/test_configuration.py"
    assert shown["failed tests"] == [f"{tests}::test_bad_platform_gets_its_sentence[log_retention_unknown]"]
    assert shown["changed"] == []


def test_production_is_as_it_was_and_answers_while_it_refuses_a_change(
    played: tuple[Journey, Summary], acts: dict[str, Act]
) -> None:
    shown = acts["a refused change"].shown
    production = played[0].platform.deployment(Environment.PRODUCTION)
    assert shown["changed"] == []
    assert shown["stacks"] == {production.stack_name("contact"): "UPDATE_ROLLBACK_COMPLETE"}
    assert shown["answers"]["as before"] > 0  # type: ignore[index]
    assert shown["answers"]["failed"] == 0  # type: ignore[index]
    (served,) = shown["endpoints"].values()  # type: ignore[attr-defined]
    assert served["artifact_digest"] == played[1].models[0].served["production"].artifact_digest
    assert "UPDATE_ROLLBACK" in str(shown["failure"])


def test_what_production_refuses_is_refused_by_its_execution_policy(
    played: tuple[Journey, Summary], acts: dict[str, Act]
) -> None:
    (refusal,) = acts["a refused change"].refused
    refused = [one for one in read_call_log(played[0].cloud.options.call_log) if not one.allowed]
    assert (refusal.principal, refusal.resource) in {(principal_of(one), one.resource) for one in refused}
    assert refusal in played[1].denied_calls


def test_the_first_environments_had_the_change_that_production_refuses_until_it_was_reverted(
    played: tuple[Journey, Summary],
) -> None:
    for one in _deployments(played):
        ssm = played[0].cloud.administrator(one.account).client("ssm")
        history = ssm.get_parameter_history(Name=one.parameter("contact"))["Parameters"]
        assert [step["Value"] for step in history] == [
            "the platform team",
            "the platform team, day and night",
            "the platform team",
        ]


def test_afterwards_every_account_has_the_revert(played: tuple[Journey, Summary], acts: dict[str, Act]) -> None:
    for one in _deployments(played):
        ssm = played[0].cloud.administrator(one.account).client("ssm")
        told = ssm.get_parameter(Name=one.commit_parameter)["Parameter"]["Value"]
        assert told == acts["a revert"].commit


def test_a_rollback_serves_the_very_release_of_before(acts: dict[str, Act]) -> None:
    shown = acts["a rollback"].shown
    newer, back = shown["released"]["endpoints"], shown["rolled back"]["endpoints"]  # type: ignore[index]
    assert shown["rolled back"]["version"] == 1  # type: ignore[index]
    assert shown["changed"] == []
    assert len(back) == 2
    for endpoint, served in back.items():
        assert served["model_package_arn"].endswith("/1")
        assert newer[endpoint]["model_package_arn"].endswith("/2")


def test_the_drill_is_in_the_file_with_its_times(played: tuple[Journey, Summary], tmp_path: Path) -> None:
    (drill,) = json.loads(played[1].write(tmp_path).read_text())["drills"]
    assert drill["name"] == "delivery"
    assert all(act["seconds"] > 0 and sum(act["stages"].values()) > 0 for act in drill["acts"])


def test_production_serves_on_when_stagings_artifact_image_and_key_are_gone(played: tuple[Journey, Summary]) -> None:
    """The last test of this cloud, whose staging is of no use after it."""
    journey, summary = played
    cloud, platform, model = journey.cloud, journey.platform, journey.models[0]
    production = platform.deployment(Environment.PRODUCTION)
    ask = questions(cloud=cloud, deployment=production, models=[model])
    before = ask()

    staging = cloud.administrator(journey.staging.account)
    bucket, _, key = summary.models[0].served["staging"].artifact.removeprefix("s3://").partition("/")
    for version in staging.client("s3").list_object_versions(Bucket=bucket, Prefix=key)["Versions"]:
        staging.client("s3").delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])
    name = journey.staging.parameter(f"keys/{KeyPurpose.MODELS}")
    models_key = staging.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    staging.client("kms").schedule_key_deletion(KeyId=models_key, PendingWindowInDays=7)
    images = cloud.administrator(platform.delivery_account).client("ecr")
    images.batch_delete_image(repositoryName=platform.runtime_repository, imageIds=[{"imageTag": journey.tag}])

    serving = cloud.administrator(production.account).client("sagemaker")
    endpoint = production.endpoint_name(model)
    configuration = serving.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    serving.delete_endpoint(EndpointName=endpoint)
    serving.create_endpoint(EndpointName=endpoint, EndpointConfigName=configuration)
    serving.get_waiter("endpoint_in_service").wait(EndpointName=endpoint, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    assert ask() == before

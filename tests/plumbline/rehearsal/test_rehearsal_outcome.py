"""What a rehearsal must have shown when it ends well."""

import hashlib
import json
from pathlib import Path

import pytest

from plumbline.rehearsal.assembly import submitted_digest
from plumbline.rehearsal.denials import principal_of
from plumbline.rehearsal.predictions import ROWS, TOLERANCE
from tests.plumbline.rehearsal.shared import Rehearsed

pytestmark = pytest.mark.rehearsal


def test_every_template_submitted_is_the_one_that_synth_wrote(rehearsal: Rehearsed) -> None:
    for stack in rehearsal.journey.stacks:
        submitted = submitted_digest(stack.name, rehearsal.cloud.administrator(stack.account))
        assert submitted == hashlib.sha256(stack.template.read_bytes()).hexdigest(), stack.name


def test_every_stack_of_the_assembly_is_in_its_account(rehearsal: Rehearsed) -> None:
    for stack in rehearsal.journey.stacks:
        client = rehearsal.cloud.administrator(stack.account).client("cloudformation")
        (described,) = client.describe_stacks(StackName=stack.name)["Stacks"]
        assert described["StackStatus"] == "CREATE_COMPLETE"
        assert stack.tags.items() <= {tag["Key"]: tag["Value"] for tag in described["Tags"]}.items()


def test_the_run_succeeded_step_by_step(rehearsal: Rehearsed) -> None:
    assert {step.name: step.status for step in rehearsal.way.run.steps} == dict.fromkeys(
        ("Prepare", "Check", "Train", "Evaluate", "Gate", "Register"), "Succeeded"
    )


def test_the_package_says_where_it_comes_from(rehearsal: Rehearsed) -> None:
    package = rehearsal.client(rehearsal.staging, "sagemaker").describe_model_package(
        ModelPackageName=rehearsal.way.model_package_arn
    )
    said = package["CustomerMetadataProperties"]
    assert rehearsal.way.commit in said.values()
    assert rehearsal.way.run.arn in said.values()
    assert package["ModelApprovalStatus"] == "Approved"


def test_the_model_beats_its_references(rehearsal: Rehearsed) -> None:
    gate = rehearsal.way.metrics["gate"]
    assert isinstance(gate, dict)
    assert gate["average_precision_gain_lower"] > 0
    assert gate["log_loss_gain_lower"] > 0


def test_production_answers_as_the_registered_artifact(rehearsal: Rehearsed) -> None:
    assert rehearsal.way.agreement.rows == ROWS >= 1_000
    assert rehearsal.way.agreement.largest_difference <= TOLERANCE


def test_staging_and_production_serve_the_same_artifact_and_image(rehearsal: Rehearsed) -> None:
    served = list(rehearsal.way.served.values())
    assert [one.status for one in served] == ["InService", "InService"]
    assert served[0].artifact_digest == served[1].artifact_digest
    assert served[0].image_digest == served[1].image_digest == rehearsal.summary.image_digest


def test_every_refusal_was_expected_and_every_expected_one_met(rehearsal: Rehearsed) -> None:
    met = {
        (principal_of(decision), decision.action, decision.resource)
        for decision in rehearsal.decisions
        if not decision.allowed
    }
    assert met == {(call.principal, call.action, call.resource) for call in rehearsal.summary.denied_calls}
    assert len(met) >= 10


def test_the_summary_is_a_file_written_whole(rehearsal: Rehearsed, tmp_path: Path) -> None:
    path = rehearsal.summary.write(tmp_path)
    written = json.loads(path.read_text())
    assert [entry.name for entry in tmp_path.iterdir()] == ["rehearsal.json"]
    assert written["models"][0]["run"]["status"] == "Succeeded"
    assert written["templates"] == dict(rehearsal.summary.templates)
    assert sorted(written["accounts"]) == ["delivery", "dev", "production", "staging"]


def test_the_table_names_accounts_run_version_and_endpoints(rehearsal: Rehearsed) -> None:
    table = dict(rehearsal.summary.rows())
    assert "333333333333" in table["accounts"]
    assert table[f"{rehearsal.model.name}: production"].startswith(rehearsal.production.endpoint_name(rehearsal.model))
    assert "equal to the artifact's own" in table[f"{rehearsal.model.name}: answers"]
    assert table["calls denied"].startswith(f"{rehearsal.summary.denied_attempts} attempts at ")


def test_the_table_fits_a_terminal(rehearsal: Rehearsed) -> None:
    rows = rehearsal.summary.rows()
    assert len(rows) <= 14
    assert max(len(what) for what, _ in rows) <= 28
    assert max(len(value) for _, value in rows) <= 90

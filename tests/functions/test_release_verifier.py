"""What a record has to be before anything is deployed, and which approval is rejected for it."""

import base64
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.release_verifier import index
from tests.functions import releases
from tests.functions.jobs import ACTION, OTHER, OWN, STAGE, Called, called
from tests.functions.releases import KEY, MODELS, PIPELINE, RECORDER, REPOSITORY, VERSIONS

ENVIRONMENT = {
    name: RECORDER[name] for name in ("MODEL", "VERSIONS_ARN", "READER_ROLE_ARN", "PIPELINE", "REPOSITORY")
} | {"MAC_KEY_ARN": KEY, "APPROVAL_STAGE": STAGE, "APPROVAL_ACTION": ACTION}
ARTIFACT = "flight_delays/training/run-3/output/model.tar.gz"
Document = dict[str, Any]


@pytest.fixture
def verifier(monkeypatch: pytest.MonkeyPatch) -> Called:
    return called(index.handler, ENVIRONMENT, monkeypatch)


def container(verifier: Called) -> Document:
    package = verifier.cloud.packages[f"{VERSIONS}3"]
    found: Document = package["InferenceSpecification"]["Containers"][0]
    return found


def edited(members: dict[str, bytes], **changes: object) -> None:
    """Changes what a record says, as somebody would who can write to the bucket."""
    said = json.loads(members["record.json"]) | changes
    members["record.json"] = json.dumps(said).encode()


def test_a_record_that_is_as_it_was_made_passes_and_says_what_it_releases(verifier: Called) -> None:
    verifier()
    summary = (
        "version 3, commit 1a2b3c4, dataset s3://data/flight_delays/datasets/0123/, "
        "approved by arn:aws:sts::222222222222:assumed-role/approver/ada, better"
    )
    variables = {"PackageArn": f"{VERSIONS}3", "Version": "3", "Summary": summary}
    assert verifier.jobs.succeeded == [{"outputVariables": variables, "executionDetails": {"summary": summary}}]


def test_a_long_description_leaves_room_for_the_approvals_own_text(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = called(index.handler, ENVIRONMENT, monkeypatch, package={"ApprovalDescription": "x" * 1024})
    verifier()
    assert len(verifier.jobs.succeeded[0]["outputVariables"]["Summary"]) == 900


def test_a_record_that_says_something_else_is_refused(verifier: Called) -> None:
    verifier.change(lambda members: edited(members, commit="another"))
    assert verifier.refusal() == "the record of version 3 was changed after it was made"


def test_a_record_with_another_code_is_refused(verifier: Called) -> None:
    verifier.change(lambda members: members.update({"record.mac": base64.b64encode(bytes(32))}))
    assert verifier.refusal() == "the record of version 3 was changed after it was made"


def test_the_code_is_asked_of_the_key_before_the_registry_is(verifier: Called) -> None:
    verifier.change(lambda members: edited(members, commit="another"))
    verifier()
    assert "sagemaker.describe_model_package" not in verifier.cloud.calls


def test_a_template_that_was_changed_is_refused(verifier: Called) -> None:
    verifier.change(lambda members: members.update({"production.template.json": b"{}"}))
    assert verifier.refusal() == "production.template.json in the record of version 3 was changed after it was made"


def test_a_template_that_is_missing_is_refused(verifier: Called) -> None:
    verifier.change(lambda members: members.__delitem__("staging.config.json"))
    assert verifier.refusal() == "the record of version 3 lacks staging.config.json, which was in it when it was made"


def test_a_file_that_was_added_is_refused(verifier: Called) -> None:
    verifier.change(lambda members: members.update({"other.json": b"{}"}))
    assert verifier.refusal() == "the record of version 3 holds other.json, which was not in it when it was made"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": 2}, "the record has format 2; accepted: 1"),
        ({"model": "other"}, "this is a record of other; accepted: of flight_delays"),
        ({"version": "3"}, "the record is of version 3; accepted: a whole number from 1 on"),
        ({"version": 0}, "the record is of version 0; accepted: a whole number from 1 on"),
        ({"version": True}, "the record is of version True; accepted: a whole number from 1 on"),
        ({"files": None}, "this is no release record: 'NoneType' object is not iterable"),
    ],
)
def test_what_is_no_record_of_the_model_is_refused(verifier: Called, changes: Document, sentence: str) -> None:
    verifier.change(lambda members: edited(members, **changes))
    assert verifier.refusal() == sentence


def test_an_artifact_that_is_no_archive_is_refused(verifier: Called) -> None:
    verifier.put(b"{}")
    assert verifier.refusal() == "this is no release record: File is not a zip file"


def test_an_archive_without_a_record_is_refused(verifier: Called) -> None:
    verifier.put(releases.zipped({}))
    assert verifier.refusal() == "this is no release record: 'record.json'"


def test_an_archive_that_could_swell_is_refused(verifier: Called) -> None:
    verifier.change(lambda _members: None, compression=zipfile.ZIP_DEFLATED)
    assert verifier.refusal() == "this is no release record: a member is compressed"


def test_an_archive_that_is_too_large_is_refused(verifier: Called) -> None:
    verifier.put(bytes(10 * 1024 * 1024 + 1))
    assert verifier.refusal().endswith("has 10485761 bytes; accepted: 10485760")


def test_an_approval_that_was_withdrawn_is_refused(verifier: Called) -> None:
    verifier.cloud.approve(3, "Rejected")
    assert verifier.refusal() == "version 3 was approved and now is Rejected"


@pytest.mark.parametrize("change", [{"ModelDataUrl": "s3://models/other"}, {"Image": f"{REPOSITORY}:two"}])
def test_a_version_that_names_something_else_is_refused(verifier: Called, change: Document) -> None:
    container(verifier).update(change)
    assert verifier.refusal() == "version 3 names another artifact or image than its record"


def test_an_image_of_another_repository_is_refused(verifier: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPOSITORY", "111111111111.dkr.ecr.eu-west-1.amazonaws.com/other")
    assert "is not of the repository 111111111111" in verifier.refusal()


def test_a_record_of_another_group_is_refused(verifier: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERSIONS_ARN", "arn:other/")
    assert verifier.refusal() == f"the record of version 3 is of {VERSIONS}3; accepted: arn:other/3"


def test_a_job_that_cannot_be_told_how_it_ended_is_tried_again(verifier: Called) -> None:
    verifier.cloud.fail["codepipeline.put_job_success_result"] = releases.refusal("InternalFailure")
    verifier.cloud.fail["codepipeline.put_job_failure_result"] = releases.refusal("InternalFailure")
    with pytest.raises(ClientError, match="InternalFailure"):
        verifier()


def test_a_version_that_is_served_otherwise_than_it_was_recorded_is_refused(verifier: Called) -> None:
    (container,) = verifier.cloud.packages[f"{VERSIONS}3"]["InferenceSpecification"]["Containers"]
    container["Environment"] = {"DEBUG": "yes"}
    assert verifier.refusal() == "version 3 is served in another way than its record says"


def test_what_sagemaker_has_worked_out_since_does_not_count(verifier: Called) -> None:
    (container,) = verifier.cloud.packages[f"{VERSIONS}3"]["InferenceSpecification"]["Containers"]
    container |= {"ImageDigest": "d", "ModelDataETag": "e"}
    verifier()
    assert len(verifier.jobs.succeeded) == 1


def test_a_version_that_is_gone_from_the_registry_is_refused(verifier: Called) -> None:
    verifier.cloud.fail["sagemaker.describe_model_package"] = releases.refusal("ValidationException", "gone")
    assert verifier.refusal() == "version 3 is not in the registry: gone"


def test_an_artifact_that_was_replaced_is_refused(verifier: Called) -> None:
    verifier.cloud.put(MODELS, ARTIFACT, b"model")  # the same bytes, and not what was approved
    assert verifier.refusal() == (
        f"the artifact s3://{MODELS}/{ARTIFACT} of version 3 was replaced after it was recorded"
    )


def test_an_artifact_that_is_gone_is_refused(verifier: Called) -> None:
    del verifier.cloud.objects[MODELS, ARTIFACT]
    assert verifier.refusal() == f"the artifact s3://{MODELS}/{ARTIFACT} is gone"


def test_an_older_releases_approval_is_rejected(verifier: Called) -> None:
    verifier.jobs.waiting, verifier.jobs.approval = OTHER, {"status": "InProgress", "token": "t"}
    verifier()
    assert verifier.jobs.answered == [
        {
            "pipelineName": PIPELINE,
            "stageName": STAGE,
            "actionName": ACTION,
            "token": "t",
            "result": {"summary": "superseded by version 3", "status": "Rejected"},
        }
    ]


@pytest.mark.parametrize("code", ["ApprovalAlreadyCompletedException", "InvalidApprovalTokenException"])
def test_an_approval_that_somebody_has_answered_meanwhile_is_no_failure(verifier: Called, code: str) -> None:
    verifier.jobs.waiting, verifier.jobs.approval = OTHER, {"status": "InProgress", "token": "t"}
    verifier.cloud.fail["codepipeline.put_approval_result"] = releases.refusal(code)
    verifier()
    assert len(verifier.jobs.succeeded) == 1


@pytest.mark.parametrize(
    ("execution", "approval"),
    [
        (OWN, {"status": "InProgress", "token": "t"}),
        (OTHER, {"status": "Succeeded"}),
        (OTHER, {}),
        ("", {}),
    ],
)
def test_nothing_else_is_rejected(verifier: Called, execution: str, approval: Document) -> None:
    verifier.jobs.waiting, verifier.jobs.approval = execution, approval
    verifier()
    assert verifier.jobs.answered == []
    assert len(verifier.jobs.succeeded) == 1


def test_a_record_that_is_refused_rejects_nobodys_approval(verifier: Called) -> None:
    verifier.jobs.waiting, verifier.jobs.approval = OTHER, {"status": "InProgress", "token": "t"}
    verifier.cloud.approve(3, "Rejected")
    verifier()
    assert verifier.jobs.answered == []


def test_an_error_that_nobody_expected_fails_the_job_and_has_the_function_called_no_second_time(
    verifier: Called,
) -> None:
    verifier.cloud.fail["kms.verify_mac"] = releases.refusal("DisabledException", "the key is disabled")
    assert verifier()["said"].startswith("failed: ClientError: An error occurred (DisabledException)")
    (failure,) = verifier.jobs.failed
    assert failure["type"] == "JobFailed"
    assert failure["message"].startswith("ClientError: An error occurred (DisabledException)")


def test_a_variable_that_is_missing_is_a_fault_of_the_configuration(
    verifier: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("READER_ROLE_ARN")
    verifier()
    assert verifier.jobs.failed == [{"type": "ConfigurationError", "message": "KeyError: 'READER_ROLE_ARN'"}]


def test_a_second_call_with_a_job_that_has_ended_is_no_error(verifier: Called) -> None:
    verifier()
    verifier()
    assert len(verifier.jobs.succeeded) == 1

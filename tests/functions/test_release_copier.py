"""What a release leaves in production and in its own records before production changes."""

import datetime
import io
import json
from typing import Any

import pytest

from functions.release_copier import index
from tests.functions import releases
from tests.functions.jobs import ACTION, OWN, STAGE, Called, called
from tests.functions.production import (
    CONFIG,
    DIGEST,
    DOCKER,
    GROUP,
    LAYER,
    MANIFEST,
    Buckets,
    Groups,
    Repositories,
)
from tests.functions.releases import (
    KEY,
    MODELS,
    PIPELINE,
    PRODUCTION,
    RECORDS,
    REGION,
    REPOSITORY,
    STAGING,
    VERSIONS,
    digest_of,
)

Document = dict[str, Any]
TARGET = f"{PRODUCTION}.dkr.ecr.{REGION}.amazonaws.com/plumbline-runtime"
COPY = "flight_delays/released/3/model.tar.gz"
ANSWER = f"releases/flight_delays/answers/{OWN}.json"
ARTIFACT = "flight_delays/training/run-3/output/model.tar.gz"
ENVIRONMENT = {
    "MODEL": "flight_delays",
    "COPY_ROLE_ARN": f"arn:aws:iam::{PRODUCTION}:role/copy",
    "MAC_KEY_ARN": KEY,
    "MODELS_BUCKET": "production-models",
    "GROUP": GROUP,
    "SOURCE_REPOSITORY": REPOSITORY,
    "TARGET_REPOSITORY": TARGET,
    "RECORDS_BUCKET": RECORDS,
    "RECORDS_PREFIX": "releases/flight_delays/",
    "PIPELINE": PIPELINE,
    "APPROVAL_STAGE": STAGE,
    "APPROVAL_ACTION": ACTION,
}
WHEN = datetime.datetime(2026, 11, 28, 10, tzinfo=datetime.UTC)


def action(stage: str, name: str, category: str, **more: Any) -> Document:
    kind = {"category": category}
    times = {"startTime": WHEN, "lastUpdateTime": WHEN}
    return (
        {"stageName": stage, "actionName": name, "status": "Succeeded", "input": {"actionTypeId": kind}} | times | more
    )


def approval(summary: str = "seen", **more: Any) -> Document:
    output = {"executionResult": {"externalExecutionSummary": summary}}
    return action(STAGE, ACTION, "Approval", updatedBy="arn:ada", output=output, **more)


def source(key: str = "releases/flight_delays/3/record.zip") -> Document:
    variables = {"ObjectKey": key, "VersionId": "v"}
    return action("Source", "Record", "Source", output={"outputVariables": variables})


@pytest.fixture
def copier(monkeypatch: pytest.MonkeyPatch) -> Called:
    monkeypatch.setattr(releases, "DIGEST", DIGEST)
    made = called(index.handler, ENVIRONMENT, monkeypatch)
    made.cloud.services |= {"s3": Buckets(made.cloud), "sagemaker": Groups(made.cloud), "ecr": Repositories()}
    made.jobs.actions = [approval(), action("Staging", "Check", "Invoke"), action("Staging", "V", "Invoke"), source()]
    layers = {digest_of(one): one for one in (CONFIG, LAYER)}
    monkeypatch.setattr(
        "urllib.request.urlopen", lambda address, **_told: io.BytesIO(layers[address.removeprefix("https://layers/")])
    )
    return made


def buckets(copier: Called) -> Buckets:
    found = copier.cloud.services["s3"]
    assert isinstance(found, Buckets)
    return found


def groups(copier: Called) -> Groups:
    found = copier.cloud.services["sagemaker"]
    assert isinstance(found, Groups)
    return found


def repositories(copier: Called) -> Repositories:
    found = copier.cloud.services["ecr"]
    assert isinstance(found, Repositories)
    return found


def again(copier: Called) -> None:
    """Calls the function once more, as a retry of the stage does: with a job of its own."""
    copier.jobs.succeeded.clear()
    copier()


def kept(copier: Called) -> Document:
    ((_, body),) = copier.cloud.objects[RECORDS, ANSWER]
    found: Document = json.loads(body)
    return found


def test_the_recorded_version_of_the_artifact_is_copied(copier: Called) -> None:
    recorded = copier.cloud.objects[MODELS, ARTIFACT][-1][0]
    copier()
    assert copier.cloud.objects["production-models", COPY][-1][1] == b"model"
    assert buckets(copier).copied == [{"Bucket": MODELS, "Key": ARTIFACT, "VersionId": recorded}]


def test_the_baselines_in_the_record_go_beside_the_artifact(copier: Called) -> None:
    copier()
    folder = "flight_delays/released/3/baselines/"
    written = {key: kept for (bucket, key), kept in copier.cloud.objects.items() if bucket == "production-models"}
    assert {name: kept[-1][1] for name, kept in written.items() if name.startswith(folder)} == {
        f"{folder}{name}": content for name, content in releases.BASELINES.items()
    }


def test_what_clarify_is_told_names_the_model_of_this_release(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    told = b'{"model_name": "why-{version}"}'
    monkeypatch.setitem(releases.BASELINES, "explainability/config.json", told)
    monkeypatch.setitem(releases.BASELINES, "bias/analysis.json", told)
    copier: Called = request.getfixturevalue("copier")  # whose record has them too
    copier()
    folder = ("production-models", "flight_delays/released/3/baselines/")
    written = {
        name: copier.cloud.objects[folder[0], f"{folder[1]}{name}"][-1][1]
        for name in ("explainability/config.json", "bias/analysis.json")
    }
    assert written == {"explainability/config.json": b'{"model_name": "why-3"}', "bias/analysis.json": told}


def test_the_image_is_copied_with_its_digest_and_its_tag(copier: Called) -> None:
    copier()
    there = repositories(copier)
    assert there.images[PRODUCTION] == {DIGEST: (MANIFEST, DOCKER)}
    assert there.tags[PRODUCTION] == {"one": DIGEST}
    assert there.layers[PRODUCTION] == there.layers[STAGING]


def test_a_layer_goes_in_parts_of_the_size_that_the_registry_says(copier: Called) -> None:
    copier()
    assert repositories(copier).parts == [len(CONFIG), 20, 10]


def test_the_copies_are_registered_as_an_approved_version_of_productions_group(copier: Called) -> None:
    copier()
    (version,) = groups(copier).versions
    arn = f"arn:aws:sagemaker:{REGION}:{PRODUCTION}:model-package/{GROUP}/1"
    copies = {"Image": f"{TARGET}@{DIGEST}", "ModelDataUrl": f"s3://production-models/{COPY}"}
    assert version["InferenceSpecification"] == {
        "Containers": [copies],
        "SupportedContentTypes": ["application/jsonlines"],
    }
    assert version["ModelApprovalStatus"] == "Approved"
    assert version["ModelPackageDescription"] == (
        f"version 3 of {VERSIONS}3; record releases/flight_delays/3/record.zip"
    )
    assert version["CustomerMetadataProperties"]["source-package"] == f"{VERSIONS}3"
    assert version["CustomerMetadataProperties"]["commit"] == "1a2b3c4d5e6f"
    assert copier.jobs.succeeded[0]["outputVariables"] == {"PackageArn": arn, "Version": "3"}


def test_what_the_registry_says_since_staging_was_checked_does_not_reach_production(copier: Called) -> None:
    package = copier.cloud.packages[f"{VERSIONS}3"]
    (container,) = package["InferenceSpecification"]["Containers"]
    container |= {"ImageDigest": "d", "Environment": {"DEBUG": "yes"}}
    package["CustomerMetadataProperties"] = {"commit": "another"}
    copier()
    (version,) = groups(copier).versions
    assert version["InferenceSpecification"]["Containers"][0].keys() == {"Image", "ModelDataUrl"}
    assert version["CustomerMetadataProperties"]["commit"] == "1a2b3c4d5e6f"


def test_an_artifact_that_was_replaced_since_staging_was_checked_is_refused(copier: Called) -> None:
    copier.cloud.put(MODELS, ARTIFACT, b"model")
    assert copier.refusal() == (
        f"the artifact s3://{MODELS}/{ARTIFACT} of version 3 was replaced after it was recorded"
    )
    assert groups(copier).versions == []


def test_a_second_time_copies_and_registers_nothing(copier: Called) -> None:
    copier()
    repositories(copier).parts.clear()
    again(copier)
    assert len(buckets(copier).copied) == 1
    assert repositories(copier).parts == []
    assert len(groups(copier).versions) == 1
    assert copier.jobs.succeeded[0]["outputVariables"]["PackageArn"] == groups(copier).versions[0]["ModelPackageArn"]


@pytest.mark.parametrize(
    "call",
    [
        "s3.put_object",
        "s3.copy",
        "ecr.initiate_layer_upload",
        "ecr.upload_layer_part",
        "ecr.complete_layer_upload",
        "ecr.put_image",
        "sagemaker.create_model_package",
    ],
)
def test_what_was_ended_in_the_middle_is_completed_by_the_next_attempt(copier: Called, call: str) -> None:
    copier.cloud.fail[call] = releases.refusal("InternalFailure")
    copier()
    assert len(copier.jobs.failed) == 1
    copier.jobs.failed.clear()
    again(copier)
    assert len(groups(copier).versions) == 1
    assert repositories(copier).tags[PRODUCTION] == {"one": DIGEST}


def test_which_version_was_registered_is_written_down_beside_the_copy(copier: Called) -> None:
    copier()
    _, written = copier.cloud.objects["production-models", "flight_delays/released/3/package.json"][-1]
    assert json.loads(written) == {"modelPackageArn": groups(copier).versions[0]["ModelPackageArn"]}


def test_a_layer_that_somebody_else_has_just_pushed_is_no_failure(copier: Called) -> None:
    copier.cloud.fail["ecr.complete_layer_upload"] = releases.refusal("LayerAlreadyExistsException")
    copier()
    assert len(copier.jobs.succeeded) == 1


def test_a_tag_that_the_same_image_has_is_no_failure(copier: Called) -> None:
    copier()
    copier.cloud.fail["ecr.put_image"] = releases.refusal("ImageTagAlreadyExistsException")
    again(copier)
    assert len(copier.jobs.succeeded) == 1


def test_a_tag_that_another_image_has_is_refused(copier: Called) -> None:
    other = digest_of(b"{}")
    repositories(copier).images[PRODUCTION][other] = ("{}", DOCKER)
    repositories(copier).tags[PRODUCTION]["one"] = other
    assert copier.refusal() == f"the tag one in {TARGET} is that of another image, {other}"


def test_an_index_of_images_is_refused(copier: Called) -> None:
    kind = "application/vnd.oci.image.index.v1+json"
    repositories(copier).images[STAGING][DIGEST] = (MANIFEST, kind)
    assert copier.refusal() == f"{REPOSITORY}@{DIGEST} is {kind}; accepted: the image of one platform"


def test_a_manifest_that_is_not_what_its_digest_says_is_refused(copier: Called) -> None:
    repositories(copier).images[STAGING][DIGEST] = ("{}", DOCKER)
    assert copier.refusal() == f"the manifest of {REPOSITORY}@{DIGEST} has another digest"


def test_an_image_that_is_gone_is_refused(copier: Called) -> None:
    repositories(copier).images[STAGING].clear()
    assert copier.refusal() == f"the image {DIGEST} is gone from {REPOSITORY}"


def test_a_layer_that_does_not_end_is_refused(copier: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.urlopen", lambda _address, **_told: io.BytesIO(bytes(10_000)))
    size = len(CONFIG)
    assert copier.refusal() == (f"the layer {digest_of(CONFIG)} has more than the {size} bytes that its manifest says")


def test_an_artifact_of_another_size_is_refused(copier: Called) -> None:
    copier.cloud.put("production-models", COPY, b"mode")
    recorded = copier.cloud.objects[MODELS, ARTIFACT][-1][0]
    buckets(copier).metadata["production-models", COPY] = {"source-version-id": recorded}
    assert copier.refusal() == f"the copy s3://production-models/{COPY} has 4 bytes; the artifact has 5"


def test_a_copy_of_another_version_is_replaced(copier: Called) -> None:
    copier.cloud.put("production-models", COPY, b"other")
    copier()
    assert copier.cloud.objects["production-models", COPY][-1][1] == b"model"


def test_an_approval_that_was_withdrawn_after_staging_is_refused(copier: Called) -> None:
    copier.cloud.approve(3, "Rejected")
    assert copier.refusal() == "version 3 was approved and now is Rejected"
    assert buckets(copier).copied == []


def test_a_record_that_was_changed_after_staging_is_refused(copier: Called) -> None:
    copier.change(lambda members: members.update({"record.json": members["record.json"] + b" "}))
    assert copier.refusal() == "the record of version 3 was changed after it was made"
    assert (RECORDS, ANSWER) not in copier.cloud.objects


def test_who_agreed_is_kept_beside_the_records(copier: Called) -> None:
    copier()
    assert kept(copier) == {
        "record": {"key": "releases/flight_delays/3/record.zip", "versionId": "v", "version": 3},
        "execution": OWN,
        "approval": {"summary": "seen", "by": "arn:ada", "at": "2026-11-28T10:00:00+00:00"},
        "startedBy": "arn:recorder",
        "breakGlass": False,
    }


def test_who_broke_the_glass_is_kept_as_that(copier: Called) -> None:
    copier.jobs.actions[0] = approval("BREAK GLASS: production is down")
    copier()
    assert kept(copier)["breakGlass"] is True


def test_who_started_a_release_and_agreed_to_it_has_broken_the_glass(copier: Called) -> None:
    copier.jobs.starter = "arn:ada"
    copier()
    assert (kept(copier)["startedBy"], kept(copier)["breakGlass"]) == ("arn:ada", True)


def test_of_several_answers_the_last_counts(copier: Called) -> None:
    later = WHEN + datetime.timedelta(hours=1)
    copier.jobs.actions.append(approval("later", startTime=later))
    copier()
    assert kept(copier)["approval"]["summary"] == "later"


def test_what_is_kept_of_an_answer_is_not_written_again(copier: Called) -> None:
    copier()
    copier.jobs.actions[0] = approval("another")
    again(copier)
    assert kept(copier)["approval"]["summary"] == "seen"


@pytest.mark.parametrize("status", ["InProgress", "Failed"])
def test_a_release_to_which_nobody_has_agreed_is_refused(copier: Called, status: str) -> None:
    copier.jobs.actions[0]["status"] = status
    assert copier.refusal() == f"nobody has agreed to execution {OWN}"
    assert buckets(copier).copied == []


def test_a_record_from_another_place_is_refused(copier: Called) -> None:
    copier.jobs.actions[-1] = source("releases/flight_delays/answers/3.json")
    assert copier.refusal() == (
        "the record of version 3 was taken from releases/flight_delays/answers/3.json, "
        "not releases/flight_delays/3/record.zip"
    )

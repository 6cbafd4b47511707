"""What is recorded of an approved version, once, and what is refused."""

import hashlib
import io
import itertools
import json
import zipfile
from typing import Any

import hypothesis
import pytest
from botocore.exceptions import ClientError
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule

from functions.release_recorder import index
from refusal import RefusedError
from tests.functions import releases
from tests.functions.releases import (
    BASELINES,
    BUNDLE,
    DATA,
    DIGEST,
    MODELS,
    RECORDER,
    RECORDS,
    REPOSITORY,
    VERSIONS,
    Cloud,
    zipped,
)

KEY = "releases/flight_delays/3/record.zip"
ARTIFACT = "flight_delays/training/run-3/output/model.tar.gz"
HELD = {f"baselines/{name}": content for name, content in BASELINES.items()}
Document = dict[str, Any]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    made = releases.cloud()
    made.use(monkeypatch)
    for name, value in RECORDER.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    return made


def recorded(cloud: Cloud) -> tuple[Document, dict[str, bytes]]:
    """The record of version 3: what it says, and its members."""
    with zipfile.ZipFile(io.BytesIO(cloud.objects[RECORDS, KEY][-1][1])) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(members["record.json"]), members


def test_the_record_says_what_is_released_and_where_it_came_from(cloud: Cloud) -> None:
    index.handler(cloud.approve(3), None)
    said, _ = recorded(cloud)
    folder = f"s3://{DATA}/flight_delays/evaluations/3"
    assert said == {
        "format": 1,
        "model": "flight_delays",
        "version": 3,
        "modelPackageArn": f"{VERSIONS}3",
        "approval": {
            "by": "arn:aws:sts::222222222222:assumed-role/approver/ada",
            "at": "2026-11-28T09:00:00+00:00",
            "description": "better",
        },
        "commit": "1a2b3c4d5e6f",
        "dataset": {"uri": "s3://data/flight_delays/datasets/0123/", "version": "v1"},
        "trigger": "person",
        "triggerReason": "first",
        "execution": "arn:aws:sagemaker:eu-west-1:222222222222:pipeline/p/execution/e",
        "properties": cloud.packages[f"{VERSIONS}3"]["CustomerMetadataProperties"],
        "specification": {
            "Containers": [{"Image": f"{REPOSITORY}:one", "ModelDataUrl": f"s3://{MODELS}/{ARTIFACT}"}],
            "SupportedContentTypes": ["application/jsonlines"],
        },
        "metrics": {"metrics": {"challenger": {"log_loss": 0.48}}, "gate": {"gain": 0.1}},
        "artifact": {
            "uri": f"s3://{MODELS}/{ARTIFACT}",
            "versionId": cloud.objects[MODELS, ARTIFACT][-1][0],
            "eTag": hashlib.md5(b"model").hexdigest(),
            "size": 5,
        },
        "image": {"uri": f"{REPOSITORY}@{DIGEST}", "digest": DIGEST, "named": f"{REPOSITORY}:one"},
        "sample": {
            "uri": f"{folder}/sample.jsonl",
            "versionId": cloud.objects[DATA, "flight_delays/evaluations/3/sample.jsonl"][-1][0],
        },
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in (BUNDLE | HELD).items()},
        "bundle": {"bucket": "assets", "key": "bundle.zip"},
    }


def test_the_record_holds_the_files_of_the_bundle(cloud: Cloud) -> None:
    index.handler(cloud.approve(3), None)
    _, members = recorded(cloud)
    assert {name: members[name] for name in BUNDLE} == BUNDLE
    assert members.keys() == {*BUNDLE, *HELD, "record.json", "record.mac"}


def test_a_bundle_that_was_written_over_is_refused(cloud: Cloud) -> None:
    cloud.put("assets", "bundle.zip", zipped(BUNDLE | {"production.template.json": b'{"Resources": {"Other": {}}}'}))
    with pytest.raises(
        RefusedError, match=r"^the bundle s3://assets/bundle\.zip is not the one that was delivered with"
    ):
        index.handler(cloud.approve(3), None)
    assert (RECORDS, KEY) not in cloud.objects


@pytest.mark.parametrize(("etag", "released"), [("", True), ('"{own}"', True), ("{own}", True), ("another", False)])
def test_an_artifact_that_was_replaced_after_it_was_registered_is_refused(
    cloud: Cloud, etag: str, released: bool
) -> None:
    event = cloud.approve(3)
    (container,) = cloud.packages[f"{VERSIONS}3"]["InferenceSpecification"]["Containers"]
    container["ModelDataETag"] = etag.format(own=hashlib.md5(b"model").hexdigest())
    if not released:
        with pytest.raises(RefusedError, match=r"of version 3 was replaced after it was registered$"):
            index.handler(event, None)
        return
    index.handler(event, None)
    assert (RECORDS, KEY) in cloud.objects


def test_the_same_content_gives_the_same_bytes(cloud: Cloud) -> None:
    index.handler(cloud.approve(3), None)
    first = cloud.objects.pop((RECORDS, KEY))
    index.handler(cloud.approve(3), None)
    assert cloud.objects[RECORDS, KEY][0][1] == first[0][1]


def test_an_approved_version_starts_its_release_at_its_record(cloud: Cloud) -> None:
    answer = index.handler(cloud.approve(3), None)
    assert answer == {"said": "version 3 is recorded and its release started", "execution": "execution-1"}
    assert cloud.executions[0]["key"] == KEY


def test_the_registry_decides_and_not_the_event(cloud: Cloud) -> None:
    event = cloud.approve(3)
    cloud.approve(3, "Rejected")
    assert index.handler(event, None) == {"said": "version 3 is Rejected: there is nothing to release"}
    assert (RECORDS, KEY) not in cloud.objects


def test_an_image_that_is_named_by_its_digest_is_recorded_by_it(cloud: Cloud) -> None:
    event = cloud.approve(3)
    cloud.packages[f"{VERSIONS}3"]["InferenceSpecification"]["Containers"][0]["Image"] = f"{REPOSITORY}@{DIGEST}"
    index.handler(event, None)
    assert recorded(cloud)[0]["image"]["uri"] == f"{REPOSITORY}@{DIGEST}"


def test_a_studio_profile_is_an_approver_too(cloud: Cloud) -> None:
    event = cloud.approve(3)
    cloud.packages[f"{VERSIONS}3"]["LastModifiedBy"] = {"UserProfileArn": "arn:profile"}
    index.handler(event, None)
    assert recorded(cloud)[0]["approval"]["by"] == "arn:profile"


def test_an_approver_whom_the_registry_does_not_know_is_recorded_as_nobody(cloud: Cloud) -> None:
    event = cloud.approve(3)
    del cloud.packages[f"{VERSIONS}3"]["LastModifiedBy"]
    index.handler(event, None)
    assert recorded(cloud)[0]["approval"]["by"] == ""


def test_a_record_that_is_there_is_not_written_again(cloud: Cloud) -> None:
    index.handler(cloud.approve(3), None)
    cloud.packages[f"{VERSIONS}3"]["ApprovalDescription"] = "another"
    index.handler(cloud.approve(3), None)
    assert len(cloud.objects[RECORDS, KEY]) == 1


def test_two_that_write_at_once_write_one_record(cloud: Cloud) -> None:
    cloud.fail["s3.put_object"] = releases.refusal("ConditionalRequestConflict")
    index.handler(cloud.approve(3), None)
    assert cloud.calls.count("s3.put_object") == 2
    assert len(cloud.objects[RECORDS, KEY]) == 1


def test_a_record_that_is_always_being_written_by_another_fails_the_event(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **_request: object) -> Document:
        raise releases.refusal("ConditionalRequestConflict")

    monkeypatch.setattr(releases.Storage, "put_object", refuse)
    with pytest.raises(RefusedError, match=rf"^{KEY} in records is being written by somebody else$"):
        index.handler(cloud.approve(3), None)


def test_a_record_that_may_not_be_written_fails_the_event(cloud: Cloud) -> None:
    cloud.fail["s3.put_object"] = releases.refusal("AccessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        index.handler(cloud.approve(3), None)
    assert cloud.executions == []


def test_an_older_version_is_recorded_and_not_started(cloud: Cloud) -> None:
    for version in (10, 9):  # as texts they would sort the other way round
        answer = index.handler(cloud.approve(version), None)
    assert answer == {"said": "version 9 is recorded; version 10 is newer"}
    assert cloud.released == [10]


def test_a_record_that_a_person_has_gone_back_to_is_not_started_by_a_late_event(cloud: Cloud) -> None:
    event = cloud.approve(3)
    index.handler(event, None)
    cloud.executions[0]["token"] = "a person's"
    for number in range(5):
        cloud.executions.append({"pipelineExecutionId": f"other-{number}", "token": "", "key": ""})
    cloud.take_records()
    answer = index.handler(event, None)
    assert answer == {"said": "version 3 is recorded; execution execution-1 has its record"}


def test_two_at_once_start_one_execution(cloud: Cloud) -> None:
    event = cloud.approve(3)
    first = index.handler(event, None)
    assert index.handler(event, None) == first  # the source action has not run, so no execution has the record


@pytest.mark.parametrize("name", [f"{VERSIONS}0", f"{VERSIONS}03", f"{VERSIONS}3/x", VERSIONS, "x"])
def test_a_package_that_is_not_the_models_is_refused(cloud: Cloud, name: str) -> None:
    with pytest.raises(RefusedError, match=f"^{name} is no version of flight_delays$"):
        index.handler({"detail": {"ModelPackageArn": name}}, None)
    assert cloud.calls == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"ModelDataUrl": "s3://elsewhere/model.tar.gz"}, "the artifact s3://elsewhere/model.tar.gz of version 3 lies"),
        ({"ModelDataUrl": f"s3://{MODELS}/flight_delays/training/gone"}, "the artifact s3://.*/gone is gone$"),
        ({"Image": "111111111111.dkr.ecr.eu-west-1.amazonaws.com/any:one"}, "the image 1.*:one is not of the reposi"),
        ({"Image": f"{REPOSITORY}-other:one"}, "is not of the repository"),
        ({"Image": REPOSITORY}, "is not of the repository"),
        ({"Image": f"{REPOSITORY}:two"}, f"the image two is gone from {REPOSITORY}$"),
    ],
)
def test_a_container_that_cannot_be_released_is_refused(cloud: Cloud, change: Document, sentence: str) -> None:
    event = cloud.approve(3)
    cloud.packages[f"{VERSIONS}3"]["InferenceSpecification"]["Containers"][0].update(change)
    with pytest.raises(RefusedError, match=sentence):
        index.handler(event, None)
    assert (RECORDS, KEY) not in cloud.objects


@pytest.mark.parametrize("count", [0, 2])
def test_a_package_of_more_or_less_than_one_container_is_refused(cloud: Cloud, count: int) -> None:
    event = cloud.approve(3)
    specification = cloud.packages[f"{VERSIONS}3"]["InferenceSpecification"]
    specification["Containers"] *= count
    with pytest.raises(RefusedError, match=f"^version 3 has {count} containers; accepted: 1$"):
        index.handler(event, None)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("AccessDenied", f"the artifact s3://{MODELS}/{ARTIFACT} is gone or may not be read: no$"),
        ("KMS.DisabledException", f"the key of the artifact s3://{MODELS}/{ARTIFACT} is gone: no$"),
    ],
)
def test_an_artifact_that_cannot_be_read_is_refused(cloud: Cloud, code: str, sentence: str) -> None:
    cloud.fail["s3.get_object"] = releases.refusal(code)
    with pytest.raises(RefusedError, match=sentence):
        index.handler(cloud.approve(3), None)


def test_an_empty_artifact_is_refused(cloud: Cloud) -> None:
    event = cloud.approve(3)
    cloud.put(MODELS, ARTIFACT, b"")
    with pytest.raises(RefusedError, match=r"is empty$"):
        index.handler(event, None)


def test_a_throttled_request_is_no_refusal(cloud: Cloud) -> None:
    cloud.fail["s3.get_object"] = releases.refusal("SlowDown")
    with pytest.raises(ClientError, match="SlowDown"):
        index.handler(cloud.approve(3), None)


def test_a_package_without_an_evaluation_is_refused(cloud: Cloud) -> None:
    event = cloud.approve(3)
    del cloud.packages[f"{VERSIONS}3"]["ModelMetrics"]
    with pytest.raises(RefusedError, match=r"^version 3 does not say where its evaluation is, and with which digest$"):
        index.handler(event, None)


def test_a_package_without_the_digest_of_its_evaluation_is_refused(cloud: Cloud) -> None:
    event = cloud.approve(3)
    del cloud.packages[f"{VERSIONS}3"]["ModelMetrics"]["ModelQuality"]["Statistics"]["ContentDigest"]
    with pytest.raises(RefusedError, match=r"^version 3 does not say where its evaluation is, and with which digest$"):
        index.handler(event, None)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'{"metrics": {}}',
        b'{"metrics": {}, "gate": {}}',
        b'{"metrics": {}, "gate": {}, "sample": []}',
        b'{"metrics": {}, "gate": {}, "sample": {"digest": ""}, "baselines": []}',
    ],
)
def test_an_evaluation_without_metrics_gate_and_sample_is_refused(cloud: Cloud, content: bytes) -> None:
    event = cloud.approve(3)
    cloud.put(DATA, "flight_delays/evaluations/3/evaluation.json", content)
    statistics = cloud.packages[f"{VERSIONS}3"]["ModelMetrics"]["ModelQuality"]["Statistics"]
    statistics["ContentDigest"] = releases.digest_of(content)
    with pytest.raises(RefusedError, match=r"evaluation\.json does not have metrics, gate and the digest of a sample$"):
        index.handler(event, None)


@pytest.mark.parametrize(("file", "what"), [("evaluation.json", "evaluation"), ("sample.jsonl", "sample")])
def test_what_another_run_wrote_over_is_refused(cloud: Cloud, file: str, what: str) -> None:
    event = cloud.approve(3)
    key = f"flight_delays/evaluations/3/{file}"
    cloud.put(DATA, key, cloud.objects[DATA, key][-1][1].replace(b"0.25", b"0.26").replace(b"0.48", b"0.10"))
    with pytest.raises(RefusedError, match=rf"^the {what} .*{file} was replaced after the version was registered$"):
        index.handler(event, None)
    assert cloud.executions == []


def test_the_record_holds_the_baselines_of_the_models_monitors(cloud: Cloud) -> None:
    index.handler(cloud.approve(3), None)
    said, members = recorded(cloud)
    held = {name: content for name, content in members.items() if name.startswith("baselines/")}
    assert held == HELD
    assert held.keys() < said["files"].keys()


def test_a_baseline_that_another_run_wrote_over_is_refused(cloud: Cloud) -> None:
    event = cloud.approve(3)
    cloud.put(DATA, "flight_delays/evaluations/3/baselines/checks.json", b"{}")
    with pytest.raises(
        RefusedError, match=r"^the baseline .*checks\.json was replaced after the version was registered$"
    ):
        index.handler(event, None)
    assert cloud.executions == []


@pytest.mark.parametrize("name", ["../sample.json", "a/b/c.json", "record.mac", "/checks.json", "checks.json\n"])
def test_a_baseline_of_another_name_is_refused(cloud: Cloud, name: str) -> None:
    event = cloud.approve(3)
    key = "flight_delays/evaluations/3/evaluation.json"
    report = json.loads(cloud.objects[DATA, key][-1][1]) | {"baselines": {name: {"digest": "sha256:0"}}}
    content = json.dumps(report).encode()
    cloud.put(DATA, key, content)
    statistics = cloud.packages[f"{VERSIONS}3"]["ModelMetrics"]["ModelQuality"]["Statistics"]
    statistics["ContentDigest"] = releases.digest_of(content)
    with pytest.raises(RefusedError, match="names the baseline"):
        index.handler(event, None)


def test_a_version_without_baselines_is_released_without(cloud: Cloud) -> None:
    event = cloud.approve(3)
    key = "flight_delays/evaluations/3/evaluation.json"
    report = json.loads(cloud.objects[DATA, key][-1][1])
    del report["baselines"]
    content = json.dumps(report).encode()
    cloud.put(DATA, key, content)
    statistics = cloud.packages[f"{VERSIONS}3"]["ModelMetrics"]["ModelQuality"]["Statistics"]
    statistics["ContentDigest"] = releases.digest_of(content)
    index.handler(event, None)
    assert not [name for name in recorded(cloud)[1] if name.startswith("baselines/")]


def test_an_evaluation_without_a_sample_is_refused(cloud: Cloud) -> None:
    event = cloud.approve(3)
    del cloud.objects[DATA, "flight_delays/evaluations/3/sample.jsonl"]
    with pytest.raises(RefusedError, match=r"^the sample s3://data/.*/sample\.jsonl is gone$"):
        index.handler(event, None)


@pytest.mark.parametrize(
    ("bundle", "sentence"),
    [
        ({"contract.json": b"{}", "record.json": b"{}"}, r"^the bundle holds record\.json, which is the record's own$"),
        ({"staging.template.json": b"{}"}, r"^the bundle has no contract\.json$"),
        ({"contract.json": bytes(11 * 1024 * 1024)}, r"^the record has more than 10485760 bytes$"),
    ],
)
def test_a_bundle_that_makes_no_record_is_refused(
    cloud: Cloud, bundle: dict[str, bytes], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in bundle.items()}
    monkeypatch.setenv("BUNDLE_DIGESTS", json.dumps(digests))
    cloud.put("assets", "bundle.zip", releases.zipped(bundle))
    with pytest.raises(RefusedError, match=sentence):
        index.handler(cloud.approve(3), None)


class Approvals(RuleBasedStateMachine):
    """Versions are approved and withdrawn; their events arrive late, twice, in any order; the function crashes."""

    events = Bundle("events")

    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self.cloud = releases.cloud()
        self.cloud.use(self._patch)
        self.undelivered: list[Document] = []
        for name, value in RECORDER.items():
            self._patch.setenv(name, value)

    @rule(target=events, version=st.integers(1, 12), status=st.sampled_from(["Approved", "Approved", "Rejected"]))
    def decide(self, version: int, status: str) -> Document:
        event = self.cloud.approve(version, status)
        self.undelivered.append(event)
        return event

    @rule(target=events, event=consumes(events), again=st.booleans())
    def deliver(self, event: Document, again: bool) -> Any:
        status = self.cloud.packages[event["detail"]["ModelPackageArn"]]["ModelApprovalStatus"]
        before = self.cloud.released
        index.handler(event, None)
        assert status == "Approved" or self.cloud.released == before, "what was withdrawn is not started"
        return event if again else multiple()

    @rule(event=consumes(events), calls=st.integers(0, 14))
    def crash(self, event: Document, calls: int) -> None:
        self.cloud.crash_after = calls
        try:
            index.handler(event, None)
        except releases.CrashedError:
            self.undelivered.append(event)
        self.cloud.crash_after = -1

    @precondition(lambda self: self.cloud.executions)
    @rule()
    def take_records(self) -> None:
        self.cloud.take_records()

    @invariant()
    def each_version_starts_once_and_none_after_a_newer(self) -> None:
        released = self.cloud.released
        assert all(earlier < later for earlier, later in itertools.pairwise(released)), released

    @invariant()
    def a_record_never_changes(self) -> None:
        records = [versions for (bucket, _), versions in self.cloud.objects.items() if bucket == RECORDS]
        assert all(len(versions) == 1 for versions in records)

    def teardown(self) -> None:
        """What has crashed or not yet arrived is delivered again, and then nothing is lost."""
        try:
            for event in self.undelivered:
                index.handler(event, None)
            self.each_version_starts_once_and_none_after_a_newer()
            approved = [
                package["ModelPackageVersion"]
                for package in self.cloud.packages.values()
                if package["ModelApprovalStatus"] == "Approved"
            ]
            records = [int(key.split("/")[2]) for bucket, key in self.cloud.objects if bucket == RECORDS]
            assert set(approved) <= set(records), "each approved version has its record, to go back to"
            if approved and max(approved) == max(records):
                assert self.cloud.released[-1] == max(approved), "the highest is the last that was started"
        finally:
            self._patch.undo()


TestApprovals = Approvals.TestCase
TestApprovals.settings = hypothesis.settings(max_examples=150, stateful_step_count=25, deadline=None)

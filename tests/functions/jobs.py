"""CodePipeline in memory, as far as an invoked function asks it, with a job at a record."""

import dataclasses
import io
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from functions.release_recorder import index as recorder
from tests.functions import releases
from tests.functions.releases import RECORDER, RECORDS, Cloud, Pipelines

Document = dict[str, Any]
ARTIFACTS, ARTIFACT = "artifacts", "release/Record/1"
OWN, OTHER = "execution-own", "execution-other"
STAGE, ACTION = "Approval", "Approve"
Handler = Callable[[Document, object], Document]


class Jobs(Pipelines):
    """The answers of a function, and an approval that may wait."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.succeeded: list[Document] = []
        self.failed: list[Document] = []
        self.answered: list[Document] = []
        self.approval: Document = {}
        self.waiting = ""
        self.actions: list[Document] = []
        self.starter = "arn:recorder"

    def put_job_success_result(self, *, jobId: str, **result: Any) -> Document:  # noqa: N803
        self._end(jobId)
        self.succeeded.append(result)
        return {}

    def put_job_failure_result(self, *, jobId: str, failureDetails: Document) -> Document:  # noqa: N803
        self._end(jobId)
        self.failed.append(failureDetails)
        return {}

    def get_pipeline_state(self, *, name: str) -> Document:
        assert name == releases.PIPELINE
        action = {"actionName": ACTION} | ({"latestExecution": self.approval} if self.approval else {})
        stage: Document = {"stageName": STAGE, "actionStates": [action]}
        if self.waiting:
            stage["latestExecution"] = {"pipelineExecutionId": self.waiting, "status": "InProgress"}
        return {"stageStates": [{"stageName": "Source", "actionStates": []}, stage]}

    def put_approval_result(self, **answer: Any) -> Document:
        self.answered.append(answer)
        return {}

    def list_action_executions(self, *, pipelineName: str, filter: Document, nextToken: str = "") -> Document:  # noqa: A002, N803
        assert pipelineName == releases.PIPELINE
        assert filter == {"pipelineExecutionId": OWN}
        return releases.page(self.actions, "actionExecutionDetails", nextToken)

    def get_pipeline_execution(self, *, pipelineName: str, pipelineExecutionId: str) -> Document:  # noqa: N803
        assert (pipelineName, pipelineExecutionId) == (releases.PIPELINE, OWN)
        trigger = {"triggerType": "StartPipelineExecution", "triggerDetail": self.starter}
        return {"pipelineExecution": {"pipelineExecutionId": OWN, "trigger": trigger}}

    def _end(self, job: str) -> None:
        assert job == "job-1"
        if self.succeeded or self.failed:
            raise releases.refusal("InvalidJobStateException")


@dataclasses.dataclass(kw_only=True)
class Called:
    """A function, the job that it gets, and what it says.

    Attributes:
        cloud: The accounts.
        jobs: The pipeline.
        handler: The function.
        told: The action's user parameters.
    """

    cloud: Cloud
    jobs: Jobs
    handler: Handler
    told: str = OWN

    def __call__(self) -> Document:
        """Calls the function with its job."""
        where = {"bucketName": ARTIFACTS, "objectKey": ARTIFACT}
        data = {
            "actionConfiguration": {"configuration": {"UserParameters": self.told}},
            "inputArtifacts": [{"name": "Record", "location": {"type": "S3", "s3Location": where}}],
            "artifactCredentials": {"accessKeyId": "a", "secretAccessKey": "s", "sessionToken": "t"},
        }
        return self.handler({"CodePipeline.job": {"id": "job-1", "data": data}}, None)

    def refusal(self) -> str:
        """Calls the function; why it says that the job failed."""
        self()
        (failure,) = self.jobs.failed
        assert failure["type"] == "JobFailed"
        assert self.jobs.succeeded == []
        return str(failure["message"])

    def change(self, edit: Callable[[dict[str, bytes]], None], *, compression: int = zipfile.ZIP_STORED) -> None:
        """Changes the members of the record that the job is at."""
        with zipfile.ZipFile(io.BytesIO(self.cloud.objects[ARTIFACTS, ARTIFACT][-1][1])) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        edit(members)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        self.put(buffer.getvalue())

    def put(self, archive: bytes) -> None:
        """Puts another artifact in the place of the record."""
        self.cloud.put(ARTIFACTS, ARTIFACT, archive)


def called(
    handler: Handler,
    environment: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    package: Mapping[str, object] | None = None,
) -> Called:
    """A job at the record that the recorder makes of version 3, of which the registry says what `package` changes."""
    cloud = releases.cloud()
    cloud.use(monkeypatch)
    event = cloud.approve(3)
    cloud.packages[event["detail"]["ModelPackageArn"]].update(package or {})
    with monkeypatch.context() as patch:
        for name, value in RECORDER.items():
            patch.setenv(name, value)
        recorder.handler(event, None)
    record = cloud.objects[RECORDS, "releases/flight_delays/3/record.zip"][-1][1]
    cloud.put(ARTIFACTS, ARTIFACT, record)
    cloud.calls.clear()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    jobs = Jobs(cloud)
    cloud.services["codepipeline"] = jobs
    return Called(cloud=cloud, jobs=jobs, handler=handler)

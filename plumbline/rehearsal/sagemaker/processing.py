"""Processing jobs."""

from plumbline.rehearsal.api.errors import validation_error
from plumbline.rehearsal.api.scope import timestamp
from plumbline.rehearsal.api.shapes import Document, members_of
from plumbline.rehearsal.api.store import Table
from plumbline.rehearsal.sagemaker import events, transfer
from plumbline.rehearsal.sagemaker.errors import in_use
from plumbline.rehearsal.sagemaker.jobs import HOST, Job, Plan
from plumbline.rehearsal.sagemaker.platform import Platform
from plumbline.rehearsal.sagemaker.scope import Scope, name_of
from plumbline.rehearsal.sagemaker.sessions import PlatformError, RoleSession, dumps
from plumbline.rehearsal.sagemaker.store import listing
from plumbline.rehearsal.sagemaker.transfer import Mirror, S3Uri
from plumbline.rehearsal.sagemaker.transitions import Kind, begin, is_final, move

# StoppingCondition may be left out (API reference, ProcessingStoppingCondition): a day.
_DEFAULT_SECONDS = 86_400.0
_MIRROR_SECONDS = 1.0


class ProcessingJob(Job):
    """One processing job."""

    _mirrors: tuple[Mirror, ...] = ()

    @property
    def plan(self) -> Plan:
        """What the job asks of the platform."""
        request = self.document
        app = request["AppSpecification"]
        network = request.get("NetworkConfig", {})
        arn, name = request["ProcessingJobArn"], request["ProcessingJobName"]
        return Plan(
            scope=self.scope,
            arn=arn,
            name=name,
            role_arn=request["RoleArn"],
            image=app["ImageUri"],
            entry_point=tuple(app.get("ContainerEntrypoint", ())),
            arguments=tuple(app.get("ContainerArguments", ())),
            environment={
                "PROCESSING_JOB_NAME": name,
                "PROCESSING_JOB_ARN": arn,
                **request.get("Environment", {}),
            },
            isolated=bool(network.get("EnableNetworkIsolation")),
            vpc=network.get("VpcConfig"),
            volume_key=request["ProcessingResources"]["ClusterConfig"].get("VolumeKmsKeyId"),
            max_seconds=request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _DEFAULT_SECONDS),
            log_group="/aws/sagemaker/ProcessingJobs",
            namespace="/aws/sagemaker/ProcessingJobs",
        )

    def fetch(self, data: RoleSession) -> None:
        """Brings the inputs, makes the outputs' folders, writes the configuration."""
        for item in self.document.get("ProcessingInputs", []):
            source = item.get("S3Input")
            if source is None or source.get("S3InputMode", "File") != "File":
                raise PlatformError(
                    f"ClientError: input {item['InputName']} is no S3Input of mode File; the rehearsal runs no other"
                )
            transfer.download(transfer.find(source, session=data), self.local(source["LocalPath"]), session=data)
        mirrors = []
        for output in self._outputs():
            target = output["S3Output"]
            folder = self.local(target["LocalPath"])
            folder.mkdir(parents=True, exist_ok=True)
            if target.get("S3UploadMode") == "Continuous":
                uri = S3Uri.parse(target["S3Uri"])
                mirrors.append(Mirror(folder, uri, session=data, key=self._key, seconds=_MIRROR_SECONDS))
        self._mirrors = tuple(mirrors)
        config = self.base / "config"
        config.mkdir()
        (config / "processingjobconfig.json").write_text(
            dumps(
                {
                    **members_of("CreateProcessingJob", self.document, service="sagemaker"),
                    "ProcessingJobArn": self.plan.arn,
                }
            )
        )
        cluster = self.document["ProcessingResources"]["ClusterConfig"]
        (config / "resourceconfig.json").write_text(
            dumps(
                {
                    "current_host": HOST,
                    "current_instance_type": cluster["InstanceType"],
                    "current_group_name": "homogeneousCluster",
                    "hosts": [HOST],
                    "network_interface_name": "lo",
                }
            )
        )

    def began(self) -> None:
        """The container is about to start."""
        with self.lock:
            self.document["ProcessingStartTime"] = timestamp()

    def release(self) -> None:
        """Sends the last of what is mirrored."""
        for mirror in self._mirrors:
            mirror.close()

    def deliver(self, data: RoleSession) -> None:
        """Writes the outputs."""
        for output in self._outputs():
            target = output["S3Output"]
            if target.get("S3UploadMode") != "Continuous":
                transfer.upload(
                    self.local(target["LocalPath"]), S3Uri.parse(target["S3Uri"]), session=data, key=self._key
                )

    def finish(self, status: str, *, failure: str | None = None, timed_out: bool = False) -> None:
        """Ends with a status."""
        message = self.base / "output" / "message"
        with self.lock:
            document = self.document
            document["ProcessingJobStatus"] = move(Kind.PROCESSING_JOB, document["ProcessingJobStatus"], status)
            document["ProcessingEndTime"] = document["LastModifiedTime"] = timestamp()
            if message.is_file():
                document["ExitMessage"] = message.read_text(errors="replace")[:1024]
            if failure:
                document["FailureReason"] = failure
            elif timed_out:
                document["FailureReason"] = (
                    f"ClientError: MaxRuntimeExceeded: the job was stopped after {self.plan.max_seconds:g} seconds"
                )
        events.processing_job_changed(self.scope, self.document)

    def stop(self) -> None:
        """Tells it to stop."""
        with self.lock:
            if is_final(Kind.PROCESSING_JOB, self.document["ProcessingJobStatus"]) or self.stopping.is_set():
                return
            self.document["ProcessingJobStatus"] = move(
                Kind.PROCESSING_JOB, self.document["ProcessingJobStatus"], "Stopping"
            )
            self.stopping.set()
        events.processing_job_changed(self.scope, self.document)

    @property
    def _key(self) -> str | None:
        key: str | None = self.document.get("ProcessingOutputConfig", {}).get("KmsKeyId")
        return key

    def _outputs(self) -> list[Document]:
        outputs: list[Document] = self.document.get("ProcessingOutputConfig", {}).get("Outputs", [])
        return outputs


class ProcessingJobs:
    """The operations on processing jobs."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._jobs: Table[Scope, ProcessingJob] = Table(
            lambda _, name: validation_error(f"Could not find requested job with name: {name}")
        )

    def create(self, scope: Scope, request: Document) -> Document:
        """CreateProcessingJob."""
        name = request["ProcessingJobName"]
        arn = scope.arn(f"processing-job/{name}")
        RoleSession(options=self._platform.options, role_arn=request["RoleArn"], scope=scope, source_arn=arn)
        now = timestamp()
        document = {
            **{member: value for member, value in request.items() if member != "Tags"},
            "ProcessingJobArn": arn,
            "ProcessingJobStatus": begin(Kind.PROCESSING_JOB, "InProgress"),
            "CreationTime": now,
            "LastModifiedTime": now,
        }
        job = ProcessingJob(platform=self._platform, scope=scope, document=document)
        self._jobs.add(
            scope,
            name,
            job,
            taken=lambda _: in_use(
                "Job name must be unique within an AWS account and region, and a job with this name already exists "
                f"({arn})"
            ),
        )
        events.processing_job_changed(scope, document)
        job.start()
        return {"ProcessingJobArn": arn}

    def describe(self, scope: Scope, request: Document) -> Document:
        """DescribeProcessingJob."""
        job = self.get(scope, request["ProcessingJobName"])
        with job.lock:
            return dict(job.document)

    def list_all(self, scope: Scope, request: Document) -> Document:
        """ListProcessingJobs."""
        rows = []
        for job in self._jobs.rows(scope):
            with job.lock:
                rows.append(members_of_summary(job.document))
        return listing(rows, request, key="ProcessingJobSummaries", name="ProcessingJobName")

    def stop(self, scope: Scope, request: Document) -> Document:
        """StopProcessingJob."""
        self.get(scope, request["ProcessingJobName"]).stop()
        return {}

    def get(self, scope: Scope, name: str) -> ProcessingJob:
        """A job, by name or ARN."""
        return self._jobs.get(scope, name_of(name))

    def stop_all(self) -> None:
        """Has every job end at once."""
        for job in self._jobs.everything():
            job.stopping.set()


def members_of_summary(document: Document) -> Document:
    """A job's entry in a listing."""
    names = (
        "ProcessingJobName",
        "ProcessingJobArn",
        "CreationTime",
        "ProcessingEndTime",
        "LastModifiedTime",
        "ProcessingJobStatus",
        "FailureReason",
        "ExitMessage",
    )
    return {name: document[name] for name in names if name in document}

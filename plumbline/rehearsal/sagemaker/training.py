"""Training jobs."""

import dataclasses
import json
import math
import re
import stat
import tarfile
from pathlib import Path

from plumbline.rehearsal.api.errors import validation_error
from plumbline.rehearsal.api.scope import timestamp
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.api.store import Table
from plumbline.rehearsal.sagemaker import events, transfer
from plumbline.rehearsal.sagemaker.errors import in_use
from plumbline.rehearsal.sagemaker.jobs import HOST, Job, Plan, whole_seconds
from plumbline.rehearsal.sagemaker.platform import Platform
from plumbline.rehearsal.sagemaker.scope import Scope, name_of
from plumbline.rehearsal.sagemaker.sessions import PlatformError, RoleSession, dumps
from plumbline.rehearsal.sagemaker.store import listing
from plumbline.rehearsal.sagemaker.transfer import Mirror, Pipe, S3Uri
from plumbline.rehearsal.sagemaker.transitions import Kind, begin, is_final, move

# Managed spot training bills a part of the time; AWS advertises savings of up to 90 %, and 70 % is usual.
SPOT_SHARE = 0.3
_CHECKPOINTS = "/opt/ml/checkpoints"
_MIRROR_SECONDS = 1.0
# SageMaker's own words for each phase (API reference, SecondaryStatusTransition).
_MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "DownloadingTrainingImage": "Downloading the training image",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric that is read off the container's output."""

    name: str
    pattern: re.Pattern[str]


class TrainingJob(Job):
    """One training job."""

    _pipes: tuple[Pipe, ...] = ()
    _mirror: Mirror | None = None

    @property
    def plan(self) -> Plan:
        """What the job asks of the platform."""
        request = self.document
        algorithm = request["AlgorithmSpecification"]
        name, arn = request["TrainingJobName"], request["TrainingJobArn"]
        entry_point = tuple(algorithm.get("ContainerEntrypoint", ()))
        return Plan(
            scope=self.scope,
            arn=arn,
            name=name,
            role_arn=request["RoleArn"],
            image=algorithm["TrainingImage"],
            entry_point=entry_point,
            # without an entry point of its own, SageMaker runs the image with the argument "train"
            arguments=tuple(algorithm.get("ContainerArguments", ())) if entry_point else ("train",),
            environment={"TRAINING_JOB_NAME": name, "TRAINING_JOB_ARN": arn, **request.get("Environment", {})},
            isolated=bool(request.get("EnableNetworkIsolation")),
            vpc=request.get("VpcConfig"),
            volume_key=request["ResourceConfig"].get("VolumeKmsKeyId"),
            max_seconds=request["StoppingCondition"].get("MaxRuntimeInSeconds", 86_400),
            log_group="/aws/sagemaker/TrainingJobs",
            namespace="/aws/sagemaker/TrainingJobs",
        )

    def fetch(self, data: RoleSession) -> None:
        """Brings channels and checkpoints, writes the configuration."""
        self.phase("Downloading")
        pipes = []
        for channel in self.document.get("InputDataConfig", []):
            files = transfer.find(channel["DataSource"]["S3DataSource"], session=data)
            folder = self.base / "input" / "data" / channel["ChannelName"]
            mode = self._mode(channel)
            if mode == "Pipe":
                folder.parent.mkdir(parents=True, exist_ok=True)
                compressed = channel.get("CompressionType") == "Gzip"
                pipes.append(Pipe(path=folder, files=files, session=data, compressed=compressed))
                continue
            transfer.download(files, folder, session=data)
            if mode == "FastFile":
                _make_read_only(folder)
        self._pipes = tuple(pipes)
        (self.base / "model").mkdir()
        (self.base / "output" / "data").mkdir()
        self._restore_checkpoints(data)
        self._write_configuration()

    def began(self) -> None:
        """The container is about to start."""
        with self.lock:
            self.document["TrainingStartTime"] = timestamp()
        self.phase("Training")

    def line(self, text: str) -> None:
        """Reads metrics off the output."""
        for metric in self._metrics():
            found = metric.pattern.search(text)
            if found is None:
                continue
            try:
                value = float(found.group(1))
            except (ValueError, IndexError):
                continue
            entry = {"MetricName": metric.name, "Value": value, "Timestamp": timestamp()}
            with self.lock:
                others = [item for item in self.document["FinalMetricDataList"] if item["MetricName"] != metric.name]
                self.document["FinalMetricDataList"] = [*others, entry]

    def release(self) -> None:
        """Ends the pipes, sends the last checkpoints."""
        for pipe in self._pipes:
            pipe.close()
        if self._mirror is not None:
            self._mirror.close()

    def deliver(self, data: RoleSession) -> None:
        """Writes the model and the other outputs."""
        if not self.stopping.is_set():
            self.phase("Uploading")
        output = self.document["OutputDataConfig"]
        uri = S3Uri.parse(output["S3OutputPath"]) / self.plan.name / "output"
        key = output.get("KmsKeyId")
        if output.get("CompressionType") == "NONE":
            transfer.upload(self.base / "model", uri / "model", session=data, key=key)
        else:
            transfer.upload_file(self._pack("model", self.base / "model"), uri / "model.tar.gz", session=data, key=key)
        if any((self.base / "output" / "data").iterdir()):
            archive = self._pack("output", self.base / "output" / "data")
            transfer.upload_file(archive, uri / "output.tar.gz", session=data, key=key)

    def finish(self, status: str, *, failure: str | None = None, timed_out: bool = False) -> None:
        """Ends with a status."""
        with self.lock:
            document = self.document
            document["TrainingJobStatus"] = move(Kind.TRAINING_JOB, document["TrainingJobStatus"], status)
            document["TrainingEndTime"] = timestamp()
            if "TrainingStartTime" in document:
                taken = whole_seconds(document["TrainingStartTime"])
                document["TrainingTimeInSeconds"] = taken
                spot = document.get("EnableManagedSpotTraining", False)
                document["BillableTimeInSeconds"] = max(1, math.ceil(taken * SPOT_SHARE)) if spot else taken
            if failure:
                document["FailureReason"] = failure
        self._end_phase("MaxRuntimeExceeded" if timed_out else status)

    def stop(self) -> None:
        """Tells it to stop."""
        with self.lock:
            if is_final(Kind.TRAINING_JOB, self.document["TrainingJobStatus"]) or self.stopping.is_set():
                return
            self.document["TrainingJobStatus"] = move(Kind.TRAINING_JOB, self.document["TrainingJobStatus"], "Stopping")
            self.stopping.set()
        self.phase("Stopping")

    def phase(self, secondary: str) -> None:
        """Enters a secondary status."""
        with self.lock:
            document = self.document
            if document["SecondaryStatus"] == secondary:
                return
            if document["SecondaryStatus"] == "Stopping" and secondary not in ("Stopped", "Failed"):
                return
            now = timestamp()
            document["SecondaryStatus"] = move(Kind.TRAINING_PHASE, document["SecondaryStatus"], secondary)
            document["LastModifiedTime"] = now
            document["SecondaryStatusTransitions"][-1]["EndTime"] = now
            document["SecondaryStatusTransitions"].append(transition(secondary, now))
        events.training_job_changed(self.scope, self.document)

    def _end_phase(self, secondary: str) -> None:
        with self.lock:
            if self.document["SecondaryStatus"] == "Stopping" and secondary == "Completed":
                secondary = "Stopped"
            if secondary == "Stopped" and self.document["SecondaryStatus"] != "Stopping":
                self.phase("Stopping")
        self.phase(secondary)
        with self.lock:
            last = self.document["SecondaryStatusTransitions"][-1]
            last["EndTime"] = self.document["TrainingEndTime"]

    def _mode(self, channel: Document) -> str:
        mode: str = channel.get("InputMode") or self.document["AlgorithmSpecification"]["TrainingInputMode"]
        return mode

    def _metrics(self) -> list[Metric]:
        return [
            Metric(name=item["Name"], pattern=re.compile(item["Regex"]))
            for item in self.document["AlgorithmSpecification"].get("MetricDefinitions", [])
        ]

    def _restore_checkpoints(self, data: RoleSession) -> None:
        config = self.document.get("CheckpointConfig")
        if not config:
            return
        folder = self.local(config.get("LocalPath", _CHECKPOINTS))
        folder.mkdir(parents=True, exist_ok=True)
        uri = S3Uri.parse(config["S3Uri"])
        try:
            files = transfer.find({"S3Uri": f"{str(uri).rstrip('/')}/"}, session=data)
        except PlatformError:
            files = []  # a first run has none
        transfer.download(files, folder, session=data)
        key = self.document["OutputDataConfig"].get("KmsKeyId")
        self._mirror = Mirror(folder, uri, session=data, key=key, seconds=_MIRROR_SECONDS)

    def _write_configuration(self) -> None:
        config = self.base / "input" / "config"
        config.mkdir(parents=True)
        resources = self.document["ResourceConfig"]
        kind = resources.get("InstanceType", "local")
        group = {"instance_group_name": "homogeneousCluster", "instance_type": kind, "hosts": [HOST]}
        channels = {
            channel["ChannelName"]: {
                "TrainingInputMode": self._mode(channel),
                "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                    "S3DataDistributionType", "FullyReplicated"
                ),
                "RecordWrapperType": channel.get("RecordWrapperType", "None"),
                **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
            }
            for channel in self.document.get("InputDataConfig", [])
        }
        (config / "hyperparameters.json").write_text(dumps(self.document.get("HyperParameters", {})))
        (config / "inputdataconfig.json").write_text(dumps(channels))
        (config / "resourceconfig.json").write_text(
            dumps(
                {
                    "current_host": HOST,
                    "current_instance_type": kind,
                    "current_group_name": "homogeneousCluster",
                    "hosts": [HOST],
                    "instance_groups": [group],
                    "network_interface_name": "lo",
                }
            )
        )

    def _pack(self, name: str, folder: Path) -> Path:
        archive = self.folder / f"{name}.tar.gz"
        with tarfile.open(archive, "w:gz") as packed:
            for path in sorted(folder.iterdir()):
                packed.add(path, arcname=path.name)
        return archive


class TrainingJobs:
    """The operations on training jobs."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._jobs: Table[Scope, TrainingJob] = Table(lambda *_: validation_error("Requested resource not found."))

    def create(self, scope: Scope, request: Document) -> Document:
        """CreateTrainingJob."""
        name = request["TrainingJobName"]
        arn = scope.arn(f"training-job/{name}")
        _check(request)
        RoleSession(options=self._platform.options, role_arn=request["RoleArn"], scope=scope, source_arn=arn)
        now = timestamp()
        output = request["OutputDataConfig"]
        artifact = "output/model/" if output.get("CompressionType") == "NONE" else "output/model.tar.gz"
        document = {
            **{member: value for member, value in request.items() if member != "Tags"},
            "TrainingJobArn": arn,
            "ModelArtifacts": {"S3ModelArtifacts": f"{output['S3OutputPath'].rstrip('/')}/{name}/{artifact}"},
            "TrainingJobStatus": begin(Kind.TRAINING_JOB, "InProgress"),
            "SecondaryStatus": begin(Kind.TRAINING_PHASE, "Starting"),
            "SecondaryStatusTransitions": [transition("Starting", now)],
            "FinalMetricDataList": [],
            "CreationTime": now,
            "LastModifiedTime": now,
        }
        job = TrainingJob(platform=self._platform, scope=scope, document=document)
        self._jobs.add(
            scope,
            name,
            job,
            taken=lambda _: in_use(
                "Training job names must be unique within an AWS account and region, and a training job with this "
                f"name already exists ({arn})"
            ),
        )
        events.training_job_changed(scope, document)
        job.start()
        return {"TrainingJobArn": arn}

    def describe(self, scope: Scope, request: Document) -> Document:
        """DescribeTrainingJob."""
        job = self.get(scope, request["TrainingJobName"])
        with job.lock:
            document: Document = json.loads(json.dumps(job.document))
        if not document["FinalMetricDataList"]:
            del document["FinalMetricDataList"]
        return document

    def list_all(self, scope: Scope, request: Document) -> Document:
        """ListTrainingJobs."""
        names = (
            "TrainingJobName",
            "TrainingJobArn",
            "CreationTime",
            "TrainingEndTime",
            "LastModifiedTime",
            "TrainingJobStatus",
            "SecondaryStatus",
        )
        rows = []
        for job in self._jobs.rows(scope):
            with job.lock:
                rows.append({name: job.document[name] for name in names if name in job.document})
        return listing(rows, request, key="TrainingJobSummaries", name="TrainingJobName")

    def stop(self, scope: Scope, request: Document) -> Document:
        """StopTrainingJob."""
        self.get(scope, request["TrainingJobName"]).stop()
        return {}

    def get(self, scope: Scope, name: str) -> TrainingJob:
        """A job, by name or ARN."""
        return self._jobs.get(scope, name_of(name))

    def stop_all(self) -> None:
        """Has every job end at once."""
        for job in self._jobs.everything():
            job.stopping.set()


def transition(status: str, start: float) -> Document:
    """An entry of SecondaryStatusTransitions."""
    return {"Status": status, "StartTime": start, "StatusMessage": _MESSAGES[status]}


def _check(request: Document) -> None:
    condition = request.get("StoppingCondition", {})
    longest, waiting = condition.get("MaxRuntimeInSeconds"), condition.get("MaxWaitTimeInSeconds")
    if request.get("EnableManagedSpotTraining"):
        if waiting is None or (longest is not None and waiting < longest):
            raise validation_error(
                "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
            )
    elif waiting is not None:
        raise validation_error("MaxWaitTimeInSeconds above 0 is not allowed when EnableManagedSpotTraining is not true")
    if "TrainingImage" not in request["AlgorithmSpecification"]:
        raise validation_error(
            "AlgorithmSpecification without TrainingImage: the rehearsal runs images, not algorithms of the marketplace"
        )
    for channel in request.get("InputDataConfig", []):
        if "S3DataSource" not in channel["DataSource"]:
            raise validation_error(
                f"Channel {channel['ChannelName']} has no S3DataSource, the only data source that the rehearsal reads"
            )


def _make_read_only(folder: Path) -> None:
    """FastFile shows a channel as a read-only file system; here it is a copy without write permission."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)

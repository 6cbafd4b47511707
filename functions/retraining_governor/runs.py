"""Training runs, as SageMaker knows them, and what a run is started with.

Sources: SageMaker API reference, StartPipelineExecution, ListPipelineExecutions, ListModelPackages, ModelQuality,
CustomerMetadataProperties of CreateModelPackage; S3 API reference, ListObjectsV2, HeadObject.
"""

import dataclasses
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import ClientError

from refusal import RefusedError
from role import code_of
from settings import Settings, parsed
from signals import NOT_GIVEN, End, slug_of
from table import Decision

Client = Any
Document = dict[str, Any]

# Errors after which the same request will not do: another has to be made, or somebody has to mend something. Of a limit
# or a conflict nobody is to blame: the event comes again, from Lambda's own attempts or from the queue of failed ones.
FOR_GOOD = {
    "AccessDenied",
    "AccessDeniedException",
    "ResourceNotFound",
    "ValidationException",
}
# What SageMaker says of a job whose own program has failed, a check that rejects its data included: with the same code
# and data it would again. Of what it has itself to blame it says something else (capacity, internal errors, limits).
_OWN_FAILURE = "AlgorithmError"
_UNDER_WAY = {"Executing", "Stopping"}
_UNUSABLE = {"Failed", "Deleting"}
# The reason becomes a property of the model package: at most 256 characters, letters, digits, spaces and these. A run
# would otherwise fail where it registers, after all that it cost.
_PROPERTY_CHARACTERS, _PROPERTY_LENGTH = "_.:/=+-@", 256
# One page of the newest: one runs at a time, so that what still does is not behind a hundred that were started later.
_NEWEST = 100
# By how much the clock of a signal's sender may differ from SageMaker's.
_LEEWAY = timedelta(hours=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dataset:
    """A dataset.

    Attributes:
        id: Its identifier.
        version: The S3 version of its `dataset.json`.
    """

    id: str
    version: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Champion:
    """The newest version that was approved.

    Attributes:
        artifact: Its artifact; empty when it has none.
        baselines: Folder of the baselines that its training run has measured; empty when it has no evaluation.
        created: When it was registered.
    """

    artifact: str
    baselines: str
    created: datetime


class Runs:
    """The account's training pipelines and what they are started with.

    Args:
        prefix: What begins the names of pipelines and model package groups, before a hyphen and the model's slug.
        data_bucket: The bucket of datasets.
        commit_parameter: The SSM parameter that says which commit was delivered.
        settings_prefix: Path of the parameters that hold models' settings, without a slash at its end.
    """

    def __init__(self, *, prefix: str, data_bucket: str, commit_parameter: str, settings_prefix: str) -> None:
        self._prefix = prefix
        self._data_bucket = data_bucket
        self._commit_parameter = commit_parameter
        self._settings_prefix = settings_prefix
        self._sagemaker: Client = boto3.client("sagemaker")
        self._s3: Client = boto3.client("s3")
        self._ssm: Client = boto3.client("ssm")

    def settings(self, model: str) -> Settings | None:
        """The settings of a model; None when it has none.

        Raises:
            RefusedError: They are malformed.
        """
        try:
            text = self._value(f"{self._settings_prefix}/{model}")
        except ClientError as error:
            if code_of(error) != "ParameterNotFound":
                raise
            return None
        return parsed(text, model=model)

    def models(self) -> list[str]:
        """The models that have settings."""
        pages = self._ssm.get_paginator("get_parameters_by_path").paginate(Path=self._settings_prefix)
        return sorted(found["Name"].rpartition("/")[2] for page in pages for found in page["Parameters"])

    def commit(self) -> str:
        """The commit that was delivered last."""
        return self._value(self._commit_parameter)

    def newest_dataset(self, model: str, *, wanted: str) -> Dataset | None:
        """The dataset of a model that was completed last; a dataset is complete with its `dataset.json`.

        Args:
            model: The model.
            wanted: A dataset that has to be there, and that comes before others of the same second; empty for none.

        Returns:
            It, or None when there is none, or the wanted one is not there.

        Raises:
            RefusedError: Its bucket keeps no versions.
        """
        prefix = f"{model}/datasets/"
        shape = re.compile(rf"{re.escape(prefix)}(?P<dataset>[^/]+)/dataset\.json")
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._data_bucket, Prefix=prefix)
        listed = [(shape.fullmatch(entry["Key"]), entry) for page in pages for entry in page.get("Contents", [])]
        found = {match["dataset"]: entry["LastModified"] for match, entry in listed if match}
        if not found or (wanted and wanted not in found):
            return None
        newest = max(found, key=lambda dataset: (found[dataset], dataset == wanted, dataset))
        head = self._s3.head_object(Bucket=self._data_bucket, Key=f"{prefix}{newest}/dataset.json")
        version = head.get("VersionId", "null")
        if version == "null":
            raise RefusedError(f"the bucket {self._data_bucket} keeps no versions of dataset {newest}")
        return Dataset(id=newest, version=str(version))

    def champion(self, model: str) -> Champion | None:
        """The model's newest approved version; None when none is approved."""
        newest = self._newest_version(model, "Approved")
        if newest is None:
            return None
        package = self._sagemaker.describe_model_package(ModelPackageName=newest["ModelPackageArn"])
        containers = package.get("InferenceSpecification", {}).get("Containers", [])
        statistics = package.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {})
        folder = str(statistics.get("S3Uri", "")).rpartition("/")[0]
        return Champion(
            artifact=str(containers[0].get("ModelDataUrl", "")) if containers else "",
            baselines=f"{folder}/baselines/" if folder else "",
            created=newest["CreationTime"],
        )

    def waiting(self, model: str, *, champion: Champion | None) -> str:
        """The version that waits for an approval and is newer than the champion; empty when there is none."""
        newest = self._newest_version(model, "PendingManualApproval")
        if newest is None or (champion is not None and newest["CreationTime"] <= champion.created):
            return ""
        return str(newest["ModelPackageArn"])

    def under_way(self, model: str, *, last: str) -> str:
        """An execution of the model's pipeline that has not ended, whoever started it; empty when there is none.

        A list may be behind, so each is asked for once more, and so is the last one that has ended.

        Args:
            model: The model.
            last: ARN of the execution that has ended last, if somebody may have retried it; empty for none.
        """
        if last and self._status(last)[0] in _UNDER_WAY:
            return last
        answer = self._sagemaker.list_pipeline_executions(
            PipelineName=self._named(model), SortBy="CreationTime", SortOrder="Descending", MaxResults=_NEWEST
        )
        for execution in answer["PipelineExecutionSummaries"]:
            arn = str(execution["PipelineExecutionArn"])
            if execution["PipelineExecutionStatus"] in _UNDER_WAY and self._status(arn)[0] in _UNDER_WAY:
                return arn
        return ""

    def end_of(self, model: str, execution: str, *, asked: datetime) -> End | None:
        """How an execution has ended; None while it goes on.

        Args:
            model: The model.
            execution: The execution's ARN.
            asked: The time that stands for the end of an execution of which SageMaker knows nothing any more.
        """
        status, time = self._status(execution)
        if status in _UNDER_WAY:
            return None
        return End(model=model, execution=execution, status=status, time=time or asked)

    def judged(self, end: End) -> bool:
        """Whether a run that has ended says something of what it was made of.

        What has failed does so if its pipeline came to the step that the gate fails in, or if the program of a job
        failed; SageMaker's own trouble would not come back with the same code and data.

        Raises:
            ClientError: AWS refused or failed.
        """
        if end.status != "Failed":
            return end.status == "Succeeded"
        pages = self._sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=end.execution
        )
        try:
            steps = [step for page in pages for step in page["PipelineExecutionSteps"]]
        except ClientError as error:
            if code_of(error) != "ResourceNotFound":
                raise
            return False
        return any(
            "Fail" in step.get("Metadata", {}) or _OWN_FAILURE in step.get("FailureReason", "") for step in steps
        )

    def start(self, decision: Decision, *, labelled_uri: str, again: bool) -> str:
        """Starts the run that was decided on; the same decision starts one run, however often it is asked for.

        Args:
            decision: The decision.
            labelled_uri: The manifest of its labelled windows, if it has any.
            again: Whether it may have been started already. Nobody says for how long SageMaker knows a request token,
                so then the run is looked for first, by its name.

        Returns:
            The execution's ARN.

        Raises:
            ClientError: It could not be started.
        """
        name = f"{decision.kind}-{decision.digest[:32]}"
        if again and (found := self._named_run(decision, name)):
            return found
        parameters = {
            "CommitId": decision.commit,
            "DatasetId": decision.dataset,
            "DatasetVersion": decision.dataset_version,
            "Trigger": str(decision.kind),
            "TriggerReason": property_value(decision.reason),
            **({"ChampionUri": decision.champion} if decision.champion else {}),
            **({"BaselineUri": decision.baselines} if decision.baselines else {}),
            **({"LabelledId": decision.labelled, "LabelledUri": labelled_uri} if decision.labelled else {}),
        }
        answer = self._sagemaker.start_pipeline_execution(
            PipelineName=self._named(decision.model),
            PipelineExecutionDisplayName=name,
            PipelineParameters=[{"Name": name, "Value": value} for name, value in parameters.items()],
            ClientRequestToken=f"governor-{decision.digest}",
        )
        return str(answer["PipelineExecutionArn"])

    def _newest_version(self, model: str, status: str) -> Document | None:
        """The summary of the newest version with an approval status."""
        pages = self._sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=self._named(model),
            ModelApprovalStatus=status,
            SortBy="CreationTime",
            SortOrder="Descending",
        )
        found = (package for page in pages for package in page["ModelPackageSummaryList"])
        return next((package for package in found if package["ModelPackageStatus"] not in _UNUSABLE), None)

    def _status(self, execution: str) -> tuple[str, datetime | None]:
        """Status of an execution and since when it has it; `Gone` when SageMaker knows nothing of it any more."""
        try:
            found = self._sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
        except ClientError as error:
            if code_of(error) != "ResourceNotFound":
                raise
            return "Gone", None
        return str(found["PipelineExecutionStatus"]), found["LastModifiedTime"].astimezone(UTC)

    def _named_run(self, decision: Decision, name: str) -> str:
        pages = self._sagemaker.get_paginator("list_pipeline_executions").paginate(
            PipelineName=self._named(decision.model), CreatedAfter=decision.time - _LEEWAY
        )
        for page in pages:
            for execution in page["PipelineExecutionSummaries"]:
                if execution.get("PipelineExecutionDisplayName") == name:
                    return str(execution["PipelineExecutionArn"])
        return ""

    def _named(self, model: str) -> str:
        return f"{self._prefix}-{slug_of(model)}"

    def _value(self, parameter: str) -> str:
        return str(self._ssm.get_parameter(Name=parameter)["Parameter"]["Value"])


def property_value(reason: str) -> str:
    """A reason as a property of a model package may say it."""
    taken = (character if _allowed(character) else " " for character in reason)
    return " ".join("".join(taken).split())[:_PROPERTY_LENGTH].rstrip() or NOT_GIVEN


def _allowed(character: str) -> bool:
    # Beyond U+FFFF a character may count as two.
    return character <= "\uffff" and (unicodedata.category(character)[0] in "LN" or character in _PROPERTY_CHARACTERS)

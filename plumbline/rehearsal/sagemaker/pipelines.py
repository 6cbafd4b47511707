"""Pipelines and the operations on them and their executions."""

import copy
import dataclasses
import secrets
import string
import threading
from collections.abc import Callable, Mapping

from plumbline.rehearsal.api.errors import validation_error
from plumbline.rehearsal.api.scope import timestamp
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.api.store import Table
from plumbline.rehearsal.sagemaker import transfer
from plumbline.rehearsal.sagemaker.definition import parse
from plumbline.rehearsal.sagemaker.errors import conflict, not_found
from plumbline.rehearsal.sagemaker.executions import Execution, StepCache
from plumbline.rehearsal.sagemaker.jobs import Job
from plumbline.rehearsal.sagemaker.platform import Platform
from plumbline.rehearsal.sagemaker.scope import Arn, Scope, name_of
from plumbline.rehearsal.sagemaker.sessions import RoleSession
from plumbline.rehearsal.sagemaker.steps import Context
from plumbline.rehearsal.sagemaker.store import listing
from plumbline.rehearsal.sagemaker.transfer import S3Uri
from plumbline.rehearsal.sagemaker.transitions import Kind, begin, is_final

# API reference, ParallelismConfiguration: without one, all that can run does.
_PARALLEL = 50
_ID = string.ascii_lowercase + string.digits


@dataclasses.dataclass(kw_only=True)
class Pipeline:
    """A pipeline, with what its executions share."""

    document: Document
    cache: StepCache
    tokens: dict[str, tuple[Document, str]]


class Pipelines:
    """The operations on pipelines and executions.

    Args:
        platform: The machine.
        job: Finds a job by scope, kind and name.
    """

    def __init__(self, platform: Platform, job: Callable[[Scope, str, str], Job]) -> None:
        self._platform = platform
        self._job = job
        self._lock = threading.RLock()
        self._pipelines: Table[Scope, Pipeline] = Table(
            lambda scope, name: not_found(f"Pipeline '{scope.arn(f'pipeline/{name}')}' does not exist.")
        )
        self._executions: Table[Scope, Execution] = Table(
            lambda scope, name: not_found(
                f"Pipeline execution with ARN {scope.arn(f'pipeline/{name}')} does not exist."
            )
        )

    def create(self, scope: Scope, request: Document) -> Document:
        """CreatePipeline."""
        name = request["PipelineName"]
        arn = scope.arn(f"pipeline/{name}")
        text = self._definition(scope, arn, request["RoleArn"], request)
        parse(text)
        now = timestamp()
        document: Document = {
            "PipelineArn": arn,
            "PipelineName": name,
            "PipelineDisplayName": request.get("PipelineDisplayName", name),
            "PipelineDefinition": text,
            "RoleArn": request["RoleArn"],
            "PipelineStatus": "Active",
            "CreationTime": now,
            "LastModifiedTime": now,
            "CreatedBy": {},
            "LastModifiedBy": {},
        }
        for member in ("PipelineDescription", "ParallelismConfiguration"):
            if member in request:
                document[member] = request[member]
        self._pipelines.add(
            scope,
            name,
            Pipeline(document=document, cache=StepCache(), tokens={}),
            taken=lambda _: validation_error(
                f"Pipeline names must be unique within an AWS account and region. Pipeline with name ({name}) already "
                "exists."
            ),
        )
        return {"PipelineArn": arn}

    def update(self, scope: Scope, request: Document) -> Document:
        """UpdatePipeline."""
        pipeline = self._pipelines.get(scope, request["PipelineName"])
        arn = pipeline.document["PipelineArn"]
        role = str(request.get("RoleArn", pipeline.document["RoleArn"]))
        changes: Document = {
            member: request[member]
            for member in ("PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration")
            if member in request
        }
        if "PipelineDefinition" in request or "PipelineDefinitionS3Location" in request:
            changes["PipelineDefinition"] = self._definition(scope, arn, role, request)
            parse(changes["PipelineDefinition"])
        with self._lock:
            pipeline.document.update(changes, LastModifiedTime=timestamp())
        return {"PipelineArn": arn}

    def describe(self, scope: Scope, request: Document) -> Document:
        """DescribePipeline."""
        with self._lock:
            return copy.deepcopy(self._pipelines.get(scope, name_of(request["PipelineName"])).document)

    def delete(self, scope: Scope, request: Document) -> Document:
        """DeletePipeline: refused while an execution runs."""
        pipeline = self._pipelines.get(scope, request["PipelineName"])
        if any(not _ended(execution) for execution in self._of(scope, request["PipelineName"])):
            raise conflict(f"Pipeline {pipeline.document['PipelineArn']} has executions that are not complete.")
        self._pipelines.remove(scope, request["PipelineName"])
        return {"PipelineArn": pipeline.document["PipelineArn"]}

    def list_all(self, scope: Scope, request: Document) -> Document:
        """ListPipelines."""
        names = (
            "PipelineArn",
            "PipelineName",
            "PipelineDisplayName",
            "PipelineDescription",
            "RoleArn",
            "CreationTime",
            "LastModifiedTime",
            "LastExecutionTime",
        )
        with self._lock:
            rows = [
                {name: row.document[name] for name in names if name in row.document}
                for row in self._pipelines.rows(scope)
                if row.document["PipelineName"].startswith(request.get("PipelineNamePrefix", ""))
            ]
        return listing(rows, request, key="PipelineSummaries", name="PipelineName")

    def start(self, scope: Scope, request: Document) -> Document:
        """StartPipelineExecution; the same client token starts nothing new."""
        name = name_of(request["PipelineName"])
        pipeline = self._pipelines.get(scope, name)
        given = {item["Name"]: item["Value"] for item in request.get("PipelineParameters", [])}
        token = request["ClientRequestToken"]
        with self._lock:
            if token in pipeline.tokens:
                before, arn = pipeline.tokens[token]
                if before != request:
                    raise conflict(f"ClientRequestToken {token} was used with other parameters")
                return {"PipelineExecutionArn": arn}
            execution = self._execution(scope, pipeline, given, request)
            arn = execution.document["PipelineExecutionArn"]
            pipeline.tokens[token] = (copy.deepcopy(request), arn)
            pipeline.document["LastRunTime"] = execution.document["CreationTime"]
        execution.start()
        return {"PipelineExecutionArn": arn}

    def describe_execution(self, scope: Scope, request: Document) -> Document:
        """DescribePipelineExecution."""
        execution = self._found(scope, request)
        with execution.lock:
            return copy.deepcopy(execution.document)

    def definition_for_execution(self, scope: Scope, request: Document) -> Document:
        """DescribePipelineDefinitionForExecution."""
        execution = self._found(scope, request)
        return {
            "PipelineDefinition": execution.definition_text,
            "CreationTime": execution.document["CreationTime"],
        }

    def list_executions(self, scope: Scope, request: Document) -> Document:
        """ListPipelineExecutions."""
        name = name_of(request["PipelineName"])
        self._pipelines.get(scope, name)
        rows = []
        for execution in self._of(scope, name):
            with execution.lock:
                document = execution.document
                row = {
                    "PipelineExecutionArn": document["PipelineExecutionArn"],
                    "StartTime": document["CreationTime"],
                    "PipelineExecutionStatus": document["PipelineExecutionStatus"],
                }
                for member, source in (
                    ("PipelineExecutionDescription", "PipelineExecutionDescription"),
                    ("PipelineExecutionDisplayName", "PipelineExecutionDisplayName"),
                    ("PipelineExecutionFailureReason", "FailureReason"),
                ):
                    if source in document:
                        row[member] = document[source]
                rows.append(row)
        return listing(
            rows, request, key="PipelineExecutionSummaries", name="PipelineExecutionArn", created="StartTime"
        )

    def list_steps(self, scope: Scope, request: Document) -> Document:
        """ListPipelineExecutionSteps."""
        steps = self._found(scope, request).listed()
        return listing(steps, request, key="PipelineExecutionSteps", name="StepName", created="StartTime")

    def list_parameters(self, scope: Scope, request: Document) -> Document:
        """ListPipelineParametersForExecution."""
        values = self._found(scope, request).values
        return {"PipelineParameters": [{"Name": name, "Value": _shown(value)} for name, value in values.items()]}

    def stop_execution(self, scope: Scope, request: Document) -> Document:
        """StopPipelineExecution."""
        execution = self._found(scope, request)
        if not execution.stop():
            raise conflict(
                f"Pipeline execution {request['PipelineExecutionArn']} has ended as "
                f"{execution.document['PipelineExecutionStatus']} and cannot be stopped."
            )
        return {"PipelineExecutionArn": execution.document["PipelineExecutionArn"]}

    def retry_execution(self, scope: Scope, request: Document) -> Document:
        """RetryPipelineExecution."""
        execution = self._found(scope, request)
        parallel = request.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps")
        if not execution.retry(request["ClientRequestToken"], parallel=parallel):
            raise conflict(
                f"Pipeline execution {request['PipelineExecutionArn']} is "
                f"{execution.document['PipelineExecutionStatus']} and cannot be retried."
            )
        return {"PipelineExecutionArn": execution.document["PipelineExecutionArn"]}

    def update_execution(self, scope: Scope, request: Document) -> Document:
        """UpdatePipelineExecution: display name and description."""
        execution = self._found(scope, request)
        with execution.lock:
            for member in ("PipelineExecutionDisplayName", "PipelineExecutionDescription"):
                if member in request:
                    execution.document[member] = request[member]
            execution.document["LastModifiedTime"] = timestamp()
        return {"PipelineExecutionArn": execution.document["PipelineExecutionArn"]}

    def stop_all(self) -> None:
        """Has every execution start nothing more."""
        for execution in self._executions.everything():
            execution.stop()

    def _execution(self, scope: Scope, pipeline: Pipeline, given: Mapping[str, str], request: Document) -> Execution:
        text = pipeline.document["PipelineDefinition"]
        definition = parse(text)
        values = definition.values(given)
        execution_id = "".join(secrets.choice(_ID) for _ in range(12))
        pipeline_arn = pipeline.document["PipelineArn"]
        arn = f"{pipeline_arn}/execution/{execution_id}"
        options = self._platform.options
        session = RoleSession(
            options=options, role_arn=pipeline.document["RoleArn"], scope=scope, source_arn=pipeline_arn
        )
        now = timestamp()
        document: Document = {
            "PipelineArn": pipeline_arn,
            "PipelineExecutionArn": arn,
            "PipelineExecutionDisplayName": request.get("PipelineExecutionDisplayName", f"execution-{int(now * 1000)}"),
            "PipelineExecutionStatus": begin(Kind.EXECUTION, "Executing"),
            "CreationTime": now,
            "LastModifiedTime": now,
            "CreatedBy": {},
            "LastModifiedBy": {},
        }
        if "PipelineExecutionDescription" in request:
            document["PipelineExecutionDescription"] = request["PipelineExecutionDescription"]
        parallelism = request.get("ParallelismConfiguration") or pipeline.document.get("ParallelismConfiguration") or {}
        execution = Execution(
            scope=scope,
            definition=definition,
            definition_text=text,
            values=values,
            document=document,
            context=Context(
                scope=scope,
                session=session,
                execution_id=execution_id,
                execution_arn=arn,
                stopping=threading.Event(),
                job=lambda kind, name: self._job(scope, kind, name),
            ),
            cache=pipeline.cache,
            parallel=parallelism.get("MaxParallelExecutionSteps", _PARALLEL),
            time_scale=options.time_scale,
        )
        key = f"{pipeline.document['PipelineName']}/execution/{execution_id}"
        self._executions.add(scope, key, execution, taken=lambda _: conflict(f"{arn} exists"))
        return execution

    def _found(self, scope: Scope, request: Document) -> Execution:
        arn = Arn.parse(request["PipelineExecutionArn"])
        if arn is None or arn.scope != scope:
            raise not_found(f"Pipeline execution with ARN {request['PipelineExecutionArn']} does not exist.")
        return self._executions.get(scope, arn.name)

    def _of(self, scope: Scope, name: str) -> list[Execution]:
        arn = scope.arn(f"pipeline/{name}")
        return [execution for execution in self._executions.rows(scope) if execution.document["PipelineArn"] == arn]

    def _definition(self, scope: Scope, arn: str, role: str, request: Document) -> str:
        if "PipelineDefinition" in request:
            return str(request["PipelineDefinition"])
        where = request.get("PipelineDefinitionS3Location")
        if where is None:
            raise validation_error("Either PipelineDefinition or PipelineDefinitionS3Location must be given")
        session = RoleSession(options=self._platform.options, role_arn=role, scope=scope, source_arn=arn)
        return transfer.read(S3Uri(bucket=where["Bucket"], key=where["ObjectKey"]), session=session).decode()


def _ended(execution: Execution) -> bool:
    return is_final(Kind.EXECUTION, execution.document["PipelineExecutionStatus"])


def _shown(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

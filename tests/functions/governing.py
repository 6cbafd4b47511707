"""AWS in memory, as far as the governor of retraining asks it, for many threads at once, and the events that it gets.

Requests and answers are held against botocore's models of the services, so that what passes here AWS would take.
"""

# ruff: noqa: N803 - arguments are named as boto3 names them

import copy
import dataclasses
import functools
import hashlib
import io
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.session
import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

Document = dict[str, Any]
STAGING, PRODUCTION, REGION = "222222222222", "333333333333", "eu-west-1"
PREFIX, PRODUCTION_PREFIX = "plumbline-staging", "plumbline-production"
DATA, TABLE, TOPIC = "data", "plumbline-staging-retraining", f"arn:aws:sns:{REGION}:{STAGING}:operations"
COMMIT, SETTINGS = "/plumbline/staging/delivered/commit", "/plumbline/staging/retraining"
ENVIRONMENT = {
    "ACCOUNT": STAGING,
    "PREFIX": PREFIX,
    "PRODUCTION_ACCOUNT": PRODUCTION,
    "PRODUCTION_PREFIX": PRODUCTION_PREFIX,
    "DATA_BUCKET": DATA,
    "COMMIT_PARAMETER": COMMIT,
    "SETTINGS_PREFIX": SETTINGS,
    "TABLE": TABLE,
    "OPERATIONS_TOPIC_ARN": TOPIC,
}
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
GATE: Document = {"StepName": "Fail", "StepStatus": "Failed", "Metadata": {"Fail": {"ErrorMessage": "not beaten"}}}
BROKE: Document = {
    "StepName": "Train",
    "StepStatus": "Failed",
    "FailureReason": "CapacityError: Unable to provision requested ML compute capacity",
    "Metadata": {"TrainingJob": {"Arn": f"arn:aws:sagemaker:{REGION}:{STAGING}:training-job/one"}},
}
EVERY = ["drift", "schedule", "data", "person", "code"]
_ITEM_BYTES = 400 * 1024


class CrashedError(Exception):
    """The function was ended in the middle."""


def refusal(code: str, operation: str = "Operation", **more: Any) -> ClientError:
    """An error of AWS."""
    response: Any = {"Error": {"Code": code, "Message": "no"}, **more}
    return ClientError(response, operation)


def settings(**changes: object) -> Document:
    """Settings of a model."""
    return {
        "signals": EVERY,
        "cooldown_hours": 24,
        "runs_a_day": 2,
        "monthly_budget": 50.0,
        "run_cost": 1.5,
        "failures": 3,
        "labelled_windows": 12,
        "leave_out": [],
    } | changes


@dataclasses.dataclass
class Cloud:
    """The account.

    Attributes:
        parameters: Values of SSM by name.
        objects: Versions and times of objects by key.
        contents: What of them is read or was written, by key.
        packages: Model packages of any group, the oldest first.
        executions: Executions by ARN.
        items: The table.
        log: What each transaction wrote, in order, and when a version began and ceased to wait, and when a run was
            retried and had ended again.
        told: What the topic got.
        calls: What was asked, in order, as `service.operation`, with the request.
        now: The time that SageMaker has.
        interfere: Called before and after each call with its name, and may raise.
        strict: Whether requests and answers are held against the models.
    """

    parameters: dict[str, str] = dataclasses.field(default_factory=dict)
    objects: dict[str, tuple[str, datetime]] = dataclasses.field(default_factory=dict)
    contents: dict[str, bytes] = dataclasses.field(default_factory=dict)
    packages: list[Document] = dataclasses.field(default_factory=list)
    executions: dict[str, Document] = dataclasses.field(default_factory=dict)
    items: dict[tuple[str, str], Document] = dataclasses.field(default_factory=dict)
    log: list[list[Document]] = dataclasses.field(default_factory=list)
    told: list[Document] = dataclasses.field(default_factory=list)
    calls: list[tuple[str, Document]] = dataclasses.field(default_factory=list)
    now: datetime = NOON
    interfere: Callable[[str, str, Document], None] = lambda _name, _when, _request: None
    strict: bool = True
    writing: set[tuple[str, str]] = dataclasses.field(default_factory=set)
    lock: threading.RLock = dataclasses.field(default_factory=threading.RLock)

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Has boto3 lead here."""
        monkeypatch.setattr(boto3, "client", lambda service: Client(self, service))
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)

    def govern(self, model: str, **changes: object) -> None:
        """Gives a model settings and a dataset."""
        self.parameters[f"{SETTINGS}/{model}"] = json.dumps(settings(**changes))
        self.add_dataset(model, "one", NOON)

    def add_dataset(self, model: str, dataset: str, time: datetime, version: str = "v1") -> None:
        """Completes a dataset."""
        self.objects[f"{model}/datasets/{dataset}/dataset.json"] = (version, time)
        self.objects[f"{model}/datasets/{dataset}/flights.csv"] = ("v1", time + timedelta(hours=1))

    def add_window(self, model: str, window: str, /, **changes: object) -> None:
        """Has replication bring a labelled window whole, of which something else is said if given."""
        until = datetime.strptime(window, "%Y%m%dT%H%MZ").replace(tzinfo=UTC)
        said = {
            "version": 1,
            "model": model,
            "window": window,
            "since": (until - timedelta(days=7)).isoformat(),
            "until": until.isoformat(),
            "model_version": f"arn:aws:sagemaker:{REGION}:{PRODUCTION}:model-package/{model}/1",
            "rows": 1_000,
            "sha256": hashlib.sha256(window.encode()).hexdigest(),
        } | changes
        folder = f"labelled/{model}/{window}"
        self.objects[f"{folder}/labelled.parquet"] = self.objects[f"{folder}/labelled.json"] = ("v1", until)
        self.contents[f"{folder}/labelled.json"] = json.dumps(said).encode()

    def deliver(self) -> None:
        """Delivers another commit, so that the next run is made of something else than the last one."""
        self.parameters[COMMIT] = hashlib.sha256(self.parameters[COMMIT].encode()).hexdigest()[:12]

    def register(self, model: str) -> None:
        """Has a version wait for an approval, unless one does."""
        with self.lock:
            if not self._waiting(model):
                number = len(self.packages) + 1
                time = NOON + timedelta(seconds=number)
                artifact = f"s3://models/{model}/{number}/model.tar.gz"
                self.packages.append(package(model, number, "PendingManualApproval", artifact, CreationTime=time))
                self.log.append([{"model": model, "item": "world", "waiting": True}])

    def answer(self, model: str, status: str) -> None:
        """Approves or rejects the version that waits, if one does."""
        with self.lock:
            for waiting in self._waiting(model):
                waiting["ModelApprovalStatus"] = status
                self.log.append([{"model": model, "item": "world", "waiting": False}])

    def _waiting(self, model: str) -> list[Document]:
        group = package(model, 1, "")["ModelPackageGroupName"]
        return [
            one
            for one in self.packages
            if (one["ModelPackageGroupName"], one["ModelApprovalStatus"]) == (group, "PendingManualApproval")
        ]

    def started(self) -> list[Document]:
        """The executions, the oldest first."""
        return list(self.executions.values())

    def finish(self, execution: Document, status: str, *, failed: Document | None = None) -> Document:
        """Ends an execution, one that fails in a step, the gate's if none is given; returns the event."""
        with self.lock:
            execution |= {"PipelineExecutionStatus": status, "LastModifiedTime": self.now}
            steps = [failed or GATE] if status == "Failed" else []
            execution["steps"] = [{"StepName": "Prepare", "StepStatus": "Succeeded"}, *steps]
            execution["ends"].append((status, steps))
            self.log.append([_retrying(execution, now=False)])
        return end(execution["PipelineExecutionArn"], status, self.now)

    def retry(self, execution: Document) -> None:
        """Has a person retry an execution from the step that failed."""
        with self.lock:
            execution |= {"PipelineExecutionStatus": "Executing", "steps": execution["steps"][:1]}
            self.log.append([_retrying(execution, now=True)])

    def decisions(self, model: str) -> list[Document]:
        """The records of a model, by time."""
        found = [row for (of, item), row in sorted(self.items.items()) if of == model and item.startswith("decision#")]
        return [plain(row) for row in found]

    def state(self, model: str) -> Document:
        """What is known of a model."""
        return plain(self.items[model, "state"])


class Client:
    """A client of one service."""

    def __init__(self, cloud: Cloud, service: str) -> None:
        self._cloud = cloud
        self._service = service
        self._does = _SERVICES[service](cloud)

    def get_paginator(self, operation: str) -> "Paginator":
        return Paginator(self, operation)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            cloud, name = self._cloud, f"{self._service}.{operation}"
            cloud.interfere(name, "before", request)
            if cloud.strict:
                conform(self._service, operation, request, "input")
            cloud.calls.append((name, request))
            answer = getattr(self._does, operation)(**copy.deepcopy(request))
            if cloud.strict:
                conform(self._service, operation, answer, "output")
            cloud.interfere(name, "after", request)
            return answer

        return call


class Paginator:
    """Follows the token of each page."""

    def __init__(self, client: Client, operation: str) -> None:
        self._call = getattr(client, operation)
        self._given, self._taken = (
            ("ContinuationToken", "NextContinuationToken") if operation == "list_objects_v2" else ("NextToken",) * 2
        )

    def paginate(self, **request: Any) -> Iterator[Document]:
        token: dict[str, str] = {}
        while True:
            page = self._call(**request, **token)
            yield page
            if self._taken not in page:
                return
            token = {self._given: page[self._taken]}


class Rows:
    """DynamoDB: transactions that condition, conflict and are canceled with their reasons."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def get_item(self, *, TableName: str, Key: Document, ConsistentRead: bool) -> Document:
        assert (TableName, ConsistentRead) == (TABLE, True)
        with self._cloud.lock:
            found = self._cloud.items.get((Key["model"]["S"], Key["item"]["S"]))
            return {"Item": copy.deepcopy(found)} if found else {}

    def query(
        self,
        *,
        TableName: str,
        KeyConditionExpression: str,
        ExpressionAttributeNames: Document,
        ExpressionAttributeValues: Document,
        ScanIndexForward: bool,
        Limit: int,
        ConsistentRead: bool,
    ) -> Document:
        """The only query there is: a model's items that begin with a text, the last first."""
        assert (TableName, ConsistentRead, ScanIndexForward) == (TABLE, True, False)
        assert KeyConditionExpression == "#model = :model AND begins_with(#item, :begins)"
        assert ExpressionAttributeNames == {"#model": "model", "#item": "item"}
        model, begins = (ExpressionAttributeValues[name]["S"] for name in (":model", ":begins"))
        with self._cloud.lock:
            keys = sorted(key for key in self._cloud.items if key[0] == model and key[1].startswith(begins))
            return {"Items": [copy.deepcopy(self._cloud.items[key]) for key in keys[::-1][:Limit]]}

    def transact_write_items(self, *, TransactItems: list[Document]) -> Document:
        puts = [one["Put"] for one in TransactItems]
        keys = [(put["Item"]["model"]["S"], put["Item"]["item"]["S"]) for put in puts]
        assert all(put["TableName"] == TABLE for put in puts)
        if len(set(keys)) < len(keys):
            raise refusal("ValidationException")
        cloud = self._cloud
        with cloud.lock:
            conflicts = ["TransactionConflict" if key in cloud.writing else "None" for key in keys]
            if set(conflicts) != {"None"}:
                raise _canceled(conflicts)
            cloud.writing |= set(keys)
        try:
            cloud.interfere("dynamodb.transaction", "within", {})
            with cloud.lock:
                met = [_met(put, cloud.items.get(key)) for put, key in zip(puts, keys, strict=True)]
                if not all(met):
                    raise _canceled(["None" if one else "ConditionalCheckFailed" for one in met])
                for put, key in zip(puts, keys, strict=True):
                    assert len(str(put["Item"])) < _ITEM_BYTES
                    assert len(key[1].encode()) <= 1024
                    cloud.items[key] = put["Item"]
                cloud.log.append([plain(put["Item"]) for put in puts])
        finally:
            with cloud.lock:
                cloud.writing -= set(keys)
        return {}


class Storage:
    """S3."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = "") -> Document:
        assert Bucket == DATA
        with self._cloud.lock:
            objects = sorted(self._cloud.objects.items())
        found = [{"Key": key, "LastModified": time} for key, (_, time) in objects if key.startswith(Prefix)]
        answer = _page(found, "Contents", ContinuationToken, "NextContinuationToken")
        return answer if found else {}

    def head_object(self, *, Bucket: str, Key: str) -> Document:
        assert Bucket == DATA
        if Key not in self._cloud.objects:
            raise refusal("404")
        version, time = self._cloud.objects[Key]
        return {"LastModified": time, **({"VersionId": version} if version else {})}

    def get_object(self, *, Bucket: str, Key: str) -> Document:
        assert Bucket == DATA
        if Key not in self._cloud.contents:
            raise refusal("NoSuchKey")
        body = self._cloud.contents[Key]
        return {"Body": io.BytesIO(body), "ContentLength": len(body), "VersionId": "v1"}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str, ChecksumAlgorithm: str) -> Document:
        """Takes what the governor's role may write, and nothing else."""
        assert (Bucket, ContentType, ChecksumAlgorithm) == (DATA, "application/json", "SHA256")
        assert re.fullmatch(r"[a-z_]+/labelled/[0-9a-f]{16}/(labelled|manifest)\.json", Key), Key
        with self._cloud.lock:
            self._cloud.contents[Key] = Body
            self._cloud.objects[Key] = ("v1", self._cloud.now)
        return {"VersionId": "v1"}


class Values:
    """SSM."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def get_parameter(self, *, Name: str) -> Document:
        if Name not in self._cloud.parameters:
            raise refusal("ParameterNotFound")
        return {"Parameter": {"Name": Name, "Value": self._cloud.parameters[Name]}}

    def get_parameters_by_path(self, *, Path: str, NextToken: str = "") -> Document:
        found = [
            {"Name": name, "Value": value}
            for name, value in sorted(self._cloud.parameters.items())
            if name.startswith(f"{Path}/")
        ]
        return _page(found, "Parameters", NextToken, "NextToken")


class Pipelines:
    """SageMaker: pipelines whatever their name, and one registry."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def start_pipeline_execution(
        self,
        *,
        PipelineName: str,
        PipelineParameters: list[Document],
        PipelineExecutionDisplayName: str = "",
        ClientRequestToken: str = "",
    ) -> Document:
        with self._cloud.lock:
            executions = self._cloud.executions
            for execution in executions.values():
                if ClientRequestToken and execution["token"] == ClientRequestToken:
                    assert execution["parameters"] == PipelineParameters, "the same token for another request"
                    return {"PipelineExecutionArn": execution["PipelineExecutionArn"]}
            arn = f"arn:aws:sagemaker:{REGION}:{STAGING}:pipeline/{PipelineName}/execution/e{len(executions) + 1}"
            executions[arn] = {
                "PipelineExecutionArn": arn,
                "PipelineExecutionStatus": "Executing",
                "PipelineExecutionDisplayName": PipelineExecutionDisplayName,
                "LastModifiedTime": self._cloud.now,
                "StartTime": self._cloud.now,
                "pipeline": PipelineName,
                "token": ClientRequestToken,
                "parameters": PipelineParameters,
                "ends": [],
                "beside": [
                    one["PipelineExecutionArn"]
                    for one in executions.values()
                    if one["pipeline"] == PipelineName
                    and one["PipelineExecutionStatus"] in {"Executing", "Stopping"}
                    and not one["ends"]  # whoever retries by hand may do so at the same moment
                ],
            }
            return {"PipelineExecutionArn": arn}

    def describe_pipeline_execution(self, *, PipelineExecutionArn: str) -> Document:
        with self._cloud.lock:
            if PipelineExecutionArn not in self._cloud.executions:
                raise refusal("ResourceNotFound")
            found = self._cloud.executions[PipelineExecutionArn]
            return {name: found[name] for name in ("PipelineExecutionStatus", "LastModifiedTime")}

    def list_pipeline_execution_steps(self, *, PipelineExecutionArn: str, NextToken: str = "") -> Document:
        with self._cloud.lock:
            if PipelineExecutionArn not in self._cloud.executions:
                raise refusal("ResourceNotFound")
            steps = list(self._cloud.executions[PipelineExecutionArn].get("steps", []))
        return _page(steps, "PipelineExecutionSteps", NextToken, "NextToken", size=1)

    def list_pipeline_executions(
        self,
        *,
        PipelineName: str,
        SortBy: str = "CreationTime",
        SortOrder: str = "Descending",
        MaxResults: int = 2,
        CreatedAfter: datetime | None = None,
        NextToken: str = "",
    ) -> Document:
        assert (SortBy, SortOrder) == ("CreationTime", "Descending")
        shown = (
            "PipelineExecutionArn",
            "PipelineExecutionStatus",
            "PipelineExecutionDisplayName",
            "StartTime",
        )
        with self._cloud.lock:
            found = [
                {name: execution[name] for name in shown if execution[name]}
                for execution in reversed(self._cloud.executions.values())
                if execution["pipeline"] == PipelineName
                and (CreatedAfter is None or execution["StartTime"] > CreatedAfter)
            ]
        return _page(found, "PipelineExecutionSummaries", NextToken, "NextToken", size=MaxResults)

    def list_model_packages(
        self,
        *,
        ModelPackageGroupName: str,
        ModelApprovalStatus: str,
        SortBy: str,
        SortOrder: str,
        NextToken: str = "",
    ) -> Document:
        assert (SortBy, SortOrder) == ("CreationTime", "Descending")
        found = [
            {name: package[name] for name in package.keys() - _DESCRIBED}
            for package in reversed(self._cloud.packages)
            if package["ModelPackageGroupName"] == ModelPackageGroupName
            and package["ModelApprovalStatus"] == ModelApprovalStatus
        ]
        return _page(found, "ModelPackageSummaryList", NextToken, "NextToken")

    def describe_model_package(self, *, ModelPackageName: str) -> Document:
        (found,) = [one for one in self._cloud.packages if one["ModelPackageArn"] == ModelPackageName]
        return found


class Topics:
    """SNS."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def publish(self, *, TopicArn: str, Subject: str, Message: str) -> Document:
        assert TopicArn == TOPIC
        assert len(Subject) <= 100
        self._cloud.told.append({"subject": Subject, "message": Message})
        return {}


# What is said of a version where it is described, and not where it is listed.
_DESCRIBED = {"InferenceSpecification", "ModelMetrics", "ModelPackageStatusDetails"}
_SERVICES: dict[str, Callable[[Cloud], object]] = {
    "dynamodb": Rows,
    "s3": Storage,
    "sagemaker": Pipelines,
    "sns": Topics,
    "ssm": Values,
}


def _retrying(execution: Document, *, now: bool) -> Document:
    model = execution["pipeline"].removeprefix(f"{PREFIX}-").replace("-", "_")
    return {"model": model, "item": "retry", "execution": execution["PipelineExecutionArn"], "now": now}


def _page(rows: list[Document], key: str, token: str, name: str, *, size: int = 2) -> Document:
    """Two rows a page, so that whoever reads one page only is found out."""
    first = int(token or 0)
    more = {name: str(first + size)} if first + size < len(rows) else {}
    return {key: rows[first : first + size]} | more


def _canceled(codes: list[str]) -> ClientError:
    reasons = [{"Code": code, **({} if code == "None" else {"Message": "no"})} for code in codes]
    return refusal("TransactionCanceledException", "TransactWriteItems", CancellationReasons=reasons)


def _met(put: Document, item: Document | None) -> bool:
    condition = put.get("ConditionExpression")
    if condition is None:
        return True
    names, values = put["ExpressionAttributeNames"], put.get("ExpressionAttributeValues", {})
    if missing := re.fullmatch(r"attribute_not_exists\((#\w+)\)", condition):
        assert (set(names), set(values)) == ({missing[1]}, set())
        return item is None or names[missing[1]] not in item
    equal = re.fullmatch(r"(#\w+) = (:\w+)", condition)
    assert equal, condition
    assert (set(names), set(values)) == ({equal[1]}, {equal[2]})
    return item is not None and item.get(names[equal[1]]) == values[equal[2]]


def plain(row: Mapping[str, Any]) -> Document:
    """An item without the names of types."""
    deserialize = TypeDeserializer().deserialize
    return {name: deserialize(value) for name, value in row.items()}


@functools.cache
def _operations(service: str) -> Mapping[str, Any]:
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): model.operation_model(name) for name in model.operation_names}


def conform(service: str, operation: str, document: Document, side: str) -> None:
    """Fails for a request or an answer that the service's model does not know.

    A token by which a request is known again botocore adds itself, where the model says so.
    """
    model = _operations(service)[operation]
    shape = model.input_shape if side == "input" else model.output_shape
    token = {member: "t" * 36 for member in getattr(shape, "required_members", []) if member == "ClientRequestToken"}
    if shape is not None:
        validate_parameters(token | document, shape)
        _measure(document, shape, f"{service}.{operation}")


def _measure(value: Any, shape: Any, where: str) -> None:
    """What botocore leaves to the service: the longest text, the largest number, the words that are known."""
    if shape.type_name == "structure":
        for name, member in value.items():
            _measure(member, shape.members[name], f"{where}.{name}")
    elif shape.type_name == "list":
        for member in value:
            _measure(member, shape.member, where)
    elif shape.type_name == "string":
        assert len(value) <= shape.metadata.get("max", len(value)), where
        assert not shape.enum or value in shape.enum, where
    elif shape.type_name in {"integer", "long"}:
        assert value <= shape.metadata.get("max", value), where


def package(model: str, version: int, status: str, artifact: str = "", **more: object) -> Document:
    """A version of a model."""
    group = f"{PREFIX}-{model.replace('_', '-')}"
    container = {"Image": "image", **({"ModelDataUrl": artifact} if artifact else {})}
    return {
        "ModelPackageGroupName": group,
        "ModelPackageVersion": version,
        "ModelPackageArn": f"arn:aws:sagemaker:{REGION}:{STAGING}:model-package/{group}/{version}",
        "CreationTime": NOON,
        "ModelPackageName": group,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "ModelApprovalStatus": status,
        "InferenceSpecification": {"Containers": [container]},
    } | more


def evaluated(folder: str) -> Document:
    """What a version says of its evaluation."""
    statistics = {"ContentType": "application/json", "S3Uri": f"{folder}/evaluation.json"}
    return {"ModelMetrics": {"ModelQuality": {"Statistics": statistics}}}


def stamp(time: datetime) -> str:
    """A time as EventBridge writes it."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def event(source: str, detail_type: str, detail: Document, time: datetime = NOON, **more: Any) -> Document:
    """An event of the account, or another if it says so."""
    said = {"source": source, "detail-type": detail_type, "account": STAGING, "time": stamp(time), "region": REGION}
    return {"version": "0", "id": "an-id", "resources": []} | said | {"detail": detail} | more


def alarm(model: str = "flight_delays", time: datetime = NOON, value: str = "ALARM", **more: Any) -> Document:
    """Drift that production has seen."""
    name = f"{PRODUCTION_PREFIX}-{model.replace('_', '-')}-drift"
    state = {
        "value": value,
        "timestamp": f"{time:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "+0000",
        "reason": "Threshold Crossed: 1 datapoint [3.0 (28/11/26 11:00:00)] was greater than the threshold (0.0).",
    }
    detail = {"alarmName": name, "state": state}
    return event("aws.cloudwatch", "CloudWatch Alarm State Change", detail, time, account=PRODUCTION) | more


def schedule(model: str = "flight_delays", time: datetime = NOON) -> Document:
    """The hour of a schedule."""
    rule = f"arn:aws:events:{REGION}:{STAGING}:rule/{PREFIX}-{model.replace('_', '-')}-retrain"
    return event("aws.events", "Scheduled Event", {}, time, resources=[rule])


def dataset(model: str = "flight_delays", time: datetime = NOON, name: str = "one", version: str = "v1") -> Document:
    """A dataset that has come."""
    written = {"key": f"{model}/datasets/{name}/dataset.json", "size": 5, "version-id": version}
    return event("aws.s3", "Object Created", {"bucket": {"name": DATA}, "object": written}, time)


def commit(time: datetime = NOON, operation: str = "Update", name: str = COMMIT) -> Document:
    """Code that was delivered."""
    detail = {"operation": operation, "name": name, "type": "String"}
    return event("aws.ssm", "Parameter Store Change", detail, time)


def request(model: str = "flight_delays", time: datetime = NOON, **more: Any) -> Document:
    """A person's request."""
    detail = {"model": model, "reason": "new labels", "id": "ada-1", "resume": False} | more
    return event("plumbline", "Retraining Requested", detail, time)


def end(execution: str, status: str, time: datetime = NOON) -> Document:
    """The end of a run."""
    detail = {
        "pipelineArn": execution.partition("/execution/")[0],
        "pipelineExecutionArn": execution,
        "currentPipelineExecutionStatus": status,
        "previousPipelineExecutionStatus": "Executing",
    }
    return event("aws.sagemaker", "SageMaker Model Building Pipeline Execution Status Change", detail, time)


def cloud() -> Cloud:
    """An account with one model that retrains."""
    made = Cloud(parameters={COMMIT: "1a2b3c4d5e6f"})
    made.govern("flight_delays")
    return made

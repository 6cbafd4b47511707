"""The API: from a request of the emulator to an operation and back, authorized and held against the model."""

import json
import re
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote

from ministack.core.responses import get_account_id, get_region

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.sagemaker.authorization import Check, checks
from plumbline.rehearsal.sagemaker.endpoints import Endpoints
from plumbline.rehearsal.sagemaker.errors import (
    SageMakerError,
    UnsupportedOperationError,
    access_denied,
    validation_error,
)
from plumbline.rehearsal.sagemaker.jobs import Job
from plumbline.rehearsal.sagemaker.models import EndpointConfigs, Models
from plumbline.rehearsal.sagemaker.options import Options
from plumbline.rehearsal.sagemaker.pipelines import Pipelines
from plumbline.rehearsal.sagemaker.platform import UNSUPPORTED_FILE, Platform
from plumbline.rehearsal.sagemaker.processing import ProcessingJobs
from plumbline.rehearsal.sagemaker.registry import ModelRegistry
from plumbline.rehearsal.sagemaker.scope import Arn, Scope
from plumbline.rehearsal.sagemaker.shapes import (
    Document,
    ResponseError,
    check_request,
    check_response,
    operation_model,
)
from plumbline.rehearsal.sagemaker.studio import Studio
from plumbline.rehearsal.sagemaker.training import TrainingJobs

Response = tuple[int, dict[str, str], bytes]
Operation = Callable[[Scope, Document], Document]
_TARGET = "SageMaker."
_INVOCATIONS = re.compile(r"/endpoints/([^/]+)/invocations")


class Service:
    """SageMaker within one rehearsal.

    Args:
        options: How it works.
    """

    def __init__(self, options: Options) -> None:
        self.platform = Platform(options)
        self.registry = ModelRegistry()
        self.processing = ProcessingJobs(self.platform)
        self.training = TrainingJobs(self.platform)
        self.models = Models(self.platform, self.registry)
        self.configs = EndpointConfigs(self.models)
        self.endpoints = Endpoints(self.platform, self.models, self.configs)
        self.studio = Studio()
        self.pipelines = Pipelines(self.platform, self._job)
        self._tags: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()
        self.operations: Mapping[str, Operation] = {
            **self._pipeline_operations(),
            **self._job_operations(),
            **self._registry_operations(),
            **self._hosting_operations(),
            **self._studio_operations(),
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
            "DeleteTags": self._delete_tags,
        }

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Answers a request; called on a thread of its own, in the context of the emulator's request."""
        lowered = {name.lower(): value for name, value in headers.items()}
        try:
            target = lowered.get("x-amz-target", "")
            if target.startswith(_TARGET):
                return self._control(target.removeprefix(_TARGET), lowered, body)
            return self._runtime(method, path, lowered, body)
        except SageMakerError as error:
            if isinstance(error, UnsupportedOperationError):
                self._record_unsupported(error.message)
            return _refusal(error)
        except ResponseError as error:
            self._record_unsupported(str(error))
            return _refusal(SageMakerError("InternalFailure", str(error), status=500))
        except Exception as error:  # noqa: BLE001 - a fault of the rehearsal must be seen by the caller and in its record
            self._record_unsupported("".join(traceback.format_exception(error)))
            return _refusal(SageMakerError("InternalFailure", f"{type(error).__name__}: {error}", status=500))

    def perform(self, operation: str, request: Document, scope: Scope) -> Document:
        """Does an operation, its request and its response held against the model, without deciding who may.

        Raises:
            SageMakerError: The operation refuses.
        """
        operation_model(operation)
        if operation not in self.operations:
            raise UnsupportedOperationError(f"sagemaker:{operation} is not part of the rehearsal's SageMaker")
        check_request(operation, request)
        response = self.operations[operation](scope, request)
        check_response(operation, response)
        if request.get("Tags") and operation.startswith("Create"):
            arn = next(value for name, value in response.items() if name.endswith("Arn"))
            self._set_tags(arn, request["Tags"])
        return response

    def policy_of(self, arn: str) -> tuple[str, str] | None:
        """A resource's own policy and its owner, as the emulator's policy evaluation asks for them."""
        found = Arn.parse(arn)
        return None if found is None else (self.registry.policy_of(found), found.scope.account)

    def shutdown(self) -> None:
        """Ends everything that runs and leaves no process."""
        self.platform.ending.set()
        self.processing.stop_all()
        self.training.stop_all()
        self.platform.close()

    def authorize(self, caller: enforcement.Caller, needed: Check) -> None:
        """Decides one check.

        Raises:
            SageMakerError: ``AccessDeniedException`` with AWS's message.
        """
        try:
            enforcement.authorize(
                principal=caller, action=needed.action, resource=needed.resource, context=needed.context
            )
        except enforcement.AccessDenied as error:
            raise access_denied(str(error)) from error

    def tags_of(self, arn: str) -> Mapping[str, str]:
        """The tags of a resource."""
        with self._lock:
            return dict(self._tags.get(arn, {}))

    def _control(self, operation: str, headers: Mapping[str, str], body: bytes) -> Response:
        operation_model(operation)
        try:
            request = json.loads(body or b"{}")
        except json.JSONDecodeError as error:
            raise SageMakerError("SerializationException", f"Could not parse request body: {error}") from error
        scope = _scope()
        check_request(operation, request)
        caller = enforcement.Caller.of_request(headers)
        for needed in checks(operation, request, scope, self.tags_of):
            self.authorize(caller, needed)
        response = self.perform(operation, request, scope)
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(response, default=str).encode()

    def _runtime(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        found = _INVOCATIONS.fullmatch(path)
        if found is None or method != "POST":
            raise UnsupportedOperationError(f"{method} {path} is no operation of the rehearsal's SageMaker Runtime")
        scope, name = _scope(), unquote(found[1])
        needed = Check(action="sagemaker:InvokeEndpoint", resource=scope.arn(f"endpoint/{name}"))
        self.authorize(enforcement.Caller.of_request(headers), needed)
        answer = self.endpoints.invoke(scope, name, dict(headers), body)
        return answer.status, dict(answer.headers), answer.body

    def _job(self, scope: Scope, kind: str, name: str) -> Job:
        return self.processing.get(scope, name) if kind == "Processing" else self.training.get(scope, name)

    def _pipeline_operations(self) -> dict[str, Operation]:
        pipelines = self.pipelines
        return {
            "CreatePipeline": pipelines.create,
            "UpdatePipeline": pipelines.update,
            "DescribePipeline": pipelines.describe,
            "DeletePipeline": pipelines.delete,
            "ListPipelines": pipelines.list_all,
            "StartPipelineExecution": pipelines.start,
            "DescribePipelineExecution": pipelines.describe_execution,
            "DescribePipelineDefinitionForExecution": pipelines.definition_for_execution,
            "ListPipelineExecutions": pipelines.list_executions,
            "ListPipelineExecutionSteps": pipelines.list_steps,
            "ListPipelineParametersForExecution": pipelines.list_parameters,
            "StopPipelineExecution": pipelines.stop_execution,
            "UpdatePipelineExecution": pipelines.update_execution,
        }

    def _job_operations(self) -> dict[str, Operation]:
        return {
            "CreateProcessingJob": self.processing.create,
            "DescribeProcessingJob": self.processing.describe,
            "ListProcessingJobs": self.processing.list_all,
            "StopProcessingJob": self.processing.stop,
            "CreateTrainingJob": self.training.create,
            "DescribeTrainingJob": self.training.describe,
            "ListTrainingJobs": self.training.list_all,
            "StopTrainingJob": self.training.stop,
        }

    def _registry_operations(self) -> dict[str, Operation]:
        registry = self.registry
        return {
            "CreateModelPackageGroup": registry.create_group,
            "DescribeModelPackageGroup": registry.describe_group,
            "ListModelPackageGroups": registry.list_groups,
            "DeleteModelPackageGroup": registry.delete_group,
            "PutModelPackageGroupPolicy": registry.put_policy,
            "GetModelPackageGroupPolicy": registry.get_policy,
            "DeleteModelPackageGroupPolicy": registry.delete_policy,
            "CreateModelPackage": registry.create_package,
            "DescribeModelPackage": registry.describe_package,
            "ListModelPackages": registry.list_packages,
            "UpdateModelPackage": registry.update_package,
            "DeleteModelPackage": registry.delete_package,
        }

    def _hosting_operations(self) -> dict[str, Operation]:
        return {
            "CreateModel": self.models.create,
            "DescribeModel": self.models.describe,
            "ListModels": self.models.list_all,
            "DeleteModel": self.models.delete,
            "CreateEndpointConfig": self.configs.create,
            "DescribeEndpointConfig": self.configs.describe,
            "ListEndpointConfigs": self.configs.list_all,
            "DeleteEndpointConfig": self.configs.delete,
            "CreateEndpoint": self.endpoints.create,
            "UpdateEndpoint": self.endpoints.update,
            "DescribeEndpoint": self.endpoints.describe,
            "ListEndpoints": self.endpoints.list_all,
            "DeleteEndpoint": self.endpoints.delete,
        }

    def _studio_operations(self) -> dict[str, Operation]:
        studio = self.studio
        return {
            "CreateDomain": studio.create_domain,
            "DescribeDomain": studio.describe_domain,
            "ListDomains": studio.list_domains,
            "UpdateDomain": studio.update_domain,
            "DeleteDomain": studio.delete_domain,
            "CreateUserProfile": studio.create_profile,
            "DescribeUserProfile": studio.describe_profile,
            "ListUserProfiles": studio.list_profiles,
            "UpdateUserProfile": studio.update_profile,
            "DeleteUserProfile": studio.delete_profile,
            "CreatePresignedDomainUrl": studio.presigned_url,
        }

    def _add_tags(self, scope: Scope, request: Document) -> Document:
        arn = _own(scope, request["ResourceArn"])
        self._set_tags(arn, request["Tags"])
        return {"Tags": _listed(self.tags_of(arn))}

    def _list_tags(self, scope: Scope, request: Document) -> Document:
        return {"Tags": _listed(self.tags_of(_own(scope, request["ResourceArn"])))}

    def _delete_tags(self, scope: Scope, request: Document) -> Document:
        arn = _own(scope, request["ResourceArn"])
        with self._lock:
            for key in request["TagKeys"]:
                self._tags.get(arn, {}).pop(key, None)
        return {}

    def _set_tags(self, arn: str, tags: list[dict[str, str]]) -> None:
        with self._lock:
            self._tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in tags})

    def _record_unsupported(self, message: str) -> None:
        record = {"account": str(get_account_id()), "message": message}
        path: Path = self.platform.options.state / UNSUPPORTED_FILE
        with self._lock, path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def _scope() -> Scope:
    return Scope(account=str(get_account_id()), region=str(get_region()))


def _own(scope: Scope, text: str) -> str:
    arn = Arn.parse(text)
    if arn is None or arn.scope.account != scope.account:
        raise validation_error(f"{text} is no ARN of a resource in account {scope.account}")
    return text


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _refusal(error: SageMakerError) -> Response:
    # both spellings: the control plane's shapes have "Message", its general errors "message"
    document = {"__type": error.code, "message": error.message, "Message": error.message, **error.members}
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": error.code}
    return error.status, headers, json.dumps(document).encode()

"""The API: from a request of the emulator to an operation and back, authorized and held against the model."""

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import unquote

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.api.authorization import Check
from plumbline.rehearsal.api.errors import UnsupportedOperationError, validation_error
from plumbline.rehearsal.api.scope import Scope as AnyScope
from plumbline.rehearsal.api.service import JsonService, Response, scope_of_request
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.sagemaker.authorization import checks
from plumbline.rehearsal.sagemaker.endpoints import Endpoints
from plumbline.rehearsal.sagemaker.jobs import Job
from plumbline.rehearsal.sagemaker.models import EndpointConfigs, Models
from plumbline.rehearsal.sagemaker.options import Options
from plumbline.rehearsal.sagemaker.pipelines import Pipelines
from plumbline.rehearsal.sagemaker.platform import UNSUPPORTED_FILE, Platform
from plumbline.rehearsal.sagemaker.processing import ProcessingJobs
from plumbline.rehearsal.sagemaker.registry import ModelRegistry
from plumbline.rehearsal.sagemaker.scope import Arn, Scope
from plumbline.rehearsal.sagemaker.studio import Studio
from plumbline.rehearsal.sagemaker.training import TrainingJobs

Operation = Callable[[Scope, Document], Document]
SignedOperation = Callable[[Scope, Document, enforcement.Caller | None], Document]
_INVOCATIONS = re.compile(r"/endpoints/([^/]+)/invocations")


class Service(JsonService):
    """SageMaker within one rehearsal.

    Args:
        options: How it works.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(model="sagemaker", unsupported=options.state / UNSUPPORTED_FILE)
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
        self._operations: Mapping[str, Operation] = {
            **self._pipeline_operations(),
            **self._job_operations(),
            **self._registry_operations(),
            **self._hosting_operations(),
            **self._studio_operations(),
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
            "DeleteTags": self._delete_tags,
        }
        # Operations whose result says who asked for them.
        self._signed: Mapping[str, SignedOperation] = {
            "CreateModelPackageGroup": self.registry.create_group,
            "CreateModelPackage": self.registry.create_package,
            "UpdateModelPackage": self.registry.update_package,
        }

    def operations(self) -> Iterable[str]:
        """The names of the operations that there are."""
        return [*self._operations, *self._signed]

    def do(self, operation: str, request: Document, scope: AnyScope, caller: enforcement.Caller | None) -> Document:
        """Does an operation whose request fits the model.

        Raises:
            ApiError: The operation refuses.
        """
        if operation in self._signed:
            response = self._signed[operation](_own_scope(scope), request, caller)
        else:
            response = self._operations[operation](_own_scope(scope), request)
        if request.get("Tags") and operation.startswith("Create"):
            arn = next(value for name, value in response.items() if name.endswith("Arn"))
            self._set_tags(arn, request["Tags"])
        return response

    def checks(self, operation: str, request: Document, scope: AnyScope) -> Iterable[Check]:
        """The decisions that a request needs."""
        return checks(operation, request, _own_scope(scope), self.tags_of)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Answers a request of the control plane, which names a target, or else of the runtime.

        Raises:
            ApiError: The answer is an error.
        """
        if headers.get("x-amz-target"):
            return super().answer(method, path, headers, body)
        return self._runtime(method, path, headers, body)

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

    def tags_of(self, arn: str) -> Mapping[str, str]:
        """The tags of a resource."""
        with self._lock:
            return dict(self._tags.get(arn, {}))

    def _runtime(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        found = _INVOCATIONS.fullmatch(path)
        if found is None or method != "POST":
            raise UnsupportedOperationError(f"{method} {path} is no operation of the rehearsal's SageMaker Runtime")
        scope, name = _own_scope(scope_of_request()), unquote(found[1])
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
            "RetryPipelineExecution": pipelines.retry_execution,
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
            "DescribeModelPackageGroup": registry.describe_group,
            "ListModelPackageGroups": registry.list_groups,
            "DeleteModelPackageGroup": registry.delete_group,
            "PutModelPackageGroupPolicy": registry.put_policy,
            "GetModelPackageGroupPolicy": registry.get_policy,
            "DeleteModelPackageGroupPolicy": registry.delete_policy,
            "DescribeModelPackage": registry.describe_package,
            "ListModelPackages": registry.list_packages,
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


def _own_scope(scope: AnyScope) -> Scope:
    return Scope(account=scope.account, region=scope.region)


def _own(scope: Scope, text: str) -> str:
    arn = Arn.parse(text)
    if arn is None or arn.scope.account != scope.account:
        raise validation_error(f"{text} is no ARN of a resource in account {scope.account}")
    return text


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]

"""The CloudFormation types of SageMaker: Pipeline, ModelPackageGroup, Model, EndpointConfig and Endpoint.

What may change in place and what replaces the resource, and what Ref and GetAtt give, is as the CloudFormation
template reference has it for each type. MiniStack's CloudFormation makes no requests, so who may create these resources
is decided in one case only: a model from another account's package, which the stack's execution role must be let use by
the package group's policy. What the resources' own roles may do is decided always.
"""

import contextvars
import dataclasses
import json
import time
import uuid
from collections.abc import Callable

from botocore.model import ListShape, MapShape, Shape, StructureShape
from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import provisioners, stacks

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.sagemaker.authorization import Check, foreign_packages
from plumbline.rehearsal.sagemaker.errors import SageMakerError
from plumbline.rehearsal.sagemaker.scope import Scope, name_of
from plumbline.rehearsal.sagemaker.service import Service
from plumbline.rehearsal.sagemaker.shapes import Document, operation_model

Created = tuple[str, dict[str, str]]
# The stack whose resource is being made, in the thread that makes it.
_stack: contextvars.ContextVar[str] = contextvars.ContextVar("stack")
_POLL_SECONDS = 0.05
_NAME_LENGTH = 63


class ResourceFailedError(Exception):
    """A resource could not be created, changed or deleted; the message becomes the stack event's reason."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResourceType:
    """How one type is provisioned.

    Attributes:
        name: The type's name.
        identity: The property that names the resource.
        replacing: The properties whose change makes a new resource.
        create: Makes it, from (service, scope, name, properties); returns its id and its attributes.
        update: Changes it in place, from (service, scope, name, properties).
        delete: The operation that deletes it, and the member of its request that names it.
    """

    name: str
    identity: str
    replacing: frozenset[str]
    create: Callable[[Service, Scope, str, Document], Created]
    update: Callable[[Service, Scope, str, Document], None]
    delete: tuple[str, str]


def register(service: Service) -> None:
    """Adds the types to the emulator's CloudFormation."""
    for kind in _TYPES:
        _register(service, kind)
    waits = stacks._runs_on_worker_thread
    own = frozenset(kind.name for kind in _TYPES)

    def runs_on_worker_thread(resource_type: str) -> bool:
        """Their work calls the emulator, which must go on serving meanwhile."""
        return resource_type in own or bool(waits(resource_type))

    stacks._runs_on_worker_thread = runs_on_worker_thread


def _register(service: Service, kind: ResourceType) -> None:
    def create(logical_id: str, properties: Document, stack_name: str) -> Created:
        _stack.set(stack_name)
        generated = provisioners._physical_name(stack_name, logical_id, max_len=_NAME_LENGTH)
        name = str(properties.get(kind.identity) or generated)
        return _told(kind, lambda: kind.create(service, _scope(), name, properties))

    def update(
        physical_id: str, _old: Document, properties: Document, _stack_name: str, _logical_id: str | None = None
    ) -> Created:
        name = name_of(physical_id)
        _told(kind, lambda: kind.update(service, _scope(), name, properties))
        return physical_id, _attributes(service, kind, name)

    def delete(physical_id: str, _properties: Document) -> None:
        operation, member = kind.delete
        request = {member: name_of(physical_id)}
        if operation == "DeletePipeline":
            request["ClientRequestToken"] = str(uuid.uuid4())
        try:
            service.perform(operation, request, _scope())
        except SageMakerError as error:
            if not any(words in error.message for words in ("Could not find", "does not exist")):
                raise ResourceFailedError(_reason(kind, error)) from error

    provisioners._RESOURCE_HANDLERS[kind.name] = {"create": create, "update": update, "delete": delete}
    provisioners._REPLACING_PROPERTIES[kind.name] = kind.replacing
    provisioners._CUSTOM_NAME_REPLACEMENT[kind.name] = {"name": kind.identity}
    provisioners._STACK_TAG_PROPERTY[kind.name] = ("Tags", "list")


def _create_pipeline(service: Service, scope: Scope, name: str, properties: Document) -> Created:
    token = str(uuid.uuid4())
    request = _pipeline_request(properties) | {"PipelineName": name, "ClientRequestToken": token}
    _perform(service, "CreatePipeline", request, scope)
    return name, {}


def _update_pipeline(service: Service, scope: Scope, name: str, properties: Document) -> None:
    request = _pipeline_request(properties) | {"PipelineName": name}
    request.pop("Tags", None)
    _perform(service, "UpdatePipeline", request, scope)


def _pipeline_request(properties: Document) -> Document:
    request = {member: value for member, value in properties.items() if member != "PipelineDefinition"}
    definition = properties["PipelineDefinition"]
    if "PipelineDefinitionBody" in definition:
        return request | {"PipelineDefinition": definition["PipelineDefinitionBody"]}
    where = definition["PipelineDefinitionS3Location"]
    location = {"Bucket": where["Bucket"], "ObjectKey": where["Key"]}
    if "Version" in where:
        location["VersionId"] = where["Version"]
    return request | {"PipelineDefinitionS3Location": location}


def _create_group(service: Service, scope: Scope, name: str, properties: Document) -> Created:
    request = {member: value for member, value in properties.items() if member != "ModelPackageGroupPolicy"}
    _perform(service, "CreateModelPackageGroup", request | {"ModelPackageGroupName": name}, scope)
    _update_group(service, scope, name, properties)
    return scope.arn(f"model-package-group/{name}"), _group_attributes(service, scope, name)


def _update_group(service: Service, scope: Scope, name: str, properties: Document) -> None:
    policy = properties.get("ModelPackageGroupPolicy")
    if policy:
        text = policy if isinstance(policy, str) else json.dumps(policy)
        request = {"ModelPackageGroupName": name, "ResourcePolicy": text}
        _perform(service, "PutModelPackageGroupPolicy", request, scope)
        return
    try:
        service.perform("DeleteModelPackageGroupPolicy", {"ModelPackageGroupName": name}, scope)
    except SageMakerError as error:
        if "Cannot find resource policy" not in error.message:
            raise


def _group_attributes(service: Service, scope: Scope, name: str) -> dict[str, str]:
    described = service.perform("DescribeModelPackageGroup", {"ModelPackageGroupName": name}, scope)
    return {
        "ModelPackageGroupArn": described["ModelPackageGroupArn"],
        "ModelPackageGroupStatus": described["ModelPackageGroupStatus"],
        "CreationTime": str(described["CreationTime"]),
    }


def _create_model(service: Service, scope: Scope, name: str, properties: Document) -> Created:
    request = _typed("CreateModel", properties | {"ModelName": name})
    arn = scope.arn(f"model/{name}")
    caller = enforcement.deploying_caller(_stack.get())
    if caller is not None:
        for package in foreign_packages(request, scope):
            service.authorize(caller, Check(action="sagemaker:CreateModel", resource=package))
    service.perform("CreateModel", request, scope)
    return arn, {"ModelName": name}


def _create_config(service: Service, scope: Scope, name: str, properties: Document) -> Created:
    _perform(service, "CreateEndpointConfig", properties | {"EndpointConfigName": name}, scope)
    return scope.arn(f"endpoint-config/{name}"), {"EndpointConfigName": name}


def _create_endpoint(service: Service, scope: Scope, name: str, properties: Document) -> Created:
    request = {
        member: value
        for member, value in properties.items()
        if member not in ("RetainAllVariantProperties", "ExcludeRetainedVariantProperties", "RetainDeploymentConfig")
    }
    _perform(service, "CreateEndpoint", request | {"EndpointName": name}, scope)
    described = _settled(service, scope, name)
    if described["EndpointStatus"] != "InService":
        service.perform("DeleteEndpoint", {"EndpointName": name}, scope)
        raise ResourceFailedError(f"Endpoint {name} is {described['EndpointStatus']}: {described.get('FailureReason')}")
    return scope.arn(f"endpoint/{name}"), {"EndpointName": name}


def _update_endpoint(service: Service, scope: Scope, name: str, properties: Document) -> None:
    request = {member: value for member, value in properties.items() if member != "Tags"}
    present = service.perform("DescribeEndpoint", {"EndpointName": name}, scope)
    if present["EndpointConfigName"] == properties["EndpointConfigName"]:
        return
    _perform(service, "UpdateEndpoint", request | {"EndpointName": name}, scope)
    described = _settled(service, scope, name)
    if described["EndpointStatus"] != "InService" or described.get("FailureReason"):
        raise ResourceFailedError(f"Endpoint {name} was not updated: {described.get('FailureReason')}")


def _settled(service: Service, scope: Scope, name: str) -> Document:
    """Waits until an endpoint has stopped changing."""
    while True:
        described = service.perform("DescribeEndpoint", {"EndpointName": name}, scope)
        if described["EndpointStatus"] not in ("Creating", "Updating", "RollingBack"):
            return described
        if service.platform.ending.wait(_POLL_SECONDS):
            raise ResourceFailedError("the rehearsal is ending")


def _unchanged(_service: Service, _scope: Scope, _name: str, _properties: Document) -> None:
    """Nothing but tags can change in place."""


def _attributes(service: Service, kind: ResourceType, name: str) -> dict[str, str]:
    if kind.name == "AWS::SageMaker::ModelPackageGroup":
        return _group_attributes(service, _scope(), name)
    return {} if kind.name == "AWS::SageMaker::Pipeline" else {kind.identity: name}


def _perform(service: Service, operation: str, request: Document, scope: Scope) -> Document:
    return service.perform(operation, _typed(operation, request), scope)


def _typed(operation: str, request: Document) -> Document:
    """A request whose values have the types of the API, where a template may have written text."""
    shape = operation_model(operation).input_shape
    typed = _cast(shape, request) if shape is not None else request
    return typed if isinstance(typed, dict) else request


def _cast(shape: Shape, value: object) -> object:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = shape.members
        return {name: _cast(members[name], item) if name in members else item for name, item in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_cast(shape.member, item) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {name: _cast(shape.value, item) for name, item in value.items()}
    if shape.type_name == "boolean" and value in ("true", "false"):
        return value == "true"
    if shape.type_name in ("integer", "long") and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    if shape.type_name in ("float", "double") and isinstance(value, str):
        return float(value)
    if shape.type_name == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


def _told(kind: ResourceType, work: Callable[[], Created | None]) -> Created:
    """Does the work and words its refusal as CloudFormation does."""
    try:
        return work() or ("", {})
    except SageMakerError as error:
        raise ResourceFailedError(_reason(kind, error)) from error


def _reason(kind: ResourceType, error: SageMakerError) -> str:
    return (
        f'Resource handler returned message: "{error.message} (Service: SageMaker, Status Code: {error.status}, '
        f'Error Code: {error.code})" ({kind.name}, {time.strftime("%H:%M:%S")})'
    )


def _scope() -> Scope:
    return Scope(account=str(get_account_id()), region=str(get_region()))


_MODEL = frozenset(
    {
        "ModelName",
        "ExecutionRoleArn",
        "PrimaryContainer",
        "Containers",
        "EnableNetworkIsolation",
        "InferenceExecutionConfig",
        "VpcConfig",
    }
)
_CONFIG = frozenset(
    {
        "EndpointConfigName",
        "ProductionVariants",
        "ShadowProductionVariants",
        "DataCaptureConfig",
        "KmsKeyId",
        "AsyncInferenceConfig",
        "ExplainerConfig",
        "VpcConfig",
        "EnableNetworkIsolation",
        "ExecutionRoleArn",
    }
)
_TYPES = (
    ResourceType(
        name="AWS::SageMaker::Pipeline",
        identity="PipelineName",
        replacing=frozenset({"PipelineName"}),
        create=_create_pipeline,
        update=_update_pipeline,
        delete=("DeletePipeline", "PipelineName"),
    ),
    ResourceType(
        name="AWS::SageMaker::ModelPackageGroup",
        identity="ModelPackageGroupName",
        replacing=frozenset({"ModelPackageGroupName", "ModelPackageGroupDescription"}),
        create=_create_group,
        update=_update_group,
        delete=("DeleteModelPackageGroup", "ModelPackageGroupName"),
    ),
    ResourceType(
        name="AWS::SageMaker::Model",
        identity="ModelName",
        replacing=_MODEL,
        create=_create_model,
        update=_unchanged,
        delete=("DeleteModel", "ModelName"),
    ),
    ResourceType(
        name="AWS::SageMaker::EndpointConfig",
        identity="EndpointConfigName",
        replacing=_CONFIG,
        create=_create_config,
        update=_unchanged,
        delete=("DeleteEndpointConfig", "EndpointConfigName"),
    ),
    ResourceType(
        name="AWS::SageMaker::Endpoint",
        identity="EndpointName",
        replacing=frozenset({"EndpointName"}),
        create=_create_endpoint,
        update=_update_endpoint,
        delete=("DeleteEndpoint", "EndpointName"),
    ),
)

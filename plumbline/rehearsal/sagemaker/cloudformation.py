"""The CloudFormation types of SageMaker: Pipeline, ModelPackageGroup, Model, EndpointConfig and Endpoint.

What may change in place and what replaces the resource, and what Ref and GetAtt give, is as the CloudFormation
template reference has it for each type. MiniStack's CloudFormation makes no requests; what creating and changing these
resources takes is decided here for the stack's execution role, where the stack has one. What their handlers ask for
besides, and deletion, is decided with all other types' (``plumbline.rehearsal.provisioning``).
"""

import contextlib
import dataclasses
import json
import uuid
from collections.abc import Callable, Collection, Iterator

from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import provisioners, stacks

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.api.errors import ApiError
from plumbline.rehearsal.api.shapes import Document, check_request, typed_request
from plumbline.rehearsal.sagemaker.authorization import checks
from plumbline.rehearsal.sagemaker.scope import Scope, name_of
from plumbline.rehearsal.sagemaker.service import Service

Created = tuple[str, dict[str, str]]
_POLL_SECONDS = 0.05
_NAME_LENGTH = 63


class ResourceFailedError(Exception):
    """A resource could not be created, changed or deleted; the message becomes the stack event's reason."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deployment:
    """One stack's work on one resource.

    Attributes:
        service: SageMaker.
        scope: Where the stack lives.
        caller: CloudFormation in the stack's execution role; None where the stack has none, or is not known.
    """

    service: Service
    scope: Scope
    caller: enforcement.Caller | None

    @classmethod
    def of_stack(cls, service: Service, stack_name: str) -> "Deployment":
        """The work of a stack of the account in scope."""
        return cls(service=service, scope=_scope(), caller=enforcement.deploying_caller(stack_name))

    def perform(self, operation: str, request: Document) -> Document:
        """Does an operation when the stack's role may; values that a template wrote as text get the API's types.

        Raises:
            ApiError: The operation refuses, or the role may not.
        """
        typed = typed_request(operation, request, service="sagemaker")
        check_request(operation, typed, service="sagemaker")
        if self.caller is not None:
            for needed in checks(operation, typed, self.scope, self.service.tags_of):
                self.service.authorize(self.caller, needed)
        return self.look(operation, typed)

    def look(self, operation: str, request: Document) -> Document:
        """Does an operation that no policy decides, because CloudFormation does it for itself."""
        return self.service.perform(operation, request, self.scope)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResourceType:
    """How one type is provisioned.

    Attributes:
        name: The type's name.
        identity: The property that names the resource.
        replacing: The properties whose change makes a new resource.
        create: Makes it, from (deployment, name, properties); returns its id and its attributes.
        update: Changes it in place, from (deployment, name, properties).
        attributes: What ``Fn::GetAtt`` gives once it is changed, from (deployment, name, properties).
        delete: The operation that deletes it, and its request, from (name, properties).
        arn: The end of its ARN, where ``Ref`` gives no ARN: ``{name}`` is what it gives, ``{Property}`` a property.
    """

    name: str
    identity: str
    replacing: frozenset[str]
    create: Callable[[Deployment, str, Document], Created]
    update: Callable[[Deployment, str, Document], None]
    attributes: Callable[[Deployment, str, Document], dict[str, str]]
    delete: tuple[str, Callable[[str, Document], Document]]
    arn: str = ""

    def arn_of(self, physical_id: str, properties: Document, scope: Scope) -> str:
        """The ARN of a resource, from what ``Ref`` gives."""
        if not self.arn:
            return physical_id
        return scope.arn(self.arn.format_map({**properties, "name": physical_id}))


def register(service: Service, types: Collection[ResourceType]) -> None:
    """Adds types to the emulator's CloudFormation."""
    for kind in types:
        _register(service, kind)
    waits = stacks._runs_on_worker_thread
    own = frozenset(kind.name for kind in types)

    def runs_on_worker_thread(resource_type: str) -> bool:
        """Their work calls the emulator, which must go on serving meanwhile."""
        return resource_type in own or bool(waits(resource_type))

    stacks._runs_on_worker_thread = runs_on_worker_thread


def _register(service: Service, kind: ResourceType) -> None:
    def create(logical_id: str, properties: Document, stack_name: str) -> Created:
        generated = provisioners._physical_name(stack_name, logical_id, max_len=_NAME_LENGTH)
        name = str(properties.get(kind.identity) or generated)
        deployment = Deployment.of_stack(service, stack_name)
        with _worded(kind):
            return kind.create(deployment, name, properties)

    def update(physical_id: str, old: Document, properties: Document, stack_name: str) -> Created:
        name = name_of(physical_id)
        deployment = Deployment.of_stack(service, stack_name)
        with _worded(kind):
            kind.update(deployment, name, properties)
            _update_tags(deployment, kind.arn_of(physical_id, properties, deployment.scope), old, properties)
            return physical_id, kind.attributes(deployment, name, properties)

    def delete(physical_id: str, properties: Document) -> None:
        operation, request_of = kind.delete
        with _worded(kind):
            try:
                service.perform(operation, request_of(name_of(physical_id), properties), _scope())
            except ApiError as error:
                if not any(words in error.message for words in ("Could not find", "does not exist")):
                    raise

    provisioners._RESOURCE_HANDLERS[kind.name] = {"create": create, "update": update, "delete": delete}
    provisioners._REPLACING_PROPERTIES[kind.name] = kind.replacing
    provisioners._CUSTOM_NAME_REPLACEMENT[kind.name] = {"name": kind.identity}
    provisioners._STACK_TAG_PROPERTY[kind.name] = ("Tags", "list")


def _create_pipeline(deployment: Deployment, name: str, properties: Document) -> Created:
    token = str(uuid.uuid4())
    request = _pipeline_request(properties) | {"PipelineName": name, "ClientRequestToken": token}
    deployment.perform("CreatePipeline", request)
    return name, {}


def _update_pipeline(deployment: Deployment, name: str, properties: Document) -> None:
    request = _pipeline_request(properties) | {"PipelineName": name}
    request.pop("Tags", None)
    deployment.perform("UpdatePipeline", request)


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


def _create_group(deployment: Deployment, name: str, properties: Document) -> Created:
    request = {member: value for member, value in properties.items() if member != "ModelPackageGroupPolicy"}
    deployment.perform("CreateModelPackageGroup", request | {"ModelPackageGroupName": name})
    _update_group(deployment, name, properties)
    return deployment.scope.arn(f"model-package-group/{name}"), _group_attributes(deployment, name, properties)


def _update_group(deployment: Deployment, name: str, properties: Document) -> None:
    policy = properties.get("ModelPackageGroupPolicy")
    if policy:
        text = policy if isinstance(policy, str) else json.dumps(policy)
        request = {"ModelPackageGroupName": name, "ResourcePolicy": text}
        deployment.perform("PutModelPackageGroupPolicy", request)
        return
    try:
        deployment.look("DeleteModelPackageGroupPolicy", {"ModelPackageGroupName": name})
    except ApiError as error:
        if "Cannot find resource policy" not in error.message:
            raise


def _group_attributes(deployment: Deployment, name: str, _properties: Document) -> dict[str, str]:
    described = deployment.look("DescribeModelPackageGroup", {"ModelPackageGroupName": name})
    return {
        "ModelPackageGroupArn": described["ModelPackageGroupArn"],
        "ModelPackageGroupStatus": described["ModelPackageGroupStatus"],
        "CreationTime": str(described["CreationTime"]),
    }


def _create_model(deployment: Deployment, name: str, properties: Document) -> Created:
    deployment.perform("CreateModel", properties | {"ModelName": name})
    return deployment.scope.arn(f"model/{name}"), {"ModelName": name}


def _create_config(deployment: Deployment, name: str, properties: Document) -> Created:
    deployment.perform("CreateEndpointConfig", properties | {"EndpointConfigName": name})
    return deployment.scope.arn(f"endpoint-config/{name}"), {"EndpointConfigName": name}


def _create_endpoint(deployment: Deployment, name: str, properties: Document) -> Created:
    request = {
        member: value
        for member, value in properties.items()
        if member not in ("RetainAllVariantProperties", "ExcludeRetainedVariantProperties", "RetainDeploymentConfig")
    }
    deployment.perform("CreateEndpoint", request | {"EndpointName": name})
    described = _settled(deployment, name)
    if described["EndpointStatus"] != "InService":
        deployment.look("DeleteEndpoint", {"EndpointName": name})
        raise ResourceFailedError(f"Endpoint {name} is {described['EndpointStatus']}: {described.get('FailureReason')}")
    return deployment.scope.arn(f"endpoint/{name}"), {"EndpointName": name}


def _update_endpoint(deployment: Deployment, name: str, properties: Document) -> None:
    request = {member: value for member, value in properties.items() if member != "Tags"}
    present = deployment.look("DescribeEndpoint", {"EndpointName": name})
    if present["EndpointConfigName"] == properties["EndpointConfigName"]:
        return
    deployment.perform("UpdateEndpoint", request | {"EndpointName": name})
    described = _settled(deployment, name)
    if described["EndpointStatus"] != "InService" or described.get("FailureReason"):
        raise ResourceFailedError(f"Endpoint {name} was not updated: {described.get('FailureReason')}")


def _settled(deployment: Deployment, name: str) -> Document:
    """Waits until an endpoint has stopped changing."""
    while True:
        described = deployment.look("DescribeEndpoint", {"EndpointName": name})
        if described["EndpointStatus"] not in ("Creating", "Updating", "RollingBack"):
            return described
        if deployment.service.platform.ending.wait(_POLL_SECONDS):
            raise ResourceFailedError("the rehearsal is ending")


def _update_tags(deployment: Deployment, arn: str, old: Document, properties: Document) -> None:
    tags = properties.get("Tags", [])
    gone = {tag["Key"] for tag in old.get("Tags", [])} - {tag["Key"] for tag in tags}
    if tags != old.get("Tags", []):
        deployment.perform("AddTags", {"ResourceArn": arn, "Tags": tags})
    if gone:
        deployment.perform("DeleteTags", {"ResourceArn": arn, "TagKeys": sorted(gone)})


def _unchanged(_deployment: Deployment, _name: str, _properties: Document) -> None:
    """Nothing but tags can change in place."""


def _no_attributes(_deployment: Deployment, _name: str, _properties: Document) -> dict[str, str]:
    return {}


def _its_name(member: str) -> Callable[[Deployment, str, Document], dict[str, str]]:
    """The attribute that gives a resource's name."""
    return lambda _deployment, name, _properties: {member: name}


def _named(member: str) -> Callable[[str, Document], Document]:
    """A request that names a resource and nothing else."""
    return lambda name, _properties: {member: name}


def _end_of_pipeline(name: str, _properties: Document) -> Document:
    return {"PipelineName": name, "ClientRequestToken": str(uuid.uuid4())}


@contextlib.contextmanager
def _worded(kind: ResourceType) -> Iterator[None]:
    """Words a refusal of SageMaker's as CloudFormation does."""
    try:
        yield
    except ApiError as error:
        raise ResourceFailedError(
            f'Resource handler returned message: "{error.message} (Service: SageMaker, Status Code: {error.status}, '
            f'Error Code: {error.code})" ({kind.name})'
        ) from error


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
TYPES = (
    ResourceType(
        name="AWS::SageMaker::Pipeline",
        identity="PipelineName",
        replacing=frozenset({"PipelineName"}),
        create=_create_pipeline,
        update=_update_pipeline,
        attributes=_no_attributes,
        delete=("DeletePipeline", _end_of_pipeline),
        arn="pipeline/{name}",
    ),
    ResourceType(
        name="AWS::SageMaker::ModelPackageGroup",
        identity="ModelPackageGroupName",
        replacing=frozenset({"ModelPackageGroupName", "ModelPackageGroupDescription"}),
        create=_create_group,
        update=_update_group,
        attributes=_group_attributes,
        delete=("DeleteModelPackageGroup", _named("ModelPackageGroupName")),
    ),
    ResourceType(
        name="AWS::SageMaker::Model",
        identity="ModelName",
        replacing=_MODEL,
        create=_create_model,
        update=_unchanged,
        attributes=_its_name("ModelName"),
        delete=("DeleteModel", _named("ModelName")),
    ),
    ResourceType(
        name="AWS::SageMaker::EndpointConfig",
        identity="EndpointConfigName",
        replacing=_CONFIG,
        create=_create_config,
        update=_unchanged,
        attributes=_its_name("EndpointConfigName"),
        delete=("DeleteEndpointConfig", _named("EndpointConfigName")),
    ),
    ResourceType(
        name="AWS::SageMaker::Endpoint",
        identity="EndpointName",
        replacing=frozenset({"EndpointName"}),
        create=_create_endpoint,
        update=_update_endpoint,
        attributes=_its_name("EndpointName"),
        delete=("DeleteEndpoint", _named("EndpointName")),
    ),
)

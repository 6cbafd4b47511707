"""Models, and the images that they and jobs run."""

import re
from collections.abc import Iterator

from plumbline.audit.findings import Severity
from plumbline.audit.rules.controls import (
    AVAILABILITY,
    CHANGE_CONTROL,
    INTEGRITY,
    NETWORK_BOUNDARY,
    SECRETS,
    answers,
)
from plumbline.audit.rules.expectations import must_be, must_be_in_a_vpc, must_be_true, wrong
from plumbline.audit.rules.images import pinned
from plumbline.audit.rules.part import Part
from plumbline.audit.rules.rule import Violation, rule
from plumbline.audit.rules.template import Resource

MODEL = "AWS::SageMaker::Model"
_JOB_DEFINITIONS = {
    "AWS::SageMaker::DataQualityJobDefinition": "DataQualityAppSpecification",
    "AWS::SageMaker::ModelBiasJobDefinition": "ModelBiasAppSpecification",
    "AWS::SageMaker::ModelExplainabilityJobDefinition": "ModelExplainabilityAppSpecification",
    "AWS::SageMaker::ModelQualityJobDefinition": "ModelQualityAppSpecification",
}
# Any change replaces them, and CloudFormation makes the new one before it deletes the old one.
_REPLACED = {
    MODEL: "ModelName",
    "AWS::SageMaker::EndpointConfig": "EndpointConfigName",
    **dict.fromkeys(_JOB_DEFINITIONS, "JobDefinitionName"),
}
_SECRET = re.compile(r"(password|passwd|secret|token|api_?key|access_?key|private_?key|credential)", re.IGNORECASE)


def containers(model: Resource) -> tuple[Part, ...]:
    """The containers of a model: the one, and those of an inference pipeline."""
    primary = model.at("PrimaryContainer")
    return (*((primary,) if primary.is_there else ()), *model.at("Containers").items)


def secrets_in(variables: Part, *, subject: str = "") -> Iterator[Violation]:
    """Yields a violation for each variable that is named like a secret and has its value in the template."""
    for name, value in variables.members.items():
        if _SECRET.search(name) and isinstance(value.value, str) and value.value and "{{resolve:" not in value.value:
            message = (
                f"{value.name} is a secret in plain text; accepted: the ARN of a secret under a name that says so."
            )
            if not value.value.startswith("arn:"):
                yield Violation(path=value.path, message=message, subject=subject)


@rule(
    id="PL-SM-01",
    title="Models are isolated from the network",
    sense="A container that can open a connection can send requests, features and the model itself anywhere.",
    remedy="Set EnableNetworkIsolation to true; bring code and artifacts in by ModelDataUrl or the model package.",
    severity=Severity.HIGH,
    controls=answers(NETWORK_BOUNDARY, security_hub=("SageMaker.5",)),
    types=(MODEL,),
)
def models_are_isolated(model: Resource) -> Iterator[Violation]:
    """Security Hub CSPM, "[SageMaker.5] SageMaker models should have network isolation enabled"."""
    yield from must_be_true(model.at("EnableNetworkIsolation"))


@rule(
    id="PL-SM-02",
    title="Models run in a VPC, in two subnets",
    sense="Without a VpcConfig the instances sit in a network of the service, out of reach of security groups, "
    "endpoint policies and flow logs; with one subnet they fail with its zone.",
    remedy="Give the model a VpcConfig with private subnets of at least two zones and a closed security group.",
    severity=Severity.HIGH,
    controls=answers(NETWORK_BOUNDARY, AVAILABILITY),
    types=(MODEL,),
)
def models_run_in_a_vpc(model: Resource) -> Iterator[Violation]:
    yield from must_be_in_a_vpc(model.at("VpcConfig"))


def _private(container: Part) -> Iterator[Violation]:
    mode = container.at("ImageConfig.RepositoryAccessMode")
    yield from must_be(mode, lambda value: value == "Vpc", "Vpc", subject=container.name)


@rule(
    id="PL-SM-03",
    title="The primary container's image comes from a private registry in the VPC",
    sense="An image that is pulled from elsewhere is code of somebody else, and is fetched past the VPC's controls.",
    remedy="Set ImageConfig.RepositoryAccessMode to Vpc; where images are in a private Amazon ECR repository, waive it "
    "with that reason: ECR is reached in the mode Platform only.",
    severity=Severity.MEDIUM,
    controls=answers(NETWORK_BOUNDARY, INTEGRITY, security_hub=("SageMaker.16",)),
    types=(MODEL,),
    applies=lambda model: model.at("PrimaryContainer").is_there,
)
def primary_containers_are_pulled_privately(model: Resource) -> Iterator[Violation]:
    """AWS Config, "sagemaker-model-private-registry-required": ImageConfig is missing, or its mode is Platform."""
    yield from _private(model.at("PrimaryContainer"))


@rule(
    id="PL-SM-04",
    title="Images of inference pipelines come from a private registry in the VPC",
    sense="An image that is pulled from elsewhere is code of somebody else, and is fetched past the VPC's controls.",
    remedy="Set ImageConfig.RepositoryAccessMode of each container to Vpc; waive it for a private Amazon ECR "
    "repository.",
    severity=Severity.MEDIUM,
    controls=answers(NETWORK_BOUNDARY, INTEGRITY, security_hub=("SageMaker.19",)),
    types=(MODEL,),
    applies=lambda model: model.at("Containers").is_there,
)
def pipeline_containers_are_pulled_privately(model: Resource) -> Iterator[Violation]:
    """AWS Config, "sagemaker-model-multicontainer-private-registry"."""
    for container in model.at("Containers").items:
        yield from _private(container)


@rule(
    id="PL-SM-05",
    title="Images are pinned",
    sense="A tag that can be pushed again lets other code run tomorrow than was reviewed and evaluated today.",
    remedy="Name the image by its digest, by a tag that says its content in a repository with immutable tags, or by a "
    "model package.",
    severity=Severity.HIGH,
    controls=answers(INTEGRITY, CHANGE_CONTROL),
    types=(MODEL, *_JOB_DEFINITIONS),
)
def images_are_pinned(resource: Resource) -> Iterator[Violation]:
    """SageMaker resolves a tag when the instance starts (API reference, "ContainerDefinition")."""
    if resource.type != MODEL:
        yield from pinned(resource.at(f"{_JOB_DEFINITIONS[resource.type]}.ImageUri"), resource)
        return
    found = containers(resource)
    if not found and not resource.at("Containers").is_there:
        yield wrong(resource.at("PrimaryContainer"), None, "a container")
    for container in found:
        if not container.at("ModelPackageName").is_there:
            yield from pinned(container.at("Image"), resource, subject=container.name)


@rule(
    id="PL-SM-06",
    title="What every change replaces has no fixed name",
    sense="CloudFormation makes the replacement before it deletes what it replaces: under a fixed name every "
    "update fails.",
    remedy="Leave the name out; CloudFormation invents one.",
    severity=Severity.LOW,
    controls=answers(CHANGE_CONTROL, AVAILABILITY),
    types=tuple(_REPLACED),
)
def what_is_replaced_has_no_fixed_name(resource: Resource) -> Iterator[Violation]:
    """CloudFormation user guide, "Update behaviors of stack resources": a name blocks an update by replacement."""
    name = resource.at(_REPLACED[resource.type])
    if name.is_there:
        yield wrong(name, name.text, "no name")


@rule(
    id="PL-SM-07",
    title="Models carry no secret in their environment",
    sense="Whoever may describe the model, or read the template, reads the secret.",
    remedy="Keep the secret in Secrets Manager, and its ARN in the environment.",
    severity=Severity.CRITICAL,
    controls=answers(SECRETS),
    types=(MODEL,),
)
def models_carry_no_secret(model: Resource) -> Iterator[Violation]:
    for container in containers(model):
        yield from secrets_in(container.at("Environment"))

"""What stands in an account, told in digests and names, so that before and after can be compared."""

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from plumbline.configuration import Deployment, Model, ModelJob, Placement
from plumbline.rehearsal import denials
from plumbline.rehearsal.assembly import submitted_digest
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Client


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standing:
    """What stands in some accounts.

    Attributes:
        templates: SHA-256 of each stack's template, by the stack's name.
        values: The SSM parameters, by their names; among them the commit of each environment.
        endpoints: What each endpoint serves, by its name: configuration, version, digests of artifact and image.
    """

    templates: Mapping[str, str]
    values: Mapping[str, str]
    endpoints: Mapping[str, Mapping[str, str]]

    def differences(self, later: "Standing") -> tuple[str, ...]:
        """What is otherwise later, each in a few words; nothing when all is as it was.

        Args:
            later: The same accounts, looked at later.
        """
        return (
            *_differences("the template of ", self.templates, later.templates),
            *_differences("", self.values, later.values),
            *_differences("", _flat(self.endpoints), _flat(later.endpoints)),
        )


def look(*, cloud: Cloud, models: Iterable[Model], at: Iterable[Placement]) -> Standing:
    """Looks at what stands.

    Args:
        cloud: The cloud.
        models: The models that are served.
        at: The environments, and delivery, to look at.
    """
    served = tuple(models)
    templates: dict[str, str] = {}
    values: dict[str, str] = {}
    endpoints: dict[str, Mapping[str, str]] = {}
    for placement in at:
        caller = cloud.administrator(placement.account)
        for stack in _stacks(caller.client("cloudformation"), placement.prefix):
            templates[stack] = submitted_digest(stack, caller)
        values |= _values(caller.client("ssm"), placement.parameter(""))
        if isinstance(placement, Deployment) and placement.serves:
            for model in served:
                endpoints[placement.endpoint_name(model)] = _endpoint(cloud, placement, model)
    return Standing(templates=templates, values=values, endpoints=endpoints)


def _stacks(client: Client, prefix: str) -> list[str]:
    pages = client.get_paginator("describe_stacks").paginate()
    names = [str(stack["StackName"]) for page in pages for stack in page["Stacks"]]
    return sorted(name for name in names if name == prefix or name.startswith(f"{prefix}-"))


def _values(client: Client, path: str) -> dict[str, str]:
    pages = client.get_paginator("get_parameters_by_path").paginate(Path=path.rstrip("/"), Recursive=True)
    return {str(one["Name"]): str(one["Value"]) for page in pages for one in page["Parameters"]}


def _endpoint(cloud: Cloud, deployment: Deployment, model: Model) -> dict[str, str]:
    client = cloud.administrator(deployment.account).client("sagemaker")
    endpoint = client.describe_endpoint(EndpointName=deployment.endpoint_name(model))
    configuration = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    container = client.describe_model(ModelName=configuration["ProductionVariants"][0]["ModelName"])
    package = str((container.get("PrimaryContainer") or container["Containers"][0])["ModelPackageName"])
    (variant,) = endpoint["ProductionVariants"]
    return {
        "status": str(endpoint["EndpointStatus"]),
        "configuration": str(endpoint["EndpointConfigName"]),
        "version": package,
        "artifact": _artifact_digest(cloud, deployment, model, package),
        "image": str(variant["DeployedImages"][0]["ResolvedImage"]).rpartition("@")[2],
    }


def _artifact_digest(cloud: Cloud, deployment: Deployment, model: Model, package: str) -> str:
    """SHA-256 of a version's artifact, read as the endpoint reads it: nobody else may."""
    registry = cloud.administrator(package.split(":")[4]).client("sagemaker")
    (container,) = registry.describe_model_package(ModelPackageName=package)["InferenceSpecification"]["Containers"]
    uri = str(container.get("ModelDataUrl") or container["ModelDataSource"]["S3DataSource"]["S3Uri"])
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    reader = denials.service_session(cloud, deployment, model, ModelJob.SERVE)
    body: Any = reader.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    return hashlib.sha256(body.read()).hexdigest()


def _flat(endpoints: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {f"the {what} of {name}": value for name, told in endpoints.items() for what, value in told.items()}


def _differences(of: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterable[str]:
    for name in sorted({*before, *after}):
        if name not in before:
            yield f"{of}{name} is new"
        elif name not in after:
            yield f"{of}{name} is gone"
        elif before[name] != after[name]:
            yield f"{of}{name} has changed"

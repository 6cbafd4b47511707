"""Models and endpoint configurations: what an endpoint is made of."""

import copy
import dataclasses
from collections.abc import Mapping

from botocore.exceptions import ClientError

from plumbline.rehearsal.api.errors import ApiError, validation_error
from plumbline.rehearsal.api.scope import timestamp
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.api.store import Table
from plumbline.rehearsal.sagemaker.platform import Platform
from plumbline.rehearsal.sagemaker.registry import ModelRegistry
from plumbline.rehearsal.sagemaker.scope import Scope
from plumbline.rehearsal.sagemaker.sessions import RoleSession
from plumbline.rehearsal.sagemaker.store import listing
from plumbline.rehearsal.sagemaker.transfer import S3Uri, has_object


@dataclasses.dataclass(frozen=True, kw_only=True)
class Servable:
    """A model as it runs: its container, resolved through the registry when it names a model package.

    Attributes:
        image: The image's URI.
        artifact: The S3 URI of the model's archive, if it has one.
        environment: The container's variables.
        role_arn: The execution role.
        isolated: EnableNetworkIsolation.
        vpc: VpcConfig.
    """

    image: str
    artifact: str | None
    environment: Mapping[str, str]
    role_arn: str
    isolated: bool
    vpc: Document | None


class Models:
    """The operations on models. A model has one container; inference pipelines of several are refused."""

    def __init__(self, platform: Platform, registry: ModelRegistry) -> None:
        self._platform = platform
        self._registry = registry
        self._models: Table[Scope, Document] = Table(
            lambda scope, name: validation_error(f'Could not find model "{scope.arn(f"model/{name}")}".')
        )

    def create(self, scope: Scope, request: Document) -> Document:
        """CreateModel."""
        name = request["ModelName"]
        arn = scope.arn(f"model/{name}")
        document = {
            **{member: copy.deepcopy(value) for member, value in request.items() if member != "Tags"},
            "ModelArn": arn,
            "CreationTime": timestamp(),
            "EnableNetworkIsolation": bool(request.get("EnableNetworkIsolation")),
        }
        if "ExecutionRoleArn" not in request:
            raise validation_error("CreateModel without ExecutionRoleArn: the rehearsal runs models in a role")
        servable = self._resolve(scope, document)
        self._check_artifact(scope, arn, servable)
        self._models.add(
            scope, name, document, taken=lambda _: validation_error(f'Cannot create already existing model "{arn}".')
        )
        return {"ModelArn": arn}

    def describe(self, scope: Scope, request: Document) -> Document:
        """DescribeModel."""
        return copy.deepcopy(self._models.get(scope, request["ModelName"]))

    def list_all(self, scope: Scope, request: Document) -> Document:
        """ListModels."""
        names = ("ModelName", "ModelArn", "CreationTime")
        rows = [{name: row[name] for name in names} for row in self._models.rows(scope)]
        return listing(rows, request, key="Models", name="ModelName")

    def delete(self, scope: Scope, request: Document) -> Document:
        """DeleteModel."""
        self._models.remove(scope, request["ModelName"])
        return {}

    def servable(self, scope: Scope, name: str) -> Servable:
        """A model as it runs.

        Raises:
            ApiError: It, or the package it names, is not there.
        """
        return self._resolve(scope, self._models.get(scope, name))

    def _resolve(self, scope: Scope, model: Document) -> Servable:
        containers = [model["PrimaryContainer"]] if "PrimaryContainer" in model else model.get("Containers", [])
        if len(containers) != 1:
            raise validation_error("the rehearsal runs models of one container")
        container = containers[0]
        if "ModelPackageName" in container:
            container = {**self._packaged(scope, container["ModelPackageName"]), **container}
        if "Image" not in container:
            raise validation_error("Model container must have an Image or a ModelPackageName")
        source = container.get("ModelDataSource", {}).get("S3DataSource")
        if source is not None and (source["S3DataType"], source["CompressionType"]) != ("S3Object", "Gzip"):
            raise validation_error("ModelDataSource: the rehearsal reads one Gzip archive (S3Object)")
        return Servable(
            image=container["Image"],
            artifact=source["S3Uri"] if source is not None else container.get("ModelDataUrl"),
            environment=container.get("Environment", {}),
            role_arn=model["ExecutionRoleArn"],
            isolated=bool(model.get("EnableNetworkIsolation")),
            vpc=model.get("VpcConfig"),
        )

    def _packaged(self, scope: Scope, name: str) -> Document:
        package = self._registry.package(scope, name)
        # API reference, CreateModelPackage, ModelApprovalStatus: "must be set to Approved to deploy the model"
        if package["ModelApprovalStatus"] != "Approved":
            raise validation_error(
                f"Cannot create a model from model package {package['ModelPackageArn']}: its approval status is "
                f"{package['ModelApprovalStatus']}, not Approved"
            )
        containers = package.get("InferenceSpecification", {}).get("Containers", [])
        if len(containers) != 1:
            raise validation_error(f"Model package {package['ModelPackageArn']} must have one container")
        found: Document = containers[0]
        return found

    def _check_artifact(self, scope: Scope, arn: str, servable: Servable) -> None:
        session = RoleSession(options=self._platform.options, role_arn=servable.role_arn, scope=scope, source_arn=arn)
        if servable.artifact is None:
            return
        try:
            found = has_object(S3Uri.parse(servable.artifact), session=session)
        except ClientError as error:
            raise self._no_access(scope, servable, error.response["Error"]["Message"]) from error
        if not found:
            raise self._no_access(scope, servable, "the object does not exist")

    def _no_access(self, scope: Scope, servable: Servable, detail: str) -> ApiError:
        return validation_error(
            f'Could not access model data at {servable.artifact}. Please ensure that the role "{servable.role_arn}" '
            'exists and that its trust relationship policy allows the action "sts:AssumeRole" for the service '
            'principal "sagemaker.amazonaws.com". Also ensure that the role has "s3:GetObject" permissions and that '
            f"the object is located in {scope.region}. ({detail})"
        )


class EndpointConfigs:
    """The operations on endpoint configurations: instance-backed variants, with data capture."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._configs: Table[Scope, Document] = Table(
            lambda scope, name: validation_error(
                f'Could not find endpoint configuration "{scope.arn(f"endpoint-config/{name}")}".'
            )
        )

    def create(self, scope: Scope, request: Document) -> Document:
        """CreateEndpointConfig."""
        name = request["EndpointConfigName"]
        arn = scope.arn(f"endpoint-config/{name}")
        variants = [variant["VariantName"] for variant in request["ProductionVariants"]]
        if len(set(variants)) != len(variants):
            raise validation_error("Variant names must be unique within an endpoint configuration")
        for variant in request["ProductionVariants"]:
            if "ModelName" not in variant or "ServerlessConfig" in variant or "InstanceType" not in variant:
                raise validation_error(
                    f"Variant {variant['VariantName']}: the rehearsal runs variants with a ModelName and an "
                    "InstanceType"
                )
            self._models.servable(scope, variant["ModelName"])
        for member in ("AsyncInferenceConfig", "ExplainerConfig", "ShadowProductionVariants"):
            if request.get(member):
                raise validation_error(f"{member} is not run by the rehearsal")
        document = {
            **{member: copy.deepcopy(value) for member, value in request.items() if member != "Tags"},
            "EndpointConfigArn": arn,
            "CreationTime": timestamp(),
        }
        self._configs.add(
            scope,
            name,
            document,
            taken=lambda _: validation_error(f'Cannot create already existing endpoint configuration "{arn}".'),
        )
        return {"EndpointConfigArn": arn}

    def describe(self, scope: Scope, request: Document) -> Document:
        """DescribeEndpointConfig."""
        return self.get(scope, request["EndpointConfigName"])

    def list_all(self, scope: Scope, request: Document) -> Document:
        """ListEndpointConfigs."""
        names = ("EndpointConfigName", "EndpointConfigArn", "CreationTime")
        rows = [{name: row[name] for name in names} for row in self._configs.rows(scope)]
        return listing(rows, request, key="EndpointConfigs", name="EndpointConfigName")

    def delete(self, scope: Scope, request: Document) -> Document:
        """DeleteEndpointConfig."""
        self._configs.remove(scope, request["EndpointConfigName"])
        return {}

    def get(self, scope: Scope, name: str) -> Document:
        """A configuration."""
        return copy.deepcopy(self._configs.get(scope, name))

"""The model registry: model package groups, their policies, model packages and their approval."""

import copy
import json
import threading

from ministack.core.iam_evaluator import validate_policy_document

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.api.errors import validation_error
from plumbline.rehearsal.api.scope import timestamp
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.api.store import Table
from plumbline.rehearsal.sagemaker import events
from plumbline.rehearsal.sagemaker.errors import conflict
from plumbline.rehearsal.sagemaker.scope import Arn, Scope, name_of
from plumbline.rehearsal.sagemaker.store import listing
from plumbline.rehearsal.sagemaker.transitions import Kind, begin, move

Caller = enforcement.Caller | None
_PACKAGE_SUMMARY = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
)


class ModelRegistry:
    """The operations on model package groups and model packages.

    Packages are versions of a group; packages without a group, which AWS keeps for its marketplace, are refused.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._groups: Table[Scope, Document] = Table(
            lambda scope, name: validation_error(
                f"ModelPackageGroup {scope.arn(f'model-package-group/{name}')} does not exist."
            )
        )
        self._policies: Table[Scope, str] = Table(
            lambda scope, name: validation_error(
                f"Cannot find resource policy for: {scope.arn(f'model-package-group/{name}')}"
            )
        )
        self._packages: Table[Scope, Document] = Table(
            lambda scope, name: validation_error(f"ModelPackage {scope.arn(f'model-package/{name}')} does not exist.")
        )
        self._versions: dict[tuple[Scope, str], int] = {}

    def create_group(self, scope: Scope, request: Document, caller: Caller) -> Document:
        """CreateModelPackageGroup."""
        name = request["ModelPackageGroupName"]
        arn = scope.arn(f"model-package-group/{name}")
        document: Document = {
            "ModelPackageGroupName": name,
            "ModelPackageGroupArn": arn,
            "CreationTime": timestamp(),
            "CreatedBy": _user(caller),
            "ModelPackageGroupStatus": "Completed",
        }
        if "ModelPackageGroupDescription" in request:
            document["ModelPackageGroupDescription"] = request["ModelPackageGroupDescription"]
        self._groups.add(
            scope, name, document, taken=lambda _: validation_error(f"Model Package Group already exists: {arn}")
        )
        return {"ModelPackageGroupArn": arn}

    def describe_group(self, scope: Scope, request: Document) -> Document:
        """DescribeModelPackageGroup, also of another account by ARN."""
        where, name = _located(scope, request["ModelPackageGroupName"])
        return dict(self._groups.get(where, name))

    def list_groups(self, scope: Scope, request: Document) -> Document:
        """ListModelPackageGroups."""
        names = (
            "ModelPackageGroupName",
            "ModelPackageGroupArn",
            "ModelPackageGroupDescription",
            "CreationTime",
            "ModelPackageGroupStatus",
        )
        rows = [{name: row[name] for name in names if name in row} for row in self._groups.rows(scope)]
        return listing(rows, request, key="ModelPackageGroupSummaryList", name="ModelPackageGroupName")

    def delete_group(self, scope: Scope, request: Document) -> Document:
        """DeleteModelPackageGroup: refused while it holds packages."""
        name = request["ModelPackageGroupName"]
        self._groups.get(scope, name)
        if any(package["ModelPackageGroupName"] == name for package in self._packages.rows(scope)):
            raise conflict(
                f"Model Package Group {scope.arn(f'model-package-group/{name}')} cannot be deleted because it still "
                "contains model packages."
            )
        self._groups.remove(scope, name)
        if self._policies.find(scope, name) is not None:
            self._policies.remove(scope, name)
        return {}

    def put_policy(self, scope: Scope, request: Document) -> Document:
        """PutModelPackageGroupPolicy."""
        name = name_of(request["ModelPackageGroupName"])
        group = self._groups.get(scope, name)
        try:
            json.loads(request["ResourcePolicy"])
        except json.JSONDecodeError as error:
            raise validation_error(f"Invalid resource policy: {error}") from error
        problem = validate_policy_document(request["ResourcePolicy"])
        if problem:
            raise validation_error(f"Invalid resource policy: {problem}")
        with self._lock:
            if self._policies.find(scope, name) is not None:
                self._policies.remove(scope, name)
            self._policies.add(scope, name, request["ResourcePolicy"], taken=lambda _: conflict("policy"))
        return {"ModelPackageGroupArn": group["ModelPackageGroupArn"]}

    def get_policy(self, scope: Scope, request: Document) -> Document:
        """GetModelPackageGroupPolicy."""
        return {"ResourcePolicy": self._policies.get(scope, name_of(request["ModelPackageGroupName"]))}

    def delete_policy(self, scope: Scope, request: Document) -> Document:
        """DeleteModelPackageGroupPolicy."""
        self._policies.remove(scope, name_of(request["ModelPackageGroupName"]))
        return {}

    def policy_of(self, arn: Arn) -> str:
        """The resource policy that covers a group or a package, empty when there is none."""
        if arn.kind not in ("model-package-group", "model-package"):
            return ""
        return self._policies.find(arn.scope, arn.name.split("/")[0]) or ""

    def create_package(self, scope: Scope, request: Document, caller: Caller) -> Document:
        """CreateModelPackage: the next version of a group."""
        if "ModelPackageGroupName" not in request:
            raise validation_error(
                "CreateModelPackage without ModelPackageGroupName: the rehearsal registers versions of a group only"
            )
        group = name_of(request["ModelPackageGroupName"])
        self._groups.get(scope, group)
        for container in request.get("InferenceSpecification", {}).get("Containers", []):
            if not container.get("Image"):
                raise validation_error("InferenceSpecification: each container of a model package must have an Image")
        status = begin(Kind.APPROVAL, request.get("ModelApprovalStatus", "PendingManualApproval"))
        with self._lock:
            version = self._versions.get((scope, group), 0) + 1
            self._versions[scope, group] = version
        arn = scope.arn(f"model-package/{group}/{version}")
        now = timestamp()
        document = {
            **{
                name: copy.deepcopy(value)
                for name, value in request.items()
                if name not in ("Tags", "ClientToken", "ModelPackageName")
            },
            "ModelPackageName": f"{group}/{version}",
            "ModelPackageGroupName": group,
            "ModelPackageVersion": version,
            "ModelPackageArn": arn,
            "ModelApprovalStatus": status,
            "ModelPackageStatus": begin(Kind.MODEL_PACKAGE, "Pending"),
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "CreationTime": now,
            "LastModifiedTime": now,
            "CreatedBy": _user(caller),
        }
        document["ModelPackageStatus"] = move(Kind.MODEL_PACKAGE, document["ModelPackageStatus"], "Completed")
        self._packages.add(scope, f"{group}/{version}", document, taken=lambda _: conflict(f"{arn} exists"))
        events.model_package_changed(scope, document)
        return {"ModelPackageArn": arn}

    def describe_package(self, scope: Scope, request: Document) -> Document:
        """DescribeModelPackage, also of another account by ARN."""
        return copy.deepcopy(self.package(scope, request["ModelPackageName"]))

    def list_packages(self, scope: Scope, request: Document) -> Document:
        """ListModelPackages."""
        where, group = _located(scope, request.get("ModelPackageGroupName", ""))
        rows = [
            {name: package[name] for name in _PACKAGE_SUMMARY if name in package}
            for package in self._packages.rows(where)
            if group in ("", package["ModelPackageGroupName"])
            and request.get("ModelApprovalStatus") in (None, package["ModelApprovalStatus"])
        ]
        return listing(rows, request, key="ModelPackageSummaryList", name="ModelPackageGroupName")

    def update_package(self, scope: Scope, request: Document, caller: Caller) -> Document:
        """UpdateModelPackage: approval, its description, metadata."""
        package = self.package(scope, request["ModelPackageArn"])
        with self._lock:
            before = package["ModelApprovalStatus"]
            if "ModelApprovalStatus" in request:
                package["ModelApprovalStatus"] = move(Kind.APPROVAL, before, request["ModelApprovalStatus"])
            metadata = {
                **package.get("CustomerMetadataProperties", {}),
                **request.get("CustomerMetadataProperties", {}),
            }
            for name in request.get("CustomerMetadataPropertiesToRemove", []):
                metadata.pop(name, None)
            if metadata:
                package["CustomerMetadataProperties"] = metadata
            for name in ("ApprovalDescription", "SourceUri", "ModelCard", "ModelLifeCycle"):
                if name in request:
                    package[name] = copy.deepcopy(request[name])
            package["LastModifiedTime"], package["LastModifiedBy"] = timestamp(), _user(caller)
        if "ModelApprovalStatus" in request or "ModelLifeCycle" in request:
            events.model_package_changed(scope, package)
        return {"ModelPackageArn": package["ModelPackageArn"]}

    def delete_package(self, scope: Scope, request: Document) -> Document:
        """DeleteModelPackage."""
        where, name = _located(scope, request["ModelPackageName"])
        package = self._packages.remove(where, name)
        package["ModelPackageStatus"] = move(Kind.MODEL_PACKAGE, package["ModelPackageStatus"], "Deleting")
        return {}

    def package(self, scope: Scope, name: str) -> Document:
        """A model package, by ARN or by ``group/version``.

        Raises:
            ApiError: It is not there.
        """
        where, found = _located(scope, name)
        return self._packages.get(where, found)


def _user(caller: Caller) -> Document:
    """Who did something, as the API tells it (API_UserContext, API_IamIdentity)."""
    if caller is None:
        return {}
    return {"IamIdentity": {"Arn": caller.arn, "PrincipalId": caller.id}}


def _located(scope: Scope, name: str) -> tuple[Scope, str]:
    arn = Arn.parse(name)
    return (scope, name) if arn is None else (arn.scope, arn.name)

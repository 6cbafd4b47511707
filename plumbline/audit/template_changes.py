"""What deploying changed templates would do to resources that hold state."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from plumbline.audit.json_value import Document, Json, as_list, as_object, as_texts
from plumbline.audit.templates import AuditedTemplate
from plumbline.errors import PlumblineError
from plumbline.toolchain import NODE_FOLDER, ROOT, tool_environment

_SCRIPT = Path(__file__).with_suffix(".mjs")
# Types whose resources hold what cannot be made again. A resource that its template retains is one of them, too.
_STATEFUL = frozenset(
    (
        "AWS::Backup::BackupVault",
        "AWS::CloudTrail::Trail",
        "AWS::CodeCommit::Repository",
        "AWS::Cognito::UserPool",
        "AWS::DocDB::DBCluster",
        "AWS::DynamoDB::GlobalTable",
        "AWS::DynamoDB::Table",
        "AWS::EC2::Volume",
        "AWS::ECR::Repository",
        "AWS::EFS::FileSystem",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::Events::Archive",
        "AWS::KMS::Key",
        "AWS::Kinesis::Stream",
        "AWS::Logs::LogGroup",
        "AWS::Neptune::DBCluster",
        "AWS::OpenSearchService::Domain",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::Redshift::Cluster",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::SageMaker::Domain",
        "AWS::SageMaker::FeatureGroup",
        "AWS::SageMaker::ModelPackageGroup",
        "AWS::SageMaker::NotebookInstance",
        "AWS::SageMaker::UserProfile",
        "AWS::SecretsManager::Secret",
    )
)
_RETAINED = ("Retain", "RetainExceptOnCreate")


class Fate(StrEnum):
    """What becomes of a resource."""

    DELETED = "deleted"
    ORPHANED = "orphaned: it stays, and no stack knows it any more"
    REPLACED = "replaced by an empty one, and deleted"
    REPLACED_KEPT = "replaced by an empty one; the old one stays, and no stack knows it any more"
    MAYBE_REPLACED = "perhaps replaced by an empty one: the new value decides"


_FATES = {
    "WILL_DESTROY": Fate.DELETED,
    "WILL_ORPHAN": Fate.ORPHANED,
    "WILL_REPLACE": Fate.REPLACED,
    "MAY_REPLACE": Fate.MAYBE_REPLACED,
}


@dataclass(frozen=True, kw_only=True)
class StateLoss:
    """A resource with state that a deployment would take away or empty.

    Attributes:
        stack: Its stack.
        resource: Its logical id.
        type: Its type.
        fate: What becomes of it.
        properties: The properties that are changed.
    """

    stack: str
    resource: str
    type: str
    fate: Fate
    properties: tuple[str, ...]


def state_losses(before: Sequence[AuditedTemplate], after: Sequence[AuditedTemplate]) -> tuple[StateLoss, ...]:
    """Resources with state that deploying `after` over `before` would replace, orphan or delete.

    A stack that is no longer in the app is counted as if it were deleted.

    Raises:
        PlumblineError: The comparison cannot be run; exit code 1.
    """
    new = {(template.account, template.stack_name): template.body for template in after}
    pairs: list[tuple[AuditedTemplate, Document]] = [
        (template, after_it)
        for template in before
        if (after_it := new.get((template.account, template.stack_name), {})) != template.body
    ]
    return tuple(
        loss
        for (template, _), changes in zip(pairs, _changes(pairs), strict=True)
        for loss in _losses(template, changes)
    )


def _losses(template: AuditedTemplate, changes: Sequence[Mapping[str, Json]]) -> Iterator[StateLoss]:
    for change in changes:
        logical_id = str(change["logicalId"])
        body = template.resources.get(logical_id)
        fate = _FATES.get(str(change["impact"]))
        if body is None or fate is None:
            continue
        resource_type = str(body.get("Type"))
        kept = body.get("DeletionPolicy") in _RETAINED
        if resource_type not in _STATEFUL and not kept:
            continue
        if fate is Fate.DELETED and kept:
            # The library takes RetainExceptOnCreate for Delete; it is about a create that fails, long past here.
            fate = Fate.ORPHANED
        if fate is Fate.REPLACED and body.get("UpdateReplacePolicy") in _RETAINED:
            fate = Fate.REPLACED_KEPT
        yield StateLoss(
            stack=template.stack_name,
            resource=logical_id,
            type=resource_type,
            fate=fate,
            properties=tuple(as_texts(change["properties"])) if fate not in (Fate.DELETED, Fate.ORPHANED) else (),
        )


def _changes(pairs: Sequence[tuple[AuditedTemplate, Document]]) -> list[list[dict[str, Json]]]:
    if not pairs:
        return []
    documents = [{"before": template.body, "after": after} for template, after in pairs]
    done = subprocess.run(
        [str(NODE_FOLDER / "node"), str(_SCRIPT)],
        cwd=ROOT,
        env=tool_environment(),
        input=json.dumps(documents),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["it says nothing"]
        raise PlumblineError(f"the templates cannot be compared: {last[0]}", exit_code=1)
    return [[as_object(change) for change in as_list(changes)] for changes in json.loads(done.stdout)]

"""What cannot be made again: data, keys, logs, and the stacks that hold them."""

from collections.abc import Iterator

from plumbline.audit.findings import Severity
from plumbline.audit.rules.controls import (
    AUDIT_PROTECTION,
    CHANGE_CONTROL,
    ENCRYPTION_AT_REST,
    OUTSIDERS,
    RECOVERY,
    answers,
)
from plumbline.audit.rules.expectations import must_be, must_be_a_key, must_be_true
from plumbline.audit.rules.rule import ANY, STACK, Violation, rule
from plumbline.audit.rules.template import Resource

STATEFUL = (
    "AWS::CloudTrail::EventDataStore",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::ECR::Repository",
    "AWS::EFS::FileSystem",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::S3::Bucket",
    "AWS::SageMaker::Domain",
    "AWS::SageMaker::FeatureGroup",
    "AWS::SageMaker::ModelPackageGroup",
    "AWS::SecretsManager::Secret",
)
_POLICIES = ("DeletionPolicy", "UpdateReplacePolicy")
_WITH_SNAPSHOTS = ("AWS::RDS::DBCluster", "AWS::RDS::DBInstance")
_TABLES = ("AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table")


def _keeps(resource: Resource, attribute: str, *accepted: str) -> Iterator[Violation]:
    kept = (*accepted, "Snapshot") if resource.type in _WITH_SNAPSHOTS else accepted
    yield from must_be(resource.attribute(attribute), lambda value: value in kept, " or ".join(kept))


@rule(
    id="PL-DATA-01",
    title="What cannot be made again outlives its stack",
    sense="Deleting the stack, or the resource from the template, deletes the data; for most types that is the "
    "default.",
    remedy="Set DeletionPolicy to Retain or RetainExceptOnCreate.",
    severity=Severity.HIGH,
    controls=answers(RECOVERY),
    types=STATEFUL,
)
def data_outlives_its_stack(resource: Resource) -> Iterator[Violation]:
    """CloudFormation user guide, "DeletionPolicy attribute"."""
    yield from _keeps(resource, "DeletionPolicy", "Retain", "RetainExceptOnCreate")


@rule(
    id="PL-DATA-02",
    title="What cannot be made again outlives its replacement",
    sense="A changed name replaces the resource: the new one is empty, the old one is deleted.",
    remedy="Set UpdateReplacePolicy to Retain.",
    severity=Severity.HIGH,
    controls=answers(RECOVERY),
    types=STATEFUL,
)
def data_outlives_its_replacement(resource: Resource) -> Iterator[Violation]:
    """CloudFormation user guide, "UpdateReplacePolicy attribute"."""
    yield from _keeps(resource, "UpdateReplacePolicy", "Retain")


@rule(
    id="PL-DATA-03",
    title="Stacks with state are protected from termination",
    sense="One command deletes the stack: what is retained is then in no template, and the next deployment fails "
    "on it.",
    remedy="Set termination protection of the stack.",
    severity=Severity.MEDIUM,
    controls=answers(RECOVERY, CHANGE_CONTROL, security_hub=("CloudFormation.3",)),
    types=(STACK,),
    applies=lambda stack: (
        stack.template.audited.termination_protection is not None
        and any(True for _ in stack.template.of_type(*(t for t in STATEFUL if t != "AWS::Logs::LogGroup")))
    ),
)
def stacks_are_protected(stack: Resource) -> Iterator[Violation]:
    if not stack.template.audited.termination_protection:
        yield Violation(path="", message="Termination protection of the stack is false; accepted: true.")


@rule(
    id="PL-DATA-04",
    title="Tables are encrypted with a customer managed key",
    sense="The default key belongs to AWS: nobody can withdraw it, or see who used it.",
    remedy="Set SSESpecification with SSEEnabled true and a KMSMasterKeyId.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST),
    types=("AWS::DynamoDB::Table",),
)
def tables_are_encrypted(table: Resource) -> Iterator[Violation]:
    yield from must_be_true(table.at("SSESpecification.SSEEnabled"))
    yield from must_be_a_key(table.at("SSESpecification.KMSMasterKeyId"))


@rule(
    id="PL-DATA-05",
    title="Tables can be restored to any second",
    sense="Without it a bad write of yesterday is there for good.",
    remedy="Set PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled to true.",
    severity=Severity.MEDIUM,
    controls=answers(RECOVERY, security_hub=("DynamoDB.2",)),
    types=("AWS::DynamoDB::Table",),
)
def tables_can_be_restored(table: Resource) -> Iterator[Violation]:
    yield from must_be_true(table.at("PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled"))


@rule(
    id="PL-DATA-06",
    title="Tables are protected from deletion",
    sense="One call deletes a table, its stack untouched.",
    remedy="Set DeletionProtectionEnabled to true.",
    severity=Severity.MEDIUM,
    controls=answers(RECOVERY, AUDIT_PROTECTION, security_hub=("DynamoDB.6",)),
    types=("AWS::DynamoDB::Table",),
)
def tables_are_protected(table: Resource) -> Iterator[Violation]:
    yield from must_be_true(table.at("DeletionProtectionEnabled"))


@rule(
    id="PL-DATA-07",
    title="File systems are encrypted with a customer managed key",
    sense="It holds whatever is mounted from it.",
    remedy="Set Encrypted to true and KmsKeyId.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST, security_hub=("EFS.1",)),
    types=("AWS::EFS::FileSystem",),
)
def file_systems_are_encrypted(system: Resource) -> Iterator[Violation]:
    yield from must_be_true(system.at("Encrypted"))
    yield from must_be_a_key(system.at("KmsKeyId"))


@rule(
    id="PL-DATA-08",
    title="What outlives its stack outlives its replacement, and the other way round",
    sense="A resource that is kept in one way and deleted in the other is kept by luck: a renamed one is gone.",
    remedy="Set DeletionPolicy and UpdateReplacePolicy alike.",
    severity=Severity.LOW,
    controls=answers(RECOVERY),
    types=(ANY,),
    applies=lambda resource: any(resource.attribute(name).text.startswith("Retain") for name in _POLICIES),
)
def both_ways_are_alike(resource: Resource) -> Iterator[Violation]:
    """CloudFormation user guide, "UpdateReplacePolicy attribute": the one says nothing about the other."""
    for name in _POLICIES:
        yield from must_be(
            resource.attribute(name), lambda value: str(value).startswith("Retain"), "Retain, as the other way says"
        )


@rule(
    id="PL-DATA-09",
    title="The policy of a bucket that outlives its stack outlives it, too",
    sense="The bucket stays with all it holds, and its denials are gone.",
    remedy="Set DeletionPolicy of the bucket's policy to that of the bucket.",
    severity=Severity.MEDIUM,
    controls=answers(RECOVERY, OUTSIDERS),
    types=("AWS::S3::BucketPolicy",),
    applies=lambda policy: any(
        bucket.reference == policy.at("Bucket").text and bucket.attribute("DeletionPolicy").text.startswith("Retain")
        for bucket in policy.template.of_type("AWS::S3::Bucket")
    ),
)
def policies_stay_with_their_buckets(policy: Resource) -> Iterator[Violation]:
    """CloudFormation user guide, "DeletionPolicy attribute": it is deleted by default."""
    for name in _POLICIES:
        yield from must_be(
            policy.attribute(name), lambda value: str(value).startswith("Retain"), "Retain, as the bucket says"
        )

"""Operators that change one setting: a key is dropped, a switch is turned."""

from collections.abc import Iterator
from dataclasses import dataclass

from plumbline.audit.json_value import Json
from tests.plumbline.audit.mutations.document import NOTHING, STACK, Change, Nothing, Place
from tests.plumbline.audit.mutations.operator import Operator, drop, put

_S3 = "AWS::S3::Bucket"
_TRAIL = "AWS::CloudTrail::Trail"


@dataclass(frozen=True, kw_only=True)
class _Setting:
    """What an operator does to a key, wherever it stands.

    Attributes:
        operator: Name of the operator.
        key: The key.
        to: What it holds afterwards; nothing drops it.
        types: Resource types that begin like one of these; all, when none is given.
    """

    operator: str
    key: str
    to: Json | Nothing = NOTHING
    types: tuple[str, ...] = ()

    def mutate(self, place: Place) -> Iterator[tuple[Change, ...]]:
        if place.key != self.key or place.value == self.to or (self.types and not place.type.startswith(self.types)):
            return
        if place.above is not None or place.type == STACK:
            yield drop(place.path) if isinstance(self.to, Nothing) else put(place.path, self.to)


_KEYS = (
    "KmsKeyId",
    "KMSKeyId",
    "KmsKeyArn",
    "KmsMasterKeyId",
    "KMSMasterKeyId",
    "VolumeKmsKeyId",
    "OutputKmsKeyId",
    "EncryptionKey",
    "EncryptionConfiguration",
    "BucketEncryption",
    "SSESpecification",
)

_SETTINGS = (
    *(_Setting(operator="drop-key", key=key) for key in _KEYS),
    _Setting(operator="rotation-off", key="EnableKeyRotation", to=False),
    _Setting(operator="rotation-off", key="EnableKeyRotation"),
    _Setting(operator="window-shortened", key="PendingWindowInDays", to=7),
    *(
        _Setting(operator="public-access-block-off", key=key, to=False)
        for key in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    ),
    _Setting(operator="public-access-block-off", key="PublicAccessBlockConfiguration"),
    _Setting(operator="ownership-dropped", key="OwnershipControls", types=(_S3,)),
    _Setting(operator="versioning-off", key="VersioningConfiguration", types=(_S3,)),
    _Setting(operator="versioning-off", key="VersioningConfiguration", to={"Status": "Suspended"}, types=(_S3,)),
    _Setting(operator="object-lock-dropped", key="ObjectLockConfiguration", types=(_S3,)),
    _Setting(operator="object-lock-dropped", key="ObjectLockEnabled", types=(_S3,)),
    _Setting(operator="logging-off", key="LoggingConfiguration"),
    _Setting(operator="logging-off", key="IsLogging", to=False, types=(_TRAIL,)),
    _Setting(operator="logging-off", key="TrafficType", to="REJECT", types=("AWS::EC2::FlowLog",)),
    _Setting(operator="logging-off", key="CloudWatchLogsLogGroupArn", types=(_TRAIL,)),
    _Setting(operator="trail-weakened", key="EnableLogFileValidation", to=False, types=(_TRAIL,)),
    _Setting(operator="trail-weakened", key="IsMultiRegionTrail", to=False, types=(_TRAIL,)),
    _Setting(operator="trail-weakened", key="IncludeGlobalServiceEvents", to=False, types=(_TRAIL,)),
    _Setting(operator="trail-weakened", key="EventSelectors", types=(_TRAIL,)),
    _Setting(operator="retention-dropped", key="RetentionInDays", types=("AWS::Logs::LogGroup",)),
    _Setting(operator="isolation-off", key="EnableNetworkIsolation", to=False),
    _Setting(operator="isolation-off", key="EnableNetworkIsolation"),
    _Setting(operator="traffic-encryption-off", key="EnableInterContainerTrafficEncryption", to=False),
    _Setting(operator="traffic-encryption-off", key="EnableInterContainerTrafficEncryption"),
    _Setting(operator="vpc-dropped", key="VpcConfig"),
    _Setting(operator="scan-off", key="ScanOnPush", to=False),
    _Setting(operator="tags-mutable", key="ImageTagMutability", to="MUTABLE"),
    _Setting(operator="one-instance", key="InitialInstanceCount", to=1),
    _Setting(operator="capture-off", key="EnableCapture", to=False),
    _Setting(operator="capture-off", key="DataCaptureConfig"),
    _Setting(operator="rollback-dropped", key="AutoRollbackConfiguration"),
    _Setting(operator="session-lengthened", key="MaxSessionDuration", to=43200),
    _Setting(operator="boundary-dropped", key="PermissionsBoundary"),
    _Setting(operator="boundary-swapped", key="PermissionsBoundary", to="arn:aws:iam::aws:policy/AdministratorAccess"),
    _Setting(operator="protection-off", key="TerminationProtection", to=False, types=(STACK,)),
    _Setting(operator="alarm-silent", key="AlarmActions", types=("AWS::CloudWatch::Alarm",)),
    _Setting(operator="dead-letters-dropped", key="DeadLetterConfig"),
    _Setting(operator="studio-on-the-internet", key="AppNetworkAccessType", to="PublicInternetOnly"),
    _Setting(operator="studio-on-the-internet", key="AppNetworkAccessType", types=("AWS::SageMaker::Domain",)),
    _Setting(operator="notebook-opened", key="DirectInternetAccess", to="Enabled"),
    _Setting(operator="notebook-opened", key="RootAccess", to="Enabled"),
    _Setting(
        operator="approved-unseen",
        key="ModelApprovalStatus",
        to="Approved",
        types=("AWS::SageMaker::Pipeline", "AWS::SageMaker::ModelPackage"),
    ),
    _Setting(operator="public-subnet", key="MapPublicIpOnLaunch", to=True, types=("AWS::EC2::Subnet",)),
    _Setting(operator="endpoint-policy-dropped", key="PolicyDocument", types=("AWS::EC2::VPCEndpoint",)),
    _Setting(operator="private-dns-off", key="PrivateDnsEnabled", to=False, types=("AWS::EC2::VPCEndpoint",)),
)

_RETAINED = ("Retain", "RetainExceptOnCreate", "Snapshot")


def _deletion_policy_dropped(place: Place) -> Iterator[tuple[Change, ...]]:
    is_kept = place.key in ("DeletionPolicy", "UpdateReplacePolicy") and len(place.path) == 3
    if is_kept and place.value in _RETAINED:
        yield drop(place.path)


def _by_aws_key(place: Place) -> Iterator[tuple[Change, ...]]:
    if place.key == "ServerSideEncryptionByDefault" and place.value != {"SSEAlgorithm": "AES256"}:
        yield put(place.path, {"SSEAlgorithm": "AES256"})


def _rule_disabled(place: Place) -> Iterator[tuple[Change, ...]]:
    if place.type == "AWS::Events::Rule" and place.key == "Properties":
        yield put((*place.path, "State"), "DISABLED")


def _alarm_silent(place: Place) -> Iterator[tuple[Change, ...]]:
    if place.type == "AWS::CloudWatch::Alarm" and place.key == "Properties":
        yield put((*place.path, "ActionsEnabled"), False)


SETTINGS = (
    *(Operator(name=setting.operator, mutate=setting.mutate) for setting in _SETTINGS),
    Operator(name="deletion-policy-dropped", mutate=_deletion_policy_dropped),
    Operator(name="rule-disabled", mutate=_rule_disabled),
    Operator(name="alarm-silent", mutate=_alarm_silent),
    Operator(name="key-of-aws", mutate=_by_aws_key),
)

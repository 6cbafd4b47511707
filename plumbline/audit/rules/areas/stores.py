"""Feature groups and inference experiments."""

from collections.abc import Iterator

from plumbline.audit.findings import Severity
from plumbline.audit.rules.controls import ENCRYPTION_AT_REST, answers
from plumbline.audit.rules.expectations import is_true, must_be_a_key
from plumbline.audit.rules.rule import Violation, rule
from plumbline.audit.rules.template import Resource
from plumbline.audit.rules.values import Unknown

FEATURES = "AWS::SageMaker::FeatureGroup"
EXPERIMENT = "AWS::SageMaker::InferenceExperiment"


def _has_standard_online_store(group: Resource) -> bool:
    online = group.at("OnlineStoreConfig")
    may_be_on = any(isinstance(value, Unknown) or is_true(value) for value in online.at("EnableOnlineStore").possible)
    return online.is_there and may_be_on and online.at("StorageType").text != "InMemory"


@rule(
    id="PL-FS-01",
    title="Offline feature stores are encrypted with a customer managed key",
    sense="The offline store is the history of every feature of every entity.",
    remedy="Set OfflineStoreConfig.S3StorageConfig.KmsKeyId.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST, security_hub=("SageMaker.17",)),
    types=(FEATURES,),
    applies=lambda group: group.at("OfflineStoreConfig").is_there,
)
def offline_stores_are_encrypted(group: Resource) -> Iterator[Violation]:
    yield from must_be_a_key(group.at("OfflineStoreConfig.S3StorageConfig.KmsKeyId"))


@rule(
    id="PL-FS-02",
    title="Online feature stores are encrypted with a customer managed key",
    sense="The online store is what is known of every entity right now.",
    remedy="Set OnlineStoreConfig.SecurityConfig.KmsKeyId.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST, security_hub=("SageMaker.18",)),
    types=(FEATURES,),
    applies=_has_standard_online_store,
)
def online_stores_are_encrypted(group: Resource) -> Iterator[Violation]:
    """Security Hub CSPM, "[SageMaker.18]": stores with standard storage."""
    yield from must_be_a_key(group.at("OnlineStoreConfig.SecurityConfig.KmsKeyId"))


@rule(
    id="PL-IE-01",
    title="Volumes of inference experiments are encrypted with a customer managed key",
    sense="A shadow test sees production's requests.",
    remedy="Set KmsKey.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST, security_hub=("SageMaker.23",)),
    types=(EXPERIMENT,),
)
def experiment_volumes_are_encrypted(experiment: Resource) -> Iterator[Violation]:
    yield from must_be_a_key(experiment.at("KmsKey"))


@rule(
    id="PL-IE-02",
    title="What inference experiments record is encrypted with a customer managed key",
    sense="A shadow test records production's requests and both models' answers.",
    remedy="Set DataStorageConfig.KmsKey.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST, security_hub=("SageMaker.24",)),
    types=(EXPERIMENT,),
    applies=lambda experiment: experiment.at("DataStorageConfig").is_there,
)
def experiment_records_are_encrypted(experiment: Resource) -> Iterator[Violation]:
    """Security Hub CSPM, "[SageMaker.24]": experiments with data capture."""
    yield from must_be_a_key(experiment.at("DataStorageConfig.KmsKey"))

"""Image repositories."""

from collections.abc import Iterator

from plumbline.audit.findings import Severity
from plumbline.audit.rules.controls import CHANGE_CONTROL, ENCRYPTION_AT_REST, FLAWS, INTEGRITY, LIMITS, answers
from plumbline.audit.rules.expectations import must_be_a_key, must_be_given, must_be_one_of, must_be_true
from plumbline.audit.rules.policy_rules import allows_named_actions, is_closed_to_the_public, names_foreigners
from plumbline.audit.rules.rule import Violation, rule
from plumbline.audit.rules.template import Resource

REPOSITORY = "AWS::ECR::Repository"
_SCANNING = "AWS::ECR::RegistryScanningConfiguration"


@rule(
    id="PL-ECR-01",
    title="A tag stands for one image",
    sense="A tag that can be pushed again runs other code tomorrow than was reviewed today.",
    remedy="Set ImageTagMutability to IMMUTABLE.",
    severity=Severity.HIGH,
    controls=answers(INTEGRITY, CHANGE_CONTROL, security_hub=("ECR.2",)),
    types=(REPOSITORY,),
)
def tags_stand_for_one_image(repository: Resource) -> Iterator[Violation]:
    yield from must_be_one_of(repository.at("ImageTagMutability"), "IMMUTABLE")


@rule(
    id="PL-ECR-02",
    title="Images are scanned",
    sense="Known flaws in a library come with the image, and stay until somebody looks.",
    remedy="Set ImageScanningConfiguration.ScanOnPush to true.",
    severity=Severity.MEDIUM,
    controls=answers(FLAWS, security_hub=("ECR.1",)),
    types=(REPOSITORY,),
)
def images_are_scanned(repository: Resource) -> Iterator[Violation]:
    if not any(True for _ in repository.template.all.of_account(repository.template, _SCANNING)):
        yield from must_be_true(repository.at("ImageScanningConfiguration.ScanOnPush"))


@rule(
    id="PL-ECR-03",
    title="Images are encrypted with a customer managed key",
    sense="An image holds the code, and whatever was left in it.",
    remedy="Set EncryptionConfiguration to KMS with a KmsKey; it cannot be changed later.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST, security_hub=("ECR.5",)),
    types=(REPOSITORY,),
)
def images_are_encrypted(repository: Resource) -> Iterator[Violation]:
    yield from must_be_one_of(repository.at("EncryptionConfiguration.EncryptionType"), "KMS", "KMS_DSSE")
    yield from must_be_a_key(repository.at("EncryptionConfiguration.KmsKey"))


repositories_are_closed = is_closed_to_the_public(id_="PL-ECR-04", what="Repositories", types=(REPOSITORY,))


@rule(
    id="PL-ECR-05",
    title="Images that nobody uses are cleared away",
    sense="Old images are old flaws, and cost.",
    remedy="Set a LifecyclePolicy.",
    severity=Severity.LOW,
    controls=answers(LIMITS, FLAWS, security_hub=("ECR.3",)),
    types=(REPOSITORY,),
)
def old_images_are_cleared(repository: Resource) -> Iterator[Violation]:
    yield from must_be_given(repository.at("LifecyclePolicy.LifecyclePolicyText"), "a lifecycle policy")


repositories_name_foreigners = names_foreigners(id_="PL-ECR-06", what="Repositories", types=(REPOSITORY,))
repositories_name_actions = allows_named_actions(id_="PL-ECR-07", what="repositories", types=(REPOSITORY,))

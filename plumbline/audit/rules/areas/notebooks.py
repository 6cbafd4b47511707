"""Where people work: notebook instances and Studio."""

from collections.abc import Iterator

from plumbline.audit.findings import Severity
from plumbline.audit.rules.controls import (
    AVAILABILITY,
    ENCRYPTION_AT_REST,
    FLAWS,
    HARDENING,
    LEAST_PRIVILEGE,
    LIMITS,
    NETWORK_BOUNDARY,
    answers,
)
from plumbline.audit.rules.expectations import must_be, must_be_a_key, must_be_given, must_be_one_of, must_hold
from plumbline.audit.rules.rule import Violation, rule
from plumbline.audit.rules.template import Resource

NOTEBOOK = "AWS::SageMaker::NotebookInstance"
DOMAIN = "AWS::SageMaker::Domain"
_APPS = ("JupyterLabAppSettings", "CodeEditorAppSettings")


@rule(
    id="PL-NB-01",
    title="Notebook instances have no way of their own to the internet",
    sense="A notebook has the data and a person's code; a way out that the VPC does not see is how it leaves.",
    remedy="Set DirectInternetAccess to Disabled, and give the notebook a subnet with the endpoints it needs.",
    severity=Severity.HIGH,
    controls=answers(NETWORK_BOUNDARY, security_hub=("SageMaker.1",)),
    types=(NOTEBOOK,),
)
def notebooks_are_offline(notebook: Resource) -> Iterator[Violation]:
    yield from must_be_one_of(notebook.at("DirectInternetAccess"), "Disabled")


@rule(
    id="PL-NB-02",
    title="Notebook instances are in a VPC",
    sense="Outside a VPC no security group, endpoint policy or flow log applies to the notebook.",
    remedy="Set SubnetId and SecurityGroupIds.",
    severity=Severity.HIGH,
    controls=answers(NETWORK_BOUNDARY, security_hub=("SageMaker.2",)),
    types=(NOTEBOOK,),
)
def notebooks_are_in_a_vpc(notebook: Resource) -> Iterator[Violation]:
    yield from must_be_given(notebook.at("SubnetId"), "a private subnet")


@rule(
    id="PL-NB-03",
    title="Nobody is root on notebook instances",
    sense="Root can switch off what the lifecycle configuration has set up, and reads every other user's files.",
    remedy="Set RootAccess to Disabled.",
    severity=Severity.HIGH,
    controls=answers(LEAST_PRIVILEGE, security_hub=("SageMaker.3",)),
    types=(NOTEBOOK,),
)
def nobody_is_root(notebook: Resource) -> Iterator[Violation]:
    yield from must_be_one_of(notebook.at("RootAccess"), "Disabled")


@rule(
    id="PL-NB-04",
    title="Notebook instances run on a supported platform",
    sense="A platform past its end gets no security patches.",
    remedy="Set PlatformIdentifier to notebook-al2023-v1.",
    severity=Severity.MEDIUM,
    controls=answers(FLAWS, security_hub=("SageMaker.8",)),
    types=(NOTEBOOK,),
)
def notebooks_are_supported(notebook: Resource) -> Iterator[Violation]:
    """Security Hub CSPM, "[SageMaker.8]": `supportedPlatformIdentifierVersions` is notebook-al2023-v1 alone."""
    yield from must_be_one_of(notebook.at("PlatformIdentifier"), "notebook-al2023-v1")


@rule(
    id="PL-NB-05",
    title="Notebook volumes are encrypted with a customer managed key",
    sense="The volume holds whatever was downloaded to look at.",
    remedy="Set KmsKeyId.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST, security_hub=("SageMaker.21",)),
    types=(NOTEBOOK,),
)
def notebook_volumes_are_encrypted(notebook: Resource) -> Iterator[Violation]:
    yield from must_be_a_key(notebook.at("KmsKeyId"))


@rule(
    id="PL-NB-06",
    title="Notebook instances demand version 2 of the metadata service",
    sense="Version 1 hands the role's credentials to any request that a web page or a library is talked into.",
    remedy="Set InstanceMetadataServiceConfiguration.MinimumInstanceMetadataServiceVersion to 2.",
    severity=Severity.MEDIUM,
    controls=answers(HARDENING),
    types=(NOTEBOOK,),
)
def notebooks_demand_metadata_version_2(notebook: Resource) -> Iterator[Violation]:
    yield from must_be_one_of(
        notebook.at("InstanceMetadataServiceConfiguration.MinimumInstanceMetadataServiceVersion"), "2"
    )


@rule(
    id="PL-STU-01",
    title="Studio reaches the network through the VPC only",
    sense="PublicInternetOnly, the default, gives every space a way out past the VPC's endpoints and flow logs.",
    remedy="Set AppNetworkAccessType to VpcOnly.",
    severity=Severity.HIGH,
    controls=answers(NETWORK_BOUNDARY),
    types=(DOMAIN,),
)
def studio_is_in_the_vpc(domain: Resource) -> Iterator[Violation]:
    """SageMaker developer guide, "Connect Studio in a VPC to external resources"."""
    yield from must_be_one_of(domain.at("AppNetworkAccessType"), "VpcOnly")


@rule(
    id="PL-STU-02",
    title="Studio's volume is encrypted with a customer managed key",
    sense="It holds the home folders of everybody.",
    remedy="Set KmsKeyId; it cannot be changed later.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST),
    types=(DOMAIN,),
)
def studio_volumes_are_encrypted(domain: Resource) -> Iterator[Violation]:
    yield from must_be_a_key(domain.at("KmsKeyId"))


@rule(
    id="PL-STU-03",
    title="Studio's spaces have a security group of their own",
    sense="Without one SageMaker makes its own, which lets everything out.",
    remedy="Name SecurityGroups in DefaultUserSettings.",
    severity=Severity.MEDIUM,
    controls=answers(NETWORK_BOUNDARY),
    types=(DOMAIN,),
)
def studio_has_security_groups(domain: Resource) -> Iterator[Violation]:
    yield from must_hold(domain.at("DefaultUserSettings.SecurityGroups"), 1, "security group")


@rule(
    id="PL-STU-04",
    title="Idle spaces are shut down",
    sense="A space that is forgotten is billed by the hour, and stays open to whoever finds the session.",
    remedy="Set AppLifecycleManagement.IdleSettings.LifecycleManagement of JupyterLab and Code Editor to ENABLED.",
    severity=Severity.LOW,
    controls=answers(LIMITS),
    types=(DOMAIN,),
)
def idle_spaces_are_shut_down(domain: Resource) -> Iterator[Violation]:
    for app in _APPS:
        idle = domain.at(f"DefaultUserSettings.{app}.AppLifecycleManagement.IdleSettings.LifecycleManagement")
        yield from must_be_one_of(idle, "ENABLED", subject=app)


@rule(
    id="PL-STU-05",
    title="Shared notebooks keep their outputs to themselves, or encrypted",
    sense="A shared notebook carries the tables it printed.",
    remedy="Set SharingSettings.NotebookOutputOption to Disabled, or name an S3KmsKeyId.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST),
    types=(DOMAIN,),
    applies=lambda domain: domain.at("DefaultUserSettings.SharingSettings").is_there,
)
def shared_outputs_are_encrypted(domain: Resource) -> Iterator[Violation]:
    sharing = domain.at("DefaultUserSettings.SharingSettings")
    if sharing.at("S3KmsKeyId").is_there:
        yield from must_be_a_key(sharing.at("S3KmsKeyId"))
    else:
        option = sharing.at("NotebookOutputOption")
        yield from must_be(option, lambda value: value in (None, "Disabled"), "Disabled, or a customer managed key")


@rule(
    id="PL-STU-06",
    title="Studio is in two subnets",
    sense="With one subnet nobody works while its zone is down, and the subnets cannot be changed later.",
    remedy="Name two subnets of different zones in SubnetIds.",
    severity=Severity.LOW,
    controls=answers(AVAILABILITY),
    types=(DOMAIN,),
)
def studio_is_in_two_subnets(domain: Resource) -> Iterator[Violation]:
    yield from must_hold(domain.at("SubnetIds"), 2, "subnets")

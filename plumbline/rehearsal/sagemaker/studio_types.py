"""The CloudFormation types of Studio: Domain and UserProfile.

Source: CloudFormation template reference, "AWS::SageMaker::Domain": ``Ref`` gives the domain's id; and
"AWS::SageMaker::UserProfile": ``Ref`` gives the profile's name.
"""

from plumbline.rehearsal.api.shapes import Document, members_of
from plumbline.rehearsal.sagemaker.cloudformation import Created, Deployment, ResourceType

_ATTRIBUTES = ("DomainArn", "DomainId", "HomeEfsFileSystemId", "Url")


def _create_domain(deployment: Deployment, name: str, properties: Document) -> Created:
    made = deployment.perform("CreateDomain", properties | {"DomainName": name})
    return made["DomainId"], _attributes_of_domain(deployment, made["DomainId"], properties)


def _update_domain(deployment: Deployment, name: str, properties: Document) -> None:
    request = members_of("UpdateDomain", properties, service="sagemaker") | {"DomainId": name}
    if "DomainSettings" in properties:
        request["DomainSettingsForUpdate"] = properties["DomainSettings"]
    deployment.perform("UpdateDomain", request)


def _attributes_of_domain(deployment: Deployment, name: str, _properties: Document) -> dict[str, str]:
    described = deployment.look("DescribeDomain", {"DomainId": name})
    return {member: str(described[member]) for member in _ATTRIBUTES}


def _create_profile(deployment: Deployment, name: str, properties: Document) -> Created:
    made = deployment.perform("CreateUserProfile", properties | {"UserProfileName": name})
    return name, {"UserProfileArn": made["UserProfileArn"]}


def _update_profile(deployment: Deployment, name: str, properties: Document) -> None:
    request = members_of("UpdateUserProfile", properties, service="sagemaker") | {"UserProfileName": name}
    deployment.perform("UpdateUserProfile", request)


def _attributes_of_profile(deployment: Deployment, name: str, properties: Document) -> dict[str, str]:
    return {"UserProfileArn": deployment.scope.arn(f"user-profile/{properties['DomainId']}/{name}")}


TYPES = (
    ResourceType(
        name="AWS::SageMaker::Domain",
        identity="DomainName",
        replacing=frozenset({"AuthMode", "DomainName", "KmsKeyId"}),
        create=_create_domain,
        update=_update_domain,
        attributes=_attributes_of_domain,
        delete=("DeleteDomain", lambda name, _: {"DomainId": name}),
        arn="domain/{name}",
    ),
    ResourceType(
        name="AWS::SageMaker::UserProfile",
        identity="UserProfileName",
        replacing=frozenset({"DomainId", "UserProfileName", "SingleSignOnUserIdentifier", "SingleSignOnUserValue"}),
        create=_create_profile,
        update=_update_profile,
        attributes=_attributes_of_profile,
        delete=(
            "DeleteUserProfile",
            lambda name, properties: {"DomainId": properties["DomainId"], "UserProfileName": name},
        ),
        arn="user-profile/{DomainId}/{name}",
    ),
)

"""Studio domains and user profiles, by the API and in a stack."""

import json
from typing import Any

import pytest

from plumbline.rehearsal.session import Client
from tests.plumbline.rehearsal.sagemaker.world import HOME, REGION, World

pytestmark = pytest.mark.rehearsal
Document = dict[str, Any]
_DOMAIN = f"arn:aws:sagemaker:{REGION}:{HOME}:domain"


@pytest.fixture(scope="module")
def network(world: World) -> Document:
    """A VPC with a subnet and a security group, as a domain's request names them."""
    ec2 = world.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/20")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.77.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(VpcId=vpc, GroupName="studio", Description="studio")["GroupId"]
    return {"VpcId": vpc, "SubnetIds": [subnet], "Groups": [group]}


@pytest.fixture(scope="module")
def notebooks(world: World) -> str:
    return world.role("notebooks", [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}])


def _domain(network: Document, role: str, **members: object) -> Document:
    settings = {"ExecutionRole": role, "SecurityGroups": network["Groups"]}
    return {
        "DomainName": "studio",
        "AuthMode": "IAM",
        "AppNetworkAccessType": "VpcOnly",
        "VpcId": network["VpcId"],
        "SubnetIds": network["SubnetIds"],
        "DefaultUserSettings": settings,
        **members,
    }


def _made(client: Client, network: Document, role: str, **members: object) -> str:
    return str(client.create_domain(**_domain(network, role, **members))["DomainId"])


def test_a_domain_is_made_described_changed_and_deleted(world: World, network: Document, notebooks: str) -> None:
    client = world.client("sagemaker")
    identity = _made(client, network, notebooks, Tags=[{"Key": "team", "Value": "one"}])
    found = client.describe_domain(DomainId=identity)
    assert (found["Status"], found["AppNetworkAccessType"]) == ("InService", "VpcOnly")
    assert found["DomainArn"] == f"{_DOMAIN}/{identity}"
    assert client.list_tags(ResourceArn=found["DomainArn"])["Tags"] == [{"Key": "team", "Value": "one"}]
    assert identity in [row["DomainId"] for row in client.list_domains()["Domains"]]
    client.update_domain(DomainId=identity, AppNetworkAccessType="PublicInternetOnly")
    assert client.describe_domain(DomainId=identity)["AppNetworkAccessType"] == "PublicInternetOnly"
    client.delete_domain(DomainId=identity)
    with pytest.raises(Exception, match="ResourceNotFound"):
        client.describe_domain(DomainId=identity)


def test_a_domain_without_a_word_on_it_is_open_to_the_internet(world: World, network: Document, notebooks: str) -> None:
    client, request = world.client("sagemaker"), _domain(network, notebooks)
    del request["AppNetworkAccessType"]
    identity = client.create_domain(**request)["DomainId"]
    assert client.describe_domain(DomainId=identity)["AppNetworkAccessType"] == "PublicInternetOnly"


def test_a_domain_in_a_subnet_that_is_not_there_is_refused(world: World, network: Document, notebooks: str) -> None:
    with pytest.raises(Exception, match="The network resources do not exist: subnet-none"):
        _made(world.client("sagemaker"), network, notebooks, SubnetIds=["subnet-none"])


def test_a_request_that_the_model_does_not_know_is_refused(world: World, network: Document, notebooks: str) -> None:
    with pytest.raises(Exception, match="Member must satisfy enum value set"):
        _made(world.client("sagemaker"), network, notebooks, AuthMode="PASSWORD")


def test_a_user_profile_is_made_described_changed_and_deleted(world: World, network: Document, notebooks: str) -> None:
    client = world.client("sagemaker")
    domain = _made(client, network, notebooks)
    who = {"DomainId": domain, "UserProfileName": "somebody"}
    arn = client.create_user_profile(**who, UserSettings={"ExecutionRole": notebooks})["UserProfileArn"]
    assert arn == f"arn:aws:sagemaker:{REGION}:{HOME}:user-profile/{domain}/somebody"
    assert client.describe_user_profile(**who)["Status"] == "InService"
    listed = client.list_user_profiles(DomainIdEquals=domain)["UserProfiles"]
    assert [row["UserProfileName"] for row in listed] == ["somebody"]
    client.update_user_profile(**who, UserSettings={"SecurityGroups": network["Groups"]})
    assert client.describe_user_profile(**who)["UserSettings"] == {"SecurityGroups": network["Groups"]}
    with pytest.raises(Exception, match="because UserProfile"):
        client.delete_domain(DomainId=domain)
    client.delete_user_profile(**who)
    client.delete_domain(DomainId=domain)


def test_a_user_profile_of_another_name_or_domain_is_not_found(world: World, network: Document, notebooks: str) -> None:
    client = world.client("sagemaker")
    with pytest.raises(Exception, match=r"Domain \[d-none\] does not exist"):
        client.create_user_profile(DomainId="d-none", UserProfileName="somebody")
    with pytest.raises(Exception, match=r"UserProfile \[nobody\] does not exist"):
        client.describe_user_profile(DomainId=_made(client, network, notebooks), UserProfileName="nobody")


def test_only_whom_the_profiles_policy_lets_open_studio_gets_an_address(
    world: World, network: Document, notebooks: str
) -> None:
    client = world.client("sagemaker")
    domain = _made(client, network, notebooks)
    for name in ("own", "other"):
        client.create_user_profile(DomainId=domain, UserProfileName=name)
    own = f"arn:aws:sagemaker:{REGION}:{HOME}:user-profile/{domain}/own"
    statement = {"Effect": "Allow", "Action": "sagemaker:CreatePresignedDomainUrl", "Resource": own}
    world.role("studio-person", [statement], principal={"AWS": f"arn:aws:iam::{HOME}:root"})
    studio = world.role_client("sagemaker", "studio-person")
    url = studio.create_presigned_domain_url(DomainId=domain, UserProfileName="own")["AuthorizedUrl"]
    assert url.startswith(f"https://{domain}.studio.{REGION}.sagemaker.aws/auth?token=")
    with pytest.raises(Exception, match="is not authorized to perform: sagemaker:CreatePresignedDomainUrl"):
        studio.create_presigned_domain_url(DomainId=domain, UserProfileName="other")


def _template(network: Document, role: str, *, access: str = "VpcOnly") -> Document:
    groups = network["Groups"]
    return {
        "Resources": {
            "Domain": {
                "Type": "AWS::SageMaker::Domain",
                "Properties": _domain(network, role, DomainName="stacked", AppNetworkAccessType=access),
            },
            "Profile": {
                "Type": "AWS::SageMaker::UserProfile",
                "Properties": {
                    "DomainId": {"Fn::GetAtt": ["Domain", "DomainId"]},
                    "UserProfileName": "stacked",
                    "UserSettings": {"ExecutionRole": role, "SecurityGroups": groups},
                },
            },
        },
        "Outputs": {
            "Ref": {"Value": {"Ref": "Domain"}},
            "Id": {"Value": {"Fn::GetAtt": ["Domain", "DomainId"]}},
            "Arn": {"Value": {"Fn::GetAtt": ["Domain", "DomainArn"]}},
            "Profile": {"Value": {"Ref": "Profile"}},
            "ProfileArn": {"Value": {"Fn::GetAtt": ["Profile", "UserProfileArn"]}},
        },
    }


def _settle(world: World, name: str) -> Document:
    client = world.client("cloudformation")

    def stack() -> Document:
        found: Document = client.describe_stacks(StackName=name)["Stacks"][0]
        return found

    world.until(lambda: not stack()["StackStatus"].endswith("_IN_PROGRESS"))
    return stack()


def test_a_stack_makes_changes_and_ends_a_domain_and_a_profile(world: World, network: Document, notebooks: str) -> None:
    cloudformation, sagemaker = world.client("cloudformation"), world.client("sagemaker")
    cloudformation.create_stack(StackName="studio", TemplateBody=json.dumps(_template(network, notebooks)))
    stack = _settle(world, "studio")
    assert stack["StackStatus"] == "CREATE_COMPLETE", world.reasons("studio")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    domain = outputs["Ref"]
    assert outputs == {
        "Ref": domain,
        "Id": domain,
        "Arn": f"{_DOMAIN}/{domain}",
        "Profile": "stacked",
        "ProfileArn": f"arn:aws:sagemaker:{REGION}:{HOME}:user-profile/{domain}/stacked",
    }
    changed = _template(network, notebooks, access="PublicInternetOnly")
    cloudformation.update_stack(StackName="studio", TemplateBody=json.dumps(changed))
    assert _settle(world, "studio")["StackStatus"] == "UPDATE_COMPLETE", world.reasons("studio")
    assert sagemaker.describe_domain(DomainId=domain)["AppNetworkAccessType"] == "PublicInternetOnly"
    cloudformation.delete_stack(StackName="studio")
    world.until(lambda: domain not in [row["DomainId"] for row in sagemaker.list_domains()["Domains"]])


def test_a_domain_open_to_the_internet_is_refused_to_a_role_that_may_make_closed_ones(
    world: World, network: Document, notebooks: str
) -> None:
    closed = {"StringEquals": {"sagemaker:AppNetworkAccessType": "VpcOnly"}}
    statements: list[Document] = [
        {"Effect": "Allow", "Action": "sagemaker:CreateDomain", "Resource": "*", "Condition": closed},
        {"Effect": "Allow", "NotAction": "sagemaker:CreateDomain", "Resource": "*"},
    ]
    deployer = world.role("studio-deployer", statements, principal={"Service": "cloudformation.amazonaws.com"})
    cloudformation = world.client("cloudformation")
    for name, access in (("closed-studio", "VpcOnly"), ("open-studio", "PublicInternetOnly")):
        body = json.dumps(_template(network, notebooks, access=access))
        cloudformation.create_stack(StackName=name, TemplateBody=body, RoleARN=deployer)
    assert _settle(world, "closed-studio")["StackStatus"] == "CREATE_COMPLETE", world.reasons("closed-studio")
    assert _settle(world, "open-studio")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "is not authorized to perform: sagemaker:CreateDomain" in world.reasons("open-studio")

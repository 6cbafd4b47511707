"""A job's place in its account: the network interfaces that SageMaker makes in its subnets, the key of its volume."""

import contextlib
from collections.abc import Iterator

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.sagemaker.sessions import PRINCIPAL, PlatformError, RoleSession


@contextlib.contextmanager
def in_vpc(session: RoleSession, config: Document | None) -> Iterator[RoleSession]:
    """Attaches a job to its subnets for as long as it lives.

    Args:
        session: The job's role.
        config: The job's VpcConfig; without one the job has no place in a VPC.

    Yields:
        The role as its requests go: through the VPC's endpoints, where it has one for the service, and else over
        AWS's own network.

    Raises:
        PlatformError: A subnet or security group is not there, or no way to S3.
        botocore.exceptions.ClientError: The role may not.
    """
    if not config:
        yield session
        return
    client = session.client("ec2")
    subnets = client.describe_subnets(SubnetIds=config["Subnets"])["Subnets"]
    groups = client.describe_security_groups(GroupIds=config["SecurityGroupIds"])["SecurityGroups"]
    if len(subnets) != len(set(config["Subnets"])) or len(groups) != len(set(config["SecurityGroupIds"])):
        raise PlatformError("ClientError: a subnet or a security group of VpcConfig does not exist")
    vpc = subnets[0]["VpcId"]
    client.describe_vpcs(VpcIds=[vpc])
    client.describe_dhcp_options()
    # one instance, so one interface: the rehearsal runs each job on one
    interface = client.create_network_interface(
        SubnetId=config["Subnets"][0],
        Groups=config["SecurityGroupIds"],
        Description=f"[DO NOT DELETE] ENI managed by SageMaker for {session.scope.account}",
    )["NetworkInterface"]["NetworkInterfaceId"]
    try:
        if not enforcement.reachable("s3", vpc, session.scope.account, session.scope.region):
            raise PlatformError(f"ClientError: {vpc} has no endpoint for S3, and a job in it no other way to its data")
        _permit(session, "ec2:CreateNetworkInterfacePermission", interface)
        client.describe_network_interfaces(NetworkInterfaceIds=[interface])
        yield session.within({enforcement.SOURCE_VPC: vpc})
        _permit(session, "ec2:DeleteNetworkInterfacePermission", interface)
    finally:
        client.delete_network_interface(NetworkInterfaceId=interface)


def confined(data: RoleSession) -> RoleSession:
    """The role as a container of a job has it, which has no network but the job's."""
    return data.within({**data.context, enforcement.CONFINED: "true"}) if data.context else data


def use_volume_key(session: RoleSession, key: str | None) -> None:
    """Takes the grant by which the job's volumes are encrypted under a key.

    Raises:
        PlatformError: The role may not.
        botocore.exceptions.ClientError: The key is not there, or the role may not describe it.
    """
    if not key:
        return
    service = f"sagemaker.{session.scope.region}.amazonaws.com"
    found = session.within({"kms:ViaService": service}).client("kms").describe_key(KeyId=key)["KeyMetadata"]
    if found["KeyState"] != "Enabled":
        raise PlatformError(f"ClientError: KMS key {found['Arn']} is {found['KeyState']}")
    # The grant itself would outlive the job in the emulator; what matters is that the role may take it.
    session.require(
        "kms:CreateGrant",
        found["Arn"],
        {
            "kms:GrantIsForAWSResource": "true",
            "kms:GrantOperations": ["Decrypt", "GenerateDataKeyWithoutPlaintext"],
            "kms:ViaService": service,
        },
    )


def _permit(session: RoleSession, action: str, interface: str) -> None:
    scope = session.scope
    arn = f"arn:{scope.partition}:ec2:{scope.region}:{scope.account}:network-interface/{interface}"
    session.require(action, arn, {"ec2:AuthorizedService": PRINCIPAL})

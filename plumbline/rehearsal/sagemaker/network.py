"""A job's place in its account: the network interfaces that SageMaker makes in its subnets, the key of its volume."""

import contextlib
from collections.abc import Iterator

from ministack.core.responses import request_scope
from ministack.services import ec2

from plumbline.rehearsal.sagemaker.sessions import PRINCIPAL, PlatformError, RoleSession
from plumbline.rehearsal.sagemaker.shapes import Document


@contextlib.contextmanager
def in_vpc(session: RoleSession, config: Document | None) -> Iterator[RoleSession]:
    """Attaches a job to its subnets for as long as it lives.

    Args:
        session: The job's role.
        config: The job's VpcConfig; without one the job has no place in a VPC.

    Yields:
        The role as its data goes: through the VPC, ``aws:SourceVpc`` and ``aws:SourceVpce`` in each request.

    Raises:
        PlatformError: A subnet or security group is not there.
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
        _permit(session, "ec2:CreateNetworkInterfacePermission", interface)
        client.describe_network_interfaces(NetworkInterfaceIds=[interface])
        yield session.within(_source(session, vpc))
        _permit(session, "ec2:DeleteNetworkInterfacePermission", interface)
    finally:
        client.delete_network_interface(NetworkInterfaceId=interface)


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


def _source(session: RoleSession, vpc: str) -> dict[str, str | list[str]]:
    """What AWS knows of requests that leave a VPC by its endpoint for S3."""
    with request_scope(session.scope.account, session.scope.region):
        endpoints = [
            str(endpoint["VpcEndpointId"])
            for endpoint in ec2._vpc_endpoints.values()
            if endpoint["VpcId"] == vpc and str(endpoint["ServiceName"]).endswith(".s3")
        ]
    source: dict[str, str | list[str]] = {"aws:SourceVpc": vpc}
    if endpoints:
        source["aws:SourceVpce"] = endpoints[0]
    return source

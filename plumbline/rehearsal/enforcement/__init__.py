"""Who may do what in the rehearsal: MiniStack's policy evaluation, completed where AWS decides more, and written down.

MiniStack evaluates identity policies, permission boundaries, session policies and the resource policies of one
account. This module adds

- resource policies across accounts, for buckets, keys, repositories and whatever service registers a look-up;
- the key behind an S3 object: reading one needs ``kms:Decrypt`` and writing one ``kms:GenerateDataKey``, decided for
  the same caller with ``kms:ViaService`` and the encryption context that S3 sends;
- the account root user held to resource policies, and no caller but those of the configured accounts;
- the policies of the VPC endpoints through which a request of a job leaves its VPC, and what has no endpoint;
- variables in policies, such as ``${aws:PrincipalAccount}``;
- what an AWS service does as itself, such as telling a topic of an alarm, with the topic's key behind it;
- principals in resource and trust policies, which must exist, and key policies, which must not lock their maker out;
- a person's second factor: ``aws:MultiFactorAuthPresent`` of who assumes a role with it, and of the session;
- condition keys: ``aws:PrincipalArn`` as the role behind a session, ``aws:ResourceAccount`` as the bucket's owner, the
  organisation of callers and resources, ``aws:VpceAccount``, ``aws:CalledVia``, ``kms:CallerAccount``,
  ``kms:MacAlgorithm``, ``kms:ResourceAliases``, ``ec2:Subnet``, ``s3:VersionId``, ``s3:TlsVersion`` and the key id of a
  write;
- every resource that creating a network interface touches;
- the platform's own credentials: a role assumed by a service principal, its trust policy evaluated with
  ``aws:SourceAccount`` and ``aws:SourceArn``;
- the call log: one JSON line for every decision, allowed or not.

CloudFormation's own calls are decided by ``plumbline.rehearsal.provisioning``: the emulator provisions without
making requests.
"""

from plumbline.rehearsal.enforcement.callers import AccessDenied, Caller, Context, Credentials
from plumbline.rehearsal.enforcement.installation import (
    add_resource_policies,
    authorize,
    authorize_for_stranger,
    install,
)
from plumbline.rehearsal.enforcement.private_network import CONFINED, SOURCE_VPC, reachable
from plumbline.rehearsal.enforcement.service_roles import assume_service_role, deploying_caller

__all__ = [
    "CONFINED",
    "SOURCE_VPC",
    "AccessDenied",
    "Caller",
    "Context",
    "Credentials",
    "add_resource_policies",
    "assume_service_role",
    "authorize",
    "authorize_for_stranger",
    "deploying_caller",
    "install",
    "reachable",
]

"""Studio: domains and their user profiles. Spaces and the applications in them, which people start, are not there."""

import copy
import secrets
import string

from ministack.core.responses import request_scope
from ministack.services import ec2

from plumbline.rehearsal.api.errors import validation_error
from plumbline.rehearsal.api.scope import timestamp
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.api.store import Table
from plumbline.rehearsal.sagemaker.errors import in_use, not_found
from plumbline.rehearsal.sagemaker.scope import Scope
from plumbline.rehearsal.sagemaker.store import listing
from plumbline.rehearsal.sagemaker.transitions import Kind, begin, move

_ALPHABET = string.ascii_lowercase + string.digits
# Which member of an update replaces which of the domain, where the two have other names.
_RENAMED = {"DomainSettingsForUpdate": "DomainSettings"}
# What a domain is when the request does not say: API reference, "CreateDomain".
_DEFAULTS: Document = {"AppNetworkAccessType": "PublicInternetOnly", "TagPropagation": "DISABLED"}
_DOMAIN_SUMMARY = ("DomainArn", "DomainId", "DomainName", "Status", "CreationTime", "LastModifiedTime", "Url")
_PROFILE_SUMMARY = ("DomainId", "UserProfileName", "Status", "CreationTime", "LastModifiedTime")


class Studio:
    """The operations on domains and user profiles."""

    def __init__(self) -> None:
        self._domains: Table[Scope, Document] = Table(lambda _, name: not_found(f"Domain [{name}] does not exist."))
        self._profiles: Table[Scope, Document] = Table(
            lambda _, name: not_found(f"UserProfile [{name.partition('/')[2]}] does not exist.")
        )

    def create_domain(self, scope: Scope, request: Document) -> Document:
        """CreateDomain."""
        _check_network(scope, request)
        identity = "d-" + "".join(secrets.choice(_ALPHABET) for _ in range(12))
        now = timestamp()
        document = {
            **_DEFAULTS,
            **{member: copy.deepcopy(value) for member, value in request.items() if member != "Tags"},
            "DomainId": identity,
            "DomainArn": scope.arn(f"domain/{identity}"),
            "HomeEfsFileSystemId": f"fs-{secrets.token_hex(9)[:17]}",
            "Url": f"https://{identity}.studio.{scope.region}.sagemaker.aws",
            "Status": begin(Kind.DOMAIN, "Pending"),
            "CreationTime": now,
            "LastModifiedTime": now,
        }
        document["Status"] = move(Kind.DOMAIN, document["Status"], "InService")
        self._domains.add(scope, identity, document, taken=lambda _: in_use(f"Domain [{identity}] already exists."))
        return {member: document[member] for member in ("DomainArn", "DomainId", "Url")}

    def describe_domain(self, scope: Scope, request: Document) -> Document:
        """DescribeDomain."""
        return copy.deepcopy(self._domains.get(scope, request["DomainId"]))

    def list_domains(self, scope: Scope, request: Document) -> Document:
        """ListDomains."""
        rows = [{member: row[member] for member in _DOMAIN_SUMMARY} for row in self._domains.rows(scope)]
        return listing(rows, request, key="Domains", name="DomainName")

    def update_domain(self, scope: Scope, request: Document) -> Document:
        """UpdateDomain: each member that is given replaces the domain's."""
        _check_network(scope, request)
        domain = self._domains.get(scope, request["DomainId"])
        domain["Status"] = move(Kind.DOMAIN, domain["Status"], "Updating")
        for member, value in request.items():
            domain[_RENAMED.get(member, member)] = copy.deepcopy(value)
        domain["LastModifiedTime"] = timestamp()
        domain["Status"] = move(Kind.DOMAIN, domain["Status"], "InService")
        return {"DomainArn": domain["DomainArn"]}

    def delete_domain(self, scope: Scope, request: Document) -> Document:
        """DeleteDomain: refused while it has user profiles."""
        identity = request["DomainId"]
        domain = self._domains.get(scope, identity)
        if any(profile["DomainId"] == identity for profile in self._profiles.rows(scope)):
            raise in_use(
                f"Unable to delete Domain [{domain['DomainArn']}] because UserProfile(s) are associated with it."
            )
        domain["Status"] = move(Kind.DOMAIN, domain["Status"], "Deleting")
        self._domains.remove(scope, identity)
        return {}

    def create_profile(self, scope: Scope, request: Document) -> Document:
        """CreateUserProfile."""
        domain, name = self._domains.get(scope, request["DomainId"]), request["UserProfileName"]
        single_sign_on = "SingleSignOnUserValue" in request
        if single_sign_on != (domain["AuthMode"] == "SSO"):
            raise validation_error(
                f"Domain [{request['DomainId']}] has the AuthMode {domain['AuthMode']}: SingleSignOnUserValue "
                "is for domains with the AuthMode SSO, and they need it"
            )
        key, now = f"{request['DomainId']}/{name}", timestamp()
        document = {
            **{member: copy.deepcopy(value) for member, value in request.items() if member != "Tags"},
            "UserProfileArn": scope.arn(f"user-profile/{key}"),
            "HomeEfsFileSystemUid": str(200_000 + len(self._profiles.rows(scope))),
            "Status": begin(Kind.DOMAIN, "Pending"),
            "CreationTime": now,
            "LastModifiedTime": now,
        }
        document["Status"] = move(Kind.DOMAIN, document["Status"], "InService")
        self._profiles.add(scope, key, document, taken=lambda _: in_use(f"UserProfile [{name}] already exists."))
        return {"UserProfileArn": document["UserProfileArn"]}

    def describe_profile(self, scope: Scope, request: Document) -> Document:
        """DescribeUserProfile."""
        return copy.deepcopy(self._profile(scope, request))

    def list_profiles(self, scope: Scope, request: Document) -> Document:
        """ListUserProfiles."""
        rows = [
            {member: row[member] for member in _PROFILE_SUMMARY}
            for row in self._profiles.rows(scope)
            if request.get("DomainIdEquals") in (None, row["DomainId"])
            and request.get("UserProfileNameContains", "") in row["UserProfileName"]
        ]
        return listing(rows, request, key="UserProfiles", name="UserProfileName")

    def update_profile(self, scope: Scope, request: Document) -> Document:
        """UpdateUserProfile."""
        profile = self._profile(scope, request)
        profile["Status"] = move(Kind.DOMAIN, profile["Status"], "Updating")
        profile |= copy.deepcopy(request) | {"LastModifiedTime": timestamp()}
        profile["Status"] = move(Kind.DOMAIN, profile["Status"], "InService")
        return {"UserProfileArn": profile["UserProfileArn"]}

    def delete_profile(self, scope: Scope, request: Document) -> Document:
        """DeleteUserProfile."""
        profile = self._profile(scope, request)
        profile["Status"] = move(Kind.DOMAIN, profile["Status"], "Deleting")
        self._profiles.remove(scope, f"{request['DomainId']}/{request['UserProfileName']}")
        return {}

    def presigned_url(self, scope: Scope, request: Document) -> Document:
        """CreatePresignedDomainUrl: an address that nothing answers at, for there are no applications."""
        domain = self._domains.get(scope, request["DomainId"])
        self._profile(scope, request)
        if domain["AuthMode"] != "IAM":
            raise validation_error(f"Domain [{request['DomainId']}] has the AuthMode SSO: sign in through its portal")
        return {"AuthorizedUrl": f"{domain['Url']}/auth?token={secrets.token_urlsafe(24)}"}

    def _profile(self, scope: Scope, request: Document) -> Document:
        self._domains.get(scope, request["DomainId"])
        return self._profiles.get(scope, f"{request['DomainId']}/{request['UserProfileName']}")


def _check_network(scope: Scope, request: Document) -> None:
    groups = request.get("DefaultUserSettings", {}).get("SecurityGroups", [])
    with request_scope(scope.account, scope.region):
        named = (
            (ec2._vpcs, [request["VpcId"]] if "VpcId" in request else []),
            (ec2._subnets, request.get("SubnetIds", [])),
            (ec2._security_groups, groups),
        )
        missing = [identity for known, identities in named for identity in identities if identity not in known]
    if missing:
        raise validation_error(f"The network resources do not exist: {', '.join(missing)}")

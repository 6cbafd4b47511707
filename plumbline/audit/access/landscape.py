"""Every policy of every account, as it stands after deployment."""

from dataclasses import dataclass, field

from plumbline.audit.json_value import Document


@dataclass(frozen=True, kw_only=True, eq=False)
class Policy:
    """A document with a name for people.

    Attributes:
        name: E.g. the name of a managed policy, or what the document belongs to.
        document: The document, with every intrinsic worked out.
    """

    name: str
    document: Document


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role with all that decides what it may do.

    Attributes:
        arn: Its ARN.
        name: Its name.
        account: 12-digit id of its account.
        trust: Who assumes it.
        policies: Its identity policies.
        boundary: ARN of its permission boundary; none if it has none.
        place: Template and logical id, for people.
    """

    arn: str
    name: str
    account: str
    trust: Policy
    policies: tuple[Policy, ...]
    boundary: str | None
    place: str


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket and how it encrypts what says nothing of encryption.

    Attributes:
        account: 12-digit id of its account.
        key: ARN of its KMS key; none with S3's own keys.
        bucket_key: Whether S3 asks KMS for the bucket rather than for each object.
    """

    account: str
    key: str | None
    bucket_key: bool


@dataclass(frozen=True, kw_only=True)
class VpcEndpoint:
    """A VPC endpoint.

    Attributes:
        id: Its id.
        account: 12-digit id of the account of its VPC.
        vpc: Id of its VPC.
        policy: What goes through it.
    """

    id: str
    account: str
    vpc: str
    policy: Policy


@dataclass(kw_only=True)
class Landscape:
    """What the templates say about access.

    Attributes:
        roles: Roles by their ARN.
        managed_policies: Customer-managed policies by their ARN.
        resource_policies: Policies of resources by the ARN of the resource; roles' trust policies are with the roles.
        buckets: Buckets by their name.
        keys: ARN of each key by its account and alias.
        endpoints: VPC endpoints by the id of their VPC and service, e.g. `s3` or `ecr.api`.
        published: Values of SSM parameters by account and name.
        service_control_policies: The organisation's policies.
        problems: Sentences on what could not be worked out, each with its path; never empty in silence.
    """

    roles: dict[str, Role] = field(default_factory=dict)
    managed_policies: dict[str, Policy] = field(default_factory=dict)
    resource_policies: dict[str, Policy] = field(default_factory=dict)
    buckets: dict[str, Bucket] = field(default_factory=dict)
    keys: dict[tuple[str, str], str] = field(default_factory=dict)
    endpoints: dict[str, dict[str, VpcEndpoint]] = field(default_factory=dict)
    published: dict[str, dict[str, str]] = field(default_factory=dict)
    service_control_policies: list[Policy] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def aliases_of(self, key_arn: str) -> list[str]:
        """The aliases of a key."""
        return [alias for (_, alias), key in self.keys.items() if key == key_arn]

    def roles_named(self, name: str) -> list[Role]:
        """The roles of a name, one an account."""
        return [role for role in self.roles.values() if role.name == name]

    def vpcs_of(self, account: str) -> list[str]:
        """Ids of the VPCs of an account that have endpoints."""
        return [vpc for vpc, found in self.endpoints.items() if any(one.account == account for one in found.values())]

    def boundary_of(self, role: Role) -> Policy | None:
        """The permission boundary of a role; a boundary that no template makes allows nothing."""
        if role.boundary is None:
            return None
        return self.managed_policies.get(role.boundary, NOTHING)


# A document without an allowing statement: IAM refuses an empty one.
NOTHING = Policy(
    name="a boundary that no template makes",
    document={"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]},
)

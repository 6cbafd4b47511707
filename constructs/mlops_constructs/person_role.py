"""A role that people assume."""

from collections.abc import Sequence

from constructs import Construct

from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from plumbline.configuration import Person, Placement


class PersonRole(Construct):
    """A role for people of one environment, or of delivery.

    Guarantees: only identities of the account in which people sign in assume it, only when their own policies allow it
    too, and only with a second factor, or, except for break-glass, through the configured sign-in roles of an identity
    provider, which asks for it itself; a session lasts an hour.

    Leaves out: who the people are. That is said where they sign in.

    Attributes:
        role: The role.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        placement: Placement,
        person: Person,
        description: str,
        statements: Sequence[Statement],
    ) -> None:
        """Defines the role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            placement: The environment, or delivery.
            person: What the role is for; its name follows from it.
            description: The same in words.
            statements: What it may do.
        """
        super().__init__(scope, construct_id)
        self.role = PlatformRole(
            self,
            "Role",
            platform=placement.platform,
            account=placement.account,
            role_name=placement.person_role_name(person),
            description=description,
            trust=_trust(placement, person),
            statements=statements,
        )


def _trust(placement: Placement, person: Person) -> list[Statement]:
    account = f"arn:{placement.partition}:iam::{placement.people_account}"
    principal = {"AWS": f"{account}:root"}
    # STS sends its events to the region that was asked: what is asked elsewhere, break-glass's rule does not hear.
    in_region = {"StringEquals": {"aws:RequestedRegion": placement.region}} if person is Person.BREAK_GLASS else {}
    with_factor = Statement(
        sid="AssumeWithSecondFactor",
        principal=principal,
        actions=["sts:AssumeRole"],
        conditions={
            "ArnLike": {"aws:PrincipalArn": [f"{account}:role/*", f"{account}:user/*"]},
            "Bool": {"aws:MultiFactorAuthPresent": "true"},
            **in_region,
        },
    )
    roles = placement.platform.people.sign_in_roles
    if person is Person.BREAK_GLASS or not roles:
        return [with_factor]
    through_provider = Statement(
        sid="AssumeThroughIdentityProvider",
        principal=principal,
        actions=["sts:AssumeRole"],
        conditions={"ArnLike": {"aws:PrincipalArn": [f"{account}:role/{role}" for role in roles]}},
    )
    return [with_factor, through_provider]

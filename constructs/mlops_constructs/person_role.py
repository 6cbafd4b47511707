"""A role that people assume."""

from collections.abc import Sequence

from constructs import Construct

from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from plumbline.configuration import Deployment, Person


class PersonRole(Construct):
    """A role for people of one environment.

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
        deployment: Deployment,
        person: Person,
        description: str,
        statements: Sequence[Statement],
    ) -> None:
        """Defines the role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            person: What the role is for; its name follows from it.
            description: The same in words.
            statements: What it may do.
        """
        super().__init__(scope, construct_id)
        self.role = PlatformRole(
            self,
            "Role",
            platform=deployment.platform,
            account=deployment.account,
            role_name=deployment.person_role_name(person),
            description=description,
            trust=_trust(deployment, person),
            statements=statements,
        )


def _trust(deployment: Deployment, person: Person) -> list[Statement]:
    account = f"arn:{deployment.partition}:iam::{deployment.people_account}"
    principal = {"AWS": f"{account}:root"}
    # STS sends its events to the region that was asked: what is asked elsewhere, break-glass's rule does not hear.
    in_region = {"StringEquals": {"aws:RequestedRegion": deployment.region}} if person is Person.BREAK_GLASS else {}
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
    roles = deployment.platform.people.sign_in_roles
    if person is Person.BREAK_GLASS or not roles:
        return [with_factor]
    through_provider = Statement(
        sid="AssumeThroughIdentityProvider",
        principal=principal,
        actions=["sts:AssumeRole"],
        conditions={"ArnLike": {"aws:PrincipalArn": [f"{account}:role/{role}" for role in roles]}},
    )
    return [with_factor, through_provider]

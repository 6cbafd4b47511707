"""Which account plays which part of the platform."""

from plumbline.accounts.access import Caller
from plumbline.configuration import Platform
from plumbline.errors import PlumblineError


def parts(platform: Platform) -> dict[str, str]:
    """The accounts in the order in which a change reaches them, with the parts that each plays, in words."""
    played: dict[str, list[str]] = {}
    for deployment in platform.deployments():
        played.setdefault(deployment.account, []).append(deployment.part)
    played.setdefault(platform.delivery_account, []).append(platform.delivery.part)
    return {account: " and ".join(names) for account, names in played.items()}


def part_of(platform: Platform, caller: Caller) -> str:
    """The parts that the caller's account plays, in words.

    Raises:
        PlumblineError: It plays none.
    """
    played = parts(platform)
    if caller.account not in played:
        accepted = ", ".join(f"{account} ({names})" for account, names in played.items())
        raise PlumblineError(
            f"the credentials are of {caller.arn}, and account {caller.account} plays no part in {platform.name}; "
            f"accepted, as platform.toml says: {accepted}."
        )
    return played[caller.account]

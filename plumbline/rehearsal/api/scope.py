"""Where a resource lives: one account in one region."""

import dataclasses

from plumbline.rehearsal import clock


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scope:
    """An account and a region; every name is unique within one.

    Attributes:
        account: Twelve digits.
        region: For example ``eu-west-1``.
        partition: ``aws``, ``aws-cn`` or ``aws-us-gov``.
    """

    account: str
    region: str
    partition: str = "aws"

    def arn_of(self, service: str, resource: str) -> str:
        """The ARN of a resource of a service, given as ARNs have it after the account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


def timestamp() -> float:
    """The present as the APIs write it: seconds since the epoch, to the millisecond."""
    return round(clock.now(), 3)

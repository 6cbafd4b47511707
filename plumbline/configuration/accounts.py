"""The accounts of the platform, by the part that each plays."""

import ipaddress
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from plumbline.configuration.reading import Settings, refusal

AccountId = Annotated[str, Field(pattern=r"^[0-9]{12}$", description="an AWS account id: 12 digits, as text")]

_PRIVATE_NETWORKS = tuple(ipaddress.ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
_CIDR = "a private IPv4 block of /16 to /22 with no host bits, e.g. 10.20.0.0/20 (smaller has no room for jobs)"


class Account(Settings):
    """One AWS account and the block of its VPC."""

    id: AccountId
    cidr: str = Field(description=_CIDR)

    @field_validator("cidr")
    @classmethod
    def _large_enough(cls, value: str) -> str:
        block = ipaddress.ip_network(value)
        if not 16 <= block.prefixlen <= 22 or not any(block.subnet_of(p) for p in _PRIVATE_NETWORKS):  # type: ignore[arg-type]
            raise ValueError(value)
        return value


class DeliveryAccount(Settings):
    """A fourth account for delivery; left out, staging delivers."""

    id: AccountId


class Accounts(Settings):
    """The accounts by the part they play."""

    dev: Account = Field(description="a table with id and cidr")
    staging: Account = Field(description="a table with id and cidr")
    production: Account = Field(description="a table with id and cidr")
    delivery: DeliveryAccount | None = Field(default=None, description="a table with id; left out, staging delivers")
    shared: bool = Field(
        default=False,
        description="true if one account plays several parts, which protects production from nobody: for an evaluation",
    )

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        repeated = self._repeated()
        if repeated and not self.shared:
            part, other, account = repeated
            raise refusal(
                field=f"{part}.id",
                value=f"{account}, the id of accounts.{other} too",
                accepted="a different account for each part, or, for an evaluation, accounts.shared = true",
            )
        if self.shared and not repeated:
            raise refusal(
                field="shared",
                value="true, and each part has an account of its own",
                accepted="true only where one account plays several parts",
            )
        return self

    def _repeated(self) -> tuple[str, str, str] | None:
        """The first part whose account plays another part before it, that other part, and the account."""
        seen: dict[str, str] = {}
        for part in ("dev", "staging", "production", "delivery"):
            account = getattr(self, part)
            if account is None:
                continue
            if account.id in seen:
                return part, seen[account.id], str(account.id)
            seen[account.id] = part
        return None

"""Whom production shares its account with."""

from collections.abc import Iterator

from plumbline.accounts.findings import Check, Finding, missing
from plumbline.accounts.looking import Look
from plumbline.configuration import Environment


def production(look: Look) -> Iterator[Finding]:
    """What production is not protected from; nothing where its account is its own."""
    platform = look.platform
    if platform.unprotected and look.account == platform.deployment(Environment.PRODUCTION).account:
        way_out = "before anybody depends on it, give production an account of its own in platform.toml"
        yield missing("production", platform.unprotected, way_out=way_out, needed=False)


CHECKS = (Check(name="production", look=production),)

"""Everything that is looked at in an account, in the order in which a person would put it right."""

import json
from collections.abc import Sequence

from plumbline.accounts.checks import bootstrapped, checkout, names, organization, place, quotas, sharing, source
from plumbline.accounts.findings import Check, Finding, State, cannot_tell
from plumbline.accounts.looking import CannotTellError, Look
from plumbline.accounts.parts import part_of, parts
from plumbline.configuration import Platform
from plumbline.errors import PlumblineError

CHECKS: tuple[Check, ...] = (
    *checkout.CHECKS,
    *place.CHECKS,
    *sharing.CHECKS,
    *organization.CHECKS,
    *bootstrapped.CHECKS,
    *names.CHECKS,
    *source.CHECKS,
    *quotas.CHECKS,
)


def examine(look: Look) -> tuple[Finding, ...]:
    """Looks at everything in one account; what the looker may not see, or what cannot be read, hides nothing else."""
    findings: list[Finding] = []
    for check in CHECKS:
        try:
            findings += check.look(look)
        except CannotTellError as closed:
            way_out = "" if closed.why else f"let {look.caller.arn} do {closed.action}"
            findings.append(cannot_tell(check.name, str(closed), way_out=way_out))
        except PlumblineError as refusal:
            findings.append(cannot_tell(check.name, str(refusal)))
    return tuple(findings)


def unseen(platform: Platform, account: str) -> tuple[Finding, ...]:
    """The other accounts of the platform, of which credentials of one say nothing."""
    seen_from = f"these credentials are of account {account}"
    others = [
        cannot_tell(
            f"account {other}",
            f"{played}: {seen_from}",
            way_out="run ./plumb doctor with that account's credentials",
        )
        for other, played in parts(platform).items()
        if other != account
    ]
    if platform.organization is not None:
        manager = platform.organization.management_account
        said = f"whether the organisation takes service control policies at its targets: {seen_from}"
        way_out = "aws organizations list-roots there: SERVICE_CONTROL_POLICY has to be ENABLED"
        others.append(cannot_tell(f"account {manager}", said, way_out=way_out))
    return tuple(others)


def is_ready(findings: Sequence[Finding]) -> bool:
    """Whether nothing is missing that the first deployment needs."""
    return not any(finding.blocks for finding in findings)


def report(look: Look, findings: Sequence[Finding]) -> str:
    """What was found, as JSON for a script."""
    document = {
        "account": look.account,
        "parts": part_of(look.platform, look.caller),
        "region": look.platform.region,
        "ready": is_ready(findings),
        "missing": sum(finding.state is State.MISSING for finding in findings),
        "findings": [
            {
                "check": finding.check,
                "state": finding.state.value,
                "said": finding.said,
                "way_out": finding.way_out,
                "needed": finding.needed,
            }
            for finding in findings
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)

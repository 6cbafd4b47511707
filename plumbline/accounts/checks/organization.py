"""The organisation that the account belongs to, and who records what is done in the account."""

from collections.abc import Iterator

from plumbline.accounts.findings import Check, Finding, missing, ok
from plumbline.accounts.looking import Look
from plumbline.configuration import Placement

_SETTING = "platform.toml, organization"
_NO_TRAIL = ("TrailNotFoundException",)


def organization(look: Look) -> Iterator[Finding]:
    """Whether the account belongs to the organisation that the configuration names.

    A member may ask (Organizations, DescribeOrganization: "can be called from any account in the organization").
    """
    configured = look.platform.organization
    if configured is None:
        yield ok("organisation", f"{_SETTING} is left out")
        return
    client = look.client("organizations")
    found = look.find(
        "organizations:DescribeOrganization",
        lambda: client.describe_organization()["Organization"],
        absent=("AWSOrganizationsNotInUseException",),
    )
    if found is None:
        said = f"this account belongs to none, and {_SETTING}.id closes everything but {configured.id} out"
        yield missing("organisation", said, way_out="let the account join it, or leave [organization] out")
    elif found["Id"] != configured.id:
        said = f"this account belongs to {found['Id']}, not to {configured.id}: its own requests would be closed out"
        yield missing("organisation", said, way_out=f"set {_SETTING}.id")
    elif found["MasterAccountId"] != configured.management_account:
        said = f"{configured.id} is managed by {found['MasterAccountId']}, not by {configured.management_account}"
        yield missing("organisation", said, way_out=f"set {_SETTING}.management_account")
    else:
        yield ok("organisation", f"{configured.id}, managed by {configured.management_account}")


def trail(look: Look) -> Iterator[Finding]:
    """Whether a trail records the account, its own or the organisation's."""
    configured = look.platform.organization
    if configured is not None and configured.trail is not None:
        yield from _logging(look, configured.trail, way_out=f"set {_SETTING}.trail to a trail that logs")
        return
    recorded: list[tuple[Placement, str]] = [(one, one.stack_name("foundation")) for one in look.deployments]
    delivery = look.platform.delivery
    if look.delivers and delivery.records_itself:
        recorded.append((delivery, delivery.prefix))
    for placement, stack in recorded:
        if look.holds(stack):
            way_out = (
                f"aws cloudtrail start-logging --region {look.platform.region} --name {placement.trail_name}, "
                "and find out who stopped it"
            )
            yield from _logging(look, placement.trail_arn, way_out=way_out)
        else:
            yield ok("trail", f"the first deployment makes {placement.trail_name}")


def _logging(look: Look, arn: str, *, way_out: str) -> Iterator[Finding]:
    client = look.client("cloudtrail")
    status = look.find("cloudtrail:GetTrailStatus", lambda: client.get_trail_status(Name=arn), absent=_NO_TRAIL)
    if status is None:
        yield missing("trail", f"{arn} is not there", way_out=way_out, needed=False)
    elif not status["IsLogging"]:
        yield missing("trail", f"{arn} does not log", way_out=way_out, needed=False)
    else:
        yield ok("trail", f"{arn} logs")


CHECKS = (
    Check(name="organisation", look=organization),
    Check(name="trail", look=trail),
)

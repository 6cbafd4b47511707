"""The region, its zones, and the clock of this machine."""

from collections.abc import Iterator

from plumbline.accounts.findings import Check, Finding, cannot_tell, missing, ok
from plumbline.accounts.looking import Look

# Signature Version 4 user guide, "Elements of an AWS API request signature": requests are good for five minutes.
_CLOCK_SECONDS = 300
_ENABLED = frozenset({"opt-in-not-required", "opted-in"})  # EC2, DescribeRegions: OptInStatus


def region(look: Look) -> Iterator[Finding]:
    """Whether the platform's region is there for this account."""
    name, client = look.platform.region, look.client("ec2")
    found = look.find(
        "ec2:DescribeRegions",
        lambda: client.describe_regions(RegionNames=[name], AllRegions=True)["Regions"],
        absent=("InvalidParameterValue",),
    )
    if not found:
        way_out = "change region in platform.toml"
        yield missing("region", f"EC2 knows no region {name}", way_out=way_out)
    elif found[0]["OptInStatus"] not in _ENABLED:
        way_out = f"aws account enable-region --region-name {name}"
        yield missing("region", f"{name} is not enabled in this account", way_out=way_out)
    else:
        yield ok("region", f"{name} is enabled")


def usual_region(look: Look) -> Iterator[Finding]:
    """Whether commands typed by hand go to the platform's region."""
    name, usual = look.platform.region, look.usual_region
    if usual == name:
        yield ok("usual region", f"`aws` goes to {usual}, too")
    else:
        said = f"`aws` goes to {usual}, not to {name}" if usual else "`aws` is told no region"
        yield missing("usual region", said, way_out=f"export AWS_REGION={name}", needed=False)


def zones(look: Look) -> Iterator[Finding]:
    """Whether both zones of the platform are zones of this account."""
    client = look.client("ec2")
    described = look.ask("ec2:DescribeAvailabilityZones", client.describe_availability_zones)["AvailabilityZones"]
    there = {zone["ZoneName"] for zone in described if zone["State"] == "available"}
    wanted = {f"{look.platform.region}{letter}" for letter in look.platform.zones}
    if wanted <= there:
        yield ok("zones", f"{', '.join(sorted(wanted))} are available")
    else:
        way_out = f"set zones in platform.toml to two letters of {', '.join(sorted(there))}"
        yield missing("zones", f"{', '.join(sorted(wanted - there))}: not available in this account", way_out=way_out)


def clock(look: Look) -> Iterator[Finding]:
    """Whether AWS will go on taking this machine's signatures."""
    if look.caller.answered_at is None:
        yield cannot_tell("clock", "AWS's answer had no date")
        return
    seconds = round(abs((look.now - look.caller.answered_at).total_seconds()))
    if seconds < _CLOCK_SECONDS:
        yield ok("clock", f"within {_CLOCK_SECONDS} s of AWS's")
    else:
        said = f"{seconds} s away from AWS's: signatures more than {_CLOCK_SECONDS} s old are refused"
        yield missing("clock", said, way_out="set the clock of this machine, best by NTP")


CHECKS = (
    Check(name="region", look=region),
    Check(name="usual region", look=usual_region),
    Check(name="zones", look=zones),
    Check(name="clock", look=clock),
)

"""What CloudTrail tells EventBridge: that somebody has assumed a role.

An account whose trail is logging gets the event "AWS API Call via CloudTrail" on its default bus, both the account of
the role and that of who assumes it. ``AssumeRole`` is a read-only management event, which reaches the rules in the
state ``ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`` only.

Sources: EventBridge user guide, "AWS service events delivered via AWS CloudTrail" and "Read-only management events from
AWS services"; CloudTrail user guide, "CloudTrail userIdentity element"; IAM user guide, "Logging IAM and AWS STS API
calls with AWS CloudTrail".
"""

import contextvars
import json
import uuid
from collections.abc import Mapping

from ministack.core.responses import get_region, request_scope
from ministack.services import cloudtrail, eventbridge, sts

from plumbline.rehearsal import clock

_DETAIL_TYPE = "AWS API Call via CloudTrail"
# The role that the request being served asks for.
_wanted: contextvars.ContextVar[str] = contextvars.ContextVar("wanted", default="")
_organization_trail = False


def install(*, organization_trail: bool) -> None:
    """Has the emulator of this process tell of assumed roles.

    Args:
        organization_trail: Whether the organisation has a trail, so that no account needs one of its own.
    """
    global _organization_trail
    _organization_trail = organization_trail
    own = sts.register_session

    def register_session(access_key: str, session: dict[str, object]) -> None:
        own(access_key, session)
        if _wanted.get():
            _tell(_wanted.get(), session)
            _wanted.set("")

    sts.register_session = register_session


def note(role_arn: str) -> None:
    """Remembers the role that the request being served asks for; empty for every other request."""
    _wanted.set(role_arn)


def _tell(role_arn: str, session: Mapping[str, object]) -> None:
    caller, region = str(session.get("SourcePrincipalArn", "")), str(get_region())
    accounts = dict.fromkeys([role_arn.split(":")[4], *caller.split(":")[4:5]])
    for account in accounts:
        with request_scope(account, region):
            if _is_recorded(account):
                entry = {
                    "Source": "aws.sts",
                    "DetailType": _DETAIL_TYPE,
                    "Detail": json.dumps(_record(role_arn, session, account=account, region=region)),
                }
                eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _is_recorded(account: str) -> bool:
    trails = [trail for _, _, trail in cloudtrail._account_trail_items(account)]
    return _organization_trail or any(trail.get("IsLogging") for trail in trails)


def _record(role_arn: str, session: Mapping[str, object], *, account: str, region: str) -> dict[str, object]:
    caller, assumed = str(session.get("SourcePrincipalArn", "")), str(session.get("Arn", ""))
    kind = "AssumedRole" if ":assumed-role/" in caller else "IAMUser" if ":user/" in caller else "Root"
    return {
        "eventVersion": "1.11",
        "userIdentity": {"type": kind, "arn": caller, "accountId": "".join(caller.split(":")[4:5])},
        "eventTime": clock.written(clock.now()),
        "eventSource": "sts.amazonaws.com",
        "eventName": "AssumeRole",
        "awsRegion": region,
        "requestParameters": {"roleArn": role_arn, "roleSessionName": assumed.rpartition("/")[2]},
        "responseElements": {"assumedRoleUser": {"arn": assumed, "assumedRoleId": session.get("UserId")}},
        "eventID": str(uuid.uuid4()),
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "eventCategory": "Management",
        "recipientAccountId": account,
    }


def is_read_only(event: Mapping[str, object]) -> bool:
    """Whether an event tells of a read-only management event, which few rules see."""
    if event.get("DetailType") != _DETAIL_TYPE:
        return False
    return bool(json.loads(str(event.get("Detail") or "{}")).get("readOnly"))

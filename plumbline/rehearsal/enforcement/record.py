"""What every decision leaves behind: a line of the call log."""

import datetime

from plumbline.rehearsal.calls import CallLog, Decision
from plumbline.rehearsal.enforcement.callers import Context
from plumbline.rehearsal.options import ServerOptions

_log: CallLog | None = None


def open_log(options: ServerOptions) -> None:
    """Begins the call log of this process."""
    global _log
    _log = CallLog(options.call_log)


def record(account: str, principal: str, action: str, resource: str, context: Context, reason: str) -> None:
    """Writes a decision down; an empty reason means that it was allowed."""
    if _log is None:
        return
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    _log.append(
        Decision(
            time=now,
            account=account,
            principal=principal,
            action=action,
            resource=resource,
            allowed=not reason,
            reason=reason,
            context={key: value for key, value in context.items() if value is not None},
        )
    )


def reason_of(refused: object | None) -> str:
    """Why a decision is against the caller; empty when it is not."""
    if refused is None:
        return ""
    decision = str(getattr(refused, "decision", ""))
    policy = str(getattr(refused, "resource_policy_arn", ""))
    if policy.startswith("no endpoint"):
        return policy
    if policy.startswith("vpce-"):
        return f"the policy of endpoint {policy}"
    where = " in a resource policy" if policy else ""
    return {"Deny": f"explicit deny{where}", "ImplicitDeny": "nothing allows it"}.get(decision, decision)

"""How a stack's deployment ends."""

import time
from collections.abc import Callable

from plumbline.errors import PlumblineError
from plumbline.rehearsal.session import Client

_POLL_SECONDS = 0.3
_LIMIT_SECONDS = 300.0


def wait_for_stack(
    client: Client, stack: str, *, tell: Callable[[str], None] | None = None, events: Client | None = None
) -> None:
    """Waits until a stack is made or changed.

    Args:
        client: With which to look.
        stack: The stack's name.
        tell: Called with each new status, in words; left out, nobody is told.
        events: With which to find out what failed, where whoever deploys may not; left out, `client`.

    Raises:
        PlumblineError: The stack ends otherwise; the message names the first resource that failed, and why.
    """
    deadline = time.monotonic() + _LIMIT_SECONDS
    told = ""
    while True:
        described = client.describe_stacks(StackName=stack)["Stacks"][0]
        status = str(described["StackStatus"])
        if tell and status != told:
            tell(status.lower().replace("_", " "))
            told = status
        if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            return
        if status.endswith(("FAILED", "ROLLBACK_COMPLETE")) or time.monotonic() > deadline:
            why = _first_failure(events or client, stack)
            raise PlumblineError(f"stack {stack} ended as {status}: {why}", exit_code=1)
        time.sleep(_POLL_SECONDS)


def _first_failure(client: Client, stack: str) -> str:
    """The first resource that failed and why."""
    for event in reversed(client.describe_stack_events(StackName=stack)["StackEvents"]):
        if event["ResourceStatus"].endswith("FAILED"):
            return f"{event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', '')}"
    return "no resource failed"

"""What a change set would do to a stack."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Change:
    """One resource that a change set touches.

    Attributes:
        action: `Add`, `Modify`, `Remove`, `Import` or `Dynamic`.
        logical_id: The resource's name in the template.
        resource_type: For example `AWS::IAM::ManagedPolicy`.
        replacement: Whether it is made anew: `True`, `False` or `Conditional`; empty where that makes no sense.
    """

    action: str
    logical_id: str
    resource_type: str
    replacement: str = ""


def counted(changes: tuple[Change, ...]) -> str:
    """How many resources are added, modified and so on, in words."""
    if not changes:
        return "no resource to change"
    numbers: dict[str, int] = {}
    for change in changes:
        numbers[change.action] = numbers.get(change.action, 0) + 1
    return ", ".join(f"{number} to {action.lower()}" for action, number in numbers.items())

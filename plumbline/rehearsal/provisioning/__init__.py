"""CloudFormation as AWS's behaves where MiniStack's does not: types, conditions, decisions, stack policies, events."""

from plumbline.rehearsal.provisioning import conditions, decisions, stack_events, stack_policies, types


def install() -> None:
    """Adds all of it to the emulator of this process; called once, after all other resource types are known."""
    types.register()
    conditions.install()
    decisions.install()
    stack_policies.install()
    stack_events.install()

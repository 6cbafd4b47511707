"""This package's EventBridge in the place of the emulator's."""

from plumbline.rehearsal.eventbridge import (
    archives,
    bus_policies,
    delivering,
    dispatching,
    put_events,
    replays,
    rule_targets,
    scheduled_rules,
)
from plumbline.rehearsal.eventbridge.options import Options
from plumbline.rehearsal.eventbridge.targets import functions


def register(options: Options) -> None:
    """Installs every part of it in this process.

    Args:
        options: How the emulator is reached, and how long its waits are.
    """
    delivering.install(options)
    dispatching.install()
    bus_policies.install()
    put_events.install()
    rule_targets.install()
    scheduled_rules.install()
    archives.install()
    replays.install()
    functions.install()

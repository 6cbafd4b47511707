"""CloudFormation types that MiniStack lacks though it has their service, and properties that it drops."""

from plumbline.rehearsal.provisioning.types import (
    archives,
    budgets,
    composite_alarms,
    kept_properties,
    tables,
    trails,
)


def register() -> None:
    """Adds them to the emulator of this process."""
    archives.register()
    budgets.register()
    composite_alarms.register()
    kept_properties.register()
    tables.register()
    trails.register()

"""EventBridge as AWS's behaves where MiniStack's does not: who may deliver what, and what becomes of what nobody takes.

This package adds

- events that go to another account's bus, one hop, and targets that are started in a role;
- permissions of every delivery, decided each time and logged: the target's role, or the target's own policy;
- retries, dead-letter queues and the metrics of ``AWS/Events``;
- rules with a schedule, which are due by the rehearsal's clock;
- archives that hold what they say and replays that put it back;
- keys of buses and archives, which must let EventBridge use them.

``register`` puts it in the place of the emulator's, in this process.
"""

from plumbline.rehearsal.eventbridge.options import Options

__all__ = ["Options", "register"]


def register(options: Options) -> None:
    """Adds it to the emulator of this process; called once, after enforcement is installed and before serving.

    Args:
        options: How the emulator is reached, and how long its waits are.
    """
    # The emulator takes seconds to import, and reads its environment meanwhile.
    from plumbline.rehearsal.eventbridge import registration

    registration.register(options)

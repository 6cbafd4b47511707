"""CloudWatch as AWS's behaves where MiniStack's does not.

This package adds

- alarms that look at the dimensions of their metric, at each period by itself and at what is missing, and that see
  what AWS services count;
- what an alarm's change tells: topics that let CloudWatch publish, and an event on the account's default bus;
- how many messages wait in each queue;
- refusals of alarms and dashboards that AWS refuses, and of alarms that are not evaluated here.
"""


def register() -> None:
    """Adds it to the emulator of this process; called once, after enforcement is installed and before serving."""
    # The emulator takes seconds to import, and reads its environment meanwhile.
    from plumbline.rehearsal.cloudwatch import evaluating, queue_depths, refusals, state_changes

    refusals.install()
    evaluating.install()
    state_changes.install()
    queue_depths.install()

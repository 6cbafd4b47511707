"""S3 replication as AWS's behaves where MiniStack's does not.

MiniStack replicates at once, as nobody in particular, and its CloudFormation drops the configuration. Here

- a bucket of a stack gets its replication configuration, and one that cannot be carried out is refused by name;
- an object is `PENDING` until it is copied, one after the other, and then `COMPLETED` or `FAILED`, its copy `REPLICA`;
- the copy is made in the configuration's role: what S3 does with it is decided by the role's trust and policies, the
  policy of the bucket that it comes to, and both keys, and is written to the call log;
- the copy has the version id of its source, the key that the rule names, and is an event of its bucket;
- what fails counts in CloudWatch, where the rule has metrics, and alarms see it;
- a deletion, a tag, a copy and what was there before are not replicated.

Source: S3 user guide, "Replicating objects within and across Regions".
"""


def register() -> None:
    """Adds it to the emulator of this process; called once, after enforcement is installed and before serving."""
    # The emulator takes seconds to import, and reads its environment meanwhile.
    from plumbline.rehearsal.replication import configuring, replicating

    configuring.install()
    replicating.install()

"""What a replication configuration says, as far as the rehearsal carries it out."""

import dataclasses
from collections.abc import Iterator, Mapping

Members = Mapping[str, object]
# What a rule may have and nothing here does, by where it stands: S3 API reference, "ReplicationRule", "Destination".
_NOT_DONE = {
    "": {"ExistingObjectReplication": "ExistingObjectReplication"},
    "Filter": {"Tag": "a filter by tags", "And": "a filter by tags"},
    "SourceSelectionCriteria": {"ReplicaModifications": "ReplicaModifications"},
    "Destination": {"ReplicationTime": "ReplicationTime", "StorageClass": "StorageClass"},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule that is carried out.

    Attributes:
        id: Its name, in metrics.
        role: ARN of the role in which S3 works.
        prefix: Beginning of the keys of what is replicated.
        bucket: Name of the bucket that it comes to.
        account: That bucket's account, when the copy is to be its owner's; empty for one whose owner is not changed.
        key: Key ARN or alias ARN for copies of what is encrypted by KMS; empty where such objects are left out.
        counts: Whether metrics are published.
    """

    id: str
    role: str
    prefix: str
    bucket: str
    account: str
    key: str
    counts: bool

    def covers(self, key: str, headers: Members) -> bool:
        """Whether an object with these stored headers is replicated."""
        by_kms = str(headers.get("x-amz-server-side-encryption", "")).startswith("aws:kms")
        return key.startswith(self.prefix) and (bool(self.key) or not by_kms)


def enabled_rule(configuration: Members) -> Rule | None:
    """The rule of a stored configuration; None when it is disabled."""
    rule = next(_parts(configuration.get("Rules")), {})
    if rule.get("Status") != "Enabled":
        return None
    destination = _part(rule, "Destination")
    of_kms = _part(_part(rule, "SourceSelectionCriteria"), "SseKmsEncryptedObjects").get("Status") == "Enabled"
    owned = _part(destination, "AccessControlTranslation").get("Owner") == "Destination"
    return Rule(
        id=str(rule.get("ID", "")),
        role=str(configuration.get("Role", "")),
        prefix=str(_part(rule, "Filter").get("Prefix", "")),
        bucket=str(destination.get("Bucket", "")).rpartition(":")[2],
        account=str(destination.get("Account", "")) if owned else "",
        key=str(_part(destination, "EncryptionConfiguration").get("ReplicaKmsKeyID", "")) if of_kms else "",
        counts=_part(destination, "Metrics").get("Status") == "Enabled",
    )


def not_done(configuration: Members) -> str:
    """What of a configuration the rehearsal does not carry out; empty when it carries out all of it."""
    rules = list(_parts(configuration.get("Rules")))
    if len(rules) > 1:
        return "several rules"
    for rule in rules:
        if "Filter" not in rule:
            return "a rule without Filter, which replicates deletions as well"
        if _part(rule, "DeleteMarkerReplication").get("Status") == "Enabled":
            return "replication of delete markers"
        for place, members in _NOT_DONE.items():
            for member, what in members.items():
                if member in (_part(rule, place) if place else rule):
                    return what
    return ""


def _part(members: Members, name: str) -> Members:
    found = members.get(name)
    return found if isinstance(found, Mapping) else {}


def _parts(listed: object) -> Iterator[Members]:
    yield from (one for one in (listed if isinstance(listed, list) else []) if isinstance(one, Mapping))

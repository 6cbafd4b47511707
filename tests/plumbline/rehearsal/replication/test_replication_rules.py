"""What is read of a replication configuration."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.rehearsal.replication.rules import enabled_rule, not_done

_RULE: dict[str, Any] = {
    "ID": "out",
    "Status": "Enabled",
    "Filter": {"Prefix": "out/"},
    "DeleteMarkerReplication": {"Status": "Disabled"},
    "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
    "Destination": {
        "Bucket": "arn:aws:s3:::there",
        "Account": "222222222222",
        "AccessControlTranslation": {"Owner": "Destination"},
        "EncryptionConfiguration": {"ReplicaKmsKeyID": "arn:aws:kms:eu-west-1:222222222222:alias/there"},
        "Metrics": {"Status": "Enabled"},
    },
}
_BY_KMS = {"x-amz-server-side-encryption": "aws:kms"}


def configuration(**members: Any) -> dict[str, Any]:
    return {"Role": "arn:aws:iam::333333333333:role/out", "Rules": [_RULE | members]}


@given(key=st.text(min_size=1), prefix=st.text())
def test_a_rule_covers_the_keys_that_begin_with_its_prefix(key: str, prefix: str) -> None:
    rule = enabled_rule(configuration(Filter={"Prefix": prefix}))
    assert rule is not None
    assert rule.covers(key, _BY_KMS) is key.startswith(prefix)
    assert rule.covers(prefix + key, _BY_KMS)


def test_a_rule_says_where_to_whose_and_under_which_key() -> None:
    rule = enabled_rule(configuration())
    assert rule is not None
    assert (rule.bucket, rule.account, rule.counts) == ("there", "222222222222", True)
    assert rule.key.endswith("alias/there")


def test_a_rule_that_does_not_choose_objects_under_a_key_leaves_them() -> None:
    rule = enabled_rule(configuration(SourceSelectionCriteria={}))
    assert rule is not None
    assert not rule.covers("out/a", _BY_KMS)
    assert rule.covers("out/a", {})


def test_a_rule_whose_copies_stay_the_senders_changes_no_owner() -> None:
    destination = {"Bucket": "arn:aws:s3:::there", "Account": "222222222222"}
    rule = enabled_rule(configuration(Destination=destination))
    assert rule is not None
    assert rule.account == ""


def test_a_disabled_rule_is_none() -> None:
    assert enabled_rule(configuration(Status="Disabled")) is None


def test_the_platforms_rule_is_carried_out() -> None:
    assert not_done(configuration()) == ""


@pytest.mark.parametrize(
    ("place", "member"),
    [
        ("", "ExistingObjectReplication"),
        ("SourceSelectionCriteria", "ReplicaModifications"),
        ("Destination", "ReplicationTime"),
        ("Destination", "StorageClass"),
    ],
)
def test_what_is_not_carried_out_is_named(place: str, member: str) -> None:
    given_ = {member: {"Status": "Enabled"}}
    members = {place: _RULE[place] | given_} if place else given_
    assert not_done(configuration(**members)) == member

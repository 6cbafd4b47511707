"""Archives keep what was on a bus, and replays put it there again."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Client
from tests.plumbline.rehearsal.asking import OWNER, REGION
from tests.plumbline.rehearsal.eventbridge.sending import LIMIT_SECONDS, Letters, admits, fresh, key

pytestmark = pytest.mark.rehearsal

_ENCRYPTING = ["kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncrypt*"]


class Bus:
    """A bus with an archive, and a queue that gets what arrives on it.

    Args:
        cloud: The cloud.
        archive: Further members of the archive.
    """

    def __init__(self, cloud: Cloud, **archive: Any) -> None:
        self.client: Client = cloud.administrator(OWNER).client("events")
        self.name = fresh("kept")
        self.arn = str(self.client.create_event_bus(Name=self.name)["EventBusArn"])
        self.archive = str(
            self.client.create_archive(ArchiveName=self.name, EventSourceArn=self.arn, **archive)["ArchiveArn"]
        )
        self.arrived = Letters(cloud)
        self.client.put_rule(Name=self.name, EventBusName=self.name, EventPattern=json.dumps({"detail-type": ["one"]}))
        self.client.put_targets(
            Rule=self.name, EventBusName=self.name, Targets=[{"Id": "one", "Arn": self.arrived.arn}]
        )

    def put(self, number: int) -> None:
        """Puts an event on the bus."""
        detail = json.dumps({"number": number})
        entry = {"Source": self.name, "DetailType": "one", "Detail": detail, "EventBusName": self.name}
        self.client.put_events(Entries=[entry])

    def described(self) -> Any:
        """What is said of the archive."""
        return self.client.describe_archive(ArchiveName=self.name)

    def replay(self, **destination: Any) -> str:
        """Replays the archive and waits until it has been."""
        name, now = fresh("replay"), time.time()
        self.client.start_replay(
            ReplayName=name,
            EventSourceArn=self.archive,
            EventStartTime=now - 3_600,
            EventEndTime=now + 60,
            Destination={"Arn": self.arn, **destination},
        )
        deadline = time.monotonic() + LIMIT_SECONDS
        while self.client.describe_replay(ReplayName=name)["State"] != "COMPLETED":
            assert time.monotonic() < deadline, "the replay does not end"
            time.sleep(0.05)
        return name


def test_an_archive_says_what_it_keeps(cloud: Cloud) -> None:
    bus = Bus(cloud, RetentionDays=30, Description="everything")
    bus.put(1)
    found = bus.described()
    assert (found["EventSourceArn"], found["RetentionDays"], found["State"]) == (bus.arn, 30, "ENABLED")
    assert (found["Description"], found["EventCount"]) == ("everything", 1)
    assert found["SizeBytes"] > 0


def test_an_archive_keeps_what_its_pattern_matches(cloud: Cloud) -> None:
    bus = Bus(cloud, EventPattern=json.dumps({"detail": {"number": [2]}}))
    for number in (1, 2):
        bus.put(number)
    assert bus.described()["EventCount"] == 1


def test_a_replay_puts_what_was_kept_on_the_bus_under_its_name(cloud: Cloud) -> None:
    bus = Bus(cloud)
    bus.put(7)
    name = bus.replay()
    live, replayed = (json.loads(letter["body"]) for letter in bus.arrived.read())
    assert (live.get("replay-name"), replayed["replay-name"]) == (None, name)
    assert (replayed["id"], replayed["detail"]) == (live["id"], {"number": 7})


def test_what_is_replayed_is_not_archived_again(cloud: Cloud) -> None:
    bus = Bus(cloud)
    bus.put(1)
    bus.replay()
    assert bus.described()["EventCount"] == 1


def test_a_replay_for_other_rules_is_not_seen(cloud: Cloud) -> None:
    bus = Bus(cloud)
    bus.put(1)
    bus.replay(FilterArns=[f"arn:aws:events:{REGION}:{OWNER}:rule/{bus.name}/another"])
    assert len(bus.arrived.read()) == 1


def test_an_archive_whose_key_does_not_admit_eventbridge_keeps_nothing(cloud: Cloud) -> None:
    bus = Bus(cloud, KmsKeyIdentifier=key(cloud, admits(["kms:Decrypt", "kms:GenerateDataKey"])))
    bus.put(1)
    assert bus.described()["EventCount"] == 0


def test_an_archive_whose_key_admits_eventbridge_keeps(cloud: Cloud) -> None:
    encrypting = key(cloud, admits(_ENCRYPTING, {"StringEquals": {"aws:SourceAccount": OWNER}}))
    bus = Bus(cloud, KmsKeyIdentifier=encrypting)
    bus.put(1)
    assert (bus.described()["EventCount"], bus.described()["KmsKeyIdentifier"]) == (1, encrypting)


def test_an_archive_of_a_bus_that_is_not_there_is_refused(cloud: Cloud) -> None:
    client = cloud.administrator(OWNER).client("events")
    missing = f"arn:aws:events:{REGION}:{OWNER}:event-bus/nowhere"
    with pytest.raises(ClientError, match="Event bus nowhere does not exist"):
        client.create_archive(ArchiveName=fresh("kept"), EventSourceArn=missing)


def test_a_replay_onto_another_bus_is_refused(cloud: Cloud) -> None:
    bus, other = Bus(cloud), Bus(cloud)
    with pytest.raises(ClientError, match=r"Destination\.Arn is not valid"):
        bus.client.start_replay(
            ReplayName=fresh("replay"),
            EventSourceArn=bus.archive,
            EventStartTime=0,
            EventEndTime=1,
            Destination={"Arn": other.arn},
        )


def test_a_deleted_archive_is_gone(cloud: Cloud) -> None:
    bus = Bus(cloud)
    bus.client.delete_archive(ArchiveName=bus.name)
    with pytest.raises(ClientError, match="does not exist"):
        bus.described()

"""What Systems Manager tells of parameters."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from plumbline.rehearsal.cloud import Cloud
from tests.plumbline.rehearsal.asking import OWNER, REGION
from tests.plumbline.rehearsal.eventbridge.sending import LIMIT_SECONDS, Letters, fresh

pytestmark = pytest.mark.rehearsal


def _told(queue: Letters, count: int) -> list[Any]:
    deadline = time.monotonic() + LIMIT_SECONDS
    while len(found := queue.read()) < count:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return [json.loads(letter["body"]) for letter in found]


def test_a_parameter_that_is_made_or_changed_is_an_event_as_systems_manager_documents_it(cloud: Cloud) -> None:
    name = f"/tried/{fresh('parameter')}"
    queue, events = Letters(cloud), cloud.administrator(OWNER).client("events")
    ssm = cloud.administrator(OWNER).client("ssm")
    rule = fresh("rule")
    pattern = {"source": ["aws.ssm"], "detail-type": ["Parameter Store Change"], "detail": {"name": [name]}}
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "one", "Arn": queue.arn}])
    ssm.put_parameter(Name=name, Value="one", Type="String", Description="tried")
    with pytest.raises(ClientError, match="ParameterAlreadyExists"):
        ssm.put_parameter(Name=name, Value="two", Type="String")
    ssm.put_parameter(Name=name, Value="two", Overwrite=True)
    told = sorted(_told(queue, 2), key=lambda event: str(event["detail"]["operation"]))
    said = {"name": name, "type": "String", "description": "tried"}
    assert [event["detail"] for event in told] == [{"operation": one, **said} for one in ("Create", "Update")]
    assert {event["account"] for event in told} == {OWNER}
    assert {resource for event in told for resource in event["resources"]} == {
        f"arn:aws:ssm:{REGION}:{OWNER}:parameter{name}"
    }

"""The rehearsal's clock, and what happens when time passes."""

import datetime
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from plumbline.configuration import Platform
from plumbline.errors import PlumblineError
from plumbline.rehearsal import clock
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.eventbridge.scheduled_rules import MOST_EVENTS
from tests.plumbline.rehearsal.asking import OWNER, READER, REGION, allow, make_role, queue
from tests.plumbline.rehearsal.eventbridge.sending import Letters, Rule, fresh
from tests.plumbline.rehearsal.shared import linked_checkout
from tests.plumbline.rehearsal.stack import ACCOUNT, Stack

pytestmark = pytest.mark.rehearsal

_MINUTE, _HOUR, _DAY = (datetime.timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))


@pytest.fixture(scope="module")
def _started(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud of these tests' own: others want the real time."""
    with Cloud.start(platform=platform, root=linked_checkout(tmp_path_factory.mktemp("later"))) as started:
        yield started


@pytest.fixture
def later(_started: Cloud) -> Iterator[Cloud]:
    """That cloud; no rule of a test is due in another."""
    yield _started
    for account in (ACCOUNT, OWNER, READER):
        events = _started.administrator(account).client("events")
        for rule in events.list_rules()["Rules"]:
            if rule.get("ScheduleExpression"):
                events.disable_rule(Name=rule["Name"])


def _now(cloud: Cloud) -> datetime.datetime:
    """What the cloud's clock shows, as an object that is written now is dated."""
    s3, name = cloud.administrator(OWNER).client("s3"), fresh("clock")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=name, Key="now", Body=b"")
    modified = s3.head_object(Bucket=name, Key="now")["LastModified"]
    assert isinstance(modified, datetime.datetime)
    return modified


def _midnight(cloud: Cloud) -> datetime.datetime:
    """The next one but one, to which the clock is moved."""
    midnight = (_now(cloud) + 2 * _DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    cloud.advance_clock(midnight)
    return midnight


def _schedule(cloud: Cloud, expression: str, target: str, account: str = OWNER, **members: Any) -> str:
    events, name = cloud.administrator(account).client("events"), fresh("schedule")
    arn = events.put_rule(Name=name, ScheduleExpression=expression)["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "one", "Arn": target, **members}])
    return str(arn)


def _iso(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_clock_that_nobody_moves_is_the_real_one() -> None:
    assert abs(clock.now() - time.time()) < 1


def test_a_clock_does_not_go_back(later: Cloud) -> None:
    moved = later.advance_clock(_now(later) + _HOUR)
    with pytest.raises(PlumblineError, match="does not go back"):
        later.advance_clock(moved.now - datetime.timedelta(minutes=1))


def test_a_time_without_its_zone_is_refused(later: Cloud) -> None:
    with pytest.raises(PlumblineError, match="in which time zone"):
        later.advance_clock(datetime.datetime(2099, 1, 1))  # noqa: DTZ001 - what is refused


def test_only_the_holder_of_the_token_moves_the_clock(later: Cloud) -> None:
    token = later.options.state / "control.token"
    kept = token.read_text()
    try:
        token.write_text("another")
        with pytest.raises(PlumblineError, match="not found"):
            later.advance_clock(_now(later) + _HOUR)
    finally:
        token.write_text(kept)


def test_scheduled_rules_are_due_in_the_order_of_their_times_across_accounts(later: Cloud) -> None:
    midnight, told = _midnight(later), queue(later, OWNER, fresh("told"))
    hourly = _schedule(later, "cron(30 * * * ? *)", told.arn)
    daily = _schedule(later, "cron(0 2 * * ? *)", told.arn)
    foreign = queue(later, READER, fresh("told"))
    elsewhere = _schedule(later, "cron(45 1 * * ? *)", foreign.arn, READER)
    passed = later.advance_clock(midnight + 3 * _HOUR)
    assert {arn: passed.fired[arn] for arn in (hourly, daily, elsewhere)} == {hourly: 3, daily: 1, elsewhere: 1}
    assert [(event["time"][11:16], event["resources"]) for event in told.received()] == [
        ("00:30", [hourly]),
        ("01:30", [hourly]),
        ("02:00", [daily]),
        ("02:30", [hourly]),
    ]
    (event,) = foreign.received()
    assert event["time"] == _iso(midnight + datetime.timedelta(hours=1, minutes=45))
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.events", "Scheduled Event", {})
    assert (event["account"], event["region"]) == (READER, REGION)


def test_what_was_due_is_not_due_again(later: Cloud) -> None:
    midnight, told = _midnight(later), queue(later, OWNER, fresh("told"))
    rule = _schedule(later, "cron(0 6 * * ? *)", told.arn)
    assert later.advance_clock(midnight + 6 * _HOUR).fired[rule] == 1
    assert rule not in later.advance_clock(midnight + 7 * _HOUR).fired
    assert later.advance_clock(midnight + 3 * _DAY + 6 * _HOUR).fired[rule] == 3


def test_a_rule_that_is_disabled_is_never_due(later: Cloud) -> None:
    rule = _schedule(later, "rate(1 hour)", Letters(later).arn)
    later.administrator(OWNER).client("events").disable_rule(Name=rule.rpartition("/")[2])
    assert rule not in later.advance_clock(_now(later) + _DAY).fired


def test_a_rate_begins_when_its_rule_is_made(later: Cloud) -> None:
    rule = _schedule(later, "rate(2 hours)", Letters(later).arn)
    assert rule not in later.advance_clock(_now(later) + _HOUR).fired
    assert later.advance_clock(_now(later) + 4 * _HOUR).fired[rule] == 2


def test_what_a_schedule_cannot_deliver_goes_to_its_dead_letter_queue(later: Cloud) -> None:
    gone, letters = f"arn:aws:sqs:{REGION}:{OWNER}:{fresh('gone')}", Letters(later)
    midnight = _midnight(later)
    rule = _schedule(later, "cron(0 1 * * ? *)", gone, DeadLetterConfig={"Arn": letters.arn})
    later.advance_clock(midnight + 2 * _HOUR)
    letter = letters.wait()
    assert (letter["RULE_ARN"], letter["ERROR_CODE"]) == (rule, "NO_RESOURCE")
    assert json.loads(letter["body"])["time"] == _iso(midnight + _HOUR)


def test_a_scheduled_target_gets_the_scheduled_time_by_its_transformer(later: Cloud) -> None:
    midnight, told = _midnight(later), queue(later, OWNER, fresh("told"))
    transformer = {
        "InputPathsMap": {"time": "$.time"},
        "InputTemplate": '{"model":"flight_delays","time":<time>}',
    }
    _schedule(later, "cron(30 4 * * ? *)", told.arn, InputTransformer=transformer)
    later.advance_clock(midnight + 2 * _DAY)
    times = [midnight + datetime.timedelta(days=day, hours=4, minutes=30) for day in range(2)]
    assert told.received() == [{"model": "flight_delays", "time": _iso(time)} for time in times]


def test_a_transformer_says_when_an_event_was_taken_in_by_the_clock(later: Cloud) -> None:
    told = Letters(later)
    transformer = {
        "InputPathsMap": {"detail": "$.detail"},
        "InputTemplate": '{"time": <aws.events.event.ingestion-time>, "detail": <detail>}',
    }
    rule = Rule(later, Arn=told.arn, InputTransformer=transformer)
    later.advance_clock(_now(later) + 3 * _DAY)
    before = _now(later)
    entry = {
        "Source": rule.name,
        "DetailType": "one",
        "Detail": '{"reason": "\\"so\\""}',
        "Time": before + 3_650 * _DAY,
    }
    later.administrator(OWNER).client("events").put_events(Entries=[entry])
    said = json.loads(told.wait()["body"])
    assert before - _MINUTE < datetime.datetime.fromisoformat(said["time"]) < _now(later) + _MINUTE
    assert said["detail"] == {"reason": '"so"'}


def test_so_much_time_that_its_events_are_too_many_does_not_pass(later: Cloud) -> None:
    _schedule(later, "rate(1 minute)", Letters(later).arn)
    before = _now(later)
    with pytest.raises(PlumblineError, match=f"more than {MOST_EVENTS} events of scheduled rules are due"):
        later.advance_clock(before + 30 * _DAY)
    assert _now(later) - before < _HOUR


def test_a_schedule_that_is_none_fails_its_stack(later: Cloud) -> None:
    stack, properties = Stack(later, "unscheduled"), {"ScheduleExpression": "cron(0 10 * * * *)"}
    assert stack.create({"Rule": {"Type": "AWS::Events::Rule", "Properties": properties}}) == "ROLLBACK_COMPLETE"
    assert "Parameter ScheduleExpression is not valid." in stack.reasons()


def test_a_rate_of_a_stack_begins_with_its_rule(later: Cloud) -> None:
    stack, properties = Stack(later, "scheduled"), {"ScheduleExpression": "rate(1 day)"}
    assert stack.create({"Rule": {"Type": "AWS::Events::Rule", "Properties": properties}}) == "CREATE_COMPLETE"
    passed = later.advance_clock(_now(later) + _DAY + _HOUR)
    assert [number for arn, number in passed.fired.items() if "scheduled-Rule" in arn] == [1]


def test_events_and_objects_are_of_the_time_that_the_clock_shows(later: Cloud) -> None:
    told, events, source = queue(later, OWNER, fresh("told")), later.administrator(OWNER).client("events"), fresh("own")
    events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=source, Targets=[{"Id": "one", "Arn": told.arn}])
    there = later.advance_clock(_now(later) + 30 * _DAY).now
    events.put_events(Entries=[{"Source": source, "DetailType": "one", "Detail": "{}"}])
    (event,) = told.received()
    for shown in (datetime.datetime.fromisoformat(event["time"]), _now(later)):
        assert abs(shown - there) < datetime.timedelta(minutes=2)


def _alarm(cloud: Cloud, **members: Any) -> str:
    """An alarm on a day's greatest value of a metric of its own."""
    name = fresh("alarm")
    alarm = {
        "Namespace": "clock",
        "MetricName": name,
        "Statistic": "Maximum",
        "Period": 86_400,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    cloud.administrator(OWNER).client("cloudwatch").put_metric_alarm(AlarmName=name, **alarm | members)
    return name


def _states(cloud: Cloud, *names: str) -> list[str]:
    client = cloud.administrator(OWNER).client("cloudwatch")
    found = client.describe_alarms(AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    states = {
        one["AlarmName"]: one["StateValue"] for kind in ("MetricAlarms", "CompositeAlarms") for one in found[kind]
    }
    return [states[name] for name in names]


def _measure(cloud: Cloud, name: str, value: float) -> None:
    client = cloud.administrator(OWNER).client("cloudwatch")
    client.put_metric_data(Namespace="clock", MetricData=[{"MetricName": name, "Value": value}])


@pytest.mark.parametrize(("treatment", "aged"), [
    ("missing", "INSUFFICIENT_DATA"), ("notBreaching", "OK"), ("breaching", "ALARM"), ("ignore", "ALARM"),
])  # fmt: skip
def test_an_alarm_whose_data_has_aged_is_evaluated_again(later: Cloud, treatment: str, aged: str) -> None:
    name = _alarm(later, TreatMissingData=treatment)
    _measure(later, name, 3)
    assert _states(later, name) == ["ALARM"]
    later.advance_clock(_now(later) + 2 * _DAY)
    assert _states(later, name) == [aged]
    # further than the emulator keeps data
    later.advance_clock(_now(later) + 30 * _DAY)
    assert _states(later, name) == [aged]
    _measure(later, name, 3)
    assert _states(later, name) == ["ALARM"]


def test_an_alarm_tells_again_when_it_changes_again_with_the_time_of_the_clock(later: Cloud) -> None:
    name, told = _alarm(later, TreatMissingData="notBreaching"), queue(later, OWNER, fresh("told"))
    arn, events = f"arn:aws:cloudwatch:{REGION}:{OWNER}:alarm:{name}", later.administrator(OWNER).client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"resources": [arn]}))
    events.put_targets(Rule=name, Targets=[{"Id": "one", "Arn": told.arn}])
    days = []
    for _ in range(2):
        _measure(later, name, 3)
        days.append(_now(later))
        days.append(later.advance_clock(days[-1] + 2 * _DAY).now)
    changes = told.received()
    assert [event["detail"]["state"]["value"] for event in changes] == ["ALARM", "OK", "ALARM", "OK"]
    for event, day in zip(changes, days, strict=True):
        for shown in (event["time"], event["detail"]["state"]["timestamp"]):
            assert abs(datetime.datetime.fromisoformat(shown) - day) < datetime.timedelta(minutes=2)


def test_a_composite_alarm_follows_its_children_as_time_passes(later: Cloud) -> None:
    first, second = _alarm(later, TreatMissingData="notBreaching"), _alarm(later, TreatMissingData="notBreaching")
    parent, client = fresh("either-of-two"), later.administrator(OWNER).client("cloudwatch")
    client.put_composite_alarm(AlarmName=parent, AlarmRule=f'ALARM({first}) OR ALARM("{second}")')
    _measure(later, second, 3)
    assert _states(later, first, second, parent)[1:] == ["ALARM", "ALARM"]
    later.advance_clock(_now(later) + 2 * _DAY)
    assert _states(later, first, second, parent) == ["OK", "OK", "OK"]


def test_a_job_is_dated_by_the_clock(later: Cloud) -> None:
    client = later.administrator(OWNER).client("sagemaker")
    there = later.advance_clock(_now(later) + _DAY).now
    name = fresh("group")
    client.create_model_package_group(ModelPackageGroupName=name)
    made = client.describe_model_package_group(ModelPackageGroupName=name)["CreationTime"]
    assert abs(made - there) < datetime.timedelta(minutes=2)


def test_an_object_is_locked_from_the_time_at_which_it_is_written(later: Cloud) -> None:
    s3, name = later.administrator(OWNER).client("s3"), fresh("locked")
    location = {"LocationConstraint": REGION}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=location, ObjectLockEnabledForBucket=True)
    s3.put_object_lock_configuration(
        Bucket=name,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}},
        },
    )
    later.advance_clock(_now(later) + 400 * _DAY)
    version = s3.put_object(Bucket=name, Key="kept", Body=b"")["VersionId"]
    later.advance_clock(_now(later) + 29 * _DAY)
    with pytest.raises(ClientError, match="object lock"):
        s3.delete_object(Bucket=name, Key="kept", VersionId=version)
    later.advance_clock(_now(later) + 2 * _DAY)
    s3.delete_object(Bucket=name, Key="kept", VersionId=version)


def test_a_session_lasts_by_the_real_clock(later: Cloud) -> None:
    role = make_role(later, OWNER, fresh("lasting"), allow("sqs:ListQueues", "*"))
    later.advance_clock(_now(later) + 400 * _DAY)
    assert role.client("sqs").list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200

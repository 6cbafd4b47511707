"""What the rules of an environment tell functions is known by `plumb replay`, as what it is and whose it is."""

import datetime
from collections.abc import Iterator

import pytest

from plumbline.configuration import Environment
from plumbline.replaying.inputs import function_of, told
from tests.house.assembly import Assembly, Json

TAKEN_IN = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)


def calling(assembly: Assembly, environment: Environment) -> Iterator[tuple[Json, Json]]:
    """The rules whose failed events lie in the environment's queue, each with a function that it calls."""
    deployment = assembly.platform.deployment(environment)
    queue = deployment.arn("sqs", deployment.dead_letter_queue("events"))
    for template in assembly.templates.values():
        for rule in template.of_type("AWS::Events::Rule"):
            for target in rule["Properties"]["Targets"]:
                failed = target.get("DeadLetterConfig", {}).get("Arn")
                ours = failed == queue or isinstance(failed, dict)
                name = str(rule["Properties"]["Name"])
                if ours and name.startswith(deployment.prefix) and ":function:" in str(target["Arn"]):
                    yield rule["Properties"], target


def event_of(rule: Json) -> Json:
    """An event that a rule hears, as far as it says."""
    pattern = rule.get("EventPattern", {"source": ["aws.events"], "detail-type": ["Scheduled Event"]})
    detail = {"pipelineExecutionDisplayName": "w", "currentPipelineExecutionStatus": "Failed", "model": "m"}
    return {
        "id": "1",
        "source": pattern["source"][0],
        "detail-type": pattern["detail-type"][0],
        "time": "2026-11-28T12:00:00Z",
        "detail": detail,
    }


@pytest.mark.parametrize("environment", Environment)
def test_whatever_a_rule_tells_a_function_is_known_as_that_functions(
    assembly: Assembly, environment: Environment
) -> None:
    deployment = assembly.platform.deployment(environment)
    found = set()
    for rule, target in calling(assembly, environment):
        call = told(target, event_of(rule), rule_arn=f"rule/{rule['Name']}", taken_in=TAKEN_IN)
        assert str(target["Arn"]).endswith(f":{deployment.function_name(function_of(call))}"), rule["Name"]
        found.add(function_of(call))
    expected = {"account_guard"}
    if deployment.governs:
        expected.add("retraining_governor")
    if deployment.monitors:
        expected |= {"monitor_window", "metrics_publisher"}
    assert expected <= found

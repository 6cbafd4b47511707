"""The roles that people take: how, and for what."""

import json
from pathlib import Path

import pytest

from plumbline.configuration import Deployment, Environment, Person
from tests.house.assembly import ROOT, Assembly, Json, Template, listed, role_statements

_EVERYWHERE = pytest.mark.parametrize("environment", list(Environment))
_WRITES = ("Create", "Delete", "Put", "Update", "Start", "Stop", "Set", "Attach", "Detach", "Invoke", "Send", "Publish")


def _operations(assembly: Assembly, deployment: Deployment) -> Template:
    return assembly[deployment.stack_name("operations")]


def _role(assembly: Assembly, environment: Environment, person: Person) -> Json:
    deployment = assembly.platform.deployment(environment)
    return _operations(assembly, deployment).role(deployment.person_role_name(person))


def _allowed(role: Json) -> set[str]:
    return {a for s in role_statements(role).values() if s["Effect"] == "Allow" for a in listed(s["Action"])}


@_EVERYWHERE
@pytest.mark.parametrize("person", [Person.AUDITOR, Person.BREAK_GLASS])
def test_a_person_shows_a_second_factor_and_stays_an_hour(
    assembly: Assembly, environment: Environment, person: Person
) -> None:
    deployment = assembly.platform.deployment(environment)
    role = _role(assembly, environment, person)["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"AWS": deployment.iam_arn("root")}
    assert trust["Condition"]["Bool"] == {"aws:MultiFactorAuthPresent": "true"}
    assert role["MaxSessionDuration"] == 3600


@pytest.mark.parametrize("environment", [Environment.STAGING, Environment.PRODUCTION])
def test_whoever_is_on_call_shows_a_second_factor_and_stays_an_hour(
    assembly: Assembly, environment: Environment
) -> None:
    role = _role(assembly, environment, Person.ON_CALL)["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"]["Bool"] == {"aws:MultiFactorAuthPresent": "true"}
    assert role["MaxSessionDuration"] == 3600


@_EVERYWHERE
def test_the_glass_is_broken_in_the_platforms_region_only(assembly: Assembly, environment: Environment) -> None:
    role = _role(assembly, environment, Person.BREAK_GLASS)["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"]["StringEquals"] == {"aws:RequestedRegion": assembly.platform.region}


def test_an_approver_changes_none_of_the_evidence_that_pipelines_register(assembly: Assembly) -> None:
    approves = role_statements(_role(assembly, Environment.STAGING, Person.APPROVER))["ApproveVersions"]
    kept = approves["Condition"]["Null"]
    registered = {name for path in ROOT.glob("pipeline_definitions/*/definition.json") for name in _metadata(path)}
    assert registered
    assert {f"sagemaker:CustomerMetadataProperties/{name}" for name in registered} <= {k for k, v in kept.items() if v}


def _metadata(definition: Path) -> set[str]:
    found: set[str] = set()

    def look(value: Json) -> None:
        if isinstance(value, dict):
            found.update(value.get("CustomerMetadataProperties", {}))
        if isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                look(item)

    look(json.loads(definition.read_text()))
    return found


def test_data_scientists_have_no_role_in_production(assembly: Assembly) -> None:
    production = assembly.platform.deployment(Environment.PRODUCTION)
    names = {r["Properties"]["RoleName"] for r in _operations(assembly, production).of_type("AWS::IAM::Role")}
    assert production.person_role_name(Person.DATA_SCIENTIST) not in names
    assert production.person_role_name(Person.APPROVER) not in names


def test_data_scientists_only_look_in_staging(assembly: Assembly) -> None:
    allowed = _allowed(_role(assembly, Environment.STAGING, Person.DATA_SCIENTIST))
    assert not [action for action in allowed if action.split(":")[1].startswith(_WRITES)]


def test_data_scientists_write_datasets_and_code_in_dev_and_nothing_else(assembly: Assembly) -> None:
    dev = assembly.platform.deployment(Environment.DEV)
    granted = role_statements(_role(assembly, Environment.DEV, Person.DATA_SCIENTIST))
    assert set(granted["BringDataAndCode"]["Resource"]) == {
        f"arn:aws:s3:::{dev.data_bucket}/*/datasets/*",
        f"arn:aws:s3:::{dev.models_bucket}/*/champion/*",
        f"arn:aws:s3:::{dev.models_bucket}/*/code/*",
    }
    assert [sid for sid, s in granted.items() if "s3:PutObject" in listed(s["Action"])] == ["BringDataAndCode"]
    assert "iam:PassRole" not in _allowed(_role(assembly, Environment.DEV, Person.DATA_SCIENTIST))


def test_an_approver_approves_rejects_asks_for_a_retraining_and_nothing_else(assembly: Assembly) -> None:
    role = _role(assembly, Environment.STAGING, Person.APPROVER)
    changes = {action for action in _allowed(role) if action.split(":")[1].startswith(_WRITES)}
    assert changes == {"events:PutEvents", "sagemaker:UpdateModelPackage"}
    condition = role_statements(role)["ApproveVersions"]["Condition"]
    assert condition["StringEquals"] == {"sagemaker:ModelApprovalStatus": ["Approved", "Rejected"]}
    assert condition["Null"]["sagemaker:CustomerMetadataPropertiesToRemove"] == "true"


@_EVERYWHERE
def test_an_auditor_changes_nothing_and_reads_no_content(assembly: Assembly, environment: Environment) -> None:
    allowed = _allowed(_role(assembly, environment, Person.AUDITOR))
    assert not [action for action in allowed if action.split(":")[1].startswith(_WRITES)]
    content = {"s3:GetObject", "kms:Decrypt", "logs:GetLogEvents", "sqs:ReceiveMessage", "ssm:GetParameter"}
    assert not allowed & content


def test_nobody_is_on_call_in_dev(assembly: Assembly) -> None:
    dev = assembly.platform.deployment(Environment.DEV)
    names = {r["Properties"]["RoleName"] for r in _operations(assembly, dev).of_type("AWS::IAM::Role")}
    assert dev.person_role_name(Person.ON_CALL) not in names


def test_whoever_is_on_call_reads_findings_and_no_values(assembly: Assembly) -> None:
    production = assembly.platform.deployment(Environment.PRODUCTION)
    granted = role_statements(_role(assembly, Environment.PRODUCTION, Person.ON_CALL))
    assert granted["ReadReports"]["Resource"] == [
        f"arn:aws:s3:::{production.data_bucket}/*/monitoring/*/{name}"
        for name in ("constraint_violations.json", "metrics.json", "report.html")
    ]
    assert [sid for sid, one in granted.items() if "s3:GetObject" in listed(one["Action"])] == ["ReadReports"]
    assert granted["FindReports"]["Condition"] == {"StringLike": {"s3:prefix": "*/monitoring/*"}}
    staging = _allowed(_role(assembly, Environment.STAGING, Person.ON_CALL))
    assert not [action for action in staging if action.startswith("s3:")]


@pytest.mark.parametrize(
    ("environment", "functions"),
    [
        (Environment.STAGING, {"account-guard", "retraining-governor"}),
        (Environment.PRODUCTION, {"account-guard", "metrics-publisher", "monitor-window"}),
    ],
)
def test_whoever_is_on_call_calls_each_function_whose_events_can_be_in_the_queue_and_no_other(
    assembly: Assembly, environment: Environment, functions: set[str]
) -> None:
    deployment = assembly.platform.deployment(environment)
    called = listed(role_statements(_role(assembly, environment, Person.ON_CALL))["HaveItHandledAgain"]["Resource"])
    assert set(called) == {deployment.arn("lambda", f"function:{deployment.prefix}-{name}") for name in functions}
    queue = deployment.arn("sqs", deployment.dead_letter_queue("events"))
    in_the_queue = {
        function["Properties"]["FunctionName"]
        for function in _operations(assembly, deployment).of_type("AWS::Lambda::Function")
        if "Failures" in str(function["Properties"]["DeadLetterConfig"])
        or function["Properties"]["DeadLetterConfig"]["TargetArn"] == queue
    }
    assert in_the_queue == {f"{deployment.prefix}-{name}" for name in functions}


def test_whoever_is_on_call_changes_nothing_but_what_failed(assembly: Assembly) -> None:
    allowed = _allowed(_role(assembly, Environment.PRODUCTION, Person.ON_CALL))
    reads = ("Describe", "Filter", "Get", "List")
    changes = {action for action in allowed if not action.split(":")[1].startswith(reads)}
    assert changes == {
        "kms:Decrypt",
        "lambda:InvokeFunction",
        "sagemaker:RetryPipelineExecution",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:ReceiveMessage",
    }


@_EVERYWHERE
def test_break_glass_changes_what_runs_and_never_who_may(assembly: Assembly, environment: Environment) -> None:
    allowed = _allowed(_role(assembly, environment, Person.BREAK_GLASS))
    services = {action.split(":")[0] for action in allowed}
    assert services == {"cloudformation", "cloudwatch", "events", "logs", "sagemaker"}
    assert not [action for action in allowed if action.split(":")[1].startswith(("Create", "Delete", "Put"))]


@_EVERYWHERE
def test_every_use_of_break_glass_is_told_to_the_operations_topic(assembly: Assembly, environment: Environment) -> None:
    deployment = assembly.platform.deployment(environment)
    (rule,) = [
        one["Properties"]
        for one in _operations(assembly, deployment).of_type("AWS::Events::Rule")
        if one["Properties"]["Name"] == deployment.break_glass_rule
    ]
    # AssumeRole is a read-only management event; a rule that is only ENABLED never sees it.
    assert rule["State"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    asked = rule["EventPattern"]["detail"]
    assert asked["requestParameters"] == {"roleArn": [deployment.person_role_arn(Person.BREAK_GLASS)]}
    assert [target["Arn"] for target in rule["Targets"]] == [deployment.operations_topic_arn]
    silence = role_statements(_role(assembly, environment, Person.BREAK_GLASS))["DenySilence"]
    assert (silence["Effect"], silence["Resource"]) == ("Deny", deployment.arn("events", f"rule/{rule['Name']}"))

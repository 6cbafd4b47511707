"""Every permission that the templates give is needed, or there is a reason for it."""

from collections.abc import Iterator

import pytest

from plumbline.configuration import Environment
from plumbline.rehearsal.denials import principal_of
from tests.plumbline.rehearsal.shared import Rehearsed

pytestmark = pytest.mark.rehearsal

_DOCUMENTED = {
    "s3:GetBucketAcl": "the service's documentation asks for it; the emulator's finds the bucket without",
    "s3:GetBucketLocation": "the service's documentation asks for it; the emulator's finds the bucket without",
    "s3:GetObjectVersion": "the service's documentation asks for it; artifacts are taken by their keys here",
}
_OF_LAMBDA = {
    "logs:CreateLogStream": "Lambda writes a function's log; the emulator's does so as itself",
    "logs:PutLogEvents": "Lambda writes a function's log; the emulator's does so as itself",
    "sqs:SendMessage": "Lambda sends what a function could not do; none failed",
}
_OF_QUEUE = {
    "kms:Decrypt": "with sqs:SendMessage, and for a function's settings, which the emulator does not encrypt",
    "kms:GenerateDataKey": "with sqs:SendMessage",
}
_NOTHING_FAILED = {"codepipeline:PutJobFailureResult": "a job that fails is answered with it; none failed"}
# Role, by the last part of its name → action → why the rehearsal does not use it.
UNUSED = {
    "deliver": {
        "kms:Decrypt": "S3 asks for it when an object comes in parts; the files of this dataset come in one",
    },
    **{
        f"delivery-{step}": _DOCUMENTED
        for step in ("assets", "build", "check", "code", "compare", "production-assets", "update")
    },
    "delivery-image": _DOCUMENTED
    | {"ecr:BatchGetImage": "docker asks for it when an image is there in part; the stand-in pushes all of it"},
    "delivery-pipeline": _DOCUMENTED
    | {
        "codebuild:StopBuild": "an execution that is stopped stops its build; the rehearsal lets it end",
        "kms:Decrypt": "with s3:GetObject",
        "s3:GetBucketVersioning": "the service's documentation asks for it, and only AWS knows when",
        "s3:GetObject": "actions take artifacts in roles of their own; the service's documentation asks for it",
    },
    "metrics-publisher": _OF_LAMBDA | {"kms:GenerateDataKey": _OF_QUEUE["kms:GenerateDataKey"]},
    "monitor-pipeline": {
        "sagemaker:StopProcessingJob": "an execution that is stopped stops its job; the rehearsal lets its run end",
    },
    "monitor-window": _OF_LAMBDA,
    "retraining-governor": _OF_LAMBDA
    | {
        "kms:GenerateDataKey": "with sns:Publish, sqs:SendMessage and s3:PutObject, none of which is used",
        "s3:PutObject": "what a run is given is written when labelled windows have come; none had",
        "sns:Publish": "a person is called when runs have failed in a row; one has",
    },
    "pipeline": {
        "sagemaker:StopProcessingJob": "an execution that is stopped stops its job; the rehearsal lets its run end",
        "sagemaker:StopTrainingJob": "an execution that is stopped stops its job; the rehearsal lets its run end",
    },
    "copy": {
        "ecr:DescribeImages": "asked whose a tag is that another image has; the repository was empty",
        "s3:AbortMultipartUpload": "an artifact of more than 5 GB is copied in parts",
    },
    "recorder": _OF_LAMBDA,
    "verifier": _OF_LAMBDA
    | _OF_QUEUE
    | _NOTHING_FAILED
    | {"codepipeline:PutApprovalResult": "it rejects what an older release waits for; there was none"},
    "checker": _OF_LAMBDA | _OF_QUEUE | _NOTHING_FAILED,
    "copier": _OF_LAMBDA | _NOTHING_FAILED | {"kms:Decrypt": _OF_QUEUE["kms:Decrypt"]},
    "release-flight-delays": _DOCUMENTED,
    "release": {
        "cloudformation:DeleteChangeSet": "a change set is replaced from the second release on",
        "s3:GetObjectVersion": _DOCUMENTED["s3:GetObjectVersion"],
        "ssm:GetParameters": "CloudFormation evaluates SSM parameters for its caller; the emulator asks nobody",
    },
    "serve": {
        "ec2:DeleteNetworkInterface": "an endpoint that is deleted gives its interfaces back; these stay up",
        "ec2:DeleteNetworkInterfacePermission": "an endpoint that is deleted gives its interfaces back; these stay up",
        "logs:PutLogEvents": "the serving container writes down what goes wrong, and nothing did",
    },
}
# Roles that the rehearsal takes for a moment, or not at all; the access matrix says what each of their actions is for.
SELDOM_TAKEN = {
    "account-guard": "it sets what the emulator keeps; a log stream and a failure are written only by Lambda itself",
    "approver": "one version and one release are approved; going back is tried elsewhere",
    "audit-trail": "CloudTrail writes with it; the emulator's trail writes no files",
    "auditor": "an auditor looks at whatever there is to look at; the rehearsal asks for what it checks",
    "break-glass": "the rehearsal takes it to see that it is told, and nothing is broken",
    "check": "endpoints are asked once they are there; the first delivery finds none",
    "data-scientist": "people look when they want to; the rehearsal reads what it compares",
    "flow-logs": "VPC flow logs write with it; no packet flows in an emulated VPC",
    "label": "a year of traffic is labelled with it; its own tests deliver what this rehearsal does without",
    "labelled-replication": "S3 works in it once labelled data is written; its own tests take each of its actions",
    "notebook": "nobody opens a notebook in a rehearsal",
    "on-call": "nobody is called in a rehearsal, where nothing is left in the queue",
    "release-execution": "CloudFormation updates and deletes with it too; the rehearsal creates",
}
_DELIVERY = tuple(kind for kind in UNUSED if kind.startswith("delivery-"))
_KINDS = (
    *_DELIVERY,
    "checker",
    "copier",
    "copy",
    "data-check",
    "deliver",
    "evaluate",
    "events",
    "metrics-publisher",
    "monitor",
    "monitor-pipeline",
    "monitor-window",
    "pipeline",
    "prepare",
    "recorder",
    "registry-reader",
    "release",
    "release-check",
    "release-flight-delays",
    "retraining-governor",
    "serve",
    "train",
    "verifier",
    *SELDOM_TAKEN,
)


def _kind(role: str) -> str:
    return next((kind for kind in sorted(_KINDS, key=len, reverse=True) if role.endswith(f"-{kind}")), role)


def _granted(rehearsal: Rehearsed) -> Iterator[tuple[str, str, str]]:
    """Every (environment, role, action) that a template grants."""
    for stack in rehearsal.journey.stacks:
        deployment = next(d for d in rehearsal.journey.platform.deployments() if d.account == stack.account)
        client = rehearsal.client(deployment, "cloudformation")
        for resource in client.list_stack_resources(StackName=stack.name)["StackResourceSummaries"]:
            if resource["ResourceType"] != "AWS::IAM::Role":
                continue
            role = resource["PhysicalResourceId"]
            for statement in rehearsal.role_policy(deployment, role)["Statement"]:
                actions = statement["Action"]
                for action in [actions] if isinstance(actions, str) else actions:
                    if statement["Effect"] == "Allow":
                        yield deployment.environment.value, role, action


def test_every_granted_action_is_used_or_has_a_reason(rehearsal: Rehearsed) -> None:
    used: dict[str, set[str]] = {}
    for decision in rehearsal.decisions:
        if decision.allowed:
            used.setdefault(_kind(principal_of(decision)), set()).add(decision.action)
    superfluous = {
        (_kind(role), action)
        for _, role, action in _granted(rehearsal)
        if _kind(role) not in SELDOM_TAKEN
        and action not in used.get(_kind(role), set())
        and action not in UNUSED.get(_kind(role), {})
    }
    assert not superfluous


def test_no_reason_is_given_for_what_is_used_or_not_granted(rehearsal: Rehearsed) -> None:
    granted = {(_kind(role), action) for _, role, action in _granted(rehearsal)}
    used = {(_kind(principal_of(d)), d.action) for d in rehearsal.decisions if d.allowed}
    excused = {(kind, action) for kind, actions in UNUSED.items() for action in actions}
    assert excused <= granted
    assert not excused & used


def test_dev_grants_what_staging_grants(rehearsal: Rehearsed) -> None:
    """So that what staging shows holds for dev, where the rehearsal trains nothing."""
    granted: dict[str, set[tuple[str, str]]] = {}
    for environment, role, action in _granted(rehearsal):
        granted.setdefault(environment, set()).add((_kind(role), action))
    extra = granted[Environment.DEV.value] - granted[Environment.STAGING.value]
    assert not [(kind, action) for kind, action in extra if kind not in SELDOM_TAKEN]


def test_no_action_is_granted_by_wildcard(rehearsal: Rehearsed) -> None:
    assert not [(role, action) for _, role, action in _granted(rehearsal) if "*" in action]

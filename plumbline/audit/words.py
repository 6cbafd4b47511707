"""Policies in words."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from plumbline.audit.json_value import Json, as_list, as_object, as_texts

# Service prefixes (Service Authorization Reference) whose names are not just their capital letters.
_SERVICES = {
    "cloudformation": "CloudFormation",
    "cloudtrail": "CloudTrail",
    "cloudwatch": "CloudWatch",
    "codebuild": "CodeBuild",
    "codepipeline": "CodePipeline",
    "dynamodb": "DynamoDB",
    "events": "EventBridge",
    "lambda": "Lambda",
    "logs": "CloudWatch Logs",
    "organizations": "Organizations",
    "sagemaker": "SageMaker",
    "ssm": "SSM parameters",
    "states": "Step Functions",
}
_READS = ("BatchGet", "BatchCheck", "Describe", "Get", "Head", "List", "Lookup", "Search", "View")
# Operators of conditions (IAM user guide, "Condition operators"), after `ForAllValues:` and before `IfExists`.
_OPERATORS = {
    "ArnEquals": "is",
    "ArnLike": "is like",
    "ArnNotEquals": "is not",
    "ArnNotLike": "is not like",
    "Bool": "is",
    "DateGreaterThan": "is after",
    "DateLessThan": "is before",
    "IpAddress": "is in",
    "NotIpAddress": "is not in",
    "NumericGreaterThan": "is above",
    "NumericGreaterThanEquals": "is at least",
    "NumericLessThan": "is below",
    "NumericLessThanEquals": "is at most",
    "StringEquals": "is",
    "StringEqualsIgnoreCase": "is",
    "StringLike": "is like",
    "StringNotEquals": "is not",
    "StringNotEqualsIgnoreCase": "is not",
    "StringNotLike": "is not like",
}


@dataclass(frozen=True, kw_only=True)
class Permission:
    """What one statement says of one service.

    Attributes:
        allows: Whether it allows, rather than denies.
        service: Name of the service.
        reads: Names of the actions that look only.
        changes: Names of the others; `*` stands for all.
        resources: What it is about.
        principals: Who is meant; empty in a policy of an identity.
        conditions: Under which circumstances, a sentence each.
        sid: Name of the statement; empty if it has none.
    """

    allows: bool
    service: str
    reads: tuple[str, ...]
    changes: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[str, ...]
    conditions: tuple[str, ...]
    sid: str


def permissions(document: Json) -> list[Permission]:
    """Every statement of a policy document, service by service."""
    return [
        permission
        for statement in as_list(as_object(document).get("Statement"))
        for permission in _permissions(as_object(statement))
    ]


def principals_of(principal: Json) -> tuple[str, ...]:
    """Who a statement means, in words."""
    if principal is None:
        return ()
    if isinstance(principal, str):
        return ("everybody",) if principal == "*" else (principal,)
    found = []
    for kind, names in as_object(principal).items():
        for name in as_texts(names):
            if name == "*":
                found.append("everybody")
            elif kind == "AWS" and name.endswith(":root"):
                found.append(f"account {name.split(':')[4]}")
            else:
                found.append(name)
    return tuple(found)


def conditions_in_words(condition: Json) -> tuple[str, ...]:
    """The circumstances that a statement asks for, a sentence each."""
    return tuple(
        _sentence(operator, key, as_list(values))
        for operator, tests in as_object(condition).items()
        for key, values in as_object(tests).items()
    )


def _permissions(statement: Mapping[str, Json]) -> list[Permission]:
    by_service: defaultdict[str, list[str]] = defaultdict(list)
    excepted = as_texts(statement.get("NotAction"))
    for action in as_texts(statement.get("Action")) or [f"*:everything but {', '.join(excepted)}"]:
        prefix, colon, name = action.partition(":")
        by_service[prefix].append(name if colon else "*")
    resources = tuple(as_texts(statement.get("Resource")))
    but = as_texts(statement.get("NotResource"))
    resources = resources or ((f"everything but {', '.join(but)}",) if but else ())
    outsiders = principals_of(statement.get("NotPrincipal"))
    principals = principals_of(statement.get("Principal"))
    return [
        Permission(
            allows=statement.get("Effect") == "Allow",
            service=service_name(prefix),
            reads=tuple(name for name in names if name.startswith(_READS)),
            changes=tuple(name for name in names if not name.startswith(_READS)),
            resources=resources,
            principals=principals or tuple(f"everybody but {name}" for name in outsiders),
            conditions=conditions_in_words(statement.get("Condition")),
            sid=str(statement.get("Sid", "")),
        )
        for prefix, names in by_service.items()
    ]


def service_name(prefix: str) -> str:
    """The name of a service by its prefix in actions."""
    return "every service" if prefix == "*" else _SERVICES.get(prefix, prefix.upper())


def _sentence(operator: str, key: str, values: list[Json]) -> str:
    quantifier, _, plain = operator.rpartition(":")
    optional = plain.endswith("IfExists")
    plain = plain.removesuffix("IfExists")
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    if plain == "Null":
        return f"{key} is {'absent' if texts == ['true'] else 'present'}"
    said = _OPERATORS.get(plain, plain)
    several = " or ".join(texts) if " not" not in said else " nor ".join(texts)
    subject = {"ForAllValues": f"every {key}", "ForAnyValue": f"one {key}"}.get(quantifier, key)
    return f"{subject} {said} {several}{', if it is there' if optional else ''}"

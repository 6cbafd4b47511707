"""Small templates, of one account each."""

from collections.abc import Mapping

from plumbline.audit.json_value import Json
from plumbline.audit.templates import AuditedTemplate

ACCOUNT = "111111111111"
REGION = "eu-west-1"


def template(
    resources: Mapping[str, Json],
    *,
    account: str | None = ACCOUNT,
    stack_name: str = "stack",
    parameters: Mapping[str, Json] | None = None,
    conditions: Mapping[str, Json] | None = None,
    mappings: Mapping[str, Json] | None = None,
) -> AuditedTemplate:
    """A template of an account in Ireland."""
    return AuditedTemplate(
        file=f"{stack_name}.template.json",
        stack_name=stack_name,
        account=account,
        region=REGION if account else None,
        body={
            "Resources": dict(resources),
            "Parameters": dict(parameters or {}),
            "Conditions": dict(conditions or {}),
            "Mappings": dict(mappings or {}),
        },
    )


def resource(resource_type: str, **properties: Json) -> Json:
    """A resource of a type."""
    return {"Type": resource_type, "Properties": properties}


def allow(*actions: str, on: Json = "*", condition: Json = None, principal: Json = None) -> dict[str, Json]:
    """A document of one allowing statement."""
    statement: dict[str, Json] = {"Sid": "Allow", "Effect": "Allow", "Action": list(actions), "Resource": on}
    if condition is not None:
        statement["Condition"] = condition
    if principal is not None:
        statement["Principal"] = principal
        if "sts:AssumeRole" in actions:
            del statement["Resource"]
    return {"Version": "2012-10-17", "Statement": [statement]}


def trust(service: str = "sagemaker.amazonaws.com") -> dict[str, Json]:
    """A trust policy for a service."""
    return allow("sts:AssumeRole", principal={"Service": service})

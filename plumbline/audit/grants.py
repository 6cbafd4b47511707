"""Who may do what, one principal, action and resource at a time, so that two commits can be compared."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from plumbline.audit.access.physical_names import naming_property
from plumbline.audit.json_value import Json, as_list, as_object, as_texts
from plumbline.audit.readable import readable
from plumbline.audit.templates import AuditedTemplate
from plumbline.audit.words import conditions_in_words, principals_of


@dataclass(frozen=True, kw_only=True, order=True)
class Grant:
    """One thing that a policy allows or denies.

    Attributes:
        stack: The stack of the policy.
        holder: Name of the resource that has the policy; its logical id if AWS invents its name.
        policy: Where in the resource the policy stands, e.g. `AssumeRolePolicyDocument`.
        effect: `Allow` or `Deny`.
        principal: Who, in words; empty in a policy of an identity.
        action: The action, or what it excepts.
        resource: On what; empty in a trust policy.
        condition: Under which circumstances, in words; empty without any.
        place: File and logical id of the resource.
    """

    stack: str
    holder: str
    policy: str
    effect: str
    principal: str
    action: str
    resource: str
    condition: str
    place: tuple[str, str]


def grants(templates: Sequence[AuditedTemplate]) -> frozenset[Grant]:
    """Everything that the policies of these templates allow or deny."""
    found: set[Grant] = set()
    for template, resources in readable(templates):
        for logical_id, properties in resources.items():
            resource_type = str(template.resources[logical_id].get("Type"))
            name = properties.get(naming_property(resource_type) or "")
            holder = name if isinstance(name, str) else logical_id
            place = (template.file, logical_id)
            if resource_type == "AWS::Lambda::Permission":
                found.add(_of_permission(template.stack_name, holder, properties, place))
            for path, statement in _statements(properties, ""):
                found.update(_of_statement(template.stack_name, holder, path, statement, place))
    return frozenset(found)


def _statements(value: Json, path: str) -> Iterator[tuple[str, dict[str, Json]]]:
    """Every statement below a value, with the path of its document."""
    if isinstance(value, str) and '"Statement"' in value:
        try:
            value = json.loads(value)
        except ValueError:
            return
    if isinstance(value, list):
        for item in value:
            yield from _statements(item, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Statement":
                yield from ((path or key, as_object(statement)) for statement in as_list(item))
            else:
                yield from _statements(item, f"{path}.{key}" if path else key)


def _of_statement(
    stack: str, holder: str, path: str, statement: dict[str, Json], place: tuple[str, str]
) -> Iterator[Grant]:
    actions = as_texts(statement.get("Action"))
    resources = as_texts(statement.get("Resource"))
    but_actions, but_resources = (", ".join(as_texts(statement.get(key))) for key in ("NotAction", "NotResource"))
    but_principals = ", ".join(principals_of(statement.get("NotPrincipal")))
    principals = principals_of(statement.get("Principal"))
    for principal in principals or (f"everybody but {but_principals}" if but_principals else "",):
        for action in actions or [f"everything but {but_actions}"]:
            for resource in resources or [f"everything but {but_resources}" if but_resources else ""]:
                yield Grant(
                    stack=stack,
                    holder=holder,
                    policy=path,
                    effect=str(statement.get("Effect")),
                    principal=principal,
                    action=action,
                    resource=resource,
                    condition="; ".join(sorted(conditions_in_words(statement.get("Condition")))),
                    place=place,
                )


def _of_permission(stack: str, holder: str, properties: dict[str, Json], place: tuple[str, str]) -> Grant:
    conditions = [f"{key} is {properties[key]}" for key in ("SourceAccount", "SourceArn") if key in properties]
    return Grant(
        stack=stack,
        holder=holder,
        policy="Permission",
        effect="Allow",
        principal=str(properties.get("Principal")),
        action=str(properties.get("Action")),
        resource=str(properties.get("FunctionName")),
        condition="; ".join(conditions),
        place=place,
    )

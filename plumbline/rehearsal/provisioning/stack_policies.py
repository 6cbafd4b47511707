"""Stack policies: what an update may do to which resources of a stack that has one.

MiniStack keeps the policy and does not look at it. A stack with a policy protects every resource that no statement
allows to be changed; a ``Deny`` overrides. A removal that the policy does not allow fails the update before anything is
done. What a rollback does is not held to the policy, nor is the deletion of the stack.

Source: CloudFormation user guide, "Prevent updates to stack resources". A policy for a single update,
``StackPolicyDuringUpdateBody``, is not looked at: the stack's own holds.
"""

import fnmatch
import json
from collections.abc import Iterator, Mapping

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, handlers, provisioners, stacks

from plumbline.rehearsal.provisioning.handlers import handler_of
from plumbline.rehearsal.provisioning.notation import Properties, changed_properties

Statement = Mapping[str, object]
_deploy = stacks._deploy_stack_async
_update = stacks._update_resource
_TYPE = "ResourceType"


class StackPolicyError(Exception):
    """The stack's policy does not allow an update of a resource; the message becomes the stack event's reason."""


def install() -> None:
    """Has the emulator of this process hold updates to the stacks' policies; after all else that wraps an update."""
    global _update
    _update = stacks._update_resource
    stacks._update_resource = _update_resource
    for module in (stacks, handlers, changesets):
        module._deploy_stack_async = _deploy_stack_async


def check(policy: str, *, logical_id: str, resource_type: str, action: str) -> None:
    """Holds one change to a policy.

    Args:
        policy: The stack policy; empty for a stack without one, where all is allowed.
        logical_id: The resource.
        resource_type: Its type.
        action: ``Update:Modify``, ``Update:Replace`` or ``Update:Delete``.

    Raises:
        StackPolicyError: It does not allow it.
    """
    if not policy:
        return
    statements = _listed(json.loads(policy).get("Statement"))
    matching = [
        (number, str(statement.get("Effect")))
        for number, statement in enumerate(statements, start=1)
        if isinstance(statement, Mapping) and _matches(statement, logical_id, resource_type, action)
    ]
    for number, effect in matching:
        if effect == "Deny":
            raise StackPolicyError(
                f"Action denied by stack policy: Statement [#{number}] does not allow [{action}] for resource "
                f"[LogicalResourceId/{logical_id}];"
            )
    if not matching:
        raise StackPolicyError("Action not allowed by stack policy")


def _matches(statement: Statement, logical_id: str, resource_type: str, action: str) -> bool:
    return (
        _one_of(statement, "Action", action)
        and _one_of(statement, "Resource", f"LogicalResourceId/{logical_id}")
        and all(_holds(operator, keys, resource_type) for operator, keys in _conditions(statement))
    )


def _one_of(statement: Statement, element: str, value: str) -> bool:
    if element in statement:
        return any(fnmatch.fnmatchcase(value, str(pattern)) for pattern in _listed(statement[element]))
    excluded = _listed(statement.get(f"Not{element}"))
    return bool(excluded) and not any(fnmatch.fnmatchcase(value, str(pattern)) for pattern in excluded)


def _conditions(statement: Statement) -> Iterator[tuple[str, Mapping[str, object]]]:
    given = statement.get("Condition")
    for operator, keys in given.items() if isinstance(given, Mapping) else ():
        yield str(operator), keys if isinstance(keys, Mapping) else {}


def _holds(operator: str, keys: Mapping[str, object], resource_type: str) -> bool:
    """Whether a condition holds; ``ResourceType`` with StringEquals or StringLike is all that stack policies know."""
    wanted = [str(value) for value in _listed(keys.get(_TYPE))]
    if operator == "StringEquals":
        return resource_type in wanted
    return operator == "StringLike" and any(fnmatch.fnmatchcase(resource_type, pattern) for pattern in wanted)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _update_resource(
    resource_type: str,
    physical_id: str,
    old: Properties,
    new: Properties,
    stack: str,
    logical_id: str = "",
    attributes: Mapping[str, str] | None = None,
) -> tuple[str, dict[str, str]]:
    record = cloudformation._stacks.get(stack) or {}
    if old != new and record.get("StackStatus") == "UPDATE_IN_PROGRESS":
        handler = handler_of(resource_type)
        replaced = provisioners._replacing_change(resource_type, old, new) or (
            handler is not None and changed_properties(old, new) & handler.replacing
        )
        action = "Update:Replace" if replaced else "Update:Modify"
        policy = str(record.get("_stack_policy") or "")
        check(policy, logical_id=logical_id, resource_type=resource_type, action=action)
    updated: tuple[str, dict[str, str]] = _update(resource_type, physical_id, old, new, stack, logical_id, attributes)
    return updated


async def _deploy_stack_async(
    stack_name: str,
    stack_id: str,
    template: Mapping[str, object],
    parameters: Mapping[str, object],
    disable_rollback: bool,
    tags: list[object],
    is_update: bool = False,
    previous_stack: Mapping[str, object] | None = None,
    retain_except_on_create: bool = False,
    imports: Mapping[str, object] | None = None,
) -> None:
    stack = cloudformation._stacks[stack_name]
    refused = _refused_removal(stack, template, parameters, previous_stack or {}) if is_update else None
    if refused is None:
        await _deploy(
            stack_name,
            stack_id,
            template,
            parameters,
            disable_rollback,
            tags,
            is_update=is_update,
            previous_stack=previous_stack,
            retain_except_on_create=retain_except_on_create,
            imports=imports,
        )
        return
    logical_id, resource, reason = refused
    kind, physical_id = str(resource["ResourceType"]), str(resource["PhysicalResourceId"])
    stacks._add_event(stack_id, stack_name, logical_id, kind, "UPDATE_FAILED", reason, physical_id)
    failed = (logical_id, kind, physical_id, None, None, None)
    operation = stacks._failed_operation(
        True, previous_stack, [], failed, logical_id, [], False, template, parameters, False, tags, tags
    )
    await stacks._roll_back_operation(stack_name, stack_id, stack, operation)


def _refused_removal(
    stack: Mapping[str, object],
    template: Mapping[str, object],
    parameters: Mapping[str, object],
    previous: Mapping[str, object],
) -> tuple[str, Mapping[str, object], str] | None:
    """A resource that an update removes against the policy: its logical id, its record, and why."""
    resources, present = template.get("Resources"), previous.get("_resources")
    conditions = stacks._evaluate_conditions(template, parameters)
    kept = {
        name
        for name, definition in (resources.items() if isinstance(resources, Mapping) else ())
        if conditions.get(definition.get("Condition", ""), True)
    }
    for logical_id, resource in present.items() if isinstance(present, Mapping) else ():
        if logical_id in kept:
            continue
        try:
            policy, kind = str(stack.get("_stack_policy") or ""), str(resource["ResourceType"])
            check(policy, logical_id=logical_id, resource_type=kind, action="Update:Delete")
        except StackPolicyError as error:
            return logical_id, resource, str(error)
    return None

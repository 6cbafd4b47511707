"""Templates that can be judged: whole, and with nothing out of sight."""

from collections.abc import Iterator, Mapping

from plumbline.audit.findings import Severity
from plumbline.audit.json_value import Json, as_list, as_object
from plumbline.audit.rules.controls import AUDITABILITY, LEAST_PRIVILEGE, answers
from plumbline.audit.rules.part import Part
from plumbline.audit.rules.policies import (
    IDENTITY_TYPES,
    RESOURCE_POLICIES,
    Statement,
    identity_documents,
    read,
    resource_document,
    resource_statements,
    statements,
)
from plumbline.audit.rules.rule import ANY, STACK, Violation, rule
from plumbline.audit.rules.template import MOST_VARIANTS, Resource, conditions_used

# How many arguments an intrinsic function takes (CloudFormation user guide, "Intrinsic function reference").
_ARGUMENTS: Mapping[str, tuple[int, ...]] = {
    "Fn::Cidr": (2, 3),
    "Fn::Equals": (2,),
    "Fn::FindInMap": (3, 4),
    "Fn::If": (3,),
    "Fn::Join": (2,),
    "Fn::Select": (2,),
    "Fn::Split": (2,),
}
_PSEUDO = ("AccountId", "NotificationARNs", "NoValue", "Partition", "Region", "StackId", "StackName", "URLSuffix")
_EFFECTS = ("Allow", "Deny")


@rule(
    id="PL-TPL-01",
    title="The template is whole",
    sense="What is broken is not deployed, and what cannot be read is not judged.",
    remedy="Mend the part that is named.",
    severity=Severity.HIGH,
    controls=answers(AUDITABILITY),
    types=(STACK,),
)
def templates_are_whole(stack: Resource) -> Iterator[Violation]:
    body = stack.template.audited.body
    resources = body.get("Resources")
    if not isinstance(resources, dict) or not resources:
        yield Violation(
            path="Resources", message="Resources is missing or no object; accepted: an object of resources."
        )
        return
    for name, resource in resources.items():
        yield from _broken_resource(name, resource)
    names = {*resources, *as_object(body.get("Parameters")), *(f"AWS::{name}" for name in _PSEUDO)}
    conditions = as_object(body.get("Conditions"))
    has_macros = bool(body.get("Transform"))
    for path, key, argument in _intrinsics(resources, "Resources"):
        yield from _broken_intrinsic(path, key, argument, names if not has_macros else None, conditions)


def _broken_resource(name: str, resource: Json) -> Iterator[Violation]:
    path = f"Resources.{name}"
    if name.startswith("Fn::"):
        return
    if not isinstance(resource, dict):
        yield Violation(path=path, message=f"{path} is no object; accepted: a resource.", subject=name)
    elif not isinstance(resource.get("Type"), str):
        yield Violation(path=f"{path}.Type", message=f"{path}.Type is no text; accepted: a type.", subject=name)
    elif not isinstance(resource.get("Properties", {}), dict):
        message = f"{path}.Properties is no object; accepted: an object."
        yield Violation(path=f"{path}.Properties", message=message, subject=name)


def _broken_intrinsic(
    path: str, key: str, argument: Json, names: set[str] | None, conditions: dict[str, Json]
) -> Iterator[Violation]:
    counts = _ARGUMENTS.get(key)
    if counts and not (isinstance(argument, list) and len(argument) in counts):
        yield Violation(
            path=path, message=f"{path} takes {counts[0]} arguments in a list; accepted: those.", subject=path
        )
    elif key == "Fn::If" and str(as_list(argument)[0]) not in conditions:
        message = f"{path} names {as_list(argument)[0]}; accepted: a condition of the template."
        yield Violation(path=path, message=message, subject=path)
    elif names is not None and key in ("Ref", "Fn::GetAtt"):
        target = str(argument).partition(".")[0] if isinstance(argument, str) else str((as_list(argument) or [""])[0])
        named = str(argument) if key == "Ref" else target
        if named not in names:
            message = f"{path} names {named}; accepted: a resource or a parameter of the template."
            yield Violation(path=path, message=message, subject=path)


@rule(
    id="PL-TPL-02",
    title="Nothing of the template is out of sight",
    sense="What a macro, an include or a nested stack makes is deployed without being judged.",
    remedy="Audit what it expands to, and the templates of nested stacks together with this one.",
    severity=Severity.LOW,
    controls=answers(AUDITABILITY),
    types=(STACK,),
)
def nothing_is_out_of_sight(stack: Resource) -> Iterator[Violation]:
    body = stack.template.audited.body
    for name in as_list(body.get("Transform")):
        said = name if isinstance(name, str) else str(as_object(name).get("Name"))
        message = f"Transform {said} changes the template before it is deployed; accepted: the template it makes."
        yield Violation(path="Transform", message=message, subject=said)
    resources = as_object(body.get("Resources"))
    for path, key, _ in _intrinsics(resources, "Resources"):
        if key in ("Fn::Transform", "Fn::ForEach") or key.startswith("Fn::ForEach::"):
            message = (
                f"{path} cannot be worked out: {key} puts in what is not in the template; accepted: what it puts in."
            )
            yield Violation(path=path, message=message, subject=path)
    for nested in stack.template.of_type("AWS::CloudFormation::Stack"):
        yield from _unseen_stack(nested)
    for name, resource in resources.items():
        many = len(stack.template.outcomes(tuple(sorted(set(conditions_used(resource))))))
        if many > MOST_VARIANTS:
            path = f"Resources.{name}"
            message = f"{path} can turn out in more than {MOST_VARIANTS} ways; accepted: fewer conditions."
            yield Violation(path=path, message=message, subject=name)


def _unseen_stack(nested: Resource) -> Iterator[Violation]:
    # Where the CDK puts the template of a nested stack in its assembly.
    asset = as_object(nested.body.get("Metadata")).get("aws:asset:path")
    files = [template.audited.file for template in nested.template.all.templates]
    if not (isinstance(asset, str) and any(file.endswith(asset) for file in files)):
        name = nested.logical_id
        message = f"The template of the nested stack {name} is not audited; accepted: its template beside this one."
        yield Violation(path=f"Resources.{name}.Properties.TemplateURL", message=message, subject=name)


@rule(
    id="PL-TPL-03",
    title="Policies can be worked out",
    sense="A statement whose effect, action, principal or condition only deploying tells is reviewed by nobody.",
    remedy="Write it out, or give the parameter AllowedValues or an AllowedPattern; ARNs of resources may be "
    "given on deploy.",
    severity=Severity.MEDIUM,
    controls=answers(AUDITABILITY, LEAST_PRIVILEGE),
    types=(*IDENTITY_TYPES, *RESOURCE_POLICIES),
    applies=lambda resource: any(part.is_there for _, part in _documents(resource)),
)
def policies_can_be_worked_out(resource: Resource) -> Iterator[Violation]:
    for is_single, document in _documents(resource):
        if not document.is_there:
            continue
        held = Part(value=read(document), path=document.path, context=document.context)
        if not isinstance(held.value, dict) or held.context.is_worked_out_later(held.value):
            message = f"{document.name} cannot be worked out; accepted: a policy document."
            yield Violation(path=document.path, message=message)
            continue
        items = (held,) if is_single else held.at("Statement").items
        if not items and held.value.get("Statement") != []:
            message = f"{document.name}.Statement is missing; accepted: a list of statements."
            yield Violation(path=f"{document.path}.Statement", message=message)
        for item in items:
            if not isinstance(item.value, dict) or item.context.is_worked_out_later(item.value):
                yield Violation(path=item.path, message=f"{item.name} cannot be worked out; accepted: a statement.")
        for statement in resource_statements(resource) if is_single else statements(document):
            yield from _unclear(statement, resource)


def _documents(resource: Resource) -> Iterator[tuple[bool, Part]]:
    """The policy documents of a resource, each with whether it is a single statement."""
    if resource.type in RESOURCE_POLICIES:
        yield resource.type == "AWS::Events::EventBusPolicy", resource_document(resource)
    else:
        for document in identity_documents(resource):
            yield False, document
    if resource.type == "AWS::IAM::Role":
        yield False, resource.at("AssumeRolePolicyDocument")


def _unclear(statement: Statement, resource: Resource) -> Iterator[Violation]:
    if statement.part.at("Effect").text not in _EFFECTS:
        yield statement.violation("has an effect that cannot be worked out; accepted: Allow or Deny.", at="Effect")
    yield from _incomplete(statement, resource)
    known = set(as_object(resource.template.audited.body.get("Parameters")))
    for name in ("Action", "NotAction", "Principal", "NotPrincipal"):
        part = statement.part.at(name)
        for text in (text for one in (part, *part.members.values()) for text in one.texts if not one.members):
            hole = text[2:-1] if text.startswith("${") and text.endswith("}") else ""
            is_pinned = "AllowedPattern" in as_object(
                as_object(resource.template.audited.body.get("Parameters")).get(hole)
            )
            if hole and hole in known and not is_pinned and "AWS" not in hole:
                yield statement.violation(
                    f"has a {name} that the parameter {hole} gives, which may be anything; accepted: a text, or an "
                    "AllowedPattern.",
                    at=name,
                )
    condition = statement.part.at("Condition")
    if condition.is_there and not condition.members and condition.value != {}:
        yield statement.violation(
            "has a condition that cannot be worked out; accepted: operators and keys.", at="Condition"
        )


def _incomplete(statement: Statement, resource: Resource) -> Iterator[Violation]:
    """IAM user guide, "IAM JSON policy elements reference": what a statement of each kind of policy must have."""
    part = statement.part
    is_trust = part.path.startswith("Properties.AssumeRolePolicyDocument")
    is_identity = resource.type in IDENTITY_TYPES and not is_trust
    if resource.type != "AWS::Events::EventBusPolicy" and not (statement.actions or statement.other_actions):
        yield statement.violation("has no action; accepted: Action or NotAction.", at="Action")
    if is_identity and not (statement.resources or statement.other_resources):
        yield statement.violation("has no resource; accepted: Resource or NotResource.", at="Resource")
    named = [*statement.principals.values(), *statement.other_principals.values()]
    if not is_identity and not any(named):
        yield statement.violation("has no principal; accepted: Principal or NotPrincipal.", at="Principal")


@rule(
    id="PL-TPL-04",
    title="Resources run no code of the deployment's own",
    sense="A custom resource runs code with a role of its own on every deployment: whoever changes the code, acts "
    "as it.",
    remedy="Use a resource type of CloudFormation; where there is none, waive it and name the role.",
    severity=Severity.LOW,
    controls=answers(AUDITABILITY, LEAST_PRIVILEGE),
    types=(ANY,),
    applies=lambda resource: (
        resource.type.startswith("Custom::") or resource.type == "AWS::CloudFormation::CustomResource"
    ),
)
def no_custom_resources(resource: Resource) -> Iterator[Violation]:
    message = f"Type is {resource.type}, which runs code on deploy; accepted: a type of CloudFormation."
    yield Violation(path="Type", message=message)


def _intrinsics(value: Json, path: str) -> Iterator[tuple[str, str, Json]]:
    """Every intrinsic function, with its path and its argument."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _intrinsics(item, f"{path}[{number}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            below = f"{path}.{key}"
            if (key == "Ref" or key.startswith("Fn::")) and (len(value) == 1 or key.startswith("Fn::ForEach::")):
                yield below, key, item
            yield from _intrinsics(item, below)

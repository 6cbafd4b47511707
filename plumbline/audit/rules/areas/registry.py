"""The model registry."""

from collections.abc import Iterator

from plumbline.audit.findings import Severity
from plumbline.audit.rules.controls import CHANGE_CONTROL, LEAST_PRIVILEGE, SEPARATION_OF_DUTIES, answers
from plumbline.audit.rules.expectations import must_be
from plumbline.audit.rules.policies import IDENTITY_TYPES, identity_documents, identity_statements, is_boundary
from plumbline.audit.rules.policy_rules import allows_named_actions, is_closed_to_the_public, names_foreigners
from plumbline.audit.rules.rule import Violation, rule
from plumbline.audit.rules.template import Resource

GROUP = "AWS::SageMaker::ModelPackageGroup"
_APPROVAL = "sagemaker:modelapprovalstatus"

registry_is_closed = is_closed_to_the_public(id_="PL-REG-01", what="Model package groups", types=(GROUP,))
registry_names_foreigners = names_foreigners(id_="PL-REG-02", what="Model package groups", types=(GROUP,))
registry_names_actions = allows_named_actions(id_="PL-REG-03", what="model package groups", types=(GROUP,))


@rule(
    id="PL-REG-04",
    title="Model packages wait for approval",
    sense="A template that registers a model as approved approves it for whoever merged the template.",
    remedy="Leave ModelApprovalStatus out or set it to PendingManualApproval.",
    severity=Severity.HIGH,
    controls=answers(SEPARATION_OF_DUTIES, CHANGE_CONTROL),
    types=("AWS::SageMaker::ModelPackage",),
)
def packages_wait_for_approval(package: Resource) -> Iterator[Violation]:
    status = package.at("ModelApprovalStatus")
    accepted = ("PendingManualApproval", "Rejected")
    yield from must_be(status, lambda value: value is None or value in accepted, "PendingManualApproval")


@rule(
    id="PL-REG-05",
    title="Who registers models cannot approve them",
    sense="A pipeline that may register with any status, or change it, releases its own models.",
    remedy="Limit CreateModelPackage by sagemaker:ModelApprovalStatus, and allow UpdateModelPackage to approvers only, "
    "on their groups.",
    severity=Severity.HIGH,
    controls=answers(SEPARATION_OF_DUTIES, LEAST_PRIVILEGE),
    types=IDENTITY_TYPES,
    applies=lambda resource: _registers(resource),
)
def who_registers_cannot_approve(resource: Resource) -> Iterator[Violation]:
    """Service authorization reference, "Amazon SageMaker": both actions carry sagemaker:ModelApprovalStatus."""
    for statement in identity_statements(resource):
        if not statement.allows:
            continue
        if statement.names_action("sagemaker:createmodelpackage") and not statement.limits(_APPROVAL):
            yield statement.violation(
                "lets CreateModelPackage set any status; accepted: a condition on sagemaker:ModelApprovalStatus."
            )
        if statement.names_action("sagemaker:updatemodelpackage") and "*" in statement.resources:
            yield statement.violation(
                "lets UpdateModelPackage approve any model; accepted: named groups.", at="Resource"
            )


def _registers(resource: Resource) -> bool:
    if not any(True for _ in identity_documents(resource)) or is_boundary(resource):
        return False
    return any(
        statement.allows and statement.names_action("sagemaker:createmodelpackage", "sagemaker:updatemodelpackage")
        for statement in identity_statements(resource)
    )

"""Policy documents, wherever they stand in a template."""

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from plumbline.audit.json_value import Json, as_object
from plumbline.audit.rules.part import Part
from plumbline.audit.rules.rule import Violation
from plumbline.audit.rules.template import Resource, remembered

IDENTITY_TYPES = (
    "AWS::IAM::Group",
    "AWS::IAM::GroupPolicy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::User",
    "AWS::IAM::UserPolicy",
)
# Where the policy of a resource stands, by the type of what holds it.
RESOURCE_POLICIES = {
    "AWS::EC2::VPCEndpoint": "PolicyDocument",
    "AWS::ECR::Repository": "RepositoryPolicyText",
    "AWS::Events::EventBus": "Policy",
    "AWS::Events::EventBusPolicy": "Statement",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::KMS::ReplicaKey": "KeyPolicy",
    "AWS::Logs::ResourcePolicy": "PolicyDocument",
    "AWS::S3::AccessPoint": "Policy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::SageMaker::ModelPackageGroup": "ModelPackageGroupPolicy",
    "AWS::SecretsManager::ResourcePolicy": "ResourcePolicy",
}
# Condition keys that tie a service principal to whom it acts for (IAM user guide, "The confused deputy problem").
_SOURCE_KEYS = ("aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths", "kms:calleraccount")
_ACCOUNT = re.compile(r"(?:^|:)(\d{12}|\$\{AWS::AccountId\})(?::|$)")


@dataclass(frozen=True, kw_only=True, eq=False)
class Statement:
    """One statement of a policy.

    Attributes:
        part: The statement, and where it stands.
        subject: Its Sid, or its place in the document.
        allows: Whether it allows rather than denies.
        actions: Its actions in lower case; what cannot be worked out stands as `${Name}`, here and below.
        other_actions: What `NotAction` names.
        resources: Its resources.
        other_resources: What `NotResource` names.
        principals: Its principals by their kind: `AWS`, `Service`, `Federated`, `CanonicalUser`; everybody is `*`.
        other_principals: What `NotPrincipal` names, likewise.
        conditions: Values by operator and by key in lower case.
    """

    part: Part
    subject: str
    allows: bool
    actions: tuple[str, ...]
    other_actions: tuple[str, ...]
    resources: tuple[str, ...]
    other_resources: tuple[str, ...]
    principals: Mapping[str, tuple[str, ...]]
    other_principals: Mapping[str, tuple[str, ...]]
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]]

    @property
    def condition_keys(self) -> frozenset[str]:
        """The keys of its conditions, in lower case."""
        return frozenset(key for keys in self.conditions.values() for key in keys)

    @property
    def is_for_everybody(self) -> bool:
        """Whether it is about every principal there is."""
        return "*" in self.principals.get("AWS", ()) or bool(self.other_principals and self.allows)

    def limits(self, *keys: str) -> bool:
        """Whether a condition limits it by one of these keys, in lower case, to something narrower than everything.

        One that ends in `IfExists` does not: who brings no such key, as a stranger without credentials, gets in.
        """
        return any(
            key in keys and values and not any(value in ("*", "") for value in values)
            for operator, found in self.conditions.items()
            if not operator.lower().startswith(("null", "stringnot", "arnnot", "forallvalues"))
            and not operator.lower().endswith("ifexists")
            for key, values in found.items()
        )

    def names_action(self, *patterns: str) -> bool:
        """Whether one of its actions covers one of these, in lower case and without wildcards."""
        return any(covers(action, pattern) for action in self.actions for pattern in patterns)

    def violation(self, message: str, at: str = "") -> Violation:
        """A violation by it.

        Args:
            message: What is there and what is accepted.
            at: Where in it; the statement as a whole when left out.
        """
        path = f"{self.part.path}.{at}" if at else self.part.path
        return Violation(path=path, message=f"Statement {self.subject} {message}", subject=self.subject)


def statements(document: Part) -> tuple[Statement, ...]:
    """The statements of a policy document, which may be written as JSON in a text; one may stand for a list of one."""
    held = Part(value=read(document), path=document.path, context=document.context)
    return tuple(
        _statement(part, number)
        for number, part in enumerate(held.at("Statement").items)
        if isinstance(part.value, dict)
    )


def read(document: Part) -> Json:
    """A policy document as an object; as it stands when it is none."""
    if isinstance(document.value, dict) and not document.context.is_worked_out_later(document.value):
        return document.value
    if not document.is_there:
        return None
    try:
        found: Json = json.loads(document.text)
    except ValueError:
        return document.value
    return found


def identity_documents(resource: Resource) -> Iterator[Part]:
    """The documents of a resource that say what a principal may do."""
    if resource.at("PolicyDocument").is_there:
        yield resource.at("PolicyDocument")
    for policy in resource.at("Policies").items:
        yield policy.at("PolicyDocument")


@remembered
def identity_statements(resource: Resource) -> tuple[Statement, ...]:
    """The statements of a resource that say what a principal may do."""
    return tuple(statement for document in identity_documents(resource) for statement in statements(document))


def resource_document(resource: Resource) -> Part:
    """The document of a resource that says who may use it."""
    return resource.at(RESOURCE_POLICIES[resource.type])


@remembered
def resource_statements(resource: Resource) -> tuple[Statement, ...]:
    """The statements of a resource that say who may use it."""
    document = resource_document(resource)
    if resource.type == "AWS::Events::EventBusPolicy":
        return (_statement(document, 0),) if isinstance(document.value, dict) else _old_bus_policy(resource)
    return statements(document)


@remembered
def is_boundary(resource: Resource) -> bool:
    """Whether a managed policy limits roles and grants nothing: some role has it as its boundary, or it is named so."""
    if resource.type != "AWS::IAM::ManagedPolicy":
        return False
    own = resource.template.values.text({"Ref": resource.logical_id})
    for role in resource.template.all.of_account(resource.template, "AWS::IAM::Role", "AWS::IAM::User"):
        if own in role.at("ManagedPolicyArns").texts:
            return False
        if role.at("PermissionsBoundary").text == own:
            return True
    return "boundary" in (resource.logical_id + resource.at("ManagedPolicyName").text).lower()


def covers(pattern: str, name: str) -> bool:
    """Whether a pattern of IAM, with `*` and `?`, covers a name; both in lower case."""
    if "*" not in pattern and "?" not in pattern:
        return pattern == name
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def account_of(principal: str) -> str | None:
    """The account that a principal is of: 12 digits, or `${AWS::AccountId}` where the stack's own is not known."""
    found = _ACCOUNT.search(principal)
    return found.group(1) if found else None


def is_whole_account(principal: str) -> bool:
    """Whether a principal stands for everybody of an account."""
    return bool(re.fullmatch(r"(arn:[^:]*:iam::)?(\d{12}|\$\{AWS::AccountId\})(:root)?", principal))


def foreign_accounts(statement: Statement, own: str) -> tuple[str, ...]:
    """Principals of a statement that stand for everybody of another account."""
    return tuple(
        principal
        for principal in statement.principals.get("AWS", ())
        if is_whole_account(principal) and account_of(principal) != own
    )


def names_its_source(statement: Statement) -> bool:
    """Whether a statement says for whom a service has to act: a condition on the source, or an encryption context."""
    return statement.limits(*_SOURCE_KEYS) or any(
        key.startswith("kms:encryptioncontext:") and statement.limits(key) for key in statement.condition_keys
    )


def narrows_principals(statement: Statement) -> bool:
    """Whether a condition narrows the principals of a statement to those of an account, an organisation or a role."""
    return statement.limits(
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "kms:calleraccount",
        "sts:externalid",
    )


def _statement(part: Part, number: int) -> Statement:
    sid = part.at("Sid").text
    return Statement(
        part=part,
        subject=sid or str(number),
        allows=part.at("Effect").text != "Deny",
        actions=tuple(text.lower() for text in part.at("Action").texts),
        other_actions=tuple(text.lower() for text in part.at("NotAction").texts),
        resources=part.at("Resource").texts,
        other_resources=part.at("NotResource").texts,
        principals=_principals(part.at("Principal")),
        other_principals=_principals(part.at("NotPrincipal")),
        conditions={
            operator: {key.lower(): value.texts for key, value in found.members.items()}
            for operator, found in part.at("Condition").members.items()
        },
    )


def _principals(part: Part) -> Mapping[str, tuple[str, ...]]:
    if not part.is_there or part.value == {}:
        return {}
    members = part.members
    if not members:
        return {"AWS": part.texts}
    return {kind: value.texts for kind, value in members.items()}


def _old_bus_policy(resource: Resource) -> tuple[Statement, ...]:
    """What `Action`, `Principal` and `Condition` beside each other say, without a statement."""
    condition = resource.at("Condition")
    value: dict[str, Json] = {
        "Sid": resource.at("StatementId").value,
        "Effect": "Allow",
        "Action": resource.at("Action").value,
        "Principal": {"AWS": resource.at("Principal").value},
    }
    if condition.is_there:
        found = as_object(condition.value)
        value["Condition"] = {str(found.get("Type")): {str(found.get("Key")): found.get("Value")}}
    return (_statement(Part(value=value, path="Properties", context=resource.properties.context), 0),)

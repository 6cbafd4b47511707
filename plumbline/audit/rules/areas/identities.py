"""Roles and what they may do."""

import functools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from plumbline.audit.findings import Severity
from plumbline.audit.rules.actions import bounded_actions
from plumbline.audit.rules.controls import (
    ENCRYPTION_AT_REST,
    HARDENING,
    KEY_MANAGEMENT,
    LEAST_PRIVILEGE,
    MONITORING,
    NETWORK_BOUNDARY,
    OUTSIDERS,
    SECRETS,
    SEPARATION_OF_DUTIES,
    answers,
)
from plumbline.audit.rules.definition import readable_steps
from plumbline.audit.rules.expectations import must_be, must_be_given, number, wrong
from plumbline.audit.rules.policies import (
    IDENTITY_TYPES,
    RESOURCE_POLICIES,
    Statement,
    account_of,
    identity_documents,
    identity_statements,
    is_boundary,
    is_whole_account,
    names_its_source,
    resource_statements,
    statements,
)
from plumbline.audit.rules.rule import Violation, rule
from plumbline.audit.rules.template import Resource, Templates, remembered

ROLE = "AWS::IAM::Role"
_SAGEMAKER = "sagemaker.amazonaws.com"
# Services that say for whom they assume a role: each one's guide has a chapter "Cross-service confused deputy
# prevention" with a trust policy. Others, such as CloudFormation, Lambda and EC2, do not, and the condition would lock
# them out.
_SAY_FOR_WHOM = frozenset(
    f"{service}.amazonaws.com"
    for service in (
        "bedrock",
        "codebuild",
        "codepipeline",
        "ecs-tasks",
        "events",
        "pipes",
        "sagemaker",
        "scheduler",
        "ssm",
        "states",
        "vpc-flow-logs",
    )
)
# Ways to more permissions (IAM user guide, "Permissions boundaries for IAM entities", "Delegating responsibility to
# others"): those on which iam:PermissionsBoundary can be demanded, and those that only named resources keep in bounds.
_BOUNDED = (
    "iam:attachrolepolicy",
    "iam:attachuserpolicy",
    "iam:createrole",
    "iam:createuser",
    "iam:putrolepermissionsboundary",
    "iam:putrolepolicy",
    "iam:putuserpolicy",
)

_UNBOUNDED = (
    "iam:addusertogroup",
    "iam:createaccesskey",
    "iam:createloginprofile",
    "iam:createpolicyversion",
    "iam:deleterolepermissionsboundary",
    "iam:setdefaultpolicyversion",
    "iam:updateassumerolepolicy",
    "iam:updateloginprofile",
    "lambda:updatefunctioncode",
)


# What cannot be worked out, in a text.
_HOLE = re.compile(r"\$\{[^}]*\}")
# The one prefix that is replicated between accounts, which therefore comes before the projects' own.
_LABELLED = "labelled"
_OBJECT = re.compile(r"^arn:[^:]*:s3:::(?P<bucket>[^/]+)/(?P<key>.*)$")
_JOBS = ("sagemaker:createhyperparametertuningjob", "sagemaker:createprocessingjob", "sagemaker:createtrainingjob")
# What a job must be tied to, and the condition keys that do it (service authorization reference, "Amazon SageMaker").
_JOB_GUARDS = {
    "VPC": ("sagemaker:vpcsubnets",),
    "network isolation": ("sagemaker:networkisolation",),
    "inter-container encryption": ("sagemaker:intercontainertrafficencryption",),
    "volume key": ("sagemaker:volumekmskey", "sagemaker:volumekmskeyarn"),
    "output key": ("sagemaker:outputkmskey", "sagemaker:outputkmskeyarn"),
}
_MODEL_GUARDS = {name: _JOB_GUARDS[name] for name in ("VPC", "network isolation")}
_CONFIG_GUARDS = {"volume key": _JOB_GUARDS["volume key"]}
_MANAGED_BY_AWS = ":iam::aws:policy/"
# Ways to assume a role (IAM user guide, "Using a policy to manage who can assume a role"), and what may come along.
_ASSUMES = frozenset(
    f"sts:{name}"
    for name in (
        "assumerole",
        "assumerolewithsaml",
        "assumerolewithwebidentity",
        "setcontext",
        "setsourceidentity",
        "tagsession",
    )
)
_ORGANIZATION = ("aws:principalorgid", "aws:principalorgpaths")
# Kinds of resources whose names nobody chooses: ids of AWS's, and names that CloudFormation invents where a change
# replaces the resource. Nothing after the service stands for all of its kinds.
_NAMED_BY_AWS: Mapping[str, tuple[str, ...]] = {
    "codeconnections": ("connection",),
    "codestar-connections": ("connection",),
    "ec2": (),
    "kms": ("key",),
    "sagemaker": (
        "app",
        "data-quality-job-definition",
        "domain",
        "endpoint-config",
        "model",
        "model-bias-job-definition",
        "model-explainability-job-definition",
        "model-quality-job-definition",
        "space",
        "user-profile",
    ),
}
_LONGEST_SESSION = 3600
_SHOWN = 3
_PERIMETER = ("aws:sourcevpc", "aws:sourcevpce", "aws:vpceaccount", "aws:vpceorgid")


def _grants(resource: Resource) -> bool:
    return any(True for _ in identity_documents(resource)) and not is_boundary(resource)


def _allowing(resource: Resource) -> Iterator[Statement]:
    return (statement for statement in identity_statements(resource) if statement.allows)


@remembered
def _trust(role: Resource) -> tuple[Statement, ...]:
    return statements(role.at("AssumeRolePolicyDocument"))


def _is_trusted_by(role: Resource, service: str) -> bool:
    return any(s.allows and service in s.principals.get("Service", ()) for s in _trust(role))


@remembered
def _of_role(role: Resource) -> tuple[Statement, ...]:
    """Everything that the templates say a role may, or may not, do; without its boundary."""
    found = [*identity_statements(role)]
    listed = role.at("ManagedPolicyArns").texts
    names = {role.reference, role.at("RoleName").text}
    for policy in role.template.all.of_account(role.template, "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"):
        if policy.reference in listed or names & set(policy.at("Roles").texts):
            found += identity_statements(policy)
    for policy in role.template.of_type("AWS::IAM::RolePolicy"):
        if policy.at("RoleName").text in names:
            found += identity_statements(policy)
    return tuple(found)


@rule(
    id="PL-IAM-01",
    title="Nobody may do everything, or everything with a service",
    sense="A wildcard of a service grants also what the service learns tomorrow, and changing its own policies.",
    remedy="List the actions that are needed.",
    severity=Severity.CRITICAL,
    controls=answers(LEAST_PRIVILEGE, security_hub=("IAM.1", "IAM.21")),
    types=IDENTITY_TYPES,
    applies=_grants,
)
def nobody_may_do_everything(resource: Resource) -> Iterator[Violation]:
    for statement in _allowing(resource):
        wild = [action for action in statement.actions if action == "*" or action.endswith(":*") or action == "*:*"]
        if wild:
            yield statement.violation(f"allows {', '.join(wild)}; accepted: a list of actions.", at="Action")


@rule(
    id="PL-IAM-02",
    title="Actions are named in full",
    sense="A pattern of actions grants also what AWS adds to it tomorrow.",
    remedy="List the actions that are needed.",
    severity=Severity.MEDIUM,
    controls=answers(LEAST_PRIVILEGE),
    types=IDENTITY_TYPES,
    applies=_grants,
)
def actions_are_named(resource: Resource) -> Iterator[Violation]:
    for statement in _allowing(resource):
        wild = [a for a in statement.actions if ("*" in a or "?" in a) and a != "*" and not a.endswith(":*")]
        if wild:
            yield statement.violation(f"allows {', '.join(wild)}; accepted: a list of actions.", at="Action")


@rule(
    id="PL-IAM-03",
    title="Roles are passed to a named service",
    sense="Without iam:PassedToService the role can be handed to any service: to a notebook, a function, an instance.",
    remedy="Add the condition StringEquals iam:PassedToService with the one service that needs the role.",
    severity=Severity.HIGH,
    controls=answers(LEAST_PRIVILEGE, SEPARATION_OF_DUTIES),
    types=IDENTITY_TYPES,
    applies=lambda resource: _grants(resource) and any(_passes(s) for s in _allowing(resource)),
)
def roles_are_passed_to_a_service(resource: Resource) -> Iterator[Violation]:
    """IAM user guide, "Grant a user permissions to pass a role to an AWS service"."""
    for statement in _allowing(resource):
        if _passes(statement) and not statement.limits("iam:passedtoservice"):
            yield statement.violation(
                "passes roles to any service; accepted: a condition on iam:PassedToService.", at="Condition"
            )


@rule(
    id="PL-IAM-04",
    title="Only named roles are passed",
    sense="Whoever passes any role has the permissions of the strongest one.",
    remedy="Name the roles, or a prefix of their names that holds no stronger role.",
    severity=Severity.HIGH,
    controls=answers(LEAST_PRIVILEGE),
    types=IDENTITY_TYPES,
    applies=lambda resource: _grants(resource) and any(_passes(s) for s in _allowing(resource)),
)
def only_named_roles_are_passed(resource: Resource) -> Iterator[Violation]:
    for statement in _allowing(resource):
        if _passes(statement):
            yield from _unnamed_roles(statement, "passes")


@rule(
    id="PL-IAM-05",
    title="Services assume roles for the own account only",
    sense="A service acts for everybody: without a condition another customer makes it use this role.",
    remedy="Add the condition StringEquals aws:SourceAccount, and ArnLike aws:SourceArn where the ARN is known.",
    severity=Severity.HIGH,
    controls=answers(OUTSIDERS, LEAST_PRIVILEGE),
    types=(ROLE,),
    applies=lambda role: any(_is_trusted_by(role, service) for service in _SAY_FOR_WHOM),
)
def services_assume_for_the_own_account(role: Resource) -> Iterator[Violation]:
    """IAM user guide, "The confused deputy problem"; of services that say for whom they act."""
    for statement in _trust(role):
        services = [s for s in statement.principals.get("Service", ()) if s in _SAY_FOR_WHOM]
        if statement.allows and services and not names_its_source(statement):
            yield statement.violation(
                f"lets {', '.join(services)} assume the role for any account; "
                "accepted: a condition on aws:SourceAccount or aws:SourceArn.",
                at="Condition",
            )


@rule(
    id="PL-IAM-06",
    title="Another account assumes roles with named principals only",
    sense="An account's root stands for whatever principal that account's administrators choose to allow.",
    remedy="Name the foreign role, or limit the root by aws:PrincipalArn or, for a third party, sts:ExternalId.",
    severity=Severity.HIGH,
    controls=answers(OUTSIDERS, LEAST_PRIVILEGE),
    types=(ROLE,),
    applies=lambda role: any("AWS" in statement.principals for statement in _trust(role)),
)
def accounts_assume_with_named_principals(role: Resource) -> Iterator[Violation]:
    own = role.template.place.account
    for statement in _trust(role):
        for principal in statement.principals.get("AWS", ()):
            narrowed = statement.limits(
                "aws:principalarn", "aws:userid", "sts:externalid", "aws:multifactorauthpresent"
            )
            foreign = is_whole_account(principal) and account_of(principal) != own
            if statement.allows and foreign and not narrowed:
                yield statement.violation(
                    f"lets all of {principal} assume the role; accepted: named roles, or a condition on "
                    "aws:PrincipalArn.",
                    at="Principal",
                )


@rule(
    id="PL-IAM-07",
    title="Roles are not open to everybody",
    sense="A trust in * is a role that anybody with an AWS account assumes.",
    remedy="Name the principals.",
    severity=Severity.CRITICAL,
    controls=answers(OUTSIDERS),
    types=(ROLE,),
)
def roles_are_not_open(role: Resource) -> Iterator[Violation]:
    for statement in _trust(role):
        if statement.allows and statement.is_for_everybody and not statement.limits(*_ORGANIZATION):
            yield statement.violation("lets everybody assume the role; accepted: named principals.", at="Principal")


@rule(
    id="PL-IAM-08",
    title="Nobody has a policy that AWS manages",
    sense="AWS changes its policies at will, and writes them for every customer: AmazonSageMakerFullAccess reads "
    "every bucket.",
    remedy="Write a policy of your own with what is needed.",
    severity=Severity.HIGH,
    controls=answers(LEAST_PRIVILEGE),
    types=("AWS::IAM::Group", ROLE, "AWS::IAM::User"),
)
def nobody_has_a_managed_policy(resource: Resource) -> Iterator[Violation]:
    for part in resource.at("ManagedPolicyArns").items:
        if _MANAGED_BY_AWS in part.text:
            yield Violation(
                path=part.path,
                message=f"{part.name} is {part.text}; accepted: a policy of your own.",
                subject=part.text.rpartition("/")[2],
            )


@rule(
    id="PL-IAM-09",
    title="Every role has a permission boundary",
    sense="Without a boundary whoever may write the role's policy decides what it can do.",
    remedy="Set PermissionsBoundary; in a CDK app, `PermissionsBoundary.of(app)`.",
    severity=Severity.MEDIUM,
    controls=answers(LEAST_PRIVILEGE),
    types=(ROLE, "AWS::IAM::User"),
)
def roles_have_a_boundary(role: Resource) -> Iterator[Violation]:
    boundary = role.at("PermissionsBoundary")
    yield from must_be_given(boundary, "the ARN of a permission boundary")
    for value in boundary.possible:
        if _MANAGED_BY_AWS in str(value):
            yield wrong(boundary, value, "a policy of your own, since AWS changes its policies at will")


@rule(
    id="PL-IAM-10",
    title="Jobs and models can be started only as they are meant to be",
    sense="What a template sets, the caller of the API can leave out: only a condition keeps a job in the VPC, "
    "isolated,"
    "and encrypted.",
    remedy="Tie Create… by condition keys of SageMaker, or deny it where they are absent.",
    severity=Severity.HIGH,
    controls=answers(NETWORK_BOUNDARY, ENCRYPTION_AT_REST, LEAST_PRIVILEGE),
    types=IDENTITY_TYPES,
    applies=lambda resource: _grants(resource) and any(_guards(s) for s in _allowing(resource)),
)
def jobs_start_as_meant(resource: Resource) -> Iterator[Violation]:
    """SageMaker developer guide, "Control access with condition keys"; an absent key passes an ...IfExists."""
    found = identity_statements(resource)
    for statement in found:
        guards = _guards(statement) if statement.allows else {}
        given = _demanded(statement).union(*(_denied(other) for other in found if not other.allows and _guards(other)))
        missing = [name for name, keys in guards.items() if not given & set(keys)]
        if missing:
            yield statement.violation(
                f"starts jobs or models without {', '.join(missing)}; accepted: conditions that demand it.",
                at="Condition",
            )


@rule(
    id="PL-IAM-11",
    title="Nobody decrypts with every key",
    sense="Decrypt on * undoes the separation that keys by purpose make.",
    remedy="Name the keys; for a foreign account add kms:ResourceAliases.",
    severity=Severity.HIGH,
    controls=answers(KEY_MANAGEMENT, LEAST_PRIVILEGE, security_hub=("KMS.1", "KMS.2")),
    types=IDENTITY_TYPES,
    applies=_grants,
)
def nobody_decrypts_with_every_key(resource: Resource) -> Iterator[Violation]:
    for statement in _allowing(resource):
        wide = [r for r in statement.resources if r == "*" or r.endswith((":key/*", ":alias/*"))]
        uses_keys = statement.names_action("kms:decrypt", "kms:reencryptfrom")
        if uses_keys and wide and not statement.limits("kms:resourcealiases", "aws:resourcetag/*"):
            yield statement.violation(f"decrypts with {', '.join(wide)}; accepted: named keys.", at="Resource")


@rule(
    id="PL-IAM-12",
    title="A project's jobs read that project's objects",
    sense="A job that reads another project's prefix carries its data into a model that others are shown.",
    remedy="Limit reading to the project's own prefixes.",
    severity=Severity.HIGH,
    controls=answers(LEAST_PRIVILEGE, OUTSIDERS),
    types=(ROLE,),
    applies=lambda role: _is_trusted_by(role, _SAGEMAKER) and any(_reads(role)) and not _is_of_people_alone(role),
)
def jobs_read_their_own_project(role: Resource) -> Iterator[Violation]:
    """A project is the first part of the keys that the jobs of a stack write."""
    written = _written(role.template.all)
    own = {
        prefix for (stack, _), prefixes in written.items() if stack == role.template.audited.file for prefix in prefixes
    }
    others = {prefix for prefixes in written.values() for prefix in prefixes} - own
    shared = {bucket for (_, bucket) in written}
    for statement, resource, bucket, prefix in _reads(role):
        is_wide = "*" in bucket or (not prefix and bucket in shared)
        if is_wide or (own and prefix in others):
            yield statement.violation(f"reads {resource}; accepted: prefixes of the role's own project.", at="Resource")


@rule(
    id="PL-IAM-13",
    title="Jobs and notebooks reach objects through the VPC's endpoints only",
    sense="Credentials that leak out of a job or a notebook work from anywhere unless the way they come is checked.",
    remedy="Deny object actions unless aws:SourceVpce or aws:SourceVpc is known, in the boundary of the roles or "
    "in the"
    "policy of every bucket.",
    severity=Severity.MEDIUM,
    controls=answers(NETWORK_BOUNDARY, OUTSIDERS),
    types=(ROLE,),
    applies=lambda role: _runs_in_the_vpc(role) and _boundary(role) is not None,
)
def objects_are_reached_through_endpoints(role: Resource) -> Iterator[Violation]:
    """A boundary that no template makes is judged where it is made."""
    found = [*_of_role(role), *(_boundary(role) or ())]
    if any(_is_perimeter(statement) for statement in found):
        return
    policies = list(role.template.all.of_account(role.template, "AWS::S3::BucketPolicy"))
    buckets = {bucket.logical_id for bucket in role.template.all.of_account(role.template, "AWS::S3::Bucket")}
    kept = [policy for policy in policies if any(_is_perimeter(statement) for statement in resource_statements(policy))]
    if not (kept and len(kept) >= len(buckets)):
        yield Violation(
            path="Properties.PermissionsBoundary",
            message="Neither the role, its boundary nor every bucket denies objects from outside the VPC; "
            "accepted: a Deny on aws:SourceVpce or aws:SourceVpc.",
        )


@rule(
    id="PL-IAM-14",
    title="Nobody gives himself more",
    sense="Whoever may write a role's policies, or a function's code, has that role's permissions, and a stronger "
    "role's.",
    remedy="Demand iam:PermissionsBoundary, and name the roles, policies and functions.",
    severity=Severity.CRITICAL,
    controls=answers(LEAST_PRIVILEGE, SEPARATION_OF_DUTIES),
    types=IDENTITY_TYPES,
    applies=_grants,
)
def nobody_gives_himself_more(resource: Resource) -> Iterator[Violation]:
    for statement in _allowing(resource):
        bounded = [action for action in _BOUNDED if statement.names_action(action)]
        if bounded and not statement.limits("iam:permissionsboundary"):
            yield statement.violation(
                f"allows {', '.join(bounded)} without a boundary; accepted: a condition on iam:PermissionsBoundary.",
                at="Condition",
            )
        unbounded = [action for action in _UNBOUNDED if statement.names_action(action)]
        if unbounded and any(_is_anything(one) for one in statement.resources):
            yield statement.violation(
                f"allows {', '.join(unbounded)} on anything; accepted: named resources.", at="Resource"
            )


@rule(
    id="PL-IAM-15",
    title="Only named roles are assumed",
    sense="Whoever assumes any role that trusts the account has the permissions of the strongest one.",
    remedy="Name the roles, or a prefix of their names.",
    severity=Severity.HIGH,
    controls=answers(LEAST_PRIVILEGE),
    types=IDENTITY_TYPES,
    applies=lambda resource: _grants(resource) and any(s.names_action("sts:assumerole") for s in _allowing(resource)),
)
def only_named_roles_are_assumed(resource: Resource) -> Iterator[Violation]:
    for statement in _allowing(resource):
        if statement.names_action("sts:assumerole"):
            yield from _unnamed_roles(statement, "assumes")


@rule(
    id="PL-IAM-16",
    title="There are no users and no access keys",
    sense="A long-lived key is copied into a file, a ticket, an image; nobody knows where it is.",
    remedy="Let people come through the identity provider, and machines through roles.",
    severity=Severity.HIGH,
    controls=answers(SECRETS, HARDENING),
    types=("AWS::IAM::AccessKey", "AWS::IAM::User"),
)
def there_are_no_users(resource: Resource) -> Iterator[Violation]:
    kind = resource.type.rpartition("::")[2]
    yield Violation(path="Type", message=f"Type is {resource.type}; accepted: a role in the place of the {kind}.")


@rule(
    id="PL-IAM-17",
    title="What is allowed is listed",
    sense="NotAction and NotResource allow all there is, and all there will be, but for a list.",
    remedy="Use Action and Resource; keep the negative forms for denials.",
    severity=Severity.HIGH,
    controls=answers(LEAST_PRIVILEGE),
    types=IDENTITY_TYPES,
    applies=_grants,
)
def what_is_allowed_is_listed(resource: Resource) -> Iterator[Violation]:
    for statement in _allowing(resource):
        for name, found in (("NotAction", statement.other_actions), ("NotResource", statement.other_resources)):
            if found:
                yield statement.violation(f"allows by {name}; accepted: {name.removeprefix('Not')}.", at=name)


@rule(
    id="PL-IAM-18",
    title="Grants on keys are made for AWS services only",
    sense="Whoever may create any grant hands the key on to whom he likes, past the key's policy.",
    remedy="Add the condition Bool kms:GrantIsForAWSResource true.",
    severity=Severity.HIGH,
    controls=answers(KEY_MANAGEMENT, LEAST_PRIVILEGE),
    types=IDENTITY_TYPES,
    applies=lambda resource: _grants(resource) and any(s.names_action("kms:creategrant") for s in _allowing(resource)),
)
def grants_are_for_services(resource: Resource) -> Iterator[Violation]:
    """KMS developer guide, "Grants in AWS KMS"; SageMaker makes one for each encrypted volume."""
    if any(_denies_grants_to_people(statement) for statement in identity_statements(resource)):
        return
    for statement in _allowing(resource):
        if statement.names_action("kms:creategrant") and not statement.limits("kms:grantisforawsresource"):
            yield statement.violation(
                "allows kms:CreateGrant for anybody; accepted: a condition on kms:GrantIsForAWSResource.",
                at="Condition",
            )


@rule(
    id="PL-IAM-19",
    title="Metrics are published under a namespace of one's own",
    sense="Whoever publishes any metric feigns an alarm, or hides the drift that should have raised one.",
    remedy="Add the condition StringEquals cloudwatch:namespace.",
    severity=Severity.MEDIUM,
    controls=answers(MONITORING, LEAST_PRIVILEGE),
    types=IDENTITY_TYPES,
    applies=lambda resource: _grants(resource) and any(_publishes(s) for s in _allowing(resource)),
)
def metrics_have_a_namespace(resource: Resource) -> Iterator[Violation]:
    """CloudWatch user guide, "Using condition keys to limit access to CloudWatch namespaces"; it has no resources."""
    for statement in _allowing(resource):
        if _publishes(statement) and not statement.limits("cloudwatch:namespace"):
            yield statement.violation(
                "publishes any metric; accepted: a condition on cloudwatch:namespace.", at="Condition"
            )


@rule(
    id="PL-IAM-20",
    title="Roles say who of the own account assumes them",
    sense="A trust in the account's root opens the role to whoever may assume any role.",
    remedy="Name the principals, or limit the root by aws:PrincipalArn; for people demand a second factor as well.",
    severity=Severity.MEDIUM,
    controls=answers(LEAST_PRIVILEGE),
    types=(ROLE,),
    applies=lambda role: any("AWS" in statement.principals for statement in _trust(role)),
)
def roles_say_who_assumes_them(role: Resource) -> Iterator[Violation]:
    own = role.template.place.account
    for statement in _trust(role):
        roots = [p for p in statement.principals.get("AWS", ()) if is_whole_account(p) and account_of(p) == own]
        tags = [key for key in statement.condition_keys if key.startswith("aws:principaltag/")]
        if statement.allows and roots and not statement.limits("aws:principalarn", "aws:userid", *tags):
            yield statement.violation(
                "lets the whole account assume the role; accepted: named principals, or a condition on "
                "aws:PrincipalArn.",
                at="Principal",
            )


@rule(
    id="PL-IAM-21",
    title="Sessions end after an hour",
    sense="A session outlives the reason to have it, and nobody can end one that was stolen.",
    remedy="Leave MaxSessionDuration out, or set it to 3600.",
    severity=Severity.LOW,
    controls=answers(LEAST_PRIVILEGE, HARDENING),
    types=(ROLE,),
)
def sessions_end_after_an_hour(role: Resource) -> Iterator[Violation]:
    """IAM API reference, "CreateRole": 3600 to 43200 seconds, 3600 by default."""
    yield from must_be(
        role.at("MaxSessionDuration"),
        lambda value: value is None or (number(value) or _LONGEST_SESSION + 1) <= _LONGEST_SESSION,
        f"{_LONGEST_SESSION} seconds",
    )


@rule(
    id="PL-IAM-22",
    title="A trust lets a role be assumed, and nothing else",
    sense="A wildcard lets in whatever way of assuming STS learns next, federations that nobody chose included.",
    remedy="Name sts:AssumeRole, with sts:TagSession or sts:SetSourceIdentity where they are needed.",
    severity=Severity.MEDIUM,
    controls=answers(LEAST_PRIVILEGE),
    types=(ROLE,),
)
def a_trust_only_lets_assume(role: Resource) -> Iterator[Violation]:
    for statement in _trust(role):
        other = [action for action in statement.actions if action not in _ASSUMES]
        if statement.allows and (other or statement.other_actions):
            said = ", ".join(other) or "all but a list"
            yield statement.violation(f"allows {said}; accepted: ways to assume a role, in full.", at="Action")


@rule(
    id="PL-IAM-23",
    title="What a resource bounds is not allowed on everything",
    sense="On * the action reaches what other teams have in the account, and what is made tomorrow.",
    remedy="Name the resources, by a prefix where their names come and go.",
    severity=Severity.HIGH,
    controls=answers(LEAST_PRIVILEGE),
    types=IDENTITY_TYPES,
    applies=_grants,
)
def actions_are_bounded_by_resources(resource: Resource) -> Iterator[Violation]:
    """Service authorization reference: actions that know a resource type, but for those that list."""
    for statement in _allowing(resource):
        if "*" in statement.resources and not any(_narrows_resources(key) for key in statement.condition_keys):
            bounded = [action for pattern in statement.actions for action in bounded_actions(pattern)]
            if bounded:
                more = f" and {len(bounded) - _SHOWN} more" if len(bounded) > _SHOWN else ""
                said = ", ".join(bounded[:_SHOWN])
                yield statement.violation(f"allows {said}{more} on *; accepted: named resources.", at="Resource")


@rule(
    id="PL-IAM-24",
    title="Policies of resources name whom they let in",
    sense="With a principal of *, a condition on the source lets every service in, and one on the caller lets "
    "principals in whom no policy of their own allows anything.",
    remedy="Name the service, the role, or the account's root, and keep the conditions.",
    severity=Severity.MEDIUM,
    controls=answers(OUTSIDERS, LEAST_PRIVILEGE),
    types=tuple(kind for kind in RESOURCE_POLICIES if kind != "AWS::EC2::VPCEndpoint"),
)
def policies_name_whom_they_let_in(resource: Resource) -> Iterator[Violation]:
    """IAM user guide, "Principal": * in a policy of a resource, unlike an account's root, needs no policy beside it.

    An organisation is no principal: only a condition names it.
    """
    for statement in resource_statements(resource):
        if statement.allows and statement.is_for_everybody and not statement.limits(*_ORGANIZATION):
            yield statement.violation(
                "lets * in; accepted: named principals, or those of an organisation.", at="Principal"
            )


@rule(
    id="PL-IAM-25",
    title="What has a name of one's own choosing is allowed by its name",
    sense="All pipelines, all endpoints, all parameters of an account are those of other teams, too.",
    remedy="Name the resource, or the prefix that its names begin with.",
    severity=Severity.MEDIUM,
    controls=answers(LEAST_PRIVILEGE),
    types=IDENTITY_TYPES,
    applies=_grants,
)
def resources_are_allowed_by_name(resource: Resource) -> Iterator[Violation]:
    """Service authorization reference, resource types; what AWS or CloudFormation names is left out."""
    for statement in _allowing(resource):
        wide = [one for one in statement.resources if one != "*" and _is_anything(one) and not _is_named_by_aws(one)]
        if wide and any(bounded_actions(pattern) for pattern in statement.actions):
            yield statement.violation(f"is about {', '.join(wide)}; accepted: names, or prefixes.", at="Resource")


def _is_named_by_aws(resource: str) -> bool:
    _, _, service, _, _, rest = _HOLE.sub("x", resource).split(":", 5)
    kinds = _NAMED_BY_AWS.get(service)
    return kinds is not None and (not kinds or rest.partition("/")[0] in kinds)


def _narrows_resources(key: str) -> bool:
    return ":resourcetag/" in key or key in ("aws:resourceorgid", "ec2:subnet", "ec2:vpc")


def _denies_grants_to_people(statement: Statement) -> bool:
    key = "kms:grantisforawsresource"
    return (
        not statement.allows
        and statement.names_action("kms:creategrant")
        and "*" in statement.resources
        and statement.condition_keys == {key}
        and any(op.lower().startswith("bool") and keys[key] == ("false",) for op, keys in statement.conditions.items())
    )


def _publishes(statement: Statement) -> bool:
    return statement.names_action("cloudwatch:putmetricdata")


def _passes(statement: Statement) -> bool:
    return statement.names_action("iam:passrole")


def _is_anything(resource: str) -> bool:
    """Whether a resource of a policy stands for everything of its kind."""
    plain = _HOLE.sub("x", resource)
    return resource == "*" or bool(re.fullmatch(r"arn:[^:]*:[^:]*:[^:]*:[^:]*:(?:[a-z-]+[:/])?\*", plain))


def _unnamed_roles(statement: Statement, verb: str) -> Iterator[Violation]:
    wide = [r for r in statement.resources if _is_anything(r) or re.match(r"arn:[^:]*:iam::(?:\*|[^:]*):role/\*", r)]
    if wide:
        yield statement.violation(f"{verb} {', '.join(wide)}; accepted: named roles.", at="Resource")


def _guards(statement: Statement) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    if statement.names_action(*_JOBS):
        found |= _JOB_GUARDS
    # A statement on foreign packages has nothing to do with the model that is made of them.
    is_of_packages = all(":model-package" in resource for resource in statement.resources)
    if statement.names_action("sagemaker:createmodel") and not is_of_packages:
        found |= _MODEL_GUARDS
    if statement.names_action("sagemaker:createendpointconfig"):
        found |= _CONFIG_GUARDS
    return found


def _demanded(statement: Statement) -> frozenset[str]:
    """Keys whose presence an allowing statement demands."""
    return frozenset(
        key
        for operator, keys in statement.conditions.items()
        if not operator.lower().endswith("ifexists") and not operator.lower().startswith("forallvalues")
        for key in keys
    )


def _denied(statement: Statement) -> frozenset[str]:
    return statement.condition_keys


def _reads(role: Resource) -> Iterator[tuple[Statement, str, str, str]]:
    """What a role reads: statement, resource, bucket, and the first part of the key; empty when it is a pattern."""
    for statement in _of_role(role):
        if statement.allows and statement.names_action("s3:getobject"):
            for resource in statement.resources:
                found = _OBJECT.match(resource)
                if resource == "*" or found:
                    bucket, prefix = _split(resource)
                    yield statement, resource, bucket, prefix


def _split(resource: str) -> tuple[str, str]:
    """Bucket and project of an object; what is labelled lies below a prefix of its own, and there by project."""
    found = _OBJECT.match(resource)
    if found is None:
        return "*", ""
    project, slash, below = found["key"].partition("/")
    if project == _LABELLED:
        project, slash, _ = below.partition("/")
    return found["bucket"], "" if "*" in project or not slash else project


@functools.lru_cache(maxsize=1)
def _written(templates: Templates) -> Mapping[tuple[str, str], set[str]]:
    """First parts of the keys that jobs write, by template and bucket."""
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for role in templates.of_type(ROLE):
        if _is_trusted_by(role, _SAGEMAKER):
            for statement in _of_role(role):
                if statement.allows and statement.names_action("s3:putobject"):
                    for resource in statement.resources:
                        bucket, prefix = _split(resource)
                        if prefix:
                            found[role.template.audited.file, bucket].add(prefix)
    return found


def _runs_in_the_vpc(role: Resource) -> bool:
    """Whether a role is of jobs or notebooks that touch objects; a pipeline's role is used by the service itself."""
    if not _is_trusted_by(role, _SAGEMAKER):
        return False
    everything = role.template.all
    pipelines = {pipeline.at("RoleArn").text for pipeline in everything.of_type("AWS::SageMaker::Pipeline")}
    if role.arn in pipelines - _of_jobs(everything) - _of_people(everything):
        return False
    return any(s.allows and s.names_action("s3:getobject", "s3:putobject") for s in _of_role(role))


def _boundary(role: Resource) -> tuple[Statement, ...] | None:
    """What a role's boundary says; nothing when it has none, None when no template makes it."""
    boundary = role.at("PermissionsBoundary")
    if not boundary.is_there:
        return ()
    for policy in role.template.all.of_account(role.template, "AWS::IAM::ManagedPolicy"):
        if policy.reference == boundary.text:
            return identity_statements(policy)
    return None


@functools.lru_cache(maxsize=1)
def _of_jobs(templates: Templates) -> frozenset[str]:
    """Roles of the jobs of pipelines, and of models."""
    jobs = (
        step.arguments.at("RoleArn").text
        for pipeline in templates.of_type("AWS::SageMaker::Pipeline")
        for step in readable_steps(pipeline)
    )
    models = (model.at("ExecutionRoleArn").text for model in templates.of_type("AWS::SageMaker::Model"))
    return frozenset((*jobs, *models)) - {""}


@functools.lru_cache(maxsize=1)
def _of_people(templates: Templates) -> frozenset[str]:
    """Roles under which people work in notebooks: they belong to an environment rather than to a project."""
    notebooks = (one.at("RoleArn").text for one in templates.of_type("AWS::SageMaker::NotebookInstance"))
    domains = (one.at("DefaultUserSettings.ExecutionRole").text for one in templates.of_type("AWS::SageMaker::Domain"))
    profiles = (one.at("UserSettings.ExecutionRole").text for one in templates.of_type("AWS::SageMaker::UserProfile"))
    return frozenset((*notebooks, *domains, *profiles)) - {""}


def _is_of_people_alone(role: Resource) -> bool:
    everything = role.template.all
    return role.arn in _of_people(everything) - _of_jobs(everything)


def _is_perimeter(statement: Statement) -> bool:
    return (
        not statement.allows
        and statement.names_action("s3:getobject")
        and any(key in statement.condition_keys for key in _PERIMETER)
    )

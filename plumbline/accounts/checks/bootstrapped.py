"""What `./plumb bootstrap` makes: the plain stack, the boundary, and the CDK's roles, which trust whom they should."""

import re
from collections.abc import Iterator, Mapping

from plumbline.accounts.findings import Check, Finding, missing, ok
from plumbline.accounts.looking import Look
from plumbline.accounts.templates import template_digest
from plumbline.configuration import bootstrap_parameters, bootstrap_template, execution_policy_arns

# Of the template inside the pinned CDK command line.
BOOTSTRAP_VERSION = 33
_WAY_OUT = "./plumb bootstrap"
_DONE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"})
_TRUSTED = ("deploy", "file-publishing", "image-publishing", "lookup")
_ABSENT = ("NoSuchEntity", "NoSuchEntityException")
_ACCOUNT = re.compile(r"^(?:arn:aws[a-z-]*:(?:iam|sts)::)?([0-9]{12})(?::.*)?$")


def plain_stack(look: Look) -> Iterator[Finding]:
    """Whether the plain template is deployed, as this checkout has it."""
    name = look.platform.bootstrap_stack
    stack = look.stack(name)
    if stack is None:
        yield missing("plain stack", f"{name} is not there", way_out=_WAY_OUT)
        return
    if stack["StackStatus"] not in _DONE:
        yield missing("plain stack", f"{name} is {stack['StackStatus']}", way_out=f"{_WAY_OUT} (it says what to do)")
        return
    given = stack.get("Parameters")
    parameters = {p["ParameterKey"]: p["ParameterValue"] for p in given} if isinstance(given, list) else {}
    wanted = bootstrap_parameters(look.platform)
    other = sorted(key for key in wanted.keys() | parameters.keys() if wanted.get(key) != parameters.get(key))
    client = look.client("cloudformation")
    body = look.ask(
        "cloudformation:GetTemplate",
        lambda: client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"],
    )
    if not _same(body, bootstrap_template(look.root).read_text(encoding="utf-8")):
        yield missing("plain stack", f"{name} has another template than this checkout", way_out=_WAY_OUT)
    elif other:
        said = f"{name} has other values of {', '.join(other)} than platform.toml"
        yield missing("plain stack", said, way_out=_WAY_OUT)
    elif not stack.get("EnableTerminationProtection"):
        yield missing("plain stack", f"{name} may be deleted by mistake", way_out=_WAY_OUT, needed=False)
    else:
        yield ok("plain stack", f"{name} is this checkout's, and protected")


def boundary(look: Look) -> Iterator[Finding]:
    """Whether the permission boundary that every role needs is there."""
    arn, client = look.platform.boundary_arn(look.account), look.client("iam")
    if look.find("iam:GetPolicy", lambda: client.get_policy(PolicyArn=arn), absent=_ABSENT) is None:
        yield missing("boundary", f"{arn} is not there", way_out=_WAY_OUT)
    else:
        yield ok("boundary", arn)


def version(look: Look) -> Iterator[Finding]:
    """Whether the CDK's stack is there, and new enough."""
    name, client = f"/cdk-bootstrap/{look.platform.name}/version", look.client("ssm")
    found = look.find(
        "ssm:GetParameter",
        lambda: client.get_parameter(Name=name)["Parameter"]["Value"],
        absent=("ParameterNotFound",),
    )
    if found is None:
        yield missing("cdk bootstrap", f"parameter {name} is not there", way_out=_WAY_OUT)
    elif not str(found).isdigit() or int(found) < BOOTSTRAP_VERSION:
        said = f"version {found}; the platform takes {BOOTSTRAP_VERSION} or newer"
        yield missing("cdk bootstrap", said, way_out=_WAY_OUT)
    else:
        yield ok("cdk bootstrap", f"version {found}")


def trust(look: Look) -> Iterator[Finding]:
    """Whether the CDK's roles trust the delivery account, and nobody else."""
    client = look.client("iam")
    accepted = {look.account, look.platform.delivery_account}
    trusted: set[str] = set()
    for purpose in _TRUSTED:
        name = look.platform.bootstrap_role_arn(look.account, purpose).rpartition("/")[2]
        document = look.find(
            "iam:GetRole",
            lambda name=name: client.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"],  # type: ignore[misc]
            absent=_ABSENT,
        )
        if document is None:
            yield missing("trust", f"role {name} is not there", way_out=_WAY_OUT)
            return
        principals = set(_principals(document))
        if principals - accepted:
            said = f"{name} trusts {', '.join(sorted(principals - accepted))}, too"
            yield missing("trust", said, way_out=f"{_WAY_OUT}, which trusts the delivery account alone")
            return
        trusted |= principals if purpose == "deploy" else set()
    if look.platform.delivery_account not in trusted:
        said = f"the delivery account {look.platform.delivery_account} may not deploy here"
        yield missing("trust", said, way_out=_WAY_OUT)
    else:
        yield ok("trust", f"{look.platform.delivery_account} delivers, and nobody else")


def execution_policies(look: Look) -> Iterator[Finding]:
    """Whether CloudFormation works with the plain template's policies, and with no other."""
    client = look.client("iam")
    name = look.platform.bootstrap_role_arn(look.account, "cfn-exec").rpartition("/")[2]
    attached = look.find(
        "iam:ListAttachedRolePolicies",
        lambda: [
            policy["PolicyArn"]
            for page in client.get_paginator("list_attached_role_policies").paginate(RoleName=name)
            for policy in page["AttachedPolicies"]
        ],
        absent=_ABSENT,
    )
    if attached is None:
        yield missing("execution policies", f"role {name} is not there", way_out=_WAY_OUT)
        return
    wanted = set(execution_policy_arns(look.platform, look.account))
    if wanted == set(attached):
        yield ok("execution policies", f"the {len(wanted)} of {look.platform.bootstrap_stack}")
        return
    more, fewer = sorted(set(attached) - wanted), sorted(wanted - set(attached))
    said = "; ".join(
        f"{word} {', '.join(arn.rpartition('/')[2] for arn in arns)}"
        for word, arns in (("has", more), ("lacks", fewer))
        if arns
    )
    yield missing("execution policies", f"{name} {said}", way_out=_WAY_OUT)


def _same(deployed: object, text: str) -> bool:
    try:
        return template_digest(deployed) == template_digest(text)
    except ValueError:
        return False


def _principals(document: Mapping[str, object]) -> Iterator[str]:
    """The accounts that a trust policy lets in; what is no account stays as it is written."""
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        named = statement["Principal"] if isinstance(statement, dict) else "*"
        principals = named.get("AWS", []) if isinstance(named, dict) else named
        for principal in principals if isinstance(principals, list) else [principals]:
            found = _ACCOUNT.match(str(principal))
            yield found.group(1) if found else str(principal)


CHECKS = (
    Check(name="plain stack", look=plain_stack),
    Check(name="boundary", look=boundary),
    Check(name="cdk bootstrap", look=version),
    Check(name="trust", look=trust),
    Check(name="execution policies", look=execution_policies),
)

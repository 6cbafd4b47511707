"""What every policy of a resource has to keep, as one rule a service: each answers controls of its own."""

from collections.abc import Iterator, Mapping

from plumbline.audit.findings import Severity
from plumbline.audit.rules.controls import LEAST_PRIVILEGE, OUTSIDERS, answers
from plumbline.audit.rules.policies import (
    Statement,
    foreign_accounts,
    names_its_source,
    narrows_principals,
    resource_document,
    resource_statements,
)
from plumbline.audit.rules.rule import Rule, Violation, rule
from plumbline.audit.rules.template import Resource

# EventBridge publishes to a topic without saying for whom (Amazon EventBridge user guide, "Using resource-based
# policies for Amazon EventBridge": no conditions in policies of SNS topics).
_WITHOUT_SOURCE = {"AWS::SNS::TopicPolicy": ("events.amazonaws.com",)}


def is_closed_to_the_public(*, id_: str, what: str, types: tuple[str, ...], security_hub: tuple[str, ...] = ()) -> Rule:
    """A rule: no policy of these resources lets everybody in.

    Args:
        id_: Id of the rule.
        what: The resources, as the title begins.
        types: Their types.
        security_hub: Ids of Security Hub.
    """

    @rule(
        id=id_,
        title=f"{what} are closed to the public",
        sense="A principal of * without a condition is everybody with an AWS account, or without one.",
        remedy="Name the principals, or limit the statement by aws:PrincipalAccount, aws:PrincipalOrgID or "
        "aws:PrincipalArn.",
        severity=Severity.CRITICAL,
        controls=answers(OUTSIDERS, security_hub=security_hub),
        types=types,
        applies=_has_a_policy,
    )
    def check(resource: Resource) -> Iterator[Violation]:
        for statement in resource_statements(resource):
            if statement.allows and statement.is_for_everybody and not narrows_principals(statement):
                yield statement.violation("lets everybody in; accepted: named principals, or a condition on them.")

    return check


def names_foreigners(*, id_: str, what: str, types: tuple[str, ...], security_hub: tuple[str, ...] = ()) -> Rule:
    """A rule: another account gets in with named principals only; the arguments are those of the rule above."""

    @rule(
        id=id_,
        title=f"{what} let another account in with named principals only",
        sense="An account's root stands for whatever principal that account's administrators choose to allow.",
        remedy="Name the foreign roles, or limit the account's root by aws:PrincipalArn.",
        severity=Severity.HIGH,
        controls=answers(OUTSIDERS, LEAST_PRIVILEGE, security_hub=security_hub),
        types=types,
        applies=_has_a_policy,
    )
    def check(resource: Resource) -> Iterator[Violation]:
        own = resource.template.place.account
        for statement in resource_statements(resource):
            if statement.allows and not _names_roles(statement):
                for principal in foreign_accounts(statement, own):
                    yield statement.violation(
                        f"lets all of {principal} in; accepted: named roles, or a condition on aws:PrincipalArn.",
                        at="Principal",
                    )

    return check


def names_sources(
    *, id_: str, what: str, types: tuple[str, ...], exempt: Mapping[str, tuple[str, ...]] = _WITHOUT_SOURCE
) -> Rule:
    """A rule: a service gets in for the own account only; the arguments are those of the rules above.

    Args:
        id_: Id of the rule.
        what: The resources, as the title begins.
        types: Their types.
        exempt: Services that do not say for whom they act, by the type of the resource.
    """

    @rule(
        id=id_,
        title=f"{what} let services in for the own account only",
        sense="A service acts for everybody: without a condition another customer makes it act on this resource.",
        remedy="Limit the statement by aws:SourceAccount or aws:SourceArn; for CloudWatch Logs by the encryption "
        "context.",
        severity=Severity.MEDIUM,
        controls=answers(OUTSIDERS),
        types=types,
        applies=_has_a_policy,
    )
    def check(resource: Resource) -> Iterator[Violation]:
        """IAM user guide, "The confused deputy problem"."""
        for statement in resource_statements(resource):
            services = [s for s in statement.principals.get("Service", ()) if s not in exempt.get(resource.type, ())]
            if statement.allows and services and not names_its_source(statement):
                yield statement.violation(
                    f"lets {', '.join(services)} in for any account; accepted: a condition on aws:SourceAccount "
                    "or aws:SourceArn."
                )

    return check


def allows_named_actions(*, id_: str, what: str, types: tuple[str, ...], severity: Severity = Severity.MEDIUM) -> Rule:
    """A rule: no policy of these resources allows all actions; the arguments are those of the rules above."""

    @rule(
        id=id_,
        title=f"Policies of {what} allow named actions",
        sense="All actions include changing the policy itself.",
        remedy="List the actions that are needed.",
        severity=severity,
        controls=answers(LEAST_PRIVILEGE),
        types=types,
        applies=_has_a_policy,
    )
    def check(resource: Resource) -> Iterator[Violation]:
        for statement in resource_statements(resource):
            for action in (*statement.actions, *(f"all but {name}" for name in statement.other_actions)):
                if statement.allows and (action == "*" or action.endswith(":*") or action.startswith("all but ")):
                    yield statement.violation(f"allows {action}; accepted: a list of actions.", at="Action")

    return check


def denies_plain_http(statements: tuple[Statement, ...]) -> bool:
    """Whether a policy refuses everybody who comes without TLS."""
    return any(
        denies_everybody(statement, on=("aws:securetransport",), operators=("bool",))
        and any(keys.get("aws:securetransport") == ("false",) for keys in statement.conditions.values())
        for statement in statements
    )


def denies_everybody(statement: Statement, *, on: tuple[str, ...], operators: tuple[str, ...]) -> bool:
    """Whether a statement denies everybody on a condition, and no other condition takes that back.

    Args:
        statement: The statement.
        on: Keys of the condition, in lower case.
        operators: How the condition's operator begins, in lower case. `Null` of the same key, services of AWS, and
            principals who are exempt by what they are may stand beside it.
    """
    if statement.allows or not statement.is_for_everybody:
        return False
    found = [(operator.lower(), key) for operator, keys in statement.conditions.items() for key in keys]
    asked = [(operator, key) for operator, key in found if key in on and operator.startswith(operators)]
    beside = [one for one in found if one not in asked]
    return bool(asked) and all(_exempts(operator, key, on) for operator, key in beside)


def _exempts(operator: str, key: str, on: tuple[str, ...]) -> bool:
    if operator.startswith("null"):
        return key in on
    if operator.startswith("bool"):
        return key in ("aws:principalisawsservice", "aws:viaawsservice")
    return operator.startswith(("stringnot", "arnnot")) and key.startswith("aws:principal")


def _has_a_policy(resource: Resource) -> bool:
    return resource_document(resource).is_there or resource.type == "AWS::Events::EventBusPolicy"


def _names_roles(statement: Statement) -> bool:
    tags = [key for key in statement.condition_keys if key.startswith("aws:principaltag/")]
    return statement.limits("aws:principalarn", "aws:userid", "sts:externalid", *tags)

"""Lambda functions."""

from collections.abc import Iterator

from plumbline.audit.findings import Severity
from plumbline.audit.rules.areas.models import secrets_in
from plumbline.audit.rules.controls import (
    AVAILABILITY,
    ENCRYPTION_AT_REST,
    MONITORING,
    NETWORK_BOUNDARY,
    OUTSIDERS,
    SECRETS,
    answers,
)
from plumbline.audit.rules.expectations import must_be_a_key, must_be_one_of, must_hold, wrong
from plumbline.audit.rules.policies import account_of, is_whole_account
from plumbline.audit.rules.rule import Violation, rule
from plumbline.audit.rules.template import Resource

FUNCTION = "AWS::Lambda::Function"
PERMISSION = "AWS::Lambda::Permission"


@rule(
    id="PL-LM-01",
    title="Calls that fail are kept",
    sense="An asynchronous call that fails three times is gone, and what it was to do is not done.",
    remedy="Name a DeadLetterConfig, or an EventInvokeConfig with a destination on failure, and put an alarm on it.",
    severity=Severity.MEDIUM,
    controls=answers(AVAILABILITY, MONITORING),
    types=(FUNCTION,),
)
def failed_calls_are_kept(function: Resource) -> Iterator[Violation]:
    """Lambda developer guide, "Asynchronous invocation"."""
    letter = function.at("DeadLetterConfig.TargetArn")
    own = (function.reference, function.arn)
    for config in function.template.of_type("AWS::Lambda::EventInvokeConfig"):
        has_destination = config.at("DestinationConfig.OnFailure.Destination").is_there
        if has_destination and config.at("FunctionName").text in own:
            return
    if not letter.is_there:
        message = f"{letter.name} is missing; accepted: a queue or a topic, or a destination on failure."
        yield Violation(path=letter.path, message=message)


@rule(
    id="PL-LM-02",
    title="Functions are closed to the public",
    sense="A permission for * is a function that everybody runs, with its role.",
    remedy="Name the principal; for an organisation add PrincipalOrgID.",
    severity=Severity.CRITICAL,
    controls=answers(OUTSIDERS, security_hub=("Lambda.1",)),
    types=(PERMISSION,),
)
def functions_are_closed(permission: Resource) -> Iterator[Violation]:
    principal = permission.at("Principal")
    if principal.text == "*" and not permission.at("PrincipalOrgID").is_there:
        message = "Principal is *; accepted: a service, an account or a role."
        yield Violation(path=principal.path, message=message)


@rule(
    id="PL-LM-03",
    title="Services call functions for the own account only",
    sense="A service acts for everybody: without a condition another customer makes it call this function.",
    remedy="Set SourceArn, or SourceAccount where the source has no account in its ARN.",
    severity=Severity.HIGH,
    controls=answers(OUTSIDERS),
    types=(PERMISSION,),
    applies=lambda permission: permission.at("Principal").text.endswith(("amazonaws.com", "amazonaws.com.cn")),
)
def services_call_for_the_own_account(permission: Resource) -> Iterator[Violation]:
    """Lambda API reference, "AddPermission"; buckets have no account in their ARN."""
    source, account = permission.at("SourceArn"), permission.at("SourceAccount")
    if account.is_there:
        return
    if not source.is_there:
        message = "SourceArn and SourceAccount are missing; accepted: either of them."
        yield Violation(path=source.path, message=message)
    elif source.text.startswith("arn:") and ":s3:::" in source.text:
        message = f"SourceArn is {source.text}, which names no account; accepted: SourceAccount beside it."
        yield Violation(path=source.path, message=message)


@rule(
    id="PL-LM-04",
    title="Environments of functions are encrypted with a customer managed key",
    sense="The environment says how the function reaches everything else.",
    remedy="Set KmsKeyArn.",
    severity=Severity.LOW,
    controls=answers(ENCRYPTION_AT_REST),
    types=(FUNCTION,),
    applies=lambda function: bool(function.at("Environment.Variables").is_there),
)
def environments_are_encrypted(function: Resource) -> Iterator[Violation]:
    yield from must_be_a_key(function.at("KmsKeyArn"))


@rule(
    id="PL-LM-05",
    title="Functions carry no secret in their environment",
    sense="Whoever may read the function's configuration, or the template, reads the secret.",
    remedy="Keep the secret in Secrets Manager, and its ARN in the environment.",
    severity=Severity.CRITICAL,
    controls=answers(SECRETS),
    types=(FUNCTION,),
)
def functions_carry_no_secret(function: Resource) -> Iterator[Violation]:
    yield from secrets_in(function.at("Environment.Variables"))


@rule(
    id="PL-LM-06",
    title="Function URLs demand IAM",
    sense="A URL with AuthType NONE is open to the internet.",
    remedy="Set AuthType to AWS_IAM.",
    severity=Severity.CRITICAL,
    controls=answers(OUTSIDERS),
    types=("AWS::Lambda::Url",),
)
def urls_demand_iam(url: Resource) -> Iterator[Violation]:
    yield from must_be_one_of(url.at("AuthType"), "AWS_IAM")


@rule(
    id="PL-LM-07",
    title="Functions let another account in with named principals only",
    sense="A whole account is whatever principal its administrators choose.",
    remedy="Name the role of the other account as Principal.",
    severity=Severity.MEDIUM,
    controls=answers(OUTSIDERS),
    types=(PERMISSION,),
)
def functions_name_foreigners(permission: Resource) -> Iterator[Violation]:
    principal = permission.at("Principal")
    foreign = is_whole_account(principal.text) and account_of(principal.text) != permission.template.place.account
    if foreign and not permission.at("SourceArn").is_there:
        message = f"Principal is all of {principal.text}; accepted: a role of it."
        yield Violation(path=principal.path, message=message)


@rule(
    id="PL-LM-08",
    title="Functions run in a VPC, in two subnets",
    sense="Outside a VPC a function reaches the internet: what it holds leaves by a way that no endpoint policy sees.",
    remedy="Set VpcConfig with two subnets and a security group.",
    severity=Severity.LOW,
    controls=answers(NETWORK_BOUNDARY, security_hub=("Lambda.3", "Lambda.5")),
    types=(FUNCTION,),
)
def functions_run_in_a_vpc(function: Resource) -> Iterator[Violation]:
    """Lambda developer guide, "Giving Lambda functions access to resources in an Amazon VPC"."""
    vpc = function.at("VpcConfig")
    if not vpc.is_there:
        yield wrong(vpc, None, "two subnets and a security group")
        return
    yield from must_hold(vpc.at("SubnetIds"), 2, "subnets")
    yield from must_hold(vpc.at("SecurityGroupIds"), 1, "security group")

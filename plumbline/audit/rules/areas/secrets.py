"""Secrets, and values that should have been one."""

import re
from collections.abc import Iterator

from plumbline.audit.findings import Severity
from plumbline.audit.json_value import Json, as_object
from plumbline.audit.rules.controls import ENCRYPTION_AT_REST, SECRETS, answers
from plumbline.audit.rules.expectations import is_true, must_be_a_key
from plumbline.audit.rules.policy_rules import is_closed_to_the_public
from plumbline.audit.rules.rule import STACK, Violation, rule
from plumbline.audit.rules.template import Resource

SECRET = "AWS::SecretsManager::Secret"  # noqa: S105  # a type
_NAMED_SECRET = re.compile(r"(password|passwd|secret|token|api[-_]?key|private[-_]?key)", re.IGNORECASE)
# IAM user guide, "IAM identifiers": long-lived and temporary key ids; and what a private key begins with.
_KEY = re.compile(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----")


@rule(
    id="PL-SEC-01",
    title="Secrets are encrypted with a customer managed key",
    sense="A secret under the key that AWS manages can be shared with nobody in particular, and withdrawn from nobody.",
    remedy="Set KmsKeyId.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST, SECRETS),
    types=(SECRET,),
)
def secrets_are_encrypted(secret: Resource) -> Iterator[Violation]:
    yield from must_be_a_key(secret.at("KmsKeyId"))


@rule(
    id="PL-SEC-02",
    title="Secrets are not in the template",
    sense="Whoever reads the template, the repository or the stack reads the secret.",
    remedy="Let GenerateSecretString make it, or put it in by hand.",
    severity=Severity.CRITICAL,
    controls=answers(SECRETS),
    types=(SECRET,),
)
def secrets_are_not_in_the_template(secret: Resource) -> Iterator[Violation]:
    value = secret.at("SecretString")
    if isinstance(value.value, str) and value.value and "{{resolve:" not in value.value:
        message = "SecretString is in the template; accepted: GenerateSecretString."
        yield Violation(path=value.path, message=message)


@rule(
    id="PL-SEC-03",
    title="Parameters of Systems Manager hold no secret",
    sense="CloudFormation makes plain parameters only: whoever may read the parameter or the template reads the "
    "secret.",
    remedy="Use Secrets Manager.",
    severity=Severity.HIGH,
    controls=answers(SECRETS),
    types=("AWS::SSM::Parameter",),
)
def parameters_hold_no_secret(parameter: Resource) -> Iterator[Violation]:
    """CloudFormation, "AWS::SSM::Parameter": SecureString is not supported."""
    name, value = parameter.at("Name").text, parameter.at("Value")
    is_literal = isinstance(value.value, str) and "{{resolve:" not in value.value and not value.value.startswith("arn:")
    if _NAMED_SECRET.search(name) and is_literal:
        message = f"Value of {name} is in the template; accepted: a secret of Secrets Manager."
        yield Violation(path=value.path, message=message)


@rule(
    id="PL-SEC-04",
    title="Parameters of templates hide secrets",
    sense="Without NoEcho the console and the API show the value to whoever may describe the stack.",
    remedy="Set NoEcho to true and leave Default out; better, resolve the secret on deploy.",
    severity=Severity.HIGH,
    controls=answers(SECRETS),
    types=(STACK,),
    applies=lambda stack: any(_NAMED_SECRET.search(name) for name in _parameters(stack)),
)
def template_parameters_hide_secrets(stack: Resource) -> Iterator[Violation]:
    """CloudFormation user guide, "Parameters", NoEcho."""
    for name, value in _parameters(stack).items():
        declaration = as_object(value)
        is_named = _NAMED_SECRET.search(name) and not re.search(r"(arn|name|id)$", name, re.IGNORECASE)
        if not is_named or str(declaration.get("Type", "String")).startswith("AWS::SSM"):
            continue
        if not is_true(declaration.get("NoEcho")):
            said = "missing" if "NoEcho" not in declaration else "false"
            message = f"NoEcho of the parameter {name} is {said}; accepted: true."
            yield Violation(path=f"Parameters.{name}.NoEcho", message=message, subject=name)
        elif declaration.get("Default"):
            message = f"Default of the parameter {name} is in the template; accepted: none."
            yield Violation(path=f"Parameters.{name}.Default", message=message, subject=name)


@rule(
    id="PL-SEC-05",
    title="No key is written down in a template",
    sense="A key in a template is in the repository, in every clone and in the stack's history.",
    remedy="Withdraw the key, and use a role.",
    severity=Severity.CRITICAL,
    controls=answers(SECRETS),
    types=(STACK,),
)
def no_key_is_written_down(stack: Resource) -> Iterator[Violation]:
    for path, text in _texts(dict(stack.template.audited.body), ""):
        if _KEY.search(text):
            message = f"{path} holds an access key or a private key; accepted: a role, or a secret."
            yield Violation(path=path, message=message, subject=path)


secret_policies_are_closed = is_closed_to_the_public(
    id_="PL-SEC-06", what="Secrets", types=("AWS::SecretsManager::ResourcePolicy",)
)


def _parameters(stack: Resource) -> dict[str, Json]:
    return as_object(stack.template.audited.body.get("Parameters"))


def _texts(value: Json, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, f"{path}[{number}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}" if path else key)

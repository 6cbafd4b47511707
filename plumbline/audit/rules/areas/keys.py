"""KMS keys."""

from collections.abc import Iterator

from plumbline.audit.findings import Severity
from plumbline.audit.rules.controls import KEY_MANAGEMENT, LEAST_PRIVILEGE, RECOVERY, answers
from plumbline.audit.rules.expectations import must_be, must_be_true, wrong
from plumbline.audit.rules.policies import account_of, is_whole_account, resource_statements
from plumbline.audit.rules.policy_rules import (
    allows_named_actions,
    is_closed_to_the_public,
    names_foreigners,
    names_sources,
)
from plumbline.audit.rules.rule import Violation, rule
from plumbline.audit.rules.template import Resource

KEY = "AWS::KMS::Key"
_KEYS = (KEY, "AWS::KMS::ReplicaKey")
_USES = ("kms:creategrant", "kms:decrypt", "kms:encrypt", "kms:generatedatakey", "kms:reencryptfrom", "kms:reencryptto")
_NARROWING = ("aws:principalarn", "aws:sourcevpce", "aws:userid", "kms:grantisforawsresource", "kms:viaservice")


@rule(
    id="PL-KMS-01",
    title="Keys rotate",
    sense="A key that never changes exposes everything it ever encrypted at once.",
    remedy="Set EnableKeyRotation to true.",
    severity=Severity.MEDIUM,
    controls=answers(KEY_MANAGEMENT, security_hub=("KMS.4",)),
    types=(KEY,),
    applies=lambda key: (
        key.at("KeySpec").text in ("", "SYMMETRIC_DEFAULT") and key.at("Origin").text in ("", "AWS_KMS")
    ),
)
def keys_rotate(key: Resource) -> Iterator[Violation]:
    """KMS developer guide, "Rotate AWS KMS keys": symmetric keys with material of AWS only."""
    yield from must_be_true(key.at("EnableKeyRotation"))


@rule(
    id="PL-KMS-02",
    title="Deleting a key takes thirty days",
    sense="Without the key everything it encrypted is gone; the waiting period is the only way back.",
    remedy="Set PendingWindowInDays to 30, or leave it out.",
    severity=Severity.MEDIUM,
    controls=answers(KEY_MANAGEMENT, RECOVERY),
    types=_KEYS,
)
def deleting_takes_thirty_days(key: Resource) -> Iterator[Violation]:
    """KMS API reference, "ScheduleKeyDeletion": 7 to 30 days, 30 by default."""
    yield from must_be(key.at("PendingWindowInDays"), lambda value: value is None or str(value) == "30", "30")


keys_are_closed = is_closed_to_the_public(id_="PL-KMS-03", what="Keys", types=_KEYS, security_hub=("KMS.5",))


@rule(
    id="PL-KMS-04",
    title="The account's root uses keys only as narrowed",
    sense="The root stands for every principal of the account whose policy allows it: any kms:Decrypt anywhere "
    "opens the key.",
    remedy="Split administration from use, and narrow use by kms:ViaService, aws:PrincipalArn or "
    "kms:GrantIsForAWSResource.",
    severity=Severity.MEDIUM,
    controls=answers(KEY_MANAGEMENT, LEAST_PRIVILEGE),
    types=_KEYS,
)
def root_uses_keys_as_narrowed(key: Resource) -> Iterator[Violation]:
    """KMS developer guide, "Default key policy": left out, it allows the account everything."""
    if not key.at("KeyPolicy").is_there:
        yield wrong(key.at("KeyPolicy"), None, "a policy that narrows the use by the account's root")
    own = key.template.place.account
    for statement in resource_statements(key):
        roots = [p for p in statement.principals.get("AWS", ()) if is_whole_account(p) and account_of(p) == own]
        is_narrow = statement.limits(*_NARROWING) or any(
            name.startswith(("kms:encryptioncontext", "aws:principaltag/")) for name in statement.condition_keys
        )
        if statement.allows and roots and statement.names_action(*_USES) and not is_narrow:
            yield statement.violation(
                "lets the whole account use the key; accepted: a condition on kms:ViaService or aws:PrincipalArn.",
                at="Condition",
            )


keys_name_foreigners = names_foreigners(id_="PL-KMS-05", what="Keys", types=_KEYS)
keys_name_actions = allows_named_actions(id_="PL-KMS-08", what="keys", types=_KEYS)
keys_name_sources = names_sources(id_="PL-KMS-06", what="Keys", types=_KEYS)


@rule(
    id="PL-KMS-07",
    title="Policies of keys let grants be made for AWS services only",
    sense="Whoever may create any grant hands the key on to whom he likes, past the key's policy.",
    remedy="Give kms:CreateGrant a statement of its own, with the condition Bool kms:GrantIsForAWSResource true.",
    severity=Severity.HIGH,
    controls=answers(KEY_MANAGEMENT, LEAST_PRIVILEGE),
    types=_KEYS,
    applies=lambda key: any(s.allows and s.names_action("kms:creategrant") for s in resource_statements(key)),
)
def grants_are_for_services(key: Resource) -> Iterator[Violation]:
    """KMS developer guide, "Grants in AWS KMS"; a service that is let in itself makes grants for itself."""
    for statement in resource_statements(key):
        creates = statement.allows and statement.names_action("kms:creategrant") and "AWS" in statement.principals
        if creates and not statement.limits("kms:grantisforawsresource"):
            yield statement.violation(
                "allows kms:CreateGrant for anybody; accepted: a condition on kms:GrantIsForAWSResource.",
                at="Condition",
            )

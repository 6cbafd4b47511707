"""What targets a rule may have.

Sources: EventBridge API reference, "PutTargets", "RetryPolicy" and "DeadLetterConfig"; user guide, "Using dead-letter
queues to process undelivered events in EventBridge", Considerations.
"""

from collections.abc import Mapping, Sequence

from ministack.core.responses import error_response_json, get_region
from ministack.services import eventbridge
from ministack.services.cloudformation import provisioners

from plumbline.rehearsal.eventbridge import targets
from plumbline.rehearsal.eventbridge.delivery import Members
from plumbline.rehearsal.eventbridge.retries import LONGEST_AGE, MOST_ATTEMPTS, SHORTEST_AGE

Refusal = tuple[str, str, int]
_UNSUPPORTED = ("RehearsalUnsupported", 501)
_LIMITS: Mapping[str, tuple[int, int]] = {
    "MaximumRetryAttempts": (0, MOST_ATTEMPTS),
    "MaximumEventAgeInSeconds": (SHORTEST_AGE, LONGEST_AGE),
}
_own_put_targets = eventbridge._put_targets


class InvalidTargetError(ValueError):
    """A template has a target that EventBridge refuses; the message becomes the stack event's reason."""


def install() -> None:
    """Has the emulator of this process refuse all others, through the API and through CloudFormation."""
    eventbridge._put_targets = _put_targets
    handler = provisioners._RESOURCE_HANDLERS["AWS::Events::Rule"]
    create = handler["create"]

    def create_rule(logical_id: str, properties: Members, stack: str) -> object:
        given = properties.get("Targets") or []
        refused = refusal(given if isinstance(given, list) else [])
        if refused is not None:
            code, message, _ = refused
            raise InvalidTargetError(f"{message} (Service: EventBridge, Error Code: {code})")
        return create(logical_id, properties, stack)

    provisioners._RESOURCE_HANDLERS["AWS::Events::Rule"] = handler | {"create": create_rule}


def _put_targets(data: Members) -> object:
    given = data.get("Targets") or []
    refused = refusal(given if isinstance(given, list) else [])
    return error_response_json(*refused) if refused is not None else _own_put_targets(data)


def refusal(given: Sequence[Members]) -> Refusal | None:
    """Why targets are refused, as error code, message and HTTP status; None when they are not."""
    for number, target in enumerate(given, start=1):
        refused = _refused_arn(target) or _refused_limit(target, number) or _refused_queue(target)
        if refused is not None:
            return refused
    return None


def _refused_arn(target: Members) -> Refusal | None:
    arn = str(target.get("Arn", ""))
    if not targets.knows(arn):
        code, status = _UNSUPPORTED
        return code, f"the rehearsal's EventBridge does not deliver to {arn}", status
    if targets.kind_of(arn).needs_role and not target.get("RoleArn"):
        return "ValidationException", f"RoleArn is required for target {arn}.", 400
    inputs = [member for member in ("Input", "InputPath", "InputTransformer") if target.get(member)]
    if inputs and ":event-bus/" in arn:
        code, status = _UNSUPPORTED
        return code, f"the rehearsal's EventBridge does not change what it sends to a bus: {inputs[0]}", status
    return None


def _refused_limit(target: Members, number: int) -> Refusal | None:
    policy = target.get("RetryPolicy")
    for member, (least, most) in _LIMITS.items():
        value = policy.get(member) if isinstance(policy, Mapping) else None
        if value is None or least <= int(value) <= most:
            continue
        bound = f"less than or equal to {most}" if int(value) > most else f"greater than or equal to {least}"
        path = f"targets.{number}.member.retryPolicy.{member[0].lower()}{member[1:]}"
        failed = f"failed to satisfy constraint: Member must have value {bound}"
        return "ValidationException", f"1 validation error detected: Value '{value}' at '{path}' {failed}", 400
    return None


def _refused_queue(target: Members) -> Refusal | None:
    config = target.get("DeadLetterConfig")
    arn = str(config.get("Arn", "")) if isinstance(config, Mapping) else ""
    parts = arn.split(":")
    if not arn or (len(parts) == 6 and parts[2] == "sqs" and parts[3] == get_region() and not arn.endswith(".fifo")):
        return None
    reason = "a dead-letter queue is a standard queue of Amazon SQS in the rule's region"
    return "ValidationException", f"Parameter {arn} is not valid. Reason: {reason}.", 400

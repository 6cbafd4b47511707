"""One event on its way to one target of one rule."""

import contextlib
import dataclasses
import json
import uuid
from collections.abc import Mapping
from typing import Protocol

from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge

from plumbline.rehearsal.enforcement import AccessDenied, Context, Credentials, assume_service_role
from plumbline.rehearsal.eventbridge.failures import EVENTBRIDGE, DeliveryError

Event = Mapping[str, object]
Members = Mapping[str, object]


class View(Protocol):
    """The emulator's view of an event: what patterns are matched against and targets are sent."""

    def event_with_detail(self) -> Mapping[str, object]:
        """The whole event."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Delivery:
    """What is sent where, and for whom.

    Attributes:
        event: The event, as the emulator keeps it.
        content: The event as JSON, as a target that is sent all of it gets it.
        payload: What this target gets: the event, a part of it, or what the target's ``Input`` says.
        target: The rule's target.
        rule: The rule.
        account: Where the rule is.
        region: Where the rule is.
        token: The same in every attempt, so that a target starts one thing only.
    """

    event: Event
    content: str
    payload: str
    target: Members
    rule: Members
    account: str
    region: str
    token: str

    @classmethod
    def of(cls, target: Members, event: Event, rule: Members, view: View | None = None) -> "Delivery":
        """The delivery of an event that a rule of the account in scope has matched."""
        seen: View = view or eventbridge._pattern_event_view(event)
        whole = seen.event_with_detail()
        content = json.dumps(whole)
        return cls(
            event=event,
            content=content,
            payload=_payload(target, rule, seen, whole, content),
            target=target,
            rule=rule,
            account=str(get_account_id()),
            region=str(get_region()),
            token=str(uuid.uuid4()),
        )

    @property
    def arn(self) -> str:
        """The target."""
        return str(self.target.get("Arn", ""))

    @property
    def rule_arn(self) -> str:
        """The rule."""
        return str(self.rule.get("Arn", ""))

    @property
    def source(self) -> Context:
        """For whom EventBridge says that it acts (user guide, "Confused deputy prevention")."""
        return {"aws:SourceArn": self.rule_arn, "aws:SourceAccount": self.account}

    def assume(self) -> Credentials:
        """The credentials of the target's role.

        Raises:
            DeliveryError: ``FAILED_TO_ASSUME_ROLE``: it is not there or does not trust EventBridge for this rule.
        """
        try:
            return assume_service_role(
                role_arn=str(self.target.get("RoleArn", "")),
                service=EVENTBRIDGE,
                source_account=self.account,
                source_arn=self.rule_arn,
                session_name="events",
            )
        except AccessDenied as error:
            raise DeliveryError("FAILED_TO_ASSUME_ROLE", str(error)) from error


def _payload(target: Members, rule: Members, view: View, whole: object, content: str) -> str:
    """EventBridge API reference, "Target": ``Input``, ``InputPath`` and ``InputTransformer`` exclude each other."""
    if target.get("InputTransformer"):
        return str(eventbridge._apply_input_transformer(target["InputTransformer"], rule, view))
    if target.get("Input"):
        return str(target["Input"])
    if target.get("InputPath"):
        with contextlib.suppress(KeyError):
            return json.dumps(value_at(whole, str(target["InputPath"])))
    return content


def value_at(document: object, path: str) -> object:
    """The value at a JSON path such as ``$.detail.name``.

    Raises:
        KeyError: There is none.
    """
    found = document
    for part in [part for part in path.removeprefix("$").split(".") if part]:
        if not isinstance(found, Mapping):
            raise KeyError(path)
        found = found[part]
    return found

"""Somebody who looks at an account, and what they may not see."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import botocore.exceptions

from plumbline.accounts.access import Caller, Client, Clients
from plumbline.accounts.refusals import code_of, is_denied, sentence, words_of
from plumbline.configuration import Deployment, Platform

T = TypeVar("T")
# A stack in one of these holds nothing that a deployment would find there.
_HOLDS_NOTHING = frozenset({"DELETE_COMPLETE", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"})


class CannotTellError(Exception):
    """A question stays open: the looker may not ask it, or nobody answers.

    Args:
        action: The IAM action of the question.
        why: More than that the looker may not; empty when that is all.
    """

    def __init__(self, action: str, *, why: str = "") -> None:
        super().__init__(f"{action}{': ' if why else ''}{why}")
        self.action = action
        self.why = why


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at one account.

    Attributes:
        clients: Access to the account.
        caller: Who looks.
        platform: The configuration.
        root: The checkout.
        usual_region: The region that the looker's `aws` takes without being told; None for none.
        now: The time on this machine.
    """

    clients: Clients
    caller: Caller
    platform: Platform
    root: Path
    usual_region: str | None
    now: datetime.datetime

    @property
    def account(self) -> str:
        """The account that is looked at."""
        return self.caller.account

    @property
    def delivers(self) -> bool:
        """Whether the account is the delivery account."""
        return self.account == self.platform.delivery_account

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """The environments in the account."""
        return tuple(d for d in self.platform.deployments() if d.account == self.account)

    def client(self, service: str) -> Client:
        """A client of one service."""
        return self.clients.client(service)

    def ask(self, action: str, question: Callable[[], T]) -> T:
        """Asks AWS something.

        Args:
            action: The IAM action, for whoever has to grant it.
            question: Asks.

        Raises:
            CannotTellError: The looker may not ask, or there is no answer.
        """
        try:
            return question()
        except botocore.exceptions.ClientError as error:
            raise CannotTellError(action, why="" if is_denied(error) else _words(error)) from error
        except botocore.exceptions.BotoCoreError as error:
            raise CannotTellError(action, why=sentence(error, region=self.platform.region)) from error

    def find(self, action: str, question: Callable[[], T], *, absent: tuple[str, ...]) -> T | None:
        """Asks AWS for something that may not be there.

        Args:
            action: The IAM action, for whoever has to grant it.
            question: Asks.
            absent: AWS's names of the error that says that there is none.

        Raises:
            CannotTellError: The looker may not ask, or there is no answer.
        """

        def asked() -> T | None:
            try:
                return question()
            except botocore.exceptions.ClientError as error:
                if code_of(error) in absent:
                    return None
                raise

        return self.ask(action, asked)

    def stack(self, name: str) -> dict[str, object] | None:
        """A stack as CloudFormation describes it; None when there is none.

        CloudFormation says "ValidationError" of a stack that does not exist (API_DescribeStacks).

        Raises:
            CannotTellError: The looker may not ask.
        """
        client = self.client("cloudformation")
        found = self.find(
            "cloudformation:DescribeStacks",
            lambda: client.describe_stacks(StackName=name)["Stacks"],
            absent=("ValidationError",),
        )
        return dict(found[0]) if found else None

    def holds(self, stack: str) -> bool:
        """Whether a stack is there, with what belongs to it.

        Raises:
            CannotTellError: The looker may not ask.
        """
        found = self.stack(stack)
        return found is not None and found["StackStatus"] not in _HOLDS_NOTHING


def _words(error: botocore.exceptions.ClientError) -> str:
    # A number is all that is known of an answer without an error in it.
    code = f"the answer is {code_of(error)}" if code_of(error).isdigit() else code_of(error)
    return ": ".join(part for part in (code, words_of(error)) if part)

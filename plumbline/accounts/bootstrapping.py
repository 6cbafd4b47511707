"""An account made ready for the platform: the plain template first, then `cdk bootstrap`."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from plumbline.accounts.access import Clients
from plumbline.accounts.changes import Change
from plumbline.accounts.plain_stack import PlainStack, Tell
from plumbline.configuration import Platform, bootstrap_parameters, cdk_bootstrap_arguments

_TEMPLATE = "bootstrap/template.yaml"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What bootstrapping an account would do.

    Attributes:
        changes: What it would change in the stack of the plain template.
        command: The words after `cdk` that it would run then.
    """

    changes: tuple[Change, ...]
    command: tuple[str, ...]


def plan(*, clients: Clients, platform: Platform, account: str, template: str) -> Plan:
    """Says what ``bootstrap`` would do, and leaves the account as it was.

    Args:
        clients: Access to the account, as its administrator.
        platform: The configuration.
        account: The account's id.
        template: The text of `bootstrap/template.yaml`.

    Raises:
        PlumblineError: The stack is in the middle of something, or AWS refuses the template.
    """
    return Plan(
        changes=_stack(clients, platform, template).planned(), command=cdk_bootstrap_arguments(platform, account)
    )


def bootstrap(
    *,
    clients: Clients,
    platform: Platform,
    account: str,
    template: str,
    run_tool: Callable[[tuple[str, ...]], None],
    tell: Tell,
) -> tuple[Change, ...]:
    """Deploys the plain template and runs ``cdk bootstrap``; both find out themselves what is there already.

    Args:
        clients: Access to the account, as its administrator.
        platform: The configuration.
        account: The account's id.
        template: The text of `bootstrap/template.yaml`.
        run_tool: Runs the CDK's command line with these words, as the same caller, and raises when it fails.
        tell: Called with what is waited for.

    Returns:
        What was changed in the stack of the plain template.

    Raises:
        PlumblineError: AWS refuses something; the message says how far it came.
    """
    changes = _stack(clients, platform, template).deploy(tell=tell)
    run_tool(cdk_bootstrap_arguments(platform, account))
    return changes


def commands(platform: Platform, account: str) -> tuple[str, ...]:
    """What an administrator of an account types to do the same by hand, each ready to paste into a shell."""
    region = ("--region", platform.region)
    parameters = [f"{key}={value}" for key, value in bootstrap_parameters(platform).items()]
    words: tuple[tuple[str, ...], ...] = (
        (
            *("aws", "cloudformation", "deploy", *region, "--stack-name", platform.bootstrap_stack),
            *("--template-file", _TEMPLATE, "--capabilities", "CAPABILITY_NAMED_IAM", "--no-fail-on-empty-changeset"),
            *("--parameter-overrides", *parameters),
        ),
        (
            *("aws", "cloudformation", "update-termination-protection", *region),
            *("--stack-name", platform.bootstrap_stack, "--enable-termination-protection"),
        ),
        ("./plumb", "cdk", *cdk_bootstrap_arguments(platform, account)),
    )
    return tuple(shlex.join(command) for command in words)


def _stack(clients: Clients, platform: Platform, template: str) -> PlainStack:
    return PlainStack(
        client=clients.client("cloudformation"),
        region=platform.region,
        name=platform.bootstrap_stack,
        template=template,
        parameters=bootstrap_parameters(platform),
    )

"""What is deployed into an account before the platform is: `bootstrap/template.yaml`, and then `cdk bootstrap`."""

from pathlib import Path

from plumbline.configuration.managed import image_accounts
from plumbline.configuration.platform import Platform

_EXECUTION_POLICIES = ("identities", "storage", "network", "services")
_IN_DELIVERY = ("delivery",)


def bootstrap_template(root: Path) -> Path:
    """The plain template that an administrator deploys first."""
    return root / "bootstrap" / "template.yaml"


def bootstrap_parameters(platform: Platform) -> dict[str, str]:
    """The values of the plain template's parameters; the same in every account."""
    return {
        "Name": platform.name,
        "Accounts": ",".join(platform.account_ids),
        "ImageAccounts": ",".join(image_accounts(platform)),
        "Delivery": platform.delivery_account,
    }


def execution_policy_arns(platform: Platform, account: str) -> tuple[str, ...]:
    """ARNs of the policies that CloudFormation works with in an account, which the plain template makes."""
    return tuple(
        f"arn:{platform.partition}:iam::{account}:policy/{platform.name}-execution-{part}"
        for part in (*_EXECUTION_POLICIES, *(_IN_DELIVERY if account == platform.delivery_account else ()))
    )


def cdk_bootstrap_arguments(platform: Platform, account: str) -> tuple[str, ...]:
    """The words after `cdk` that bootstrap an account: own qualifier and name, trust in the delivery account only."""
    return (
        "bootstrap",
        f"aws://{account}/{platform.region}",
        "--app",
        "",
        "--qualifier",
        platform.name,
        "--toolkit-stack-name",
        f"{platform.name}-toolkit",
        "--trust",
        platform.delivery_account,
        "--cloudformation-execution-policies",
        ",".join(execution_policy_arns(platform, account)),
        "--bootstrap-customer-key",
    )

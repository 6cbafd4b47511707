"""What is in every account before the platform: `bootstrap/template.yaml`, and the roles that `cdk bootstrap` makes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from plumbline.audit.access.reading import Parameters
from plumbline.audit.templates import AuditedTemplate, read_files
from plumbline.configuration import Platform, bootstrap_parameters, bootstrap_template, execution_policy_arns

# Where the CDK command line keeps the template that `cdk bootstrap` deploys.
_CDK_TEMPLATE = "node_modules/aws-cdk/lib/api/bootstrap/bootstrap-template.yaml"


@dataclass(frozen=True, kw_only=True)
class Bootstrapped:
    """The stacks of the bootstrap in every account.

    Attributes:
        templates: The templates, one of each an account.
        parameters: The values of their parameters.
    """

    templates: Sequence[AuditedTemplate]
    parameters: Parameters


def bootstrapped(root: Path, platform: Platform) -> Bootstrapped:
    """The stacks that `./plumb bootstrap` deploys, as it deploys them.

    Args:
        root: The project.
        platform: The configuration.

    Raises:
        PlumblineError: A template is missing; exit code 2.
    """
    own, cdk = read_files([bootstrap_template(root), root / _CDK_TEMPLATE])
    templates: list[AuditedTemplate] = []
    parameters: dict[tuple[str, str], dict[str, str]] = {}
    for account in platform.account_ids:
        for template, stack_name, values in (
            (own, platform.bootstrap_stack, bootstrap_parameters(platform)),
            (cdk, f"{platform.name}-toolkit", _cdk_parameters(platform, account)),
        ):
            file = str(Path(template.file).relative_to(root))
            templates.append(
                replace(template, file=file, stack_name=stack_name, account=account, region=platform.region)
            )
            parameters[(account, stack_name)] = values
    return Bootstrapped(templates=templates, parameters=parameters)


def _cdk_parameters(platform: Platform, account: str) -> dict[str, str]:
    """What the options of `cdk_bootstrap_arguments` come to (CDK developer guide, "Customize bootstrapping")."""
    return {
        "CloudFormationExecutionPolicies": ",".join(execution_policy_arns(platform, account)),
        "FileAssetsBucketKmsKeyId": "",  # --bootstrap-customer-key
        "Qualifier": platform.name,
        "TrustedAccounts": platform.delivery_account,
    }

"""Which AWS services and pipelines assume the platform's roles, and for whom."""

from collections.abc import Sequence

from mlops_constructs.policy import Statement
from plumbline.configuration import Deployment


def service_trust(service: str, *, account: str | None = None, source_arn: str | None = None) -> Statement:
    """A service, acting for resources of one account and no other (IAM user guide, "The confused deputy problem").

    Args:
        service: The service principal, e.g. `sagemaker.amazonaws.com`.
        account: 12-digit id of the account (`aws:SourceAccount`); left out only for a service that is documented not to
            say for which account it acts.
        source_arn: Pattern of the resources for which the service acts (`aws:SourceArn`); left out, any of the account,
            because the service does not say, or does not document, which.
    """
    return Statement(
        sid="AssumeForOwnAccount" if account else "AssumeForAnyAccount",
        principal={"Service": service},
        actions=["sts:AssumeRole"],
        conditions={
            **({"StringEquals": {"aws:SourceAccount": account}} if account else {}),
            **({"ArnLike": {"aws:SourceArn": source_arn}} if source_arn else {}),
        },
    )


def pipeline_trust(deployment: Deployment, *, sid: str, role_names: Sequence[str]) -> Statement:
    """What a pipeline of the delivery account runs, acting under roles of its own and no others.

    Args:
        deployment: The environment of the role that is assumed.
        sid: Name of the statement.
        role_names: The roles in the delivery account.
    """
    account = f"arn:{deployment.partition}:iam::{deployment.platform.delivery_account}"
    return Statement(
        sid=sid,
        principal={"AWS": f"{account}:root"},
        actions=["sts:AssumeRole"],
        conditions={"ArnEquals": {"aws:PrincipalArn": [f"{account}:role/{name}" for name in role_names]}},
    )


def sagemaker_trust(deployment: Deployment) -> Statement:
    """SageMaker, acting for the environment's own account and no other."""
    return service_trust("sagemaker.amazonaws.com", account=deployment.account)

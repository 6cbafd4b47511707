"""Who assumes the platform's SageMaker roles."""

from aws_cdk import aws_iam as iam

from plumbline.configuration import Deployment


def sagemaker_principal(deployment: Deployment) -> iam.ServicePrincipal:
    """SageMaker, acting for the environment's own account and no other (the confused-deputy condition)."""
    return iam.ServicePrincipal(
        "sagemaker.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": deployment.account}}
    )

"""What `cdk bootstrap` leaves in an account."""

from plumbline.configuration import Deployment


def execution_role_arn(deployment: Deployment) -> str:
    """ARN of the role with which CloudFormation deploys in an environment; `cdk bootstrap` makes it."""
    qualifier = deployment.platform.name
    return deployment.iam_arn(f"role/cdk-{qualifier}-cfn-exec-role-{deployment.account}-{deployment.region}")

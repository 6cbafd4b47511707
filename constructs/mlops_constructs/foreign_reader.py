"""Who in another account may read, as a principal that need not exist yet."""

from dataclasses import dataclass

from plumbline.configuration import Deployment, Model, ModelJob, Platform


@dataclass(frozen=True, kw_only=True)
class ForeignReader:
    """Roles of another account, by a pattern of their names.

    A resource policy that names a role which does not exist is refused, and one that names a role which is re-created
    keeps pointing at the old one. The principal is therefore the account, narrowed by `aws:PrincipalArn`.

    Attributes:
        account: 12-digit id of the other account.
        root: ARN of the account, to be narrowed by `condition`.
        role_arns: Patterns (`ArnLike`) of the ARNs of its roles.
    """

    account: str
    root: str
    role_arns: tuple[str, ...]

    @property
    def condition(self) -> dict[str, dict[str, list[str]]]:
        """What narrows the account to the roles."""
        return {"ArnLike": {"aws:PrincipalArn": list(self.role_arns)}}


def serving_roles(deployment: Deployment) -> ForeignReader:
    """The roles with which the endpoints of an environment read their models."""
    pattern = deployment.iam_arn(f"role/{deployment.prefix}-*-{ModelJob.SERVE}")
    return ForeignReader(account=deployment.account, root=deployment.iam_arn("root"), role_arns=(pattern,))


def deploying_roles(deployment: Deployment, model: Model) -> ForeignReader:
    """The roles that make a SageMaker model of a registered version: CloudFormation's for releases, the endpoint's."""
    return ForeignReader(
        account=deployment.account,
        root=deployment.iam_arn("root"),
        role_arns=(deployment.role_arn(model, ModelJob.RELEASE_EXECUTION), deployment.role_arn(model, ModelJob.SERVE)),
    )


def deploy_roles(platform: Platform) -> list[ForeignReader]:
    """The roles through which the delivery account deploys stacks in other accounts, which read the templates."""
    readers = [
        ForeignReader(
            account=deployment.account, root=deployment.iam_arn("root"), role_arns=(deployment.deploy_role_arn,)
        )
        for deployment in platform.deployments()
        if deployment.account != platform.delivery_account
    ]
    return list(dict.fromkeys(readers))

"""Who in another account may read, or replicate, as a principal that need not exist yet."""

from dataclasses import dataclass

from mlops_constructs.policy import once
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
        name: What they are, in statements of which a policy has several for one account; left out, it has one.
    """

    account: str
    root: str
    role_arns: tuple[str, ...]
    name: str = ""

    @property
    def condition(self) -> dict[str, dict[str, list[str]]]:
        """What narrows the account to the roles."""
        return {"ArnLike": {"aws:PrincipalArn": list(self.role_arns)}}


def copying_roles(deployment: Deployment, model: Model | None = None) -> ForeignReader:
    """The roles with which releases copy what they serve into an environment.

    Args:
        deployment: The environment.
        model: The model; left out, those of all.
    """
    pattern = deployment.role_arn(model, ModelJob.COPY) if model else _each_models(deployment, ModelJob.COPY)
    return _reader(deployment, pattern)


def pulling_roles(deployment: Deployment) -> ForeignReader:
    """The roles with which the jobs and endpoints of an environment pull the runtime image."""
    jobs = (
        ModelJob.PREPARE,
        ModelJob.DATA_CHECK,
        ModelJob.TRAIN,
        ModelJob.EVALUATE,
        ModelJob.MONITOR,
        ModelJob.SERVE,
    )
    return _reader(deployment, *(_each_models(deployment, job) for job in jobs))


def releasing_roles(platform: Platform) -> list[ForeignReader]:
    """The roles through which the delivery account releases models in other accounts, which read the templates.

    One reader an account, which may be that of several environments.
    """
    served = [one for one in platform.deployments() if one.serves and one.account != platform.delivery_account]
    patterns = {
        account: [_each_models(one, ModelJob.RELEASE) for one in served if one.account == account]
        for account in once(one.account for one in served)
    }
    return [
        ForeignReader(account=account, root=_root(platform, account), role_arns=tuple(arns), name="Releases")
        for account, arns in patterns.items()
    ]


def own_releasing_roles(platform: Platform) -> list[str]:
    """Patterns of the ARNs of the same roles in the delivery account itself, if an environment is there."""
    return [
        _each_models(deployment, ModelJob.RELEASE)
        for deployment in platform.deployments()
        if deployment.serves and deployment.account == platform.delivery_account
    ]


def replicating_role(deployment: Deployment) -> ForeignReader:
    """The role in which S3 replicates labelled data out of an environment."""
    return _reader(deployment, deployment.replication_role_arn)


def deploy_roles(platform: Platform) -> list[ForeignReader]:
    """The roles through which the delivery account deploys stacks in other accounts, which read the templates."""
    readers = [
        _reader(deployment, deployment.deploy_role_arn)
        for deployment in platform.deployments()
        if deployment.account != platform.delivery_account
    ]
    return list(dict.fromkeys(readers))


def _reader(deployment: Deployment, *role_arns: str) -> ForeignReader:
    account = deployment.account
    return ForeignReader(account=account, root=_root(deployment.platform, account), role_arns=role_arns)


def _root(platform: Platform, account: str) -> str:
    return f"arn:{platform.partition}:iam::{account}:root"


def _each_models(deployment: Deployment, job: ModelJob) -> str:
    """Pattern of the ARNs of a job's roles, whichever the model."""
    return deployment.iam_arn(f"role/{deployment.prefix}-*-{job}")

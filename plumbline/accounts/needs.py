"""What the platform's stacks will want in an account under fixed names: to be free, or theirs."""

from dataclasses import dataclass
from pathlib import Path

from plumbline.configuration import KeyPurpose, Platform, SourceProvider

# SageMaker's own names: every job of the account writes there.
JOB_LOG_GROUPS = ("/aws/sagemaker/ProcessingJobs", "/aws/sagemaker/TrainingJobs")
STUDIO_LOG_GROUP = "/aws/sagemaker/studio"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A name that a stack will give to something of its own.

    Attributes:
        name: The bucket, alias or log group.
        stack: The stack that makes it.
    """

    name: str
    stack: str


def buckets(platform: Platform, account: str) -> tuple[Wanted, ...]:
    """Buckets of an account; their names are the whole world's."""
    wanted = []
    for deployment in (d for d in platform.deployments() if d.account == account):
        names = [deployment.logs_bucket, deployment.data_bucket, deployment.models_bucket, deployment.capture_bucket]
        names += [deployment.trail_bucket] if platform.keeps_own_trails else []
        wanted += [Wanted(name=name, stack=deployment.stack_name("foundation")) for name in names]
    if account == platform.delivery_account:
        delivery = platform.delivery
        names = [delivery.logs_bucket, delivery.artifacts_bucket, delivery.records_bucket]
        names += [delivery.source_bucket] if platform.source.provider is SourceProvider.S3 else []
        names += [delivery.trail_bucket] if delivery.records_itself else []
        wanted += [Wanted(name=name, stack=delivery.prefix) for name in names]
    return tuple(wanted)


def key_aliases(platform: Platform, account: str) -> tuple[Wanted, ...]:
    """Aliases of KMS keys of an account."""
    wanted = []
    for deployment in (d for d in platform.deployments() if d.account == account):
        foundation = deployment.stack_name("foundation")
        wanted += [
            Wanted(name=deployment.key_alias(purpose), stack=foundation)
            for purpose in (KeyPurpose.DATA, KeyPurpose.MODELS, KeyPurpose.OPERATIONS)
        ]
        if deployment.has_workbench:
            alias = deployment.key_alias(KeyPurpose.WORKBENCH)
            wanted.append(Wanted(name=alias, stack=deployment.stack_name("workbench")))
    if account == platform.delivery_account:
        names = platform.delivery
        wanted += [Wanted(name=alias, stack=names.prefix) for alias in (names.key_alias, names.records_key_alias)]
    return tuple(wanted)


def log_groups(platform: Platform, account: str) -> tuple[Wanted, ...]:
    """Log groups of an account whose names are SageMaker's, and which it may have made already."""
    wanted = []
    for deployment in (d for d in platform.deployments() if d.account == account):
        if deployment.is_first_in_account:
            wanted += [Wanted(name=name, stack=deployment.stack_name("operations")) for name in JOB_LOG_GROUPS]
        if deployment.has_workbench:
            wanted.append(Wanted(name=STUDIO_LOG_GROUP, stack=deployment.stack_name("workbench")))
    return tuple(wanted)


def most_functions(root: Path) -> int:
    """The most functions that a stack brings into an account; each reserves one concurrent execution.

    Args:
        root: The checkout, in which each function has a folder.
    """
    return len(list((root / "functions").glob("*/index.py")))

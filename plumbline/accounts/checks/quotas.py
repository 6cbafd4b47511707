"""How much the account may use: SageMaker's instances, Lambda's concurrent executions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from plumbline.accounts import needs
from plumbline.accounts.findings import Check, Finding, missing, ok
from plumbline.accounts.looking import Look
from plumbline.configuration import Deployment, Model, load_models

# Lambda developer guide, "Configuring reserved concurrency": what must stay for functions that reserve nothing. 10 is
# what PutFunctionConcurrency insists on in accounts whose limit is new and low.
UNRESERVED = 10
_LAMBDA_QUOTA = "L-B99A9384"  # Service Quotas, AWS Lambda: "Concurrent executions"
_PER_PAGE = 100  # ListServiceQuotas: MaxResults 1 to 100


@dataclass(frozen=True, kw_only=True)
class Quota:
    """One of Service Quotas' values.

    Attributes:
        code: For example `L-0123ABCD`.
        value: How many.
    """

    code: str
    value: float


def instance_needs(models: tuple[Model, ...], deployments: tuple[Deployment, ...]) -> dict[str, int]:
    """Instances that the models need at once in an account, by the name of SageMaker's quota.

    One run at a time is counted. While an endpoint changes, its old and its new fleet run side by side (SageMaker
    developer guide, "Blue/Green Deployments"): a second fleet is counted for the largest endpoint of each type.

    Args:
        models: The models.
        deployments: The environments in the account.
    """
    wanted: dict[str, int] = {}

    def want(quota: str, instances: int) -> None:
        wanted[quota] = max(wanted.get(quota, 0), instances)

    fleets: dict[str, list[int]] = {}
    for model in models:
        if any(deployment.trains for deployment in deployments):
            train = model.compute.train
            kind = "spot training" if train.spot else "training"
            want(f"{train.instance_type} for {kind} job usage", train.instance_count)
            for job in (model.compute.prepare, model.compute.evaluate):
                want(f"{job.instance_type} for processing job usage", job.instance_count)
        for deployment in (one for one in deployments if one.serves):
            count = model.serving.instance_count(deployment.environment)
            fleets.setdefault(model.serving.instance_type, []).append(count)
    for instance_type, counts in fleets.items():
        want(f"{instance_type} for endpoint usage", sum(counts) + max(counts))
    return wanted


def instances(look: Look) -> Iterator[Finding]:
    """Whether SageMaker's quotas let the models train and answer; those of spot training are zero at first."""
    wanted = instance_needs(load_models(look.root), look.deployments)
    if not wanted:
        return
    there = _quotas(look, wanted)
    for name, instances_wanted in sorted(wanted.items()):
        quota = there.get(name)
        if quota is None:
            way_out = "look at the instance types in model.toml: the region may not have them"
            said = f"SageMaker has no quota `{name}` here"
            yield missing("instances", said, way_out=way_out, needed=False)
        elif quota.value < instances_wanted:
            way_out = (
                f"aws service-quotas request-service-quota-increase --region {look.platform.region} --service-code "
                f"sagemaker --quota-code {quota.code} --desired-value {instances_wanted}"
            )
            said = f"{name}: {quota.value:g}, and the models need {instances_wanted}"
            yield missing("instances", said, way_out=way_out, needed=False)
        else:
            yield ok("instances", f"{name}: {quota.value:g}, {instances_wanted} needed")


def concurrency(look: Look) -> Iterator[Finding]:
    """Whether the functions can reserve the execution that each of them needs."""
    stacks = [deployment.stack_name("operations") for deployment in look.deployments]
    stacks += [look.platform.delivery.prefix] if look.delivers and look.platform.delivery.has_own_account else []
    unmade = [stack for stack in stacks if not look.holds(stack)]
    if not unmade:
        yield ok("concurrency", "the platform's functions have theirs" if stacks else "no functions here")
        return
    client = look.client("lambda")
    limit = look.ask("lambda:GetAccountSettings", client.get_account_settings)["AccountLimit"]
    left, reserved = int(limit["UnreservedConcurrentExecutions"]), needs.most_functions(look.root) * len(unmade)
    if left - reserved >= UNRESERVED:
        yield ok("concurrency", f"{left} concurrent executions, {reserved} of them to be reserved")
        return
    way_out = (
        f"aws service-quotas request-service-quota-increase --region {look.platform.region} --service-code lambda "
        f"--quota-code {_LAMBDA_QUOTA} --desired-value 1000"
    )
    said = f"{left} concurrent executions are unreserved; the functions reserve {reserved}, and {UNRESERVED} must stay"
    yield missing("concurrency", said, way_out=way_out)


def _quotas(look: Look, wanted: Mapping[str, int]) -> dict[str, Quota]:
    """The quotas that are wanted, by name.

    What was never raised may be listed among the defaults only (API_ListServiceQuotas: "For some quotas, only the
    default values are available").
    """
    client = look.client("service-quotas")
    found: dict[str, Quota] = {}
    for action, operation in (
        ("servicequotas:ListServiceQuotas", "list_service_quotas"),
        ("servicequotas:ListAWSDefaultServiceQuotas", "list_aws_default_service_quotas"),
    ):
        pages = client.get_paginator(operation).paginate(
            ServiceCode="sagemaker", PaginationConfig={"PageSize": _PER_PAGE}
        )
        listed = look.ask(action, lambda pages=pages: [quota for page in pages for quota in page["Quotas"]])  # type: ignore[misc]
        for quota in listed:
            if quota["QuotaName"] in wanted:
                found.setdefault(quota["QuotaName"], Quota(code=quota["QuotaCode"], value=float(quota["Value"])))
        if wanted.keys() <= found.keys():
            break
    return found


CHECKS = (
    Check(name="instances", look=instances),
    Check(name="concurrency", look=concurrency),
)

"""Requests from a VPC: the endpoint they take, the keys it gives them, and its policy.

A session whose requests carry ``aws:SourceVpc`` comes from a VPC. Where that VPC has an endpoint for the service asked,
the request goes through it: it carries ``aws:SourceVpce`` and ``aws:VpceAccount`` as well, and the endpoint's policy
decides too. Where it has none, a request of SageMaker's own goes over AWS's network and carries nothing of the VPC; a
request of a container that is confined to the VPC reaches nothing.

Sources: IAM user guide, "AWS global condition context keys"; AWS PrivateLink guide, "Control access to VPC endpoints
using endpoint policies"; each service's "interface VPC endpoints" page for the names.
"""

from collections.abc import Iterator

from ministack.core import iam_evaluator
from ministack.core.responses import request_scope
from ministack.services import ec2

from plumbline.rehearsal.enforcement.callers import Context, EvalResult

SOURCE_VPC = "aws:SourceVpc"
# Carried by the requests of a container: those of SageMaker for it have AWS's own network besides.
CONFINED = "plumbline:Confined"
_KEYS = ("aws:sourcevpc", "aws:sourcevpce", "aws:vpceaccount", CONFINED.lower())

# The end of the endpoint's service name, where it is not the prefix of the service's actions.
_ENDPOINTS = {
    "cloudwatch": ("monitoring",),
    "sagemaker": ("sagemaker.api",),
    "ecr": ("ecr.api",),
}
_ENDPOINTS_OF_ACTIONS = {
    "sagemaker:InvokeEndpoint": ("sagemaker.runtime",),
    # Pulling an image asks the registry itself, which is another endpoint than the API's; both have these actions.
    "ecr:BatchCheckLayerAvailability": ("ecr.api", "ecr.dkr"),
    "ecr:BatchGetImage": ("ecr.api", "ecr.dkr"),
    "ecr:GetDownloadUrlForLayer": ("ecr.api", "ecr.dkr"),
}


def within_vpc(context: Context, action: str, account: str, region: str) -> Context:
    """The keys of a request with those that its way through a VPC gives it.

    Args:
        context: What the request carries, ``aws:SourceVpc`` for one that comes from a VPC.
        action: What is asked.
        account: The account of the VPC, which is the caller's.
        region: Its region.
    """
    vpc = context.get("aws:sourcevpc")
    if not vpc:
        return context
    taken = list(_taken(str(vpc), action, account, region))
    outside = {key: value for key, value in context.items() if key not in _KEYS}
    if not taken:
        return outside
    return {**outside, "aws:sourcevpc": vpc, "aws:sourcevpce": taken[0][0], "aws:vpceaccount": account}


def outside_vpc(context: Context) -> Context:
    """The keys of a request that a service makes on behalf of its caller: none of the caller's network."""
    return {key: value for key, value in context.items() if key not in _KEYS}


def held_to_endpoints(asked: object, context: Context, action: str, account: str, region: str) -> EvalResult | None:
    """Holds a request from a VPC to the policies of the endpoints it takes.

    Args:
        asked: The request as the evaluation knows it.
        context: What it carries, before ``within_vpc``.
        action: What is asked.
        account: The account of the VPC.
        region: Its region.

    Returns:
        The refusal, or None.
    """
    vpc = context.get("aws:sourcevpc")
    if not vpc:
        return None
    taken = list(_taken(str(vpc), action, account, region))
    if not taken and context.get(CONFINED.lower()):
        unreachable: EvalResult = iam_evaluator.EvalResult("ImplicitDeny", "", "", "No endpoint")
        unreachable.resource_policy_arn = f"no endpoint of {vpc} leads there"
        return unreachable
    for identity, policy in taken:
        if not policy:  # the default one, which allows everything
            continue
        result: EvalResult = iam_evaluator.evaluate_resource_policy(policy, asked)
        if result.decision != "Allow":
            result.resource_policy_arn = identity
            return result
    return None


def reachable(service: str, vpc: str, account: str, region: str) -> bool:
    """Whether a VPC has an endpoint for a service, by the prefix of its actions."""
    return any(True for _ in _taken(vpc, f"{service}:", account, region))


def _taken(vpc: str, action: str, account: str, region: str) -> Iterator[tuple[str, object]]:
    """The id and the policy of every endpoint that a request takes."""
    service = action.partition(":")[0]
    names = _ENDPOINTS_OF_ACTIONS.get(action) or _ENDPOINTS.get(service, (service,))
    with request_scope(account, region):
        for endpoint in list(ec2._vpc_endpoints.values()):
            name = str(endpoint["ServiceName"]).removeprefix(f"com.amazonaws.{region}.")
            if endpoint["VpcId"] == vpc and name in names:
                yield str(endpoint["VpcEndpointId"]), endpoint.get("PolicyDocument")

"""How SageMaker Clarify explains the answers of a model: it makes an endpoint of it for one window, and asks that."""

from datetime import date

from mlops_constructs.waiver import Waiver

# What it asks SageMaker's API for: of the model, and of the endpoint that it makes of it.
CLARIFY_ACTIONS = (
    "sagemaker:CreateEndpoint",
    "sagemaker:CreateEndpointConfig",
    "sagemaker:DeleteEndpoint",
    "sagemaker:DeleteEndpointConfig",
    "sagemaker:DescribeEndpoint",
    "sagemaker:DescribeEndpointConfig",
    "sagemaker:DescribeModel",
)


def explaining(rule: str, *findings: str) -> Waiver:
    """What Clarify's way of explaining asks to be excused.

    Args:
        rule: Qualified id of the rule.
        findings: Its findings, if it reports more than one.
    """
    return Waiver(
        id="explained-by-clarify",
        rule=rule,
        reason="Clarify explains answers by an endpoint that it makes itself of a model it finds by name, through "
        "SageMaker's API (developer guide, clarify-vpc): an isolated job could not, its endpoint configuration has no "
        "volume key, and the model's name has the release's number in it. The job's subnets have no way out; its role "
        "and the policies of the VPC's endpoints let it reach such endpoints alone, each of which lives for a window.",
        owner="platform",
        until=date(2027, 11, 30),
        findings=findings,
    )

"""How a new version takes over the traffic of an endpoint."""

from dataclasses import dataclass
from typing import Protocol

from aws_cdk import aws_sagemaker as sagemaker


class DeploymentStrategy(Protocol):
    """Anything that says how traffic moves from one fleet to the next."""

    def deployment_config(self) -> sagemaker.CfnEndpoint.DeploymentConfigProperty:
        """The strategy as CloudFormation takes it."""
        ...


@dataclass(frozen=True, kw_only=True)
class AllAtOnce:
    """Blue/green: the new fleet gets all traffic when it is healthy, the old one waits to be called back.

    Attributes:
        termination_wait_seconds: How long the old fleet waits, 0 to 3600.
        timeout_seconds: When an update that has not ended is rolled back, 600 to 28800 and more than the wait.
    """

    termination_wait_seconds: int = 300
    timeout_seconds: int = 3600

    def deployment_config(self) -> sagemaker.CfnEndpoint.DeploymentConfigProperty:
        """The strategy as CloudFormation takes it."""
        return sagemaker.CfnEndpoint.DeploymentConfigProperty(
            blue_green_update_policy=sagemaker.CfnEndpoint.BlueGreenUpdatePolicyProperty(
                # API_TrafficRoutingConfig requires the wait, also where there are no steps to wait between.
                traffic_routing_configuration=sagemaker.CfnEndpoint.TrafficRoutingConfigProperty(
                    type="ALL_AT_ONCE", wait_interval_in_seconds=0
                ),
                termination_wait_in_seconds=self.termination_wait_seconds,
                maximum_execution_timeout_in_seconds=self.timeout_seconds,
            )
        )

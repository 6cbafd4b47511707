"""What a monitor says, whatever runs it."""

from collections.abc import Mapping
from dataclasses import dataclass

from plumbline.configuration import Deployment, Model, Monitor


@dataclass(frozen=True, kw_only=True)
class MonitorMetric:
    """The metric of a check that an alarm looks at: above the line exactly when M of the last N windows are.

    Attributes:
        namespace: Its namespace.
        name: Its name.
        dimensions: Its dimensions.
        line: Above which it is too much.
        of_window: Name of the metric beside it that tells of the last window alone.
    """

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    line: float
    of_window: str


def monitor_metric(
    deployment: Deployment, model: Model, monitor: Monitor, *, name: str, of_window: str, line: float
) -> MonitorMetric:
    """A metric of the platform's own namespace.

    Args:
        deployment: The environment.
        model: The model.
        monitor: The check.
        name: Name of the metric that an alarm looks at.
        of_window: Name of the one that tells of the last window alone.
        line: Above which it is too much.
    """
    return MonitorMetric(
        namespace=deployment.monitoring_namespace,
        name=name,
        dimensions={"Model": model.name, "Monitor": monitor.value},
        line=line,
        of_window=of_window,
    )

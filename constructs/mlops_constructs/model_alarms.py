"""What tells people, and the retraining, that a deployed model deviates."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from mlops_constructs.monitor_metric import MonitorMetric
from plumbline.configuration import Deployment, Model, Monitor, Monitoring, load_contract

# A data point is published once a window. After a few of these periods it is out of sight, and the alarm goes back to
# OK, so that the next window beyond the line is told of anew.
_PERIOD_SECONDS = 300
_HOUR_SECONDS = 3_600
# By how much a call may be late. CloudWatch looks back some hours further where data is missing ("Alarm evaluation").
_LATE_HOURS = 2
_RUNBOOK = "docs/monitors.md"
_MOST_LINES = 500  # of a widget ("CloudWatch service quotas": metrics of a graph)
_TITLES = {
    Monitor.DATA_QUALITY: "Data quality",
    Monitor.MODEL_QUALITY: "Model quality",
    Monitor.BIAS: "Bias",
    Monitor.EXPLAINABILITY: "Explainability",
}


class ModelAlarms(Construct):
    """An alarm a monitor, one for all of them, and three that say that nobody has looked; and a dashboard.

    | alarm | goes off when |
    |---|---|
    | `…-data-quality`, `-model-quality`, `-bias`, `-explainability` | M of the last N windows are beyond the line |
    | `…-drift` | one of those does: the one signal that the model may be trained again |
    | `…-monitor-failed` | a window could not be looked at, or a check not be made |
    | `…-monitor-no-data` | a window had no traffic, its truth has not arrived, or the endpoint is gone |
    | `…-monitor-silent` | what looks for windows has not been called since the last one and two hours more |

    M of N is counted in windows by what publishes the metric, for CloudWatch looks back seven days at most.

    Guarantees: what is missing is no deviation, and what has never been called is silent: the last one goes off when it
    is made, and stays on until the first call; every alarm names its runbook.

    Attributes:
        deviations: The alarms of the monitors.
        drift: The one for all of them.
        failed: Says that a check was not made.
        no_data: Says that there was nothing to check.
        silent: Says that what looks for windows is not called.
        dashboard: Deviations with the line, metrics with their baselines.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        model: Model,
        monitoring: Monitoring,
        metrics: Mapping[Monitor, MonitorMetric],
        between_calls: timedelta,
    ) -> None:
        """Defines alarms and dashboard.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            model: The model.
            monitoring: What is watched of it, and from when on it is too much.
            metrics: What each check says, from whatever runs it.
            between_calls: The time between two calls of what looks for windows, which says so by the metric `windows`.
        """
        super().__init__(scope, construct_id)
        self._deployment, self._model, self._metrics = deployment, model, metrics
        name = deployment.model_name(model)
        counted = f"{monitoring.windows_to_alarm} of the last {monitoring.evaluation_windows} windows"
        self.deviations = {
            monitor: self._alarm(
                "".join(part.capitalize() for part in monitor.value.split("-")),
                name=f"{name}-{monitor}",
                description=f"{_TITLES[monitor]} of {model.name} is beyond {monitoring.line:g} in {counted}; see "
                f"{_RUNBOOK}#a-model-deviates",
                metric=metrics[monitor].name,
                threshold=metrics[monitor].line,
                namespace=metrics[monitor].namespace,
                dimensions=metrics[monitor].dimensions,
            )
            for monitor in monitoring.checks
        }
        self.drift = cloudwatch.CfnCompositeAlarm(
            self,
            "Drift",
            alarm_name=deployment.drift_alarm(model),
            alarm_description=f"{model.name} deviates from its baselines; see {_RUNBOOK}#a-model-deviates",
            alarm_rule=" OR ".join(f'ALARM("{name}-{monitor}")' for monitor in monitoring.checks),
            alarm_actions=[deployment.operations_topic_arn],
        )
        for alarm in self.deviations.values():
            self.drift.add_resource_dependency(alarm)
        self.failed = self._alarm(
            "Failed",
            name=f"{name}-monitor-failed",
            description=f"A monitor of {model.name} could not be run; see {_RUNBOOK}#a-monitor-fails",
            metric="failed",
            threshold=0,
        )
        self.no_data = self._alarm(
            "NoData",
            name=f"{name}-monitor-no-data",
            description=f"A window of {model.name} had nothing to look at; see {_RUNBOOK}#a-window-has-no-data",
            metric="no_data",
            threshold=0,
        )
        self.silent = self._silent(f"{name}-monitor-silent", between_calls)
        self.dashboard = cloudwatch.CfnDashboard(
            self, "Dashboard", dashboard_name=name, dashboard_body=json.dumps(self._body(monitoring), sort_keys=True)
        )

    def _alarm(
        self,
        construct_id: str,
        *,
        name: str,
        description: str,
        metric: str,
        threshold: float,
        namespace: str | None = None,
        dimensions: Mapping[str, str] | None = None,
    ) -> cloudwatch.CfnAlarm:
        return cloudwatch.CfnAlarm(
            self,
            construct_id,
            alarm_name=name,
            alarm_description=description,
            namespace=namespace or self._deployment.monitoring_namespace,
            metric_name=metric,
            dimensions=[
                cloudwatch.CfnAlarm.DimensionProperty(name=dimension, value=value)
                for dimension, value in (dimensions or {"Model": self._model.name}).items()
            ],
            statistic="Maximum",
            period=_PERIOD_SECONDS,
            evaluation_periods=1,
            threshold=threshold,
            comparison_operator="GreaterThanThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[self._deployment.operations_topic_arn],
        )

    def _silent(self, name: str, between_calls: timedelta) -> cloudwatch.CfnAlarm:
        """At most seven days of periods of an hour (API_PutMetricAlarm, `EvaluationPeriods`): a call a day fits."""
        hours = int(between_calls.total_seconds()) // _HOUR_SECONDS
        return cloudwatch.CfnAlarm(
            self,
            "Silent",
            alarm_name=name,
            alarm_description=f"Nobody looks for windows of {self._model.name}; see {_RUNBOOK}#a-monitor-is-silent",
            namespace=self._deployment.monitoring_namespace,
            metric_name="windows",
            dimensions=[cloudwatch.CfnAlarm.DimensionProperty(name="Model", value=self._model.name)],
            statistic="SampleCount",
            period=_HOUR_SECONDS,
            evaluation_periods=hours + _LATE_HOURS,
            threshold=1,
            comparison_operator="LessThanThreshold",
            treat_missing_data="breaching",
            alarm_actions=[self._deployment.operations_topic_arn],
        )

    def _body(self, monitoring: Monitoring) -> dict[str, object]:
        """A column a monitor (CloudWatch API reference, "Dashboard Body Structure and Syntax")."""
        width = 24 // len(monitoring.checks)
        widgets = [
            self._widget(
                f"{_TITLES[monitor]}: {metric.of_window}",
                [self._metric(name, monitor) for name in (metric.of_window, metric.name)],
                place=(number * width, 0, width),
                line=metric.line,
            )
            for number, (monitor, metric) in enumerate(self._metrics.items())
        ]
        # A window is one dot: of fewer days than these there would be none to see.
        days = 14 * max(1, monitoring.every.shortest.days)
        if not self._deployment.has_model_monitor:
            widgets += self._numbers(monitoring, width)
        return {"start": f"-P{days}D", "periodOverride": "inherit", "widgets": widgets}

    def _numbers(self, monitoring: Monitoring, width: int) -> list[dict[str, object]]:
        """What the platform's own jobs publish beside their deviations."""
        widgets = [
            self._widget(f"{_TITLES[monitor]}: rows", [self._metric("rows", monitor)], place=(number * width, 6, width))
            for number, monitor in enumerate(monitoring.checks)
        ]
        if monitoring.data_quality:
            features = monitoring.data_quality.features or load_contract(self._model).inputs
            metrics = [
                self._metric("feature_deviation", Monitor.DATA_QUALITY, Feature=name) for name in features[:_MOST_LINES]
            ]
            widgets.append(self._widget("Deviation by feature", metrics, place=(0, 12, 24), line=monitoring.line))
        for number, metric in enumerate(monitoring.metrics):
            pair = [self._metric(name, Monitor.MODEL_QUALITY, Metric=metric) for name in ("value", "baseline")]
            widgets.append(
                self._widget(f"{metric} and its baseline", pair, place=(number % 2 * 12, 18 + number // 2 * 6, 12))
            )
        return widgets

    def _metric(self, name: str, monitor: Monitor, **more: str) -> list[str]:
        dimensions = {"Model": self._model.name, "Monitor": monitor.value, **more}
        told = [text for pair in dimensions.items() for text in pair]
        return [self._deployment.monitoring_namespace, name, *told]

    def _widget(
        self, title: str, metrics: Sequence[list[str]], *, place: tuple[int, int, int], line: float | None = None
    ) -> dict[str, object]:
        x, y, width = place
        annotations = {"horizontal": [{"label": "line", "value": line}]} if line is not None else {}
        properties: dict[str, object] = {
            "title": title,
            "region": self._deployment.region,
            "metrics": list(metrics),
            "stat": "Maximum",
            "period": _PERIOD_SECONDS,
            "view": "timeSeries",
            **({"annotations": annotations} if annotations else {}),
        }
        return {"type": "metric", "x": x, "y": y, "width": width, "height": 6, "properties": properties}

"""The monitors of a deployed model where SageMaker Model Monitor runs them: what tells of its findings."""

import json
from datetime import timedelta

from aws_cdk import aws_events as events
from constructs import Construct

from mlops_constructs.function_rule import FunctionRule
from mlops_constructs.managed_monitor_function import PUBLISHER
from mlops_constructs.monitor_metric import monitor_metric
from plumbline.configuration import Deployment, Model, Monitoring

# SageMaker begins an execution within 20 minutes of its time, so what it has found is asked for by the hour.
_BY_THE_HOUR, _HOUR = "cron(5 * * * ? *)", timedelta(hours=1)


class ManagedMonitors(Construct):
    """A rule that has the findings of Model Monitor's executions published, as `DriftMonitors` publishes its own.

    Guarantees: each execution is told of once, by the metrics that alarms look at; what cannot be delivered is kept in
    a queue, and told.

    Leaves out: job definitions and schedules, which name the baselines of a version and come with its release
    (`ModelMonitorJobs`); alarms (`ModelAlarms`); the function (`ManagedMonitorFunction`).

    Attributes:
        hourly: The rule.
        metrics: What alarms look at, by check.
        between_calls: The time from one question to the next.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: Deployment, model: Model, monitoring: Monitoring
    ) -> None:
        """Defines the rule.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            model: The model.
            monitoring: What is watched of it.
        """
        super().__init__(scope, construct_id)
        # Model Monitor says that a constraint is broken, and not by how much: the line is in the constraints.
        self.metrics = {
            monitor: monitor_metric(
                deployment, model, monitor, name="sustained_violation", of_window="violated", line=0
            )
            for monitor in monitoring.checks
        }
        self.between_calls = _HOUR
        told = {
            "model": model.name,
            "schedules": {
                monitor.value: deployment.monitoring_schedule(model, monitor) for monitor in monitoring.checks
            },
            "everyHours": monitoring.every.shortest // _HOUR,
            "windowsToAlarm": monitoring.windows_to_alarm,
            "evaluationWindows": monitoring.evaluation_windows,
        }
        self.hourly = FunctionRule(
            self,
            "Hourly",
            placement=deployment,
            name=f"{deployment.model_name(model)}-watched",
            description=f"What Model Monitor has found of {model.name} is published",
            function=PUBLISHER,
            schedule=_BY_THE_HOUR,
            told=events.CfnRule.InputTransformerProperty(
                # EventBridge puts quotes around a text that stands by itself ("Input transformation").
                input_paths_map={"time": "$.time"},
                input_template=f'{json.dumps(told)[:-1]}, "time": <time>}}',
            ),
        )

"""How often a model may be trained anew, and by which signals."""

import json

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from mlops_constructs.event_forwarding import retries
from mlops_constructs.retraining_governor import GOVERNOR
from plumbline.configuration import Deployment, Model, Retraining


class RetrainingSettings(Construct):
    """What the governor reads of a model, and the schedule by which it is asked, if there is one.

    Attributes:
        value: The SSM parameter with the settings.
        schedule: When the governor is asked; None without a schedule.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: Deployment, model: Model, retraining: Retraining
    ) -> None:
        """Defines the parameter and the schedule.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment in which the model is trained for the record.
            model: The model.
            retraining: Its settings.
        """
        super().__init__(scope, construct_id)
        self.value = ssm.CfnParameter(
            self,
            "Value",
            name=f"{deployment.retraining_settings}/{model.name}",
            type="String",
            value=json.dumps(retraining.document, sort_keys=True),
            description=f"What trains {model.name} anew, and what holds it back",
        )
        self.schedule: events.CfnRule | None = None
        if retraining.every is None:
            return
        name, function = f"{deployment.model_name(model)}-retrain", deployment.function_name(GOVERNOR)
        self.schedule = events.CfnRule(
            self,
            "Schedule",
            name=name,
            description=f"{model.name} is to be trained anew ({retraining.every})",
            schedule_expression=retraining.every.schedule,
            targets=[
                events.CfnRule.TargetProperty(
                    id="Governor",
                    arn=deployment.arn("lambda", f"function:{function}"),
                    retry_policy=retries(),
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(
                        arn=deployment.arn("sqs", deployment.dead_letter_queue("events"))
                    ),
                )
            ],
        )
        permission = lambda_.CfnPermission(
            self,
            "Invoke",
            action="lambda:InvokeFunction",
            function_name=function,
            principal="events.amazonaws.com",
            source_account=deployment.account,
            source_arn=deployment.arn("events", f"rule/{name}"),
        )
        self.schedule.add_resource_dependency(permission)

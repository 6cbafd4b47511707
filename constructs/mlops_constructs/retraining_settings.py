"""How often a model may be trained anew, and by which signals."""

import json

from aws_cdk import aws_ssm as ssm
from constructs import Construct

from mlops_constructs.function_rule import FunctionRule
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
        self.schedule: FunctionRule | None = None
        if retraining.every is not None:
            self.schedule = FunctionRule(
                self,
                "Schedule",
                placement=deployment,
                name=f"{deployment.model_name(model)}-retrain",
                description=f"{model.name} is to be trained anew ({retraining.every})",
                function=GOVERNOR,
                schedule=retraining.every.schedule,
            )

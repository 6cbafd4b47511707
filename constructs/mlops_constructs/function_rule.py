"""A rule that calls a function of the platform's."""

from collections.abc import Mapping

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from mlops_constructs.event_forwarding import retries
from plumbline.configuration import Placement


class FunctionRule(Construct):
    """Calls a function when an event fits, or when its time comes.

    Guarantees: this rule alone is let in, by its ARN; what the function does not take within a day is kept in the
    queue of failed events, and told.

    Leaves out: the function, which may be of another stack of the account; its name is computed.

    Attributes:
        rule: The rule.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        placement: Placement,
        name: str,
        description: str,
        function: str,
        pattern: Mapping[str, object] | None = None,
        schedule: str | None = None,
        bus: str | None = None,
        told: events.CfnRule.InputTransformerProperty | None = None,
    ) -> None:
        """Defines rule and permission.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            placement: The environment.
            name: The rule's name.
            description: When the function is called.
            function: Its folder below `functions/`.
            pattern: The events that fit; left out, a schedule calls.
            schedule: When it is called; left out, events call.
            bus: The bus; left out, the account's default bus.
            told: What the function is told; left out, the event.
        """
        super().__init__(scope, construct_id)
        function_name = placement.function_name(function)
        self.rule = events.CfnRule(
            self,
            "Rule",
            name=name,
            description=description,
            event_bus_name=bus,
            event_pattern=dict(pattern) if pattern else None,
            schedule_expression=schedule,
            targets=[
                events.CfnRule.TargetProperty(
                    id="Function",
                    arn=placement.arn("lambda", f"function:{function_name}"),
                    input_transformer=told,
                    retry_policy=retries(),
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(
                        arn=placement.arn("sqs", placement.dead_letter_queue("events"))
                    ),
                )
            ],
        )
        permission = lambda_.CfnPermission(
            self,
            "Invoke",
            action="lambda:InvokeFunction",
            function_name=function_name,
            principal="events.amazonaws.com",
            source_account=placement.account,
            source_arn=placement.arn("events", f"rule/{f'{bus}/' if bus else ''}{name}"),
        )
        self.rule.add_resource_dependency(permission)

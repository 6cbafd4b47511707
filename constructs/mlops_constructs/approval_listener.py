"""What starts a release: an approval in the registry."""

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from mlops_constructs.dead_letter_queue import DeadLetterQueue
from mlops_constructs.platform_function import PlatformFunction
from plumbline.configuration import Deployment, Release


class ApprovalListener(Construct):
    """Calls the recorder of a model's releases when a version is approved.

    Guarantees: only this rule calls it; it hears of approvals of the model's own group in the registry's account alone.
    The event may come twice, late or out of order: the recorder asks the registry what holds.

    Attributes:
        rule: When it is called.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        release: Release,
        registry: Deployment,
        recorder: PlatformFunction,
        failures: DeadLetterQueue,
    ) -> None:
        """Defines the rule.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            release: What releases the model.
            registry: The environment whose registry holds the versions.
            recorder: The function.
            failures: Where events go that could not be delivered.
        """
        super().__init__(scope, construct_id)
        self.rule = events.CfnRule(
            self,
            "Rule",
            name=release.approved_rule,
            description=f"A version of {release.model.name} was approved",
            # A change of a version's life cycle has the same type (SageMaker developer guide, "Events that Amazon
            # SageMaker AI sends to Amazon EventBridge"): the status decides.
            event_pattern={
                "source": ["aws.sagemaker"],
                "account": [registry.account],
                "detail-type": ["SageMaker Model Package State Change"],
                "detail": {
                    "ModelPackageGroupName": [registry.model_package_group(release.model)],
                    "ModelApprovalStatus": ["Approved"],
                },
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="Recorder",
                    arn=recorder.function_arn,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=failures.queue_arn),
                )
            ],
        )
        permission = lambda_.CfnPermission(
            self,
            "Invoke",
            action="lambda:InvokeFunction",
            function_name=recorder.function.ref,
            principal="events.amazonaws.com",
            source_account=release.account,
            source_arn=release.arn("events", f"rule/{release.approved_rule}"),
        )
        self.rule.add_resource_dependency(permission)

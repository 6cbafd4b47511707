"""What people are told of the pipelines of the delivery account."""

from aws_cdk import aws_events as events
from constructs import Construct

from mlops_constructs.told_by_topic import told_by_topic
from mlops_constructs.waiver import waive
from plumbline.configuration import Delivery

# CodePipeline user guide, "Detail type state change": of these a person has to know.
_ENDED_BADLY = ["FAILED", "STOPPED"]


class PipelineAlerts(Construct):
    """Tells the operations topic when a pipeline of the platform fails or waits for a person.

    Attributes:
        failure: The rule for deliveries that ended badly.
        release_failure: The rule for releases that did.
        approval: The rule for approvals that are asked for.
    """

    def __init__(self, scope: Construct, construct_id: str, *, delivery: Delivery) -> None:
        """Defines the rules.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            delivery: What delivers.
        """
        super().__init__(scope, construct_id)
        ours = [{"prefix": f"{delivery.platform.name}-"}]
        self.failure = self._rule(
            "Failure",
            delivery,
            name="pipeline-failed",
            description="An execution of a pipeline has failed or was stopped",
            detail_type="CodePipeline Pipeline Execution State Change",
            detail={"pipeline": [delivery.pipeline_name], "state": _ENDED_BADLY},
        )
        self.release_failure = self._rule(
            "ReleaseFailure",
            delivery,
            name="release-failed",
            description="A release has failed, was rejected or was stopped",
            # Not at its source: CodePipeline starts every pipeline when it is made, and then there is nothing to
            # release (user guide, "CreatePipeline").
            detail_type="CodePipeline Stage Execution State Change",
            detail={
                "pipeline": [{"prefix": f"{delivery.platform.name}-release-"}],
                "stage": [{"anything-but": ["Source"]}],
                "state": _ENDED_BADLY,
            },
        )
        self.approval = self._rule(
            "Approval",
            delivery,
            name="pipeline-waits",
            description="A pipeline waits for a person to approve",
            detail_type="CodePipeline Action Execution State Change",
            detail={"pipeline": ours, "state": ["STARTED"], "type": {"category": ["Approval"]}},
        )
        for rule in (self.failure, self.release_failure, self.approval):
            waive(rule, told_by_topic("Operations"))

    def _rule(
        self,
        construct_id: str,
        delivery: Delivery,
        *,
        name: str,
        description: str,
        detail_type: str,
        detail: dict[str, object],
    ) -> events.CfnRule:
        return events.CfnRule(
            self,
            construct_id,
            name=f"{delivery.prefix}-{name}",
            description=description,
            event_pattern={"source": ["aws.codepipeline"], "detail-type": [detail_type], "detail": detail},
            targets=[events.CfnRule.TargetProperty(id="Operations", arn=delivery.operations_topic_arn)],
        )

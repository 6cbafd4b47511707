"""Who says that a delivery or a release may go on to production."""

from constructs import Construct

from mlops_constructs.person_role import PersonRole
from mlops_constructs.policy import Statement
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import OBJECT_NAMES, ONE_A_MODEL
from plumbline.configuration import Delivery, Person


class DeliveryApproverRole(Construct):
    """Answers the approvals of the platform's pipelines, and starts a release again at an earlier record.

    Guarantees: it sees the state of the pipelines and reads what an approval is decided on; it starts no delivery,
    changes and deploys nothing, and changes no record. A release that it starts goes the way of every other.

    Attributes:
        person: The role.
    """

    def __init__(self, scope: Construct, construct_id: str, *, delivery: Delivery, key_arn: str) -> None:
        """Defines the role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            delivery: What delivers.
            key_arn: Key of the records.
        """
        super().__init__(scope, construct_id)
        releases = delivery.arn("codepipeline", f"{delivery.platform.name}-release-*")
        pipelines = [delivery.pipeline_arn, releases]
        approvals = [f"{pipeline}/*/*" for pipeline in pipelines]
        records = f"arn:{delivery.partition}:s3:::{delivery.records_bucket}/*"
        self.person = PersonRole(
            self,
            "Person",
            placement=delivery,
            person=Person.APPROVER,
            description=f"Approves deliveries and releases of {delivery.platform.name}",
            statements=[
                Statement(sid="Approve", actions=["codepipeline:PutApprovalResult"], resources=approvals),
                Statement(
                    sid="SeePipelines",
                    actions=[
                        "codepipeline:GetPipeline",
                        "codepipeline:GetPipelineExecution",
                        "codepipeline:GetPipelineState",
                        "codepipeline:ListActionExecutions",
                        "codepipeline:ListPipelineExecutions",
                    ],
                    resources=pipelines,
                ),
                Statement(sid="GoBack", actions=["codepipeline:StartPipelineExecution"], resources=[releases]),
                Statement(
                    sid="FindRecords",
                    actions=["s3:ListBucket"],
                    resources=[f"arn:{delivery.partition}:s3:::{delivery.records_bucket}"],
                    conditions={"StringLike": {"s3:prefix": "releases/*"}},
                ),
                Statement(sid="ReadRecords", actions=["s3:GetObject"], resources=[records]),
                Statement(
                    sid="DecryptRecords",
                    actions=["kms:Decrypt"],
                    resources=[key_arn],
                    conditions={
                        "StringEquals": {"kms:ViaService": f"s3.{delivery.region}.amazonaws.com"},
                    },
                ),
            ],
        )
        waive(self.person, ONE_A_MODEL.on(releases, *approvals), OBJECT_NAMES.on(records))

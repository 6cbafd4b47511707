"""What approvers may do."""

from constructs import Construct

from mlops_constructs.person_role import PersonRole
from mlops_constructs.policy import Statement
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import ONE_A_MODEL
from plumbline.configuration import REQUEST_SOURCE, REQUEST_TYPE, Deployment, Person

# What a pipeline registers with a version: the keys of its customer metadata.
EVIDENCE = ("commit", "dataset-uri", "dataset-version", "execution", "labelled", "trigger", "trigger-reason")


class ApproverRole(Construct):
    """Says that a registered version may go on, or asks for a new one, and nothing else.

    Guarantees: it changes the approval status of versions; it neither makes a version nor changes the evidence that one
    was registered with, starts no run, and reads no data. Of the platform's bus it asks one thing, which the governor
    decides on.

    Leaves out: what else `UpdateModelPackage` takes, such as another inference specification, for which IAM has no
    condition key; the trail has it.

    Attributes:
        person: The role.
    """

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment) -> None:
        """Defines the role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment whose registry holds the versions.
        """
        super().__init__(scope, construct_id)
        platform = deployment.platform
        versions = deployment.arn("sagemaker", f"model-package/{deployment.prefix}-*")
        groups = deployment.arn("sagemaker", f"model-package-group/{deployment.prefix}-*")
        self.person = PersonRole(
            self,
            "Person",
            placement=deployment,
            person=Person.APPROVER,
            description=f"Approves versions of {platform.name}",
            statements=[
                Statement(
                    sid="ApproveVersions",
                    actions=["sagemaker:UpdateModelPackage"],
                    resources=[versions],
                    conditions={
                        "StringEquals": {"sagemaker:ModelApprovalStatus": ["Approved", "Rejected"]},
                        # What a version says of where it comes from is not an approver's to change.
                        "Null": {
                            "sagemaker:CustomerMetadataPropertiesToRemove": "true",
                            **{f"sagemaker:CustomerMetadataProperties/{name}": "true" for name in EVIDENCE},
                        },
                    },
                ),
                Statement(
                    sid="SeeVersions",
                    actions=[
                        "sagemaker:DescribeModelPackage",
                        "sagemaker:DescribeModelPackageGroup",
                        "sagemaker:ListModelPackages",
                    ],
                    resources=[versions, groups],
                ),
                # Whoever agrees to what is trained may also ask for it; the governor decides.
                Statement(
                    sid="AskForRetraining",
                    actions=["events:PutEvents"],
                    resources=[deployment.event_bus_arn],
                    # A request has the sources and the types of all its entries (Service Authorization Reference).
                    conditions={
                        "ForAllValues:StringEquals": {
                            "events:source": REQUEST_SOURCE,
                            "events:detail-type": REQUEST_TYPE,
                        },
                        "Null": {"events:source": "false", "events:detail-type": "false"},
                    },
                ),
            ],
        )
        waive(self.person, ONE_A_MODEL.on(versions, groups))

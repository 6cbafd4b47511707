"""What auditors may do."""

from datetime import date

from constructs import Construct

from mlops_constructs.person_role import PersonRole
from mlops_constructs.policy import Statement
from mlops_constructs.waiver import Waiver, waive
from plumbline.configuration import Deployment, Person

# How things are set up, never what they hold: no object, no message, no parameter's value.
_LOOKS = (
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStackResources",
    "cloudformation:DescribeStacks",
    "cloudformation:GetStackPolicy",
    "cloudformation:GetTemplate",
    "cloudformation:ListStacks",
    "cloudtrail:DescribeTrails",
    "cloudtrail:GetEventSelectors",
    "cloudtrail:GetTrailStatus",
    "cloudtrail:LookupEvents",
    "cloudwatch:DescribeAlarms",
    "ec2:DescribeFlowLogs",
    "ec2:DescribeInternetGateways",
    "ec2:DescribeNatGateways",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeVpcs",
    "ecr:DescribeRepositories",
    "ecr:GetRepositoryPolicy",
    "events:DescribeEventBus",
    "events:ListRules",
    "events:ListTargetsByRule",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:GetRole",
    "iam:ListAttachedRolePolicies",
    "iam:ListPolicies",
    "iam:ListPolicyVersions",
    "iam:ListRoles",
    "kms:DescribeKey",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListGrants",
    "kms:ListKeys",
    "logs:DescribeLogGroups",
    "s3:GetBucketLogging",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration",
    "s3:ListAllMyBuckets",
    "sagemaker:DescribeEndpoint",
    "sagemaker:DescribeEndpointConfig",
    "sagemaker:DescribeModel",
    "sagemaker:DescribeModelPackage",
    "sagemaker:DescribePipeline",
    "sagemaker:DescribePipelineExecution",
    "sagemaker:DescribeProcessingJob",
    "sagemaker:DescribeTrainingJob",
    "sagemaker:GetModelPackageGroupPolicy",
    "sagemaker:ListEndpoints",
    "sagemaker:ListModelPackageGroups",
    "sagemaker:ListModelPackages",
    "sagemaker:ListPipelineExecutionSteps",
    "sagemaker:ListPipelineExecutions",
    "sagemaker:ListPipelines",
    "sns:GetTopicAttributes",
)


class AuditorRole(Construct):
    """Sees how an account is set up and what was done in it, and changes nothing.

    Guarantees: every action is a read of configuration or of the audit trail; no content of buckets, logs or messages.

    Attributes:
        person: The role.
    """

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment) -> None:
        """Defines the role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
        """
        super().__init__(scope, construct_id)
        self.person = PersonRole(
            self,
            "Person",
            placement=deployment,
            person=Person.AUDITOR,
            description=f"Auditors of {deployment.prefix}",
            statements=[Statement(sid="Look", actions=_LOOKS, resources=["*"])],
        )
        waive(
            self.person,
            *(
                Waiver(
                    id="auditor-sees-all",
                    rule=rule,
                    reason="An auditor has to see all of an account, also what nobody told the platform of; each "
                    "action is named, and reads configuration or the audit trail only.",
                    owner="platform",
                    until=date(2027, 11, 30),
                    findings=(finding,),
                )
                for rule, finding in (
                    ("AwsSolutions::AwsSolutions-IAM5", "Resource::*"),
                    ("Plumbline::PL-IAM-23", "Look"),
                )
            ),
        )

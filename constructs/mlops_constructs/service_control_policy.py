"""What nobody in the platform's accounts may do, administrators included."""

import json

from aws_cdk import aws_organizations as organizations
from constructs import Construct

from mlops_constructs.policy import Statement, policy_json
from plumbline.configuration import Environment, ModelJob, Organization, Person, Platform
from plumbline.errors import PlumblineError

# Organizations user guide, "Quotas and service limits": maximum size of a policy document.
LIMIT = 10_240
# Services with one endpoint for all regions (Organizations user guide, "Deny access to AWS based on the requested AWS
# Region"), and STS, Support and the console's own.
_GLOBAL = (
    "account:*",
    "aws-portal:*",
    "billing:*",
    "budgets:*",
    "ce:*",
    "cloudfront:*",
    "health:*",
    "iam:*",
    "kms:Describe*",
    "organizations:*",
    "route53:*",
    "s3:GetAccountPublic*",
    "s3:ListAllMyBuckets",
    "s3:PutAccountPublic*",
    "shield:*",
    "sts:*",
    "support:*",
    "tag:*",
    "trustedadvisor:*",
    "waf:*",
)
# What changes how production is built, as opposed to what runs in it.
_CONTROL_PLANE = (
    "cloudformation:Create*",
    "cloudformation:Delete*",
    "cloudformation:Execute*",
    "cloudformation:SetStackPolicy",
    "cloudformation:Update*",
    "cloudtrail:Delete*",
    "cloudtrail:PutEventSelectors",
    "cloudtrail:StopLogging",
    "cloudtrail:Update*",
    "ec2:Create*",
    "ec2:Delete*",
    "ec2:Modify*",
    "ecr:Delete*",
    "ecr:SetRepositoryPolicy",
    "events:Delete*",
    "events:DisableRule",
    "events:PutPermission",
    "events:PutRule",
    "events:PutTargets",
    "events:RemoveTargets",
    "iam:*AccessKey*",
    "iam:*LoginProfile",
    "iam:Add*",
    "iam:Attach*",
    "iam:Create*",
    "iam:Delete*",
    "iam:Detach*",
    "iam:Put*",
    "iam:Set*",
    "iam:Update*",
    "kms:Disable*",
    "kms:PutKeyPolicy",
    "lambda:AddPermission",
    "lambda:Create*",
    "lambda:Delete*",
    "lambda:UpdateFunction*",
    "logs:Delete*",
    "logs:PutRetentionPolicy",
    "s3:DeleteBucket*",
    "s3:PutBucket*",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "sagemaker:CreateEndpoint*",
    "sagemaker:CreateModel",
    "sagemaker:DeleteEndpoint*",
    "sagemaker:DeleteModel",
    "sagemaker:UpdateEndpoint*",
    "ssm:DeleteParameter*",
    "ssm:PutParameter",
)


class ServiceControlPolicy(Construct):
    """The organisation's policy over the platform's accounts.

    Guarantees: in production nothing of the control plane is changed but by the delivery and release roles, by
    CloudFormation for them, the bootstrap's roles, break-glass and the landing zone's; keys are not
    deleted, buckets not opened, the trail's files not unlocked, jobs not started without VPC and keys, other regions
    not used, the organisation not left.

    Leaves out: the management account and service-linked roles, which no service control policy binds.

    Attributes:
        policy: The policy, attached to the configured targets.
    """

    def __init__(self, scope: Construct, construct_id: str, *, platform: Platform, organization: Organization) -> None:
        """Defines the policy.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            platform: The configuration.
            organization: What it says of the organisation.

        Raises:
            PlumblineError: The policy is longer than Organizations takes.
        """
        super().__init__(scope, construct_id)
        document = service_control_policy(platform, organization)
        length = len(json.dumps(document, separators=(",", ":")))
        if length > LIMIT:
            raise PlumblineError(
                f"organization: the service control policy has {length} characters; accepted: at most {LIMIT}. "
                "Name fewer landing_zone_roles, or end them with *."
            )
        self.policy = organizations.CfnPolicy(
            self,
            "Policy",
            name=f"{platform.name}-guardrails",
            description=f"What nobody in the accounts of {platform.name} may do",
            type="SERVICE_CONTROL_POLICY",
            content=document,
            target_ids=list(organization.targets),
        )


def service_control_policy(platform: Platform, organization: Organization) -> dict[str, object]:
    """The document of the policy."""
    landing_zone = [f"arn:{platform.partition}:iam::*:role/{role}" for role in organization.landing_zone_roles]
    production = platform.deployment(Environment.PRODUCTION)
    deploying = [
        f"arn:{platform.partition}:iam::*:role/cdk-{platform.name}-*",
        platform.delivery.iam_arn(f"role/{platform.delivery.prefix}-*"),
        production.iam_arn(f"role/{production.prefix}-*-release"),
        production.iam_arn(f"role/{production.prefix}-*-release-execution"),
    ]
    # What runs there and touches the control plane: jobs place network interfaces, the guard sets stack policies.
    running = [
        *(production.iam_arn(f"role/{production.prefix}-*-{job}") for job in (ModelJob.SERVE, ModelJob.MONITOR)),
        production.iam_arn(f"role/{production.prefix}-account-guard"),
    ]
    break_glass = production.person_role_arn(Person.BREAK_GLASS)
    ours = [f"arn:{platform.partition}:iam::*:role/cdk-{platform.name}-cfn-exec-role-*", *landing_zone]

    def deny(sid: str, actions: list[str], conditions: dict[str, dict[str, str | list[str]]]) -> Statement:
        return Statement(sid=sid, effect="Deny", actions=actions, resources=["*"], conditions=conditions)

    isolated = [
        "sagemaker:CreateHyperParameterTuningJob",
        "sagemaker:CreateProcessingJob",
        "sagemaker:CreateTrainingJob",
    ]
    # These know no isolation (service authorization reference).
    job = [*isolated, "sagemaker:CreateAutoMLJob*", "sagemaker:CreateNotebookInstance"]
    return policy_json(
        [
            deny(
                "ProductionIsForDelivery",
                list(_CONTROL_PLANE),
                {
                    "ArnNotLike": {"aws:PrincipalArn": [*deploying, *running, break_glass, *landing_zone]},
                    "StringEquals": {"aws:PrincipalAccount": production.account},
                },
            ),
            deny("KeysStay", ["kms:ScheduleKeyDeletion"], {"ArnNotLike": {"aws:PrincipalArn": ours}}),
            deny(
                "BucketsStayClosed",
                ["s3:PutAccountPublicAccessBlock", "s3:PutBucketAcl", "s3:PutBucketPublicAccessBlock"],
                {"ArnNotLike": {"aws:PrincipalArn": ours}},
            ),
            deny("ObjectsStayLocked", ["s3:BypassGovernanceRetention"], {}),
            deny(
                "JobsInVpc",
                [*job, "sagemaker:CreateModel"],
                {"Null": {"sagemaker:VpcSubnets": "true"}},
            ),
            deny(
                "JobsWithVolumeKey",
                job,
                {"Null": {"sagemaker:VolumeKmsKey": "true", "sagemaker:VolumeKmsKeyArn": "true"}},
            ),
            # IfExists: a job that says nothing of isolation has none.
            deny("JobsIsolated", isolated, {"BoolIfExists": {"sagemaker:NetworkIsolation": "false"}}),
            Statement(
                sid="OneRegion",
                effect="Deny",
                not_actions=_GLOBAL,
                resources=["*"],
                conditions={
                    "ArnNotLike": {"aws:PrincipalArn": [*landing_zone, f"arn:{platform.partition}:iam::*:role/cdk-*"]},
                    "StringNotEquals": {"aws:RequestedRegion": platform.region},
                },
            ),
            deny("Stay", ["organizations:LeaveOrganization"], {}),
        ]
    )

"""Decisions about wildcards in resources, each taken once and declared beside every policy that has one."""

from dataclasses import dataclass
from datetime import date

from mlops_constructs.waiver import Waiver


@dataclass(frozen=True, kw_only=True)
class Wildcards:
    """A reason for which a policy names resources by a pattern.

    Attributes:
        id: Name of the decision.
        reason: Why an auditor should agree.
    """

    id: str
    reason: str

    def on(self, *resources: str) -> Waiver:
        """The waiver of a policy that has these patterns.

        Args:
            resources: The patterns, as the policy has them.
        """
        return Waiver(
            id=self.id,
            rule="AwsSolutions::AwsSolutions-IAM5",
            reason=self.reason,
            owner="platform",
            until=date(2027, 11, 30),
            findings=tuple(dict.fromkeys(f"Resource::{resource}" for resource in resources)),
        )


OBJECT_NAMES = Wildcards(
    id="object-names",
    reason="Names of objects are not known before they are written; the prefixes of one bucket that belong to the job, "
    "the model or the environment bound them.",
)
LOG_STREAMS = Wildcards(
    id="log-streams",
    reason="A log stream is named after what writes it, and a log group's ARN ends in :* for most actions; the log "
    "group bounds them.",
)
STACK_IDS = Wildcards(
    id="stack-ids",
    reason="CloudFormation appends an id of its own to a stack's name; the name, or its beginning, bounds them.",
)
ONE_A_MODEL = Wildcards(
    id="one-a-model",
    reason="Pipelines, their runs and approvals, versions and jobs come and go with the models; the environment's "
    "prefix, the model's own name, or the name that SageMaker Pipelines gives its jobs bounds them.",
)
INVENTED_NAMES = Wildcards(
    id="invented-names",
    reason="AWS invents these names and ids; conditions beside them bind what they may stand for: isolation and "
    "subnets of models, the volume key of endpoint configurations, the VPC of security groups.",
)
NETWORK_INTERFACES = Wildcards(
    id="network-interfaces",
    reason="EC2 invents the ids of network interfaces; creation is bound to the job subnets and a security group of "
    "the platform's, use and deletion to interfaces of the job subnets (ec2:Subnet).",
)
FOREIGN_KEYS = Wildcards(
    id="foreign-key-ids",
    reason="The id of another account's key is not known here and an alias is no valid resource; kms:ResourceAliases "
    "binds the pattern to one key, whose own policy admits this role.",
)
WITHOUT_RESOURCES = Wildcards(
    id="actions-without-resources",
    reason="These actions know no resource but * (Service Authorization Reference). They list and describe; "
    "ecr:GetAuthorizationToken opens only what a repository's policy allows, cloudwatch:PutMetricData is bound to one "
    "namespace, and a pipeline's job is answered by its id, which only the function that was called has.",
)

"""Stand-ins for the policies that AWS manages, none of which is in a template."""

from plumbline.audit.access.landscape import Policy
from plumbline.audit.json_value import Document, Json


def _allow(*actions: str) -> Document:
    listed: list[Json] = list(actions)
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": listed, "Resource": "*"}]}


def _reads(*services: str) -> Document:
    verbs = ("BatchGet*", "Describe*", "Get*", "List*", "View*")
    return _allow(*(f"{service}:{verb}" for service in services for verb in verbs))


_READ_SERVICES = (
    *("cloudformation", "cloudtrail", "cloudwatch", "codebuild", "codepipeline", "dynamodb", "ec2", "ecr", "events"),
    *("iam", "kms", "lambda", "logs", "s3", "sagemaker", "sns", "sqs", "ssm"),
)
# At least what each allows of the services that the platform uses, so that a denial here is one there too
# (AWS Managed Policy Reference Guide, pages of the same names).
_STAND_INS = {
    name: Policy(name=name, document=document)
    for name, document in (
        ("AdministratorAccess", _allow("*")),
        ("AWSCloudFormationReadOnlyAccess", _reads("cloudformation")),
        ("ReadOnlyAccess", _reads(*_READ_SERVICES)),
    )
}
EVERYTHING = _STAND_INS["AdministratorAccess"]
# What a service control policy takes from: every target keeps it unless somebody takes it away.
FULL_ACCESS = Policy(name="FullAWSAccess", document=_allow("*"))


def managed_by_aws(policy_arn: str) -> Policy | None:
    """A policy that allows at least what a policy of AWS's allows; none for a policy that is not known here.

    Args:
        policy_arn: ARN of the policy, e.g. `arn:aws:iam::aws:policy/ReadOnlyAccess`.
    """
    if ":iam::aws:policy/" not in policy_arn:
        return None
    return _STAND_INS.get(policy_arn.rpartition("/")[2])

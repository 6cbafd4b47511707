"""A role of the platform: named, bounded, and with all of its permissions in one reviewed policy."""

import functools
import json
from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from constructs import Construct

from mlops_constructs.policy import Statement, policy_json
from plumbline.configuration import Platform
from plumbline.errors import PlumblineError

# IAM user guide, "IAM and AWS STS quotas": characters of a managed policy, white space not counted.
POLICY_LIMIT = 6_144
# Characters that take the place of a token when a policy is measured: an ARN of a KMS key, longer than any id.
_TOKEN_LENGTH = 80
_NAME_LIMIT = 64


class PlatformRole(Construct):
    """A role with one customer-managed policy and the permission boundary that `bootstrap/` made in its account.

    Guarantees: it carries the boundary; it has no inline policy; its policy exists before it does, so whoever waits for
    the role waits for its permissions; a session lasts an hour unless said otherwise.

    Leaves out: instance profiles, paths.

    Attributes:
        role: The role.
        policy: Its policy, of the same name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        platform: Platform,
        account: str,
        role_name: str,
        description: str,
        trust: Sequence[Statement],
        statements: Sequence[Statement],
        max_session_hours: int = 1,
    ) -> None:
        """Defines the role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            platform: The configuration.
            account: Account of the role.
            role_name: Its name, which begins with the platform's: the bootstrap's execution policy makes no other.
            description: What it is for.
            trust: Who assumes it, and under which conditions.
            statements: What it may do.
            max_session_hours: How long a session lasts at most, 1 to 12.

        Raises:
            PlumblineError: The name does not begin with the platform's or has more than 64 characters, or the policy
                has more than 6,144.
        """
        super().__init__(scope, construct_id)
        if not role_name.startswith(f"{platform.name}-") or len(role_name) > _NAME_LIMIT:
            raise PlumblineError(
                f"role {role_name}: accepted: a name of at most {_NAME_LIMIT} characters that begins with "
                f"{platform.name}-."
            )
        document = policy_json(statements)
        length = _measured(document)
        if length > POLICY_LIMIT:
            raise PlumblineError(
                f"role {role_name}: its policy has {length} characters; accepted: at most {POLICY_LIMIT}."
            )
        self.policy = iam.CfnManagedPolicy(
            self,
            "Policy",
            managed_policy_name=role_name,
            description=description,
            policy_document=document,
        )
        self.role = iam.CfnRole(
            self,
            "Role",
            role_name=role_name,
            description=description,
            assume_role_policy_document=policy_json(trust),
            managed_policy_arns=[self.policy.ref],
            permissions_boundary=platform.boundary_arn(account),
            max_session_duration=max_session_hours * 3_600,
        )

    @functools.cached_property
    def role_arn(self) -> str:
        """ARN of the role; it crosses to JavaScript, and most roles are known by their names."""
        return self.role.attr_arn


def _measured(document: object) -> int:
    """Characters that IAM counts, with every token as long as what it may stand for."""
    if isinstance(document, dict):
        return sum(len(json.dumps(key)) + 2 + _measured(value) for key, value in document.items()) + 1
    if isinstance(document, list):
        return sum(_measured(item) + 1 for item in document) + 1
    if isinstance(document, str):
        # Asking the CDK whether a text holds tokens would cross to JavaScript for each text of each policy.
        literal, tokens = _without_tokens(document)
        return len(json.dumps(literal)) + tokens * _TOKEN_LENGTH
    return len(json.dumps(document))


def _without_tokens(text: str) -> tuple[str, int]:
    """The text outside `${Token[…]}` and the number of tokens in it."""
    parts = text.split("${Token[")
    return parts[0] + "".join(part.partition("]}")[2] for part in parts[1:]), len(parts) - 1

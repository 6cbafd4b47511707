"""Who gets through a VPC endpoint, and to what: the platform's identities, and what their jobs do.

Policies are plain documents, as `AWS::EC2::VPCEndpoint` takes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_constructs.policy import Conditions, Statement, policy_json
from plumbline.configuration import Platform

Policy = dict[str, object]

_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


@dataclass(frozen=True, kw_only=True)
class EndpointPolicies:
    """The policies of the endpoints of one platform, one a service.

    Attributes:
        platform: Its accounts, and its organisation when it names one, are let through.
        images: ARNs of repositories of AWS's whose images are pulled as well.
    """

    platform: Platform
    images: Sequence[str] = ()

    def s3(self) -> Policy:
        """S3: the platform's identities to the platform's buckets, and ECR's own bucket, where image layers lie."""
        platform = self.platform
        layers = f"arn:{platform.partition}:s3:::prod-{platform.region}-starport-layer-bucket/*"
        return self._policy(
            ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListBucket", "s3:PutObject"],
            # ECR signs the addresses of layers itself: there is no identity of ours to ask for (ECR user guide,
            # "Minimum Amazon S3 Bucket Permissions for Amazon ECR").
            _through("ImageLayers", ["s3:GetObject"], layers),
        )

    def ecr_api(self) -> Policy:
        """The ECR API: logging in, and finding the layers of an image."""
        return self._policy(_PULL, self._without_resource("LogIn", ["ecr:GetAuthorizationToken"]), *self._others_images)

    def ecr_pull(self) -> Policy:
        """The image registry: pulling, from the platform's accounts, and the named repositories of AWS's."""
        return self._policy(_PULL, *self._others_images)

    def kms(self) -> Policy:
        """KMS: using the platform's keys, never administering them."""
        return self._policy(["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"])

    def logs(self) -> Policy:
        """CloudWatch Logs: writing."""
        return self._policy(["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"])

    def sagemaker_api(self, actions: Sequence[str]) -> Policy:
        """SageMaker's API, for notebooks, and for Clarify where it explains answers.

        Args:
            actions: What they may do.
        """
        return self._policy(actions)

    def sagemaker_runtime(self) -> Policy:
        """SageMaker's endpoints, for Clarify where it explains answers."""
        return self._policy(["sagemaker:InvokeEndpoint"])

    def sts(self) -> Policy:
        """STS: asking who one is. A role of another account is not assumed from inside."""
        return policy_json([self._without_resource("WhoAmI", ["sts:GetCallerIdentity"])])

    def _policy(self, actions: Sequence[str], *others: Statement) -> Policy:
        ours = list(self.platform.account_ids)
        resource: dict[str, str | list[str]] = {"aws:ResourceAccount": ours}
        organization = self.platform.organization
        if organization:
            resource["aws:ResourceOrgID"] = organization.id
        conditions = {"StringEquals": {**self._principal, **resource}}
        return policy_json([_through("PlatformAccounts", actions, "*", conditions), *others])

    def _without_resource(self, sid: str, actions: Sequence[str]) -> Statement:
        """For actions that know no resource, which therefore is in no account."""
        return _through(sid, actions, "*", {"StringEquals": self._principal})

    @property
    def _others_images(self) -> list[Statement]:
        conditions: Conditions = {"StringEquals": self._principal}
        return [_through(f"ImagesOfAws{number}", _PULL, arn, conditions) for number, arn in enumerate(self.images)]

    @property
    def _principal(self) -> dict[str, str | list[str]]:
        principal: dict[str, str | list[str]] = {"aws:PrincipalAccount": list(self.platform.account_ids)}
        if self.platform.organization:
            principal["aws:PrincipalOrgID"] = self.platform.organization.id
        return principal


def _through(sid: str, actions: Sequence[str], resource: str, conditions: Conditions | None = None) -> Statement:
    return Statement(
        sid=sid, principal={"AWS": "*"}, actions=actions, resources=[resource], conditions=conditions or {}
    )

"""Who does what in the delivery pipeline."""

from collections.abc import Mapping, Sequence

from constructs import Construct

from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement, once
from mlops_constructs.service_trust import service_trust
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import LOG_STREAMS, OBJECT_NAMES, ONE_A_MODEL, WITHOUT_RESOURCES
from plumbline.configuration import Delivery, DeliveryStep, Deployment, Environment, ModelJob, Placement, SourceProvider

_REPOSITORY_PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:DescribeImages",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)


class DeliveryRoles(Construct):
    """One role for the delivery pipeline and one for each of its builds.

    Guarantees: each has one purpose, and reaches another account by one role of that account alone. Only the pipeline,
    and the build that updates it, ask for stacks to be deployed; the build that runs a commit's tests reaches no
    account at all.

    Attributes:
        pipeline: The pipeline's own role.
        builds: The role of each build, by step.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        delivery: Delivery,
        key_arn: str,
    ) -> None:
        """Defines the roles.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            delivery: What delivers.
            key_arn: Key of artifacts and records.
        """
        super().__init__(scope, construct_id)
        self._delivery = delivery
        self._key_arn = key_arn
        self.pipeline = self._pipeline()
        special: Mapping[DeliveryStep, tuple[str, Sequence[Statement]]] = {
            DeliveryStep.BUILD: ("Tests, audits and synthesizes a commit", []),
            DeliveryStep.UPDATE: ("Deploys the delivery pipeline itself", [self._update()]),
            DeliveryStep.ASSETS: ("Publishes files of stacks before production", [self._publish(DeliveryStep.ASSETS)]),
            DeliveryStep.PRODUCTION_ASSETS: (
                "Publishes files of stacks of production and of releases",
                [self._publish(DeliveryStep.PRODUCTION_ASSETS)],
            ),
            DeliveryStep.IMAGE: ("Builds the runtime image", self._image()),
            DeliveryStep.CODE: ("Brings the models' code to where they are trained", [self._code()]),
            DeliveryStep.CHECK: ("Checks what was deployed to staging", [self._check()]),
            DeliveryStep.COMPARE: ("Keeps what an approval is decided on", self._compare()),
        }
        self.builds = {
            step: self._build(step, description, statements) for step, (description, statements) in special.items()
        }

    def _pipeline(self) -> PlatformRole:
        delivery = self._delivery
        source = _source(delivery)
        role = PlatformRole(
            self,
            "Pipeline",
            platform=delivery.platform,
            account=delivery.account,
            role_name=delivery.pipeline_role_name,
            description="Takes a commit to every account",
            trust=[
                service_trust("codepipeline.amazonaws.com", account=delivery.account, source_arn=delivery.pipeline_arn)
            ],
            statements=[
                *self._read(writing=True),
                self._encryption(writing=True),
                Statement(sid="SeeVersioning", actions=["s3:GetBucketVersioning"], resources=[self._artifacts_arn]),
                *source,
                Statement(
                    sid="RunBuilds",
                    actions=["codebuild:BatchGetBuilds", "codebuild:StartBuild", "codebuild:StopBuild"],
                    resources=[delivery.project_arn(step) for step in DeliveryStep],
                ),
                Statement(
                    sid="DeployThroughBootstrap",
                    actions=["sts:AssumeRole"],
                    resources=once(placement.deploy_role_arn for placement in _placements(delivery)),
                ),
            ],
        )
        waive(role, OBJECT_NAMES.on(*self._artifact_objects))
        return role

    def _build(self, step: DeliveryStep, description: str, statements: Sequence[Statement]) -> PlatformRole:
        delivery = self._delivery
        log_group = delivery.arn("logs", f"log-group:{delivery.log_group(step)}")
        written = {DeliveryStep.BUILD: delivery.built_objects, DeliveryStep.COMPARE: [self._evidence]}
        role = PlatformRole(
            self,
            step.action,
            platform=delivery.platform,
            account=delivery.account,
            role_name=delivery.role_name(step),
            description=description,
            trust=[
                service_trust(
                    "codebuild.amazonaws.com", account=delivery.account, source_arn=delivery.project_arn(step)
                )
            ],
            statements=[
                *self._read(),
                *([self._hand_on()] if step is DeliveryStep.BUILD else []),
                self._encryption(writing=step in (DeliveryStep.BUILD, DeliveryStep.COMPARE)),
                Statement(
                    sid="WriteLogs",
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[f"{log_group}:*"],
                ),
                *statements,
            ],
        )
        waive(
            role,
            OBJECT_NAMES.on(*self._artifact_objects, *written.get(step, [])),
            LOG_STREAMS.on(f"{log_group}:*"),
            *([WITHOUT_RESOURCES.on("*")] if step is DeliveryStep.IMAGE else []),
            *([ONE_A_MODEL.on(*_deliver_roles(delivery))] if step is DeliveryStep.CODE else []),
        )
        return role

    @property
    def _artifact_objects(self) -> list[str]:
        return [self._delivery.artifact_objects(self._delivery.pipeline_name)]

    @property
    def _artifacts_arn(self) -> str:
        return f"arn:{self._delivery.partition}:s3:::{self._delivery.artifacts_bucket}"

    @property
    def _evidence(self) -> str:
        return f"arn:{self._delivery.partition}:s3:::{self._delivery.records_bucket}/audit/*"

    def _read(self, *, writing: bool = False) -> list[Statement]:
        """What takes artifacts.

        Sources: CodePipeline user guide, "Manage the CodePipeline service role"; CodeBuild's, "Service role".
        """
        return [
            Statement(
                sid="TakeArtifacts",
                actions=["s3:GetObject", "s3:GetObjectVersion", *(["s3:PutObject"] if writing else [])],
                resources=self._artifact_objects,
            ),
            Statement(
                sid="FindArtifacts",
                actions=["s3:GetBucketAcl", "s3:GetBucketLocation"],
                resources=[self._artifacts_arn],
            ),
        ]

    def _hand_on(self) -> Statement:
        """What writes its own artifacts: a build that put another source in the place of its own would have it run."""
        return Statement(sid="HandOnArtifacts", actions=["s3:PutObject"], resources=self._delivery.built_objects)

    def _encryption(self, *, writing: bool) -> Statement:
        return Statement(
            sid="EncryptObjects" if writing else "DecryptObjects",
            actions=["kms:Decrypt", *(["kms:GenerateDataKey"] if writing else [])],
            resources=[self._key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"s3.{self._delivery.region}.amazonaws.com"}},
        )

    def _update(self) -> Statement:
        return Statement(
            sid="DeployDeliveryThroughBootstrap",
            actions=["sts:AssumeRole"],
            resources=[self._delivery.deploy_role_arn, self._delivery.publishing_role_arn],
        )

    def _publish(self, step: DeliveryStep) -> Statement:
        return Statement(
            sid="PublishThroughBootstrap",
            actions=["sts:AssumeRole"],
            resources=self._delivery.publishing_role_arns(step),
        )

    def _image(self) -> list[Statement]:
        repository = self._delivery.arn("ecr", f"repository/{self._delivery.platform.runtime_repository}")
        return [
            Statement(sid="SignIn", actions=["ecr:GetAuthorizationToken"], resources=["*"]),
            Statement(sid="PushRuntime", actions=_REPOSITORY_PUSH, resources=[repository]),
        ]

    def _code(self) -> Statement:
        return Statement(
            sid="BringCode",
            actions=["sts:AssumeRole"],
            resources=_deliver_roles(self._delivery),
        )

    def _check(self) -> Statement:
        staging: Deployment = self._delivery.platform.deployment(Environment.STAGING)
        return Statement(sid="CheckStaging", actions=["sts:AssumeRole"], resources=[staging.check_role_arn])

    def _compare(self) -> list[Statement]:
        return [
            Statement(
                sid="FindLastDelivery",
                actions=["codepipeline:ListPipelineExecutions"],
                resources=[self._delivery.pipeline_arn],
            ),
            Statement(sid="KeepEvidence", actions=["s3:GetObject", "s3:PutObject"], resources=[self._evidence]),
        ]


def _placements(delivery: Delivery) -> list[Placement]:
    """What the pipeline deploys to: the environments, and where the release pipelines are."""
    return [*delivery.platform.deployments(), delivery]


def _deliver_roles(delivery: Delivery) -> list[str]:
    return [
        deployment.iam_arn(f"role/{deployment.prefix}-*-{ModelJob.DELIVER}")
        for deployment in delivery.platform.deployments()
        if deployment.trains
    ]


def _source(delivery: Delivery) -> list[Statement]:
    """Source: CodePipeline user guide, "Permissions required for" each source action."""
    source = delivery.platform.source
    if source.provider is SourceProvider.CODECONNECTIONS:
        return [
            Statement(
                sid="UseConnection", actions=["codeconnections:UseConnection"], resources=[delivery.connection_arn]
            )
        ]
    if source.provider is SourceProvider.CODECOMMIT:
        return [
            Statement(
                sid="ReadRepository",
                actions=[
                    "codecommit:CancelUploadArchive",
                    "codecommit:GetBranch",
                    "codecommit:GetCommit",
                    "codecommit:GetUploadArchiveStatus",
                    "codecommit:UploadArchive",
                ],
                resources=[delivery.arn("codecommit", str(source.repository))],
            )
        ]
    bucket = f"arn:{delivery.partition}:s3:::{delivery.source_bucket}"
    return [
        Statement(
            sid="ReadSource",
            actions=["s3:GetObject", "s3:GetObjectVersion"],
            resources=[f"{bucket}/{delivery.source_archive}"],
        ),
        Statement(
            sid="FindSource",
            actions=["s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketVersioning"],
            resources=[bucket],
        ),
    ]

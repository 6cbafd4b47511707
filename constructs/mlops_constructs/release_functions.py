"""What records, verifies, checks and copies the releases of one model."""

import json
from collections.abc import Mapping, Sequence

from constructs import Construct

from mlops_constructs.dead_letter_queue import DeadLetterQueue
from mlops_constructs.platform_function import PlatformFunction
from mlops_constructs.policy import Statement
from mlops_constructs.release_bundle import ReleaseBundle
from mlops_constructs.release_values import ReleaseValues
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import OBJECT_NAMES, WITHOUT_RESOURCES
from plumbline.configuration import Deployment, ModelJob, Release, ReleaseStep

_SHARED = "release_shared"
_MAC = "HMAC_SHA_256"
# The checker asks an endpoint a few hundred rows; the copier moves an image of a few GB through its memory, in parts.
_SECONDS = {ReleaseStep.CHECKER: 300, ReleaseStep.COPIER: 900}
_MEMORY = {ReleaseStep.COPIER: 1_024}


class ReleaseFunctions(Construct):
    """Four functions, each with a role of its own.

    | function | called | does |
    |---|---|---|
    | recorder | a version was approved | writes its record, once, and starts the pipeline at it |
    | verifier | first action | refuses a record that somebody changed; rejects what an older release waits for |
    | checker | after each deployment | asks the endpoint what the model's contract and its held-back sample say |
    | copier | after the approval | copies artifact and image into production, and registers the copy |

    Guarantees: each reaches another account by one role of that account alone; only the recorder writes records and
    makes their codes; the record, which the verifier and the copier each verify, says what is released.

    Attributes:
        failures: Where events and calls end that could not be handled.
        functions: The functions, by what they are for.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        release: Release,
        values: ReleaseValues,
        bundle: ReleaseBundle,
        registry: Deployment,
        production: Deployment,
    ) -> None:
        """Defines the functions.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            release: What releases the model.
            values: Keys of the delivery account.
            bundle: Templates and contract, as records take them.
            registry: The environment whose registry holds the versions.
            production: The environment into which they are copied.
        """
        super().__init__(scope, construct_id)
        self._release = release
        self._values = values
        self._registry = registry
        self._production = production
        self.failures = DeadLetterQueue(self, "Failures", placement=release, purpose="events", key_arn=values.key_arn)
        self.functions = {
            ReleaseStep.RECORDER: self._recorder(bundle),
            ReleaseStep.VERIFIER: self._verifier(),
            ReleaseStep.CHECKER: self._checker(),
            ReleaseStep.COPIER: self._copier(),
        }

    def _recorder(self, bundle: ReleaseBundle) -> PlatformFunction:
        release, registry = self._release, self._registry
        archive = bundle.asset
        bundle_object = f"arn:{release.partition}:s3:::{archive.s3_bucket_name}/{archive.s3_object_key}"
        return self._function(
            ReleaseStep.RECORDER,
            "Records an approved version and starts its release",
            environment={
                **self._versions,
                "READER_ROLE_ARN": registry.role_arn(release.model, ModelJob.REGISTRY_READER),
                "RECORDS_BUCKET": self._records_bucket,
                "RECORDS_PREFIX": release.records_prefix,
                "SOURCE_ACTION": release.source_action,
                "BUNDLE_BUCKET": archive.s3_bucket_name,
                "BUNDLE_KEY": archive.s3_object_key,
                # The name of the object proves nothing to whoever reads it: it may have been written over.
                "BUNDLE_DIGESTS": json.dumps(bundle.digests),
                "ARTIFACTS": f"s3://{registry.models_bucket}/{registry.artifacts_prefix(release.model)}",
                "REPOSITORY": registry.image_repository_uri,
            },
            statements=[
                self._assume("ReadRegistry", registry, ModelJob.REGISTRY_READER),
                Statement(sid="FindImages", actions=["ecr:DescribeImages"], resources=[registry.image_repository_arn]),
                Statement(sid="TakeTemplates", actions=["s3:GetObject"], resources=[bundle_object]),
                self._use_code("MakeCode", "kms:GenerateMac"),
                Statement(
                    sid="KeepRecord",
                    actions=["s3:GetObject", "s3:PutObject"],
                    resources=[self._record_objects],
                ),
                Statement(
                    sid="FindRecords",
                    actions=["s3:ListBucket"],
                    resources=[f"arn:{release.partition}:s3:::{self._records_bucket}"],
                    conditions={"StringLike": {"s3:prefix": f"{release.records_prefix}*"}},
                ),
                self._encrypt(),
                Statement(
                    sid="StartRelease",
                    actions=["codepipeline:ListPipelineExecutions", "codepipeline:StartPipelineExecution"],
                    resources=[release.pipeline_arn],
                ),
            ],
            patterns=[self._record_objects],
        )

    def _verifier(self) -> PlatformFunction:
        release, registry = self._release, self._registry
        approval = f"{release.pipeline_arn}/{release.approval_stage}/{release.approval_action}"
        return self._function(
            ReleaseStep.VERIFIER,
            "Verifies a release record and rejects what an older release waits for",
            environment={
                **self._versions,
                **self._approval,
                "READER_ROLE_ARN": registry.role_arn(release.model, ModelJob.REGISTRY_READER),
                "REPOSITORY": registry.image_repository_uri,
            },
            statements=[
                self._assume("ReadRegistry", registry, ModelJob.REGISTRY_READER),
                self._use_code("VerifyCode", "kms:VerifyMac"),
                Statement(
                    sid="SeeWhatWaits", actions=["codepipeline:GetPipelineState"], resources=[release.pipeline_arn]
                ),
                Statement(sid="RejectOlder", actions=["codepipeline:PutApprovalResult"], resources=[approval]),
            ],
            answers=True,
        )

    def _checker(self) -> PlatformFunction:
        release, model = self._release, self._release.model
        served = [self._registry, self._production]
        return self._function(
            ReleaseStep.CHECKER,
            "Checks an endpoint that a release has deployed",
            environment={
                "MODEL": model.name,
                **{f"{d.part.upper()}_ROLE_ARN": d.role_arn(model, ModelJob.RELEASE_CHECK) for d in served},
                **{f"{d.part.upper()}_ENDPOINT": d.endpoint_name(model) for d in served},
            },
            statements=[
                Statement(
                    sid="AskEndpoints",
                    actions=["sts:AssumeRole"],
                    resources=[d.role_arn(release.model, ModelJob.RELEASE_CHECK) for d in served],
                )
            ],
            answers=True,
            libraries=["fastjsonschema"],
        )

    def _copier(self) -> PlatformFunction:
        release, model, production = self._release, self._release.model, self._production
        answers = f"arn:{release.partition}:s3:::{self._records_bucket}/{release.answers_prefix}*"
        return self._function(
            ReleaseStep.COPIER,
            "Copies a released version into production",
            environment={
                **self._versions,
                **self._approval,
                "COPY_ROLE_ARN": production.role_arn(model, ModelJob.COPY),
                "MODELS_BUCKET": production.models_bucket,
                "GROUP": production.model_package_group(model),
                "SOURCE_REPOSITORY": self._registry.image_repository_uri,
                "TARGET_REPOSITORY": production.image_repository_uri,
                "RECORDS_BUCKET": self._records_bucket,
                "RECORDS_PREFIX": release.records_prefix,
            },
            statements=[
                self._assume("CopyToProduction", production, ModelJob.COPY),
                self._use_code("VerifyCode", "kms:VerifyMac"),
                Statement(
                    sid="SeeWhoStartedAndAgreed",
                    actions=["codepipeline:GetPipelineExecution", "codepipeline:ListActionExecutions"],
                    resources=[release.pipeline_arn],
                ),
                Statement(sid="KeepWhoAgreed", actions=["s3:PutObject"], resources=[answers]),
                self._encrypt(),
            ],
            patterns=[answers],
            answers=True,
        )

    def _function(
        self,
        step: ReleaseStep,
        description: str,
        *,
        environment: Mapping[str, str],
        statements: Sequence[Statement],
        patterns: Sequence[str] = (),
        answers: bool = False,
        libraries: Sequence[str] = (),
    ) -> PlatformFunction:
        answer = Statement(
            sid="AnswerPipeline",
            actions=["codepipeline:PutJobFailureResult", "codepipeline:PutJobSuccessResult"],
            resources=["*"],
        )
        function = PlatformFunction(
            self,
            step.value.capitalize(),
            placement=self._release,
            name=step.value,
            folder=f"release_{step}",
            shared=_SHARED,
            libraries=libraries,
            description=f"{description} ({self._release.model.name})",
            environment=environment,
            statements=[*statements, *([answer] if answers else [])],
            failures=self.failures,
            key_arn=self._values.key_arn,
            timeout_seconds=_SECONDS.get(step, 60),
            memory_mb=_MEMORY.get(step, 256),
        )
        waivers = [
            *([OBJECT_NAMES.on(*patterns)] if patterns else []),
            *([WITHOUT_RESOURCES.on("*")] if answers else []),
        ]
        if waivers:
            waive(function.role, *waivers)
        return function

    @property
    def _versions(self) -> dict[str, str]:
        release = self._release
        return {
            "MODEL": release.model.name,
            "VERSIONS_ARN": self._registry.versions_arn(release.model),
            "MAC_KEY_ARN": self._values.records_key_arn,
            "PIPELINE": release.pipeline_name,
        }

    @property
    def _approval(self) -> dict[str, str]:
        return {"APPROVAL_STAGE": self._release.approval_stage, "APPROVAL_ACTION": self._release.approval_action}

    @property
    def _records_bucket(self) -> str:
        return self._release.platform.delivery.records_bucket

    @property
    def _record_objects(self) -> str:
        return f"arn:{self._release.partition}:s3:::{self._records_bucket}/{self._release.record_key('*')}"

    def _assume(self, sid: str, deployment: Deployment, job: ModelJob) -> Statement:
        return Statement(sid=sid, actions=["sts:AssumeRole"], resources=[deployment.role_arn(self._release.model, job)])

    def _use_code(self, sid: str, action: str) -> Statement:
        return Statement(
            sid=sid,
            actions=[action],
            resources=[self._values.records_key_arn],
            conditions={"StringEquals": {"kms:MacAlgorithm": _MAC}},
        )

    def _encrypt(self) -> Statement:
        return Statement(
            sid="EncryptRecords",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=[self._values.key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"s3.{self._release.region}.amazonaws.com"}},
        )

"""The pipeline that takes one version of a model to production."""

import json
from collections.abc import Mapping, Sequence

from aws_cdk import aws_codepipeline as codepipeline
from constructs import Construct

from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.release_bundle import settings_name, template_name
from mlops_constructs.release_functions import ReleaseFunctions
from mlops_constructs.release_values import ReleaseValues
from mlops_constructs.service_trust import service_trust
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import OBJECT_NAMES
from plumbline.configuration import Deployment, ModelJob, Release, ReleaseStep

_ARTIFACT = "Record"
_CHANGE_SET = "release"
# Minutes for which an approval waits before it is taken as rejected: three days.
_APPROVAL_MINUTES = 3 * 24 * 60
# Namespaces of what actions say.
_VERIFIED, _COPIED = "Verified", "Copied"
_EXECUTION = "#{codepipeline.PipelineExecutionId}"


class ReleasePipeline(Construct):
    """Record, staging, approval, production.

    Guarantees: what is released is what the record says and nothing else; staging answers as the model's contract and
    its held-back sample say before anybody is asked; a person agrees; production gets copies of its own of artifact and
    image before its endpoint changes, by a change set in roles of production that make nothing but this endpoint; a
    newer release supersedes an older one that has not got so far.

    Leaves out: choosing what is released. That is the recorder's, or a person's who goes back to an earlier record.

    Attributes:
        role: The pipeline's own role.
        pipeline: The pipeline.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        release: Release,
        values: ReleaseValues,
        functions: ReleaseFunctions,
        staging: Deployment,
        production: Deployment,
    ) -> None:
        """Defines the pipeline and its role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            release: What releases the model.
            values: Keys of the delivery account.
            functions: What verifies, checks and copies.
            staging: The environment that a release reaches first.
            production: The environment that it is for.
        """
        super().__init__(scope, construct_id)
        self._release = release
        delivery = release.platform.delivery
        self.role = self._role([staging, production], values)
        self.pipeline = codepipeline.CfnPipeline(
            self,
            "Pipeline",
            name=release.pipeline_name,
            pipeline_type="V2",
            execution_mode="SUPERSEDED",
            role_arn=self.role.role_arn,
            artifact_store=codepipeline.CfnPipeline.ArtifactStoreProperty(
                type="S3",
                location=delivery.artifacts_bucket,
                encryption_key=codepipeline.CfnPipeline.EncryptionKeyProperty(type="KMS", id=values.key_arn),
            ),
            stages=[
                _stage("Source", [self._record()]),
                _stage(
                    "Staging",
                    [
                        # In the same stage as what it lets through: no older release can pass between the two.
                        self._call("Verify", ReleaseStep.VERIFIER, _EXECUTION, order=1, namespace=_VERIFIED),
                        *self._deploy(staging, f"#{{{_VERIFIED}.PackageArn}}", order=2),
                        self._call("Check", ReleaseStep.CHECKER, staging.part, order=4),
                    ],
                ),
                _stage(release.approval_stage, [self._approve()]),
                _stage(
                    "Production",
                    [
                        self._call("Copy", ReleaseStep.COPIER, _EXECUTION, order=1, namespace=_COPIED),
                        *self._deploy(production, f"#{{{_COPIED}.PackageArn}}", order=2),
                        self._call("Check", ReleaseStep.CHECKER, production.part, order=4),
                    ],
                ),
            ],
        )
        for function in functions.functions.values():
            self.pipeline.add_resource_dependency(function.function)

    def _record(self) -> codepipeline.CfnPipeline.ActionDeclarationProperty:
        release = self._release
        return _action(
            release.source_action,
            ("Source", "AWS", "S3"),
            {
                "S3Bucket": release.platform.delivery.records_bucket,
                # Whoever starts a release names the record (StartPipelineExecution, sourceRevisions); there is none
                # that a release would take by itself.
                "S3ObjectKey": release.record_key("none"),
                "AllowOverrideForS3ObjectKey": "true",
                "PollForSourceChanges": "false",
            },
            outputs=[_ARTIFACT],
        )

    def _call(
        self, name: str, step: ReleaseStep, told: str, *, order: int, namespace: str | None = None
    ) -> codepipeline.CfnPipeline.ActionDeclarationProperty:
        return _action(
            name,
            ("Invoke", "AWS", "Lambda"),
            {"FunctionName": self._release.step_name(step), "UserParameters": told},
            inputs=[_ARTIFACT],
            order=order,
            namespace=namespace,
        )

    def _deploy(
        self, deployment: Deployment, package_arn: str, *, order: int
    ) -> list[codepipeline.CfnPipeline.ActionDeclarationProperty]:
        model = self._release.model
        told = {"ModelPackageArn": package_arn}
        if deployment.has_model_monitor and model.monitoring is not None:
            told["ReleasedVersion"] = f"#{{{_COPIED}.Version}}"
        both = {"StackName": deployment.stack_name("serving", model), "ChangeSetName": _CHANGE_SET}
        role = deployment.role_arn(model, ModelJob.RELEASE)
        environment = deployment.environment
        prepare = {
            "ActionMode": "CHANGE_SET_REPLACE",
            "TemplatePath": f"{_ARTIFACT}::{template_name(environment)}",
            "TemplateConfiguration": f"{_ARTIFACT}::{settings_name(environment)}",
            "ParameterOverrides": json.dumps(told, separators=(",", ":")),
            "RoleArn": deployment.role_arn(model, ModelJob.RELEASE_EXECUTION),
            "Capabilities": "CAPABILITY_NAMED_IAM",
        }
        return [
            _action(
                "Prepare",
                ("Deploy", "AWS", "CloudFormation"),
                both | prepare,
                inputs=[_ARTIFACT],
                order=order,
                role=role,
            ),
            _action(
                "Deploy",
                ("Deploy", "AWS", "CloudFormation"),
                both | {"ActionMode": "CHANGE_SET_EXECUTE"},
                order=order + 1,
                role=role,
            ),
        ]

    def _approve(self) -> codepipeline.CfnPipeline.ActionDeclarationProperty:
        release = self._release
        return _action(
            release.approval_action,
            ("Approval", "AWS", "Manual"),
            {
                "CustomData": f"{release.model.name} to production: #{{{_VERIFIED}.Summary}}",
                "ExternalEntityLink": release.platform.delivery.record_url(
                    release.record_key(f"#{{{_VERIFIED}.Version}}")
                ),
            },
            minutes=_APPROVAL_MINUTES,
        )

    def _role(self, served: Sequence[Deployment], values: ReleaseValues) -> PlatformRole:
        release = self._release
        delivery = release.platform.delivery
        artifacts = delivery.artifact_objects(release.pipeline_name)
        records = f"arn:{release.partition}:s3:::{delivery.records_bucket}/{release.record_key('*')}"
        buckets = [
            f"arn:{release.partition}:s3:::{one}" for one in (delivery.artifacts_bucket, delivery.records_bucket)
        ]
        role = PlatformRole(
            self,
            "Role",
            platform=release.platform,
            account=release.account,
            role_name=release.pipeline_name,
            description=f"Releases {release.model.name}",
            trust=[
                service_trust("codepipeline.amazonaws.com", account=release.account, source_arn=release.pipeline_arn)
            ],
            statements=[
                Statement(sid="TakeRecords", actions=["s3:GetObject", "s3:GetObjectVersion"], resources=[records]),
                Statement(
                    sid="HandOn",
                    actions=["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"],
                    resources=[artifacts],
                ),
                Statement(
                    sid="SeeBuckets",
                    actions=["s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketVersioning"],
                    resources=buckets,
                ),
                Statement(
                    sid="EncryptObjects",
                    actions=["kms:Decrypt", "kms:GenerateDataKey"],
                    resources=[values.key_arn],
                    conditions={"StringEquals": {"kms:ViaService": f"s3.{release.region}.amazonaws.com"}},
                ),
                Statement(
                    sid="CallFunctions",
                    actions=["lambda:InvokeFunction"],
                    resources=[
                        release.step_arn(step)
                        for step in (ReleaseStep.VERIFIER, ReleaseStep.CHECKER, ReleaseStep.COPIER)
                    ],
                ),
                Statement(
                    sid="Release",
                    actions=["sts:AssumeRole"],
                    resources=[deployment.role_arn(release.model, ModelJob.RELEASE) for deployment in served],
                ),
            ],
        )
        waive(role, OBJECT_NAMES.on(artifacts, records))
        return role


def _stage(
    name: str, actions: Sequence[codepipeline.CfnPipeline.ActionDeclarationProperty]
) -> codepipeline.CfnPipeline.StageDeclarationProperty:
    return codepipeline.CfnPipeline.StageDeclarationProperty(name=name, actions=list(actions))


def _action(
    name: str,
    kind: tuple[str, str, str],
    configuration: Mapping[str, str],
    *,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    order: int = 1,
    role: str | None = None,
    namespace: str | None = None,
    minutes: int | None = None,
) -> codepipeline.CfnPipeline.ActionDeclarationProperty:
    category, owner, provider = kind
    return codepipeline.CfnPipeline.ActionDeclarationProperty(
        name=name,
        action_type_id=codepipeline.CfnPipeline.ActionTypeIdProperty(
            category=category, owner=owner, provider=provider, version="1"
        ),
        configuration=dict(configuration),
        input_artifacts=[codepipeline.CfnPipeline.InputArtifactProperty(name=artifact) for artifact in inputs],
        output_artifacts=[codepipeline.CfnPipeline.OutputArtifactProperty(name=artifact) for artifact in outputs],
        run_order=order,
        role_arn=role,
        namespace=namespace,
        timeout_in_minutes=minutes,
    )

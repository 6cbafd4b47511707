"""The pipeline that takes a commit to every account, itself included."""

import re
from collections.abc import Mapping
from datetime import date
from typing import cast

from aws_cdk import Stack, Stage, pipelines
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct, IConstruct, IDependable

from mlops_constructs.build_project import BuildLogs, build_options, build_spec, build_step
from mlops_constructs.delivered_commit import PARAMETER
from mlops_constructs.delivery_roles import DeliveryRoles
from mlops_constructs.delivery_steps import ApprovalStep, ParameterizedStackStep
from mlops_constructs.waiver import Waiver, compliance_rules, waive
from plumbline.configuration import Delivery, DeliveryStep, Deployment, Environment, SourceProvider

# Of the stages: after source, build and update.
_ASSETS_STAGE = 3
_OWN, _DEFINITION = "Pipeline", "Definition"
# CodePipeline's names for what says which source was taken (CodePipeline user guide, "Variables reference").
_COMMIT, _VERSION = "CommitId", "VersionId"


class DeliveryPipeline(Construct):
    """Source, build, update of itself, assets, runtime image, one environment after the other, the release pipelines.

    Guarantees: commits are delivered one after the other, none overtaking another; each action works in a role of its
    own that this stack defines; a commit reaches an environment only when it is deployed, and checked, in the one
    before; production waits for a person, who is shown what changes; after an environment its account says which
    commit it has.

    Leaves out: the models' releases, which are pipelines of their own; it delivers those after production, so that no
    release deploys what production is not ready for.

    Attributes:
        pipeline: The pipeline.
        roles: The roles of its actions.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        delivery: Delivery,
        stages: Mapping[Environment, Stage],
        delivered: Mapping[Environment, Stack],
        releases: Stage,
        artifacts: IDependable,
        key: kms.IKey,
        command_line_version: str,
    ) -> None:
        """Defines the pipeline.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            delivery: What delivers.
            stages: The stacks of each environment.
            delivered: The stack of each environment that says which commit it has.
            releases: The release pipelines, which come last.
            artifacts: What defines the bucket of what actions hand to each other; the pipeline waits for it.
            key: Key of artifacts and logs.
            command_line_version: Exact version of the CDK command line, which updates the pipeline.
        """
        super().__init__(scope, construct_id)
        self._delivery = delivery
        self.roles = DeliveryRoles(self, "Roles", delivery=delivery, key_arn=key.key_arn)
        self._logs = BuildLogs(self, "Logs", delivery=delivery, key=key)
        self._source = self._source_action()
        provider = delivery.platform.source.provider
        self._commit = self._source.source_attribute(_VERSION if provider is SourceProvider.S3 else _COMMIT)
        self._builds: dict[DeliveryStep, pipelines.CodeBuildStep] = {}
        self._build = self._step(
            DeliveryStep.BUILD,
            command="build",
            minutes=60,
            output="cdk.out",
            compute_type=codebuild.ComputeType.MEDIUM,
        )
        audit = self._build.add_output_directory("audit")
        self._pipeline = self._defined(key, command_line_version)
        self._deploy(stages, delivered, audit)
        self._pipeline.add_stage(releases)
        self._pipeline.build_pipeline()
        self._finish(artifacts)
        self.pipeline = self._pipeline.pipeline

    def _defined(self, key: kms.IKey, command_line_version: str) -> pipelines.CodePipeline:
        delivery, groups = self._delivery, self._logs.groups
        own = Construct(self, _OWN)
        path = f"{own.node.path}/{_DEFINITION}"
        # Of the roles that CDK Pipelines would make by itself it takes ours.
        iam.Role.customize_roles(
            own,
            use_precreated_roles={
                f"{path}/UpdatePipeline/SelfMutation/Role": delivery.role_name(DeliveryStep.UPDATE),
                f"{path}/Assets/FileRole": delivery.role_name(DeliveryStep.ASSETS),
            },
        )
        return pipelines.CodePipeline(
            own,
            _DEFINITION,
            synth=self._build,
            pipeline_name=delivery.pipeline_name,
            pipeline_type=codepipeline.PipelineType.V2,
            execution_mode=codepipeline.ExecutionMode.QUEUED,
            cross_account_keys=True,
            # Known by name, so that the policies of bucket and key are the reviewed ones and the CDK adds nothing.
            artifact_bucket=s3.Bucket.from_bucket_attributes(
                own,
                "Artifacts",
                bucket_name=delivery.artifacts_bucket,
                encryption_key=kms.Key.from_key_arn(own, "Key", key.key_arn),
            ),
            role=self._role("PipelineRole", delivery.pipeline_role_arn),
            use_pipeline_role_for_actions=True,
            cli_version=command_line_version,
            publish_assets_in_parallel=False,
            self_mutation_code_build_defaults=build_options(groups[DeliveryStep.UPDATE], minutes=30),
            asset_publishing_code_build_defaults=build_options(groups[DeliveryStep.ASSETS], minutes=30),
        )

    def _deploy(
        self, stages: Mapping[Environment, Stage], delivered: Mapping[Environment, Stack], audit: pipelines.FileSet
    ) -> None:
        image = self._step(DeliveryStep.IMAGE, command="image", minutes=60, privileged=True)
        self._pipeline.add_wave("Image").add_pre(image)
        code = self._step(DeliveryStep.CODE, command="code", minutes=15)
        check = self._step(DeliveryStep.CHECK, command="check", minutes=30)
        compare = self._step(
            DeliveryStep.COMPARE,
            command="compare",
            minutes=30,
            inputs={".plumb/delivery/assembly": self._build, ".plumb/delivery/audit": audit},
            environment={"PLUMB_EXECUTION": "#{codepipeline.PipelineExecutionId}"},
        )
        approval = ApprovalStep(
            "Approve",
            comment=f"Commit {self._commit} to {self._delivery.platform.name}'s production",
            review_url=self._delivery.evidence_url("#{codepipeline.PipelineExecutionId}"),
        )
        approval.add_step_dependency(compare)
        publish = self._step(
            DeliveryStep.PRODUCTION_ASSETS,
            command=DeliveryStep.PRODUCTION_ASSETS,
            minutes=30,
            inputs={".plumb/delivery/assembly": self._build},
        )
        publish.add_step_dependency(approval)
        before: dict[Environment, list[pipelines.Step]] = {Environment.PRODUCTION: [compare, approval, publish]}
        after: dict[Environment, list[pipelines.Step]] = {Environment.STAGING: [code, check]}
        for environment, stage in stages.items():
            deployment = self._delivery.platform.deployment(environment)
            self._pipeline.add_stage(
                stage,
                pre=before.get(environment, []),
                post=[*after.get(environment, []), self._say_delivered(deployment, delivered[environment])],
            )

    def _say_delivered(self, deployment: Deployment, stack: Stack) -> ParameterizedStackStep:
        name = deployment.part.capitalize()
        return ParameterizedStackStep(
            f"{deployment.part}-delivered",
            stack=stack,
            assembly=self._pipeline.cloud_assembly_file_set,
            parameters={PARAMETER: self._commit},
            role=self._role(f"{name}DeployRole", deployment.deploy_role_arn),
            execution_role=self._role(f"{name}ExecutionRole", deployment.execution_role_arn),
        )

    def _step(
        self,
        step: DeliveryStep,
        *,
        command: str,
        minutes: int,
        output: str | None = None,
        inputs: dict[str, pipelines.IFileSetProducer] | None = None,
        environment: dict[str, str] | None = None,
        privileged: bool = False,
        compute_type: codebuild.ComputeType = codebuild.ComputeType.SMALL,
    ) -> pipelines.CodeBuildStep:
        self._builds[step] = build_step(
            step,
            delivery=self._delivery,
            role=self._role(f"{step.action}Role", self._delivery.role_arn(step)),
            log_group=self._logs.groups[step],
            source=self._source,
            command=command,
            minutes=minutes,
            output=output,
            inputs=inputs,
            environment=environment,
            privileged=privileged,
            compute_type=compute_type,
        )
        return self._builds[step]

    def _role(self, construct_id: str, arn: str) -> iam.IRole:
        return iam.Role.from_role_arn(self, construct_id, arn, mutable=False)

    def _source_action(self) -> pipelines.CodePipelineSource:
        delivery, source = self._delivery, self._delivery.platform.source
        if source.provider is SourceProvider.CODECONNECTIONS:
            return pipelines.CodePipelineSource.connection(
                str(source.repository), str(source.branch), connection_arn=delivery.connection_arn, action_name="Source"
            )
        if source.provider is SourceProvider.CODECOMMIT:
            return pipelines.CodePipelineSource.code_commit(
                codecommit.Repository.from_repository_name(self, "Repository", str(source.repository)),
                str(source.branch),
                trigger=actions.CodeCommitTrigger.NONE,
                action_name="Source",
            )
        return pipelines.CodePipelineSource.s3(
            s3.Bucket.from_bucket_name(self, "SourceBucket", delivery.source_bucket),
            delivery.source_archive,
            trigger=actions.S3Trigger.NONE,
            action_name="Source",
        )

    def _finish(self, artifacts: IDependable) -> None:
        """Names the projects that CDK Pipelines makes by itself, and has what uses a role wait for the role."""
        assets = self.node.find_child(_OWN).node.find_child(_DEFINITION).node.find_child("Assets")
        made: dict[DeliveryStep, IConstruct] = {
            DeliveryStep.UPDATE: self._pipeline.self_mutation_project,
            DeliveryStep.ASSETS: assets.node.find_child("FileAsset"),
            **{step: build.project for step, build in self._builds.items()},
        }
        for step, project in made.items():
            resource = cast("codebuild.CfnProject", project.node.default_child)
            resource.name = self._delivery.project_name(step)
            resource.add_resource_dependency(self.roles.builds[step].role)
            waive(
                project,
                *(
                    Waiver(
                        id="builds-of-the-pipeline",
                        rule=rule,
                        reason="A build takes its source from the pipeline, which has it by a connection, a repository "
                        "of the account or a bucket: a project holds no credentials of a repository.",
                        owner="platform",
                        until=date(2027, 11, 30),
                    )
                    for rule in compliance_rules("CodeBuildProjectSourceRepoUrl")
                    if "NIST" not in rule
                ),
            )
        publishing = cast("codebuild.CfnProject", made[DeliveryStep.ASSETS].node.default_child)
        publishing.add_property_override("Source.BuildSpec", build_spec("assets"))
        waive(
            made[DeliveryStep.IMAGE],
            Waiver(
                id="image-builds",
                rule="Plumbline::PL-CB-01",
                reason="CodeBuild runs a container engine in a privileged build only. This build does nothing else: "
                "its role pushes to one repository and assumes no other, and what it builds is in a reviewed file.",
                owner="platform",
                until=date(2027, 11, 30),
            ),
        )
        pipeline = cast("codepipeline.CfnPipeline", self._pipeline.pipeline.node.default_child)
        pipeline.add_resource_dependency(self.roles.pipeline.role)
        pipeline.node.add_dependency(artifacts)
        # CDK Pipelines hands this build the assembly alone, to be published by `cdk-assets`, which has versions of its
        # own: the newest may not know the manifests that this CDK writes. The repository's publisher does.
        source, assembly = _artifact(self._source), _artifact(self._build)
        action = f"Stages.{_ASSETS_STAGE}.Actions.0"
        pipeline.add_property_override(f"{action}.InputArtifacts", [{"Name": source}, {"Name": assembly}])
        pipeline.add_property_override(f"{action}.Configuration.PrimarySource", source)


def _artifact(producer: pipelines.IFileSetProducer) -> str:
    """What CDK Pipelines calls the artifact of a step's first output."""
    output = producer.primary_output
    if output is None or output.producer is None:
        raise ValueError("a step without an output has no artifact")
    return re.sub(r"[^A-Za-z0-9_]", "_", f"{output.producer.id}.{output.id}")

"""Steps of the delivery pipeline that CDK Pipelines does not have."""

import jsii
from aws_cdk import CfnCapabilities, Duration, Stack, pipelines
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam

from mlops_constructs.stack_files import settings, template_file

# Days for which an approval waits before it is taken as rejected.
_APPROVAL_DAYS = 3


@jsii.implements(pipelines.ICodePipelineActionFactory)
class ApprovalStep(pipelines.Step):
    """A person agrees, or the commit goes no further; nobody answering in three days is a no."""

    def __init__(self, step_id: str, *, comment: str, review_url: str) -> None:
        """Defines the step.

        Args:
            step_id: Name of the action.
            comment: What is agreed to; may hold variables of the pipeline.
            review_url: Where to read what changes; may hold variables of the pipeline.
        """
        super().__init__(step_id)
        self._comment = comment
        self._review_url = review_url
        self._discover_referenced_outputs([comment, review_url])

    @jsii.member(jsii_name="produceAction")
    def produce_action(
        self, stage: codepipeline.IStage, options: pipelines.ProduceActionOptions
    ) -> pipelines.CodePipelineActionFactoryResult:
        """Adds the action to a stage of the pipeline."""
        stage.add_action(
            actions.ManualApprovalAction(
                action_name=options.action_name,
                run_order=options.run_order,
                additional_information=self._comment,
                external_entity_link=self._review_url,
                timeout=Duration.days(_APPROVAL_DAYS),
            )
        )
        return pipelines.CodePipelineActionFactoryResult(run_orders_consumed=1)


@jsii.implements(pipelines.ICodePipelineActionFactory)
class ParameterizedStackStep(pipelines.Step):
    """Deploys one stack with values of its parameters that only the running pipeline knows."""

    def __init__(
        self,
        step_id: str,
        *,
        stack: Stack,
        assembly: pipelines.FileSet,
        parameters: dict[str, str],
        role: iam.IRole,
        execution_role: iam.IRole,
    ) -> None:
        """Defines the step.

        Args:
            step_id: Name of the action.
            stack: The stack.
            assembly: The cloud assembly.
            parameters: Values of its parameters; may be variables of the pipeline.
            role: Who asks CloudFormation.
            execution_role: What CloudFormation works with.
        """
        super().__init__(step_id)
        self._stack = stack
        self._assembly = assembly
        self._parameters = parameters
        self._role = role
        self._execution_role = execution_role
        self._discover_referenced_outputs(parameters)

    @jsii.member(jsii_name="produceAction")
    def produce_action(
        self, stage: codepipeline.IStage, options: pipelines.ProduceActionOptions
    ) -> pipelines.CodePipelineActionFactoryResult:
        """Adds the action to a stage of the pipeline."""
        artifact = options.artifacts.to_code_pipeline(self._assembly)
        file = template_file(self._stack)
        template = f"{file.parent.name}/{file.name}"
        configuration = f"{template}.config.json"
        # Beside the template, where CDK Pipelines has that of the stacks that it deploys itself.
        file.with_name(f"{file.name}.config.json").write_text(settings(self._stack), encoding="utf-8")
        stage.add_action(
            actions.CloudFormationCreateUpdateStackAction(
                action_name=options.action_name,
                run_order=options.run_order,
                stack_name=self._stack.stack_name,
                template_path=artifact.at_path(template),
                template_configuration=artifact.at_path(configuration),
                parameter_overrides=self._parameters,
                admin_permissions=True,
                role=self._role,
                deployment_role=self._execution_role,
                cfn_capabilities=[CfnCapabilities.NAMED_IAM],
            )
        )
        return pipelines.CodePipelineActionFactoryResult(run_orders_consumed=1)

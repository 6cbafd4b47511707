"""What all stacks have in common."""

from aws_cdk import DefaultStackSynthesizer, Environment, Stack
from constructs import Construct

from plumbline.configuration import Platform


class PlatformStack(Stack):
    """A stack of the platform: explicit account and region, the platform's tags, the platform's own bootstrap."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        platform: Platform,
        account: str,
        stack_name: str,
        description: str,
        tags: dict[str, str],
        termination_protection: bool,
    ) -> None:
        """Defines the empty stack.

        Args:
            scope: The Stage.
            construct_id: Id in the Stage.
            platform: The configuration.
            account: Account to deploy into.
            stack_name: Name in CloudFormation.
            description: What the stack is for.
            tags: Tags of the stack, which CloudFormation hands on to its resources.
            termination_protection: Whether deleting the stack is refused.
        """
        super().__init__(
            scope,
            construct_id,
            env=Environment(account=account, region=platform.region),
            stack_name=stack_name,
            description=description,
            tags=tags,
            termination_protection=termination_protection,
            # The CDK's own defaults, without its placeholders: what a pipeline's template says is what is meant.
            synthesizer=DefaultStackSynthesizer(
                qualifier=platform.name,
                deploy_role_arn=platform.bootstrap_role_arn(account, "deploy"),
                cloud_formation_execution_role=platform.bootstrap_role_arn(account, "cfn-exec"),
                file_asset_publishing_role_arn=platform.bootstrap_role_arn(account, "file-publishing"),
                lookup_role_arn=platform.bootstrap_role_arn(account, "lookup"),
            ),
        )

"""The delivery pipeline of a rehearsal: the first deployment by hand, and commits that it takes to every account."""

from collections.abc import Callable
from pathlib import Path

from plumbline.configuration import DeliveryStep, Environment, Model, ModelJob, Person, SourceProvider
from plumbline.errors import PlumblineError
from plumbline.rehearsal import accounts, pipeline_run
from plumbline.rehearsal.cdk_tool import CdkTool
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.codepipeline.repositories import Repositories
from plumbline.rehearsal.people import People
from plumbline.rehearsal.pipeline_run import Approval, PipelineRun
from plumbline.rehearsal.session import Session
from plumbline.rehearsal.source import SourceRepository

STAGE = "delivery"
_CODEBUILD = "codebuild.amazonaws.com"


class Delivery:
    """Delivery within one rehearsal.

    Args:
        root: The checkout.
        cloud: The cloud, with bootstrapped accounts.
        people: Its people.

    Attributes:
        repository: What is delivered.
    """

    def __init__(self, *, root: Path, cloud: Cloud, people: People) -> None:
        self._cloud = cloud
        self._people = people
        self._names = cloud.platform.delivery
        source = cloud.platform.source
        if source.provider is not SourceProvider.CODECONNECTIONS:
            raise PlumblineError(
                f"platform.toml: source.provider is {source.provider}; a rehearsal delivers through codeconnections."
            )
        self._full_id, self._branch = str(source.repository), str(source.branch)
        self.repository = SourceRepository(root=root, folder=cloud.options.state / "source", branch=self._branch)
        Repositories(cloud.options.state).add(self._full_id, self.repository.path)
        cloud.connect(self._names.connection_arn)

    def deploy_by_hand(self, *, tool: CdkTool, assembly: Path) -> str:
        """Deploys the delivery pipeline as a person does the first time, which starts it.

        Args:
            tool: The CDK command line.
            assembly: What synth wrote.

        Returns:
            The id of the execution that its creation has started.

        Raises:
            PlumblineError: The deployment fails, or nothing starts.
        """
        accounts.deploy(cloud=self._cloud, tool=tool, assembly=assembly, stages=(STAGE,))
        return self._newest("the pipeline was made, and nothing has started it")

    def push(self) -> str:
        """Pushes the newest commit.

        Returns:
            The id of the execution that it has started.

        Raises:
            PlumblineError: Nothing listens.
        """
        if self._names.pipeline_arn not in self._cloud.pushed(self._full_id, self._branch):
            raise PlumblineError(f"a push to {self._branch} of {self._full_id} starts no pipeline", exit_code=1)
        return self._newest("a push has started nothing")

    def follow(self, execution: str, *, tell: Callable[[str], None], approve: bool = True) -> PipelineRun:
        """Waits for an execution, or for the one that takes its place when the pipeline has updated itself.

        Args:
            execution: The execution.
            tell: Called with one line whenever something has moved.
            approve: What the approver answers.
        """
        approver = self._people.take(Person.APPROVER, self._names)

        def decide(asked: Approval) -> None:
            asked.answer(approver, approved=approve, because="rehearsal")

        run = pipeline_run.follow(
            pipeline=self._names.pipeline_name, execution=execution, caller=approver, decide=decide, tell=tell
        )
        newest = self._newest("the pipeline has no execution")
        if run.status != "Succeeded" and newest != execution and _updated_itself(run):
            return self.follow(newest, tell=tell, approve=approve)
        return run

    def failure(self, run: PipelineRun) -> PlumblineError:
        """What to say of an execution that did not succeed."""
        return pipeline_run.failure(run, caller=self._cloud.administrator(self._names.account))

    def build_session(self, step: DeliveryStep) -> Session:
        """The role of one of the pipeline's builds, as CodeBuild has it."""
        return self._cloud.assume_as_service(
            self._names.role_arn(step),
            service=_CODEBUILD,
            source_account=self._names.account,
            source_arn=self._names.project_arn(step),
        )

    def model_session(self, model: Model) -> Session:
        """The role with which a build brings code and data to a model in staging and starts its runs."""
        role = self._cloud.platform.deployment(Environment.STAGING).role_arn(model, ModelJob.DELIVER)
        return self._cloud.assume(role, caller=self.build_session(DeliveryStep.CODE), name="delivery")

    def _newest(self, otherwise: str) -> str:
        caller = self._cloud.administrator(self._names.account)
        found = pipeline_run.newest(pipeline=self._names.pipeline_name, caller=caller)
        if not found:
            raise PlumblineError(otherwise, exit_code=1)
        return found


def _updated_itself(run: PipelineRun) -> bool:
    return bool(run.actions) and run.actions[-1].stage == "UpdatePipeline"

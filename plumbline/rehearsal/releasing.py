"""The releases of one model in a rehearsal: a version approved, its pipeline followed, what is served then."""

import time
from collections.abc import Callable

from plumbline.configuration import Deployment, Environment, Model, ModelJob, Person, ReleaseStep
from plumbline.errors import PlumblineError
from plumbline.rehearsal import denials, pipeline_run, release
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.people import People
from plumbline.rehearsal.pipeline_run import PipelineRun
from plumbline.rehearsal.release import Served
from plumbline.releasing.releases import Releases

_POLL_SECONDS = 0.3
_LIMIT_SECONDS = 60.0


class Releasing:
    """The releases of one model.

    Args:
        cloud: The cloud, with everything delivered.
        people: Its people.
        model: The model.
    """

    def __init__(self, *, cloud: Cloud, people: People, model: Model) -> None:
        self._cloud, self._people, self._model = cloud, people, model
        self._names = cloud.platform.release(model)
        self._answering = people.take(Person.APPROVER, cloud.platform.delivery)

    def approve(self, model_package_arn: str, *, because: str) -> str:
        """Approves a registered version, and waits for the execution that this starts.

        Args:
            model_package_arn: The version, in staging's registry.
            because: What the approval says.

        Returns:
            The execution's id.

        Raises:
            PlumblineError: None starts.
        """
        before = self._newest()
        approver = self._people.take(Person.APPROVER, self._cloud.platform.deployment(Environment.STAGING))
        approver.client("sagemaker").update_model_package(
            ModelPackageArn=model_package_arn, ModelApprovalStatus="Approved", ApprovalDescription=because
        )
        deadline = time.monotonic() + _LIMIT_SECONDS
        while time.monotonic() < deadline:
            found = self._newest()
            if found != before:
                return found
            time.sleep(_POLL_SECONDS)
        raise PlumblineError(
            f"the approval has started no release in {_LIMIT_SECONDS:.0f} s: see the log of "
            f"{self._names.step_name(ReleaseStep.RECORDER)}",
            exit_code=1,
        )

    def roll_back(self, to: int) -> str:
        """Starts the pipeline at the record of an earlier version.

        Returns:
            The execution's id.
        """
        _, execution = Releases(self._answering, self._names).roll_back(to)
        return execution

    def follow(self, execution: str, *, because: str, tell: Callable[[str], None]) -> PipelineRun:
        """Waits for an execution, whose approval is given, until it has succeeded.

        Args:
            execution: The execution.
            because: What the answer says.
            tell: Called with one line whenever something has moved.

        Raises:
            PlumblineError: It does not succeed.
        """
        run = pipeline_run.follow(
            pipeline=self._names.pipeline_name,
            execution=execution,
            caller=self._answering,
            decide=lambda asked: asked.answer(self._answering, approved=True, because=because),
            tell=tell,
        )
        if run.status != "Succeeded":
            raise pipeline_run.failure(run, caller=self._cloud.administrator(self._names.account))
        return run

    def served(self, deployment: Deployment) -> Served:
        """What an environment's endpoint serves."""
        return release.describe(
            deployment=deployment,
            model=self._model,
            caller=self._people.take(Person.AUDITOR, deployment),
            # Nobody else reads a released artifact in production.
            reader=denials.service_session(self._cloud, deployment, self._model, ModelJob.SERVE),
        )

    def _newest(self) -> str:
        return pipeline_run.newest(pipeline=self._names.pipeline_name, caller=self._answering)

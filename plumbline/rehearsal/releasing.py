"""The releases of one model in a rehearsal: a version approved, its pipeline followed, what is served then."""

import time
from collections.abc import Callable

from plumbline.accounts.access import Clients
from plumbline.configuration import Deployment, Environment, Model, ModelJob, Person, Release, ReleaseStep
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
        names: What releases it.
        approving: Who approves its versions in the registry.
        answering: Who answers its releases.
        looking: Who reads why one has failed.
    """

    def __init__(self, names: Release, *, approving: Clients, answering: Clients, looking: Clients) -> None:
        self._names = names
        self._approving, self._answering, self._looking = approving, answering, looking

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
        self._approving.client("sagemaker").update_model_package(
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
            raise pipeline_run.failure(run, caller=self._looking)
        return run

    def _newest(self) -> str:
        return pipeline_run.newest(pipeline=self._names.pipeline_name, caller=self._answering)


def rehearsed(*, cloud: Cloud, people: People, model: Model) -> Releasing:
    """The releases of a model in a rehearsal, with the people whose part it is.

    Args:
        cloud: The cloud, with everything delivered.
        people: Its people.
        model: The model.
    """
    platform = cloud.platform
    return Releasing(
        platform.release(model),
        approving=people.take(Person.APPROVER, platform.deployment(Environment.STAGING)),
        answering=people.take(Person.APPROVER, platform.delivery),
        looking=cloud.administrator(platform.delivery_account),
    )


def served(*, cloud: Cloud, people: People, model: Model, deployment: Deployment) -> Served:
    """What an environment's endpoint of a model serves in a rehearsal.

    Args:
        cloud: The cloud, with the model released.
        people: Its people.
        model: The model.
        deployment: The environment.
    """
    return release.describe(
        deployment=deployment,
        model=model,
        caller=people.take(Person.AUDITOR, deployment),
        # Nobody else reads a released artifact in production.
        reader=denials.service_session(cloud, deployment, model, ModelJob.SERVE),
    )

"""Where the acts of a drill are played, and what they have in common."""

import dataclasses
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path

from plumbline.configuration import Deployment, Model, Person, Placement, Platform
from plumbline.errors import PlumblineError
from plumbline.rehearsal import accounts
from plumbline.rehearsal.assembly import read_assembly
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.delivery import Delivery
from plumbline.rehearsal.drills.standing import Standing, look
from plumbline.rehearsal.people import People
from plumbline.rehearsal.pipeline_run import PipelineRun
from plumbline.rehearsal.progress import Step
from plumbline.rehearsal.summary import Act, DeniedCall
from plumbline.rehearsal.training_run import Inputs

# Releases deploy the one, an administrator the other.
_NOT_DELIVERED = ("release-", "organization")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scene:
    """A rehearsal that has gone all the way: delivered, released, and answering.

    Attributes:
        cloud: The cloud.
        people: Its people.
        delivery: What delivers.
        models: The models that have been released.
        inputs: What each of them was trained with, by its name.
        step: Shows and times one step.
    """

    cloud: Cloud
    people: People
    delivery: Delivery
    models: tuple[Model, ...]
    inputs: Mapping[str, Inputs]
    step: Callable[[str], AbstractContextManager[Step]]

    @property
    def platform(self) -> Platform:
        """The configuration."""
        return self.cloud.platform

    def look(self, *at: Placement) -> Standing:
        """Looks at what stands in some environments; when none is given, in all of them and in delivery."""
        everywhere = (*self.platform.deployments(), self.platform.delivery)
        return look(cloud=self.cloud, people=self.people, models=self.models, at=at or everywhere)

    def pipeline(self) -> tuple[int, Mapping[str, str]]:
        """The version of the delivery pipeline, and how the newest execution of each of its stages ended."""
        names = self.platform.delivery
        client = self.cloud.administrator(names.account).client("codepipeline")
        version = int(client.get_pipeline(name=names.pipeline_name)["pipeline"]["version"])
        states = client.get_pipeline_state(name=names.pipeline_name)["stageStates"]
        return version, {one["stageName"]: one.get("latestExecution", {}).get("status", "") for one in states}

    def deliver(self, step: Step) -> "Delivered":
        """Pushes the newest commit and follows it to its end."""
        began = time.monotonic()
        execution = self.delivery.push()
        run = self.delivery.follow(execution, tell=step.detail)
        return Delivered(
            commit=self.delivery.repository.commit,
            first=execution,
            run=run,
            seconds=round(time.monotonic() - began, 2),
        )

    def succeeded(self, delivered: "Delivered") -> None:
        """Sees to it that a commit is in every account, each template as the pipeline's build wrote it.

        Raises:
            PlumblineError: It is not.
        """
        if delivered.run.status != "Succeeded":
            raise self.delivery.failure(delivered.run)
        names = self.platform.delivery
        records = self.people.take(Person.APPROVER, names).client("s3")
        key = f"{names.evidence_key(delivered.run.execution)}assembly.zip"
        body: bytes = records.get_object(Bucket=names.records_bucket, Key=key)["Body"].read()
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(BytesIO(body)) as archive:
            archive.extractall(folder)
            stacks = [one for one in read_assembly(Path(folder)) if not one.stage.startswith(_NOT_DELIVERED)]
            accounts.verify_templates(cloud=self.cloud, stacks=stacks)
        for deployment in self.platform.deployments():
            require(
                self.value(deployment, deployment.commit_parameter) == delivered.commit,
                f"{deployment.environment} does not say that it has the commit {delivered.commit}",
            )

    def value(self, deployment: Deployment, name: str) -> str:
        """The value of an SSM parameter of an environment; empty when there is none."""
        client = self.cloud.administrator(deployment.account).client("ssm")
        found = client.get_parameters(Names=[name])["Parameters"]
        return str(found[0]["Value"]) if found else ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Delivered:
    """A commit that was pushed.

    Attributes:
        commit: The commit.
        first: The execution that the push started.
        run: The execution that ended: another one when the pipeline has changed itself meanwhile.
        seconds: From the push to the end.
    """

    commit: str
    first: str
    run: PipelineRun
    seconds: float

    def act(self, name: str, *, shown: Mapping[str, object], refused: tuple[DeniedCall, ...] = ()) -> Act:
        """The act that this delivery was.

        Args:
            name: What happened.
            shown: What was seen.
            refused: What was refused, as it should be.
        """
        return Act(
            name=name,
            commit=self.commit,
            execution=self.run.execution,
            status=self.run.status,
            stages=self.run.stages(),
            seconds=self.seconds,
            shown=shown,
            refused=refused,
        )


def require(holds: bool, otherwise: str) -> None:
    """Fails the drill when something does not hold.

    Args:
        holds: Whether it does.
        otherwise: What is the case when it does not.

    Raises:
        PlumblineError: It does not.
    """
    if not holds:
        raise PlumblineError(f"the drill has failed: {otherwise}", exit_code=1)

"""A CodeBuild that runs on one machine: builds are local processes under the project's role.

``register`` puts it in the place of the emulator's own; ``shutdown`` ends every process of every build. The rehearsal's
CodePipeline starts builds by ``start_pipeline_build``, in the emulator's process; whether its action's role may is
decided before.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from plumbline.rehearsal.api.errors import ApiError
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codebuild.errors import invalid_input, not_found
from plumbline.rehearsal.codebuild.options import BUILDS_FILE, Options
from plumbline.rehearsal.codebuild.orders import ArtifactObject, BuildRun, Order

__all__ = [
    "ApiError",
    "ArtifactObject",
    "BuildRun",
    "Options",
    "describe_build",
    "read_builds",
    "register",
    "shutdown",
    "start_pipeline_build",
    "stop_build",
]


def register(options: Options) -> None:
    """Adds CodeBuild to the emulator of this process; called once, after enforcement is installed and before serving.

    Args:
        options: Where files go and how the emulator is reached.
    """
    # The emulator takes seconds to import, and reads its environment meanwhile.
    from plumbline.rehearsal.codebuild import registration

    registration.register(options)


def shutdown() -> None:
    """Ends every process of every build."""
    from plumbline.rehearsal.codebuild import registration

    registration.shutdown()


def start_pipeline_build(
    *,
    account: str,
    region: str,
    project: str,
    inputs: Sequence[ArtifactObject],
    primary: str,
    outputs: Sequence[ArtifactObject],
    environment: Sequence[Mapping[str, str]],
    initiator: str,
) -> str:
    """Starts a build of a project whose source is CODEPIPELINE.

    Args:
        account: The project's account.
        region: The project's region.
        project: Its name.
        inputs: What the build reads, with the project's role.
        primary: The name of the input that is its source; empty for the first.
        outputs: What it writes, with the project's role.
        environment: Variables that override the project's: name, value and, when it is not PLAINTEXT, type.
        initiator: ``codepipeline/<pipeline>``.

    Returns:
        The build's id.

    Raises:
        ApiError: There is no such project, it takes no source from a pipeline, or as many of its builds run as it
            lets.
    """
    from plumbline.rehearsal.codebuild import registration
    from plumbline.rehearsal.codebuild.projects import Scope

    service = registration.service()
    found = service.projects.get(Scope(account=account, region=region), project)
    if found["source"]["type"] != "CODEPIPELINE":
        raise invalid_input(f"the source type of project {project} is {found['source']['type']}, not CODEPIPELINE")
    order = Order(
        account=account,
        region=region,
        project=found,
        initiator=initiator,
        inputs=tuple(inputs),
        primary=primary,
        outputs=tuple(outputs),
        environment=tuple(environment),
    )
    return service.builds.begin(order).id


def describe_build(build_id: str, *, account: str, region: str) -> Document:
    """A build as BatchGetBuilds gives it; times in seconds since the epoch.

    Raises:
        ApiError: ``ResourceNotFoundException``.
    """
    from plumbline.rehearsal.codebuild import registration
    from plumbline.rehearsal.codebuild.projects import Scope

    build = registration.service().builds.find(Scope(account=account, region=region), build_id)
    if build is None:
        raise not_found(f"Build cannot be found: {build_id}")
    return build.describe()


def stop_build(build_id: str, *, account: str, region: str) -> None:
    """Stops a build; one that has ended stays as it is.

    Raises:
        ApiError: ``ResourceNotFoundException``.
    """
    from plumbline.rehearsal.codebuild import registration
    from plumbline.rehearsal.codebuild.projects import Scope

    registration.service().builds.stop(Scope(account=account, region=region), {"id": build_id})


def read_builds(state: Path) -> tuple[BuildRun, ...]:
    """The builds of a rehearsal that have ended, in the order in which they did.

    Args:
        state: The rehearsal's folder.
    """
    path = state / BUILDS_FILE
    if not path.exists():
        return ()
    return tuple(BuildRun(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines())

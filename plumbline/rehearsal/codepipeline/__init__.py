"""A CodePipeline within the emulator: pipelines of type V2, run by real requests in their roles.

``register`` adds the services ``codepipeline``, ``codeconnections`` (also under its older name), the part of
``codecommit`` that reads, and the type AWS::CodePipeline::Pipeline; ``shutdown`` lets everything go that runs. A push
is told by ``repository_changed``, and ``complete_connection`` does what a person does in the console.
"""

from plumbline.rehearsal.codepipeline.builds import Builds, LocalBuilds
from plumbline.rehearsal.codepipeline.options import Options

__all__ = [
    "Builds",
    "LocalBuilds",
    "Options",
    "complete_connection",
    "register",
    "repository_changed",
    "shutdown",
]


def register(options: Options) -> None:
    """Adds CodePipeline to the emulator of this process; called once, after enforcement and before serving.

    Args:
        options: How the emulator is reached.
    """
    # The emulator takes seconds to import, and reads its environment meanwhile.
    from plumbline.rehearsal.codepipeline import registration

    registration.register(options)


def repository_changed(full_id: str, branch: str) -> list[str]:
    """Starts every pipeline whose source action listens to a branch, as a push does.

    Args:
        full_id: The repository, for example ``owner/name``.
        branch: The branch.

    Returns:
        The ARNs of the pipelines that were started.

    Raises:
        NoRepositoryError: There is no such repository or branch.
    """
    from plumbline.rehearsal.codepipeline import registration

    return registration.service().repository_changed(full_id, branch)


def complete_connection(arn: str) -> None:
    """Makes a connection AVAILABLE, as the handshake with the provider does that a person completes.

    Raises:
        ApiError: ``ResourceNotFoundException``.
    """
    from plumbline.rehearsal.codepipeline import registration

    registration.service().connections.complete(arn)


def shutdown() -> None:
    """Lets everything go that runs."""
    from plumbline.rehearsal.codepipeline import registration

    registration.shutdown()

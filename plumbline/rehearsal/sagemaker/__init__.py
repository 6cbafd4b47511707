"""A SageMaker that runs on one machine: the part of the API that the platform uses, inside the emulator.

``register`` adds the services ``sagemaker`` and ``sagemaker-runtime`` and the CloudFormation types to the emulator of
this process; ``shutdown`` ends every process that they started.
"""

from plumbline.rehearsal.sagemaker.containers import Isolation, isolation
from plumbline.rehearsal.sagemaker.options import Options
from plumbline.rehearsal.sagemaker.platform import RUNS_FILE, UNSUPPORTED_FILE, Run, read_runs

__all__ = [
    "RUNS_FILE",
    "UNSUPPORTED_FILE",
    "Isolation",
    "Options",
    "Run",
    "isolation",
    "read_runs",
    "register",
    "shutdown",
]


def register(options: Options) -> None:
    """Adds SageMaker to the emulator of this process; called once, after enforcement is installed and before serving.

    Args:
        options: Where files go, how the emulator is reached, what stands in for images.
    """
    # The emulator takes seconds to import, and reads its environment meanwhile.
    from plumbline.rehearsal.sagemaker import registration

    registration.register(options)


def shutdown() -> None:
    """Ends every job and endpoint, and leaves no process."""
    from plumbline.rehearsal.sagemaker import registration

    registration.shutdown()

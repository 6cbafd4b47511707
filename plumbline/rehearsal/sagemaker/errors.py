"""The errors of the SageMaker API, under the names that AWS gives them."""


class SageMakerError(Exception):
    """An error that the API answers with.

    Args:
        code: AWS's name of the error, for example ``ValidationException``.
        message: What it says.
        status: The HTTP status.
        members: Further members of the error's shape, as ``ModelError`` has them.
    """

    def __init__(self, code: str, message: str, *, status: int = 400, members: dict[str, str | int] | None = None):
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.members = members or {}


def validation_error(message: str) -> SageMakerError:
    """The request cannot be right, whatever the account holds; SageMaker also uses it for most missing resources."""
    return SageMakerError("ValidationException", message)


def not_found(message: str) -> SageMakerError:
    """The resource is not there, where SageMaker models that with an error of its own (pipelines, jobs to stop)."""
    return SageMakerError("ResourceNotFound", message)


def in_use(message: str) -> SageMakerError:
    """The name of a job is taken."""
    return SageMakerError("ResourceInUse", message)


def conflict(message: str) -> SageMakerError:
    """The request collides with the state that a resource is in."""
    return SageMakerError("ConflictException", message)


def access_denied(message: str) -> SageMakerError:
    """A policy does not allow the call."""
    return SageMakerError("AccessDeniedException", message)


class UnsupportedOperationError(SageMakerError):
    """A part of SageMaker that the rehearsal does not have; it must be heard, so it is no error of AWS's."""

    def __init__(self, message: str) -> None:
        super().__init__("RehearsalUnsupported", message, status=501)

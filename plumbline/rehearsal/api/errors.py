"""The errors that an API answers with, under the names that AWS gives them."""


class ApiError(Exception):
    """An error that an API answers with.

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


class UnsupportedOperationError(ApiError):
    """A part of AWS that the rehearsal does not have; it must be heard, so it is no error of AWS's."""

    def __init__(self, message: str) -> None:
        super().__init__("RehearsalUnsupported", message, status=501)


def validation_error(message: str) -> ApiError:
    """The request cannot be right, whatever the account holds; SageMaker also uses it for most missing resources."""
    return ApiError("ValidationException", message)


def access_denied(message: str) -> ApiError:
    """A policy does not allow the call."""
    return ApiError("AccessDeniedException", message)

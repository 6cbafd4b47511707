"""What CodeBuild answers when it refuses, and how a build tells that it failed."""

import dataclasses

from plumbline.rehearsal.api.errors import ApiError


def invalid_input(message: str) -> ApiError:
    """The request cannot be right."""
    return ApiError("InvalidInputException", message)


def not_found(message: str) -> ApiError:
    """What the request names is not there."""
    return ApiError("ResourceNotFoundException", message)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhaseContext:
    """Why a phase ended as it did.

    Attributes:
        code: Such as ``COMMAND_EXECUTION_ERROR``; empty for a phase that went well.
        message: What happened.
    """

    code: str = ""
    message: str = ""


class PhaseFailedError(Exception):
    """A phase of a build fails.

    Args:
        code: The phase context's status code.
        message: The phase context's message.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.context = PhaseContext(code=code, message=message)


class YamlFileError(PhaseFailedError):
    """The buildspec cannot be used; a build tells so in its phase DOWNLOAD_SOURCE."""

    def __init__(self, message: str) -> None:
        super().__init__("YAML_FILE_ERROR", message)


def client_error(message: str) -> PhaseFailedError:
    """The build's own doing or its role's: an input or an output that cannot be had."""
    return PhaseFailedError("CLIENT_ERROR", message)

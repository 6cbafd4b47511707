"""The errors of the SageMaker API that other services do not have under these names."""

from plumbline.rehearsal.api.errors import ApiError


def not_found(message: str) -> ApiError:
    """The resource is not there, where SageMaker models that with an error of its own (pipelines, jobs to stop)."""
    return ApiError("ResourceNotFound", message)


def in_use(message: str) -> ApiError:
    """The name of a job is taken."""
    return ApiError("ResourceInUse", message)


def conflict(message: str) -> ApiError:
    """The request collides with the state that a resource is in."""
    return ApiError("ConflictException", message)

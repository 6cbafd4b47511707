"""The API: from a request of the emulator to an operation and back."""

import json
import threading
import traceback
from collections.abc import Callable, Mapping

from botocore.model import Shape, StructureShape
from botocore.validate import ParamValidator
from ministack.core.responses import get_account_id, get_region

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.api.errors import ApiError, UnsupportedOperationError
from plumbline.rehearsal.api.shapes import Document, service_model
from plumbline.rehearsal.codebuild.builds import Builds
from plumbline.rehearsal.codebuild.errors import invalid_input
from plumbline.rehearsal.codebuild.options import Options
from plumbline.rehearsal.codebuild.projects import Projects, Scope

Response = tuple[int, dict[str, str], bytes]
_NOTHING = StructureShape("Nothing", {"type": "structure", "members": {}})
_TYPE = "application/x-amz-json-1.1"


class Service:
    """CodeBuild within one rehearsal.

    Args:
        options: How it works.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._lock = threading.Lock()
        self.projects = Projects()
        self.builds = Builds(options, self.projects)
        self._operations: Mapping[str, Callable[[Scope, Document], Document]] = {
            "CreateProject": self.projects.create,
            "UpdateProject": self.projects.update,
            "DeleteProject": self.projects.delete,
            "BatchGetProjects": self.projects.batch_get,
            "ListProjects": self.projects.list_all,
            "BatchGetBuilds": self.builds.batch_get,
            "StopBuild": self.builds.stop,
            "ListBuilds": self.builds.list_all,
            "ListBuildsForProject": self.builds.list_for_project,
        }

    def handle(self, headers: Mapping[str, str], body: bytes) -> Response:
        """Answers a request, which the emulator has authorized."""
        lowered = {name.lower(): value for name, value in headers.items()}
        operation = lowered.get("x-amz-target", "").rpartition(".")[2]
        try:
            answer = self._perform(operation, json.loads(body or b"{}"), lowered)
        except ApiError as error:
            if isinstance(error, UnsupportedOperationError):
                self._record_unsupported(error.message)
            return _refusal(error)
        except Exception as error:  # noqa: BLE001 - a fault of the rehearsal must be seen by the caller and in its record
            self._record_unsupported("".join(traceback.format_exception(error)))
            return _refusal(ApiError("InternalFailure", f"{type(error).__name__}: {error}", status=500))
        return 200, {"Content-Type": _TYPE}, json.dumps(answer).encode()

    def _perform(self, operation: str, request: Document, headers: Mapping[str, str]) -> Document:
        scope = Scope(account=str(get_account_id()), region=str(get_region()))
        if operation != "StartBuild" and operation not in self._operations:
            raise UnsupportedOperationError(f"codebuild:{operation} is no part of the rehearsal's CodeBuild")
        check_request(operation, request)
        if operation == "StartBuild":
            caller = enforcement.Caller.of_request(headers)
            return self.builds.start(scope, request, caller.arn.rpartition(":")[2])
        return self._operations[operation](scope, request)

    def _record_unsupported(self, message: str) -> None:
        record = {"account": str(get_account_id()), "message": message}
        with self._lock, self._options.unsupported.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def check_request(operation: str, request: Document) -> None:
    """Holds a request against botocore's model.

    Raises:
        ApiError: ``InvalidInputException`` when a member is missing, unknown, or of the wrong type.
    """
    shape: Shape = service_model("codebuild").operation_model(operation).input_shape or _NOTHING
    report = ParamValidator().validate(request, shape)
    if report.has_errors():
        raise invalid_input(report.generate_report())


def _refusal(error: ApiError) -> Response:
    document = {"__type": error.code, "message": error.message}
    return error.status, {"Content-Type": _TYPE, "x-amzn-errortype": error.code}, json.dumps(document).encode()

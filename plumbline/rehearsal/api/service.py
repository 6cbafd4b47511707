"""A JSON API: from a request of the emulator to an operation and back, authorized and held against the model."""

import json
import threading
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path

from ministack.core.responses import get_account_id, get_region

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.api.authorization import Check
from plumbline.rehearsal.api.errors import ApiError, UnsupportedOperationError, access_denied
from plumbline.rehearsal.api.scope import Scope
from plumbline.rehearsal.api.shapes import (
    Document,
    ResponseError,
    check_request,
    check_response,
    operation_model,
    service_model,
)

Response = tuple[int, dict[str, str], bytes]


class JsonService:
    """One service of the AWS JSON protocol within one rehearsal.

    A service that derives from it says what its operations are (``do``) and what each needs (``checks``).

    Args:
        model: The service as botocore names it.
        unsupported: The file to which goes what was asked for and is not there, for the rehearsal's summary.
        version: Of the protocol, as the content type names it.
    """

    def __init__(self, *, model: str, unsupported: Path, version: str = "1.1") -> None:
        self.model = model
        self._unsupported = unsupported
        self._content_type = f"application/x-amz-json-{version}"
        self._writing = threading.Lock()

    def operations(self) -> Iterable[str]:
        """The names of the operations that there are."""
        raise NotImplementedError

    def do(self, operation: str, request: Document, scope: Scope, caller: enforcement.Caller | None) -> Document:
        """Does an operation whose request fits the model.

        Args:
            operation: Its name.
            request: Its parameters.
            scope: Where the request arrives.
            caller: Who asks; None for CloudFormation and the rehearsal itself.

        Raises:
            ApiError: The operation refuses.
        """
        raise NotImplementedError

    def checks(self, operation: str, request: Document, scope: Scope) -> Iterable[Check]:
        """The decisions that a request needs."""
        raise NotImplementedError

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Answers a request; called on a thread of its own, in the context of the emulator's request."""
        lowered = {name.lower(): value for name, value in headers.items()}
        try:
            return self.answer(method, path, lowered, body)
        except ApiError as error:
            if isinstance(error, UnsupportedOperationError):
                self.record_unsupported(error.message)
            return self._refusal(error)
        except ResponseError as error:
            self.record_unsupported(str(error))
            return self._refusal(ApiError("InternalFailure", str(error), status=500))
        except Exception as error:  # noqa: BLE001 - a fault of the rehearsal must be seen by the caller and in its record
            self.record_unsupported("".join(traceback.format_exception(error)))
            return self._refusal(ApiError("InternalFailure", f"{type(error).__name__}: {error}", status=500))

    def answer(self, _method: str, _path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Answers a request that names its operation in its target.

        Raises:
            ApiError: The answer is an error.
        """
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        operation_model(operation, service=self.model)
        try:
            request = json.loads(body or b"{}")
        except json.JSONDecodeError as error:
            raise ApiError("SerializationException", f"Could not parse request body: {error}") from error
        scope = scope_of_request()
        check_request(operation, request, service=self.model)
        caller = enforcement.Caller.of_request(headers)
        for needed in self.checks(operation, request, scope):
            self.authorize(caller, needed)
        response = self.perform(operation, request, scope, caller=caller)
        return 200, {"Content-Type": self._content_type}, json.dumps(response, default=str).encode()

    def perform(
        self, operation: str, request: Document, scope: Scope, *, caller: enforcement.Caller | None = None
    ) -> Document:
        """Does an operation, its request and its response held against the model, without deciding who may.

        Raises:
            ApiError: The operation refuses.
        """
        operation_model(operation, service=self.model)
        if operation not in self.operations():
            called = service_model(self.model).service_id
            raise UnsupportedOperationError(f"{self.model}:{operation} is not part of the rehearsal's {called}")
        check_request(operation, request, service=self.model)
        response = self.do(operation, request, scope, caller)
        check_response(operation, response, service=self.model)
        return response

    def authorize(self, caller: enforcement.Caller, needed: Check) -> None:
        """Decides one check.

        Raises:
            ApiError: ``AccessDeniedException`` with AWS's message.
        """
        try:
            enforcement.authorize(
                principal=caller, action=needed.action, resource=needed.resource, context=needed.context
            )
        except enforcement.AccessDenied as error:
            raise access_denied(str(error)) from error

    def record_unsupported(self, message: str) -> None:
        """Writes down what the rehearsal lacks, or did wrong."""
        record = {"account": str(get_account_id()), "message": message}
        with self._writing, self._unsupported.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def _refusal(self, error: ApiError) -> Response:
        # both spellings: some services' shapes have "Message", general errors "message"
        document = {"__type": error.code, "message": error.message, "Message": error.message, **error.members}
        headers = {"Content-Type": self._content_type, "x-amzn-errortype": error.code}
        return error.status, headers, json.dumps(document).encode()


def scope_of_request() -> Scope:
    """Where the request that the emulator is serving arrives."""
    return Scope(account=str(get_account_id()), region=str(get_region()))

"""CodeBuild's place in the emulator: its API and its CloudFormation type in the place of MiniStack's own."""

from collections.abc import Mapping

import ministack.app
from ministack.core.concurrency import run_reentrant
from ministack.services import codebuild

from plumbline.rehearsal.codebuild import cloudformation
from plumbline.rehearsal.codebuild.options import Options
from plumbline.rehearsal.codebuild.service import Response, Service

_service: Service | None = None


def register(options: Options) -> None:
    """Puts this CodeBuild in the place of the emulator's; called once, before serving.

    Args:
        options: How it works.
    """
    global _service
    options.builds.mkdir(parents=True, exist_ok=True)
    service = Service(options)

    async def handle_request(
        _method: str, _path: str, headers: Mapping[str, str], body: bytes, _query_params: Mapping[str, object]
    ) -> Response:
        response: Response = await run_reentrant(service.handle, headers, body)
        return response

    codebuild.handle_request = handle_request
    ministack.app.SERVICE_HANDLERS["codebuild"] = handle_request
    cloudformation.register(service.projects)
    _service = service


def service() -> Service:
    """The CodeBuild of this process.

    Raises:
        RuntimeError: None was registered.
    """
    if _service is None:
        raise RuntimeError("no CodeBuild was registered in this process")
    return _service


def shutdown() -> None:
    """Ends every build, and leaves no process."""
    if _service is not None:
        _service.builds.close()

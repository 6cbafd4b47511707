"""A service's place in the emulator."""

import sys
import types
from collections.abc import Callable, Mapping, Sequence

import ministack.app
import ministack.services
from ministack.core import router
from ministack.core.concurrency import run_reentrant

from plumbline.rehearsal.api.service import Response

Handle = Callable[[str, str, Mapping[str, str], bytes], Response]
Pattern = Mapping[str, str | Sequence[str]]


def add_service(
    module_name: str, handle: Handle, patterns: Mapping[str, Pattern], members: Mapping[str, object] | None = None
) -> None:
    """Has the emulator of this process serve a service.

    Args:
        module_name: The module under ``ministack.services`` that the emulator is to find.
        handle: Answers a request; called on a thread of its own, in the request's context.
        patterns: How requests are known, for each name that the emulator calls the service by.
        members: What else the module holds, such as a look-up of resource policies.
    """

    async def handle_request(
        method: str, path: str, headers: Mapping[str, str], body: bytes, _query_params: Mapping[str, object]
    ) -> Response:
        response: Response = await run_reentrant(handle, method, path, headers, body)
        return response

    module = types.ModuleType(f"ministack.services.{module_name}", "Added by the rehearsal.")
    vars(module).update(handle_request=handle_request, **(members or {}))
    sys.modules[module.__name__] = module
    setattr(ministack.services, module_name, module)
    for name, pattern in patterns.items():
        ministack.app.SERVICE_REGISTRY[name] = {"module": module_name}
        ministack.app.SERVICE_HANDLERS[name] = handle_request
        router.SERVICE_PATTERNS[name] = pattern

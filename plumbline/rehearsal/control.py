"""The rehearsal's own door to its server: what no AWS API offers and a rehearsal has to ask.

One request, ``POST /_plumbline/assume-service-role``, gives the credentials with which a service works in a role, so
that what the role may not do can be tried for real. It is for the holder of the token in the state folder only.
"""

import dataclasses
import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

PATH = "/_plumbline/assume-service-role"
TOKEN_FILE = "control.token"  # noqa: S105 - a file's name
HEADER = b"x-plumbline-token"

# ASGI leaves the values of its messages open.
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


def write_token(state: Path) -> str:
    """Makes the token of a rehearsal and writes it where only its owner reads it."""
    token = secrets.token_urlsafe(32)
    path = state / TOKEN_FILE
    path.touch(mode=0o600)
    path.write_text(token, encoding="utf-8")
    return token


def with_control(application: Application, *, token: str) -> Application:
    """Serves the door beside an ASGI application.

    Args:
        application: The emulator.
        token: What a request's header must bear.
    """

    async def served(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await application(scope, receive, send)
            return
        body = await _body(receive)
        given = dict(scope["headers"]).get(HEADER, b"")
        if scope["method"] != "POST" or not secrets.compare_digest(given, token.encode()):
            await _answer(send, 404, {"error": "not found"})
            return
        await _answer(send, *_assume(json.loads(body)))

    return served


def _assume(request: dict[str, str]) -> tuple[int, dict[str, str]]:
    from plumbline.rehearsal import enforcement

    try:
        credentials = enforcement.assume_service_role(
            role_arn=request["role_arn"],
            service=request["service"],
            source_account=request["source_account"],
            source_arn=request["source_arn"],
            session_name="rehearsal",
            context={enforcement.SOURCE_VPC: request["vpc"]} if "vpc" in request else None,
        )
    except enforcement.AccessDenied as error:
        return 403, {"error": str(error)}
    return 200, dataclasses.asdict(credentials)


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _answer(send: Send, status: int, document: dict[str, str]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(document).encode()})

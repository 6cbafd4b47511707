"""The rehearsal's own door to its server: what no AWS API offers and a rehearsal has to ask or to do.

One path a question, ``POST /_plumbline/<question>``, for the holder of the token in the state folder only:

- ``assume-service-role`` gives the credentials with which a service works in a role, so that what the role may not do
  can be tried for real;
- ``repository-changed`` tells of a push: it starts the pipelines that listen;
- ``complete-connection`` does what a person does in the console: a connection to a provider of Git becomes available;
- ``advance-clock`` lets time pass until a given one, and tells what scheduled rules sent meanwhile.
"""

import asyncio
import dataclasses
import datetime
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

PREFIX = "/_plumbline/"
ASSUME_SERVICE_ROLE = f"{PREFIX}assume-service-role"
REPOSITORY_CHANGED = f"{PREFIX}repository-changed"
COMPLETE_CONNECTION = f"{PREFIX}complete-connection"
ADVANCE_CLOCK = f"{PREFIX}advance-clock"
TOKEN_FILE = "control.token"  # noqa: S105 - a file's name
HEADER = b"x-plumbline-token"

# ASGI leaves the values of its messages open.
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
Answer = tuple[int, Mapping[str, object]]


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
        if scope["type"] != "http" or not str(scope["path"]).startswith(PREFIX):
            await application(scope, receive, send)
            return
        body = await _body(receive)
        given = dict(scope["headers"]).get(HEADER, b"")
        question = _QUESTIONS.get(scope["path"])
        if question is None or scope["method"] != "POST" or not secrets.compare_digest(given, token.encode()):
            await _answer(send, 404, {"error": "not found"})
            return
        # on a thread: an answer may need the loop that serves this
        await _answer(send, *await asyncio.to_thread(question, json.loads(body)))

    return served


def _assume(request: Mapping[str, str]) -> Answer:
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


def _repository_changed(request: Mapping[str, str]) -> Answer:
    from plumbline.rehearsal import codepipeline
    from plumbline.rehearsal.codepipeline.repositories import NoRepositoryError

    try:
        return 200, {"started": codepipeline.repository_changed(request["repository"], request["branch"])}
    except NoRepositoryError as error:
        return 404, {"error": str(error)}


def _complete_connection(request: Mapping[str, str]) -> Answer:
    from plumbline.rehearsal import codepipeline

    codepipeline.complete_connection(request["connection_arn"])
    return 200, {}


def _advance_clock(request: Mapping[str, str]) -> Answer:
    from plumbline.rehearsal import advancing, clock

    try:
        to = datetime.datetime.fromisoformat(request["to"])
        if to.tzinfo is None:
            return 400, {"error": f"{request['to']} does not say in which time zone it is"}
        passed = advancing.advance(to.timestamp())
    except ValueError as error:
        return 400, {"error": str(error)}
    return 200, {"now": clock.written(passed.now, "microseconds"), "fired": dict(passed.fired)}


_QUESTIONS: Mapping[str, Callable[[Mapping[str, str]], Answer]] = {
    ASSUME_SERVICE_ROLE: _assume,
    REPOSITORY_CHANGED: _repository_changed,
    COMPLETE_CONNECTION: _complete_connection,
    ADVANCE_CLOCK: _advance_clock,
}


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _answer(send: Send, status: int, document: Mapping[str, object]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(document).encode()})

"""The HTTP side of an endpoint's container: `GET /ping` and `POST /invocations`."""

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from runtime.bodies import JSON_LINES, answer, rows_of_body
from runtime.errors import BadRequestError, RowError
from runtime.predictor import Predictor


def application(predictor: Predictor) -> Starlette:
    """An application that answers for a model.

    There is none without a loaded model, so `/ping` answers 200 only when it is loaded: until then the port is closed,
    which SageMaker takes for "not yet". `/invocations` answers 400, with one sentence, to a request it cannot read.
    """

    async def ping(_request: Request) -> Response:
        return Response(status_code=200)

    async def invocations(request: Request) -> Response:
        body = await request.body()
        content_type = request.headers.get("content-type", JSON_LINES)
        accept = request.headers.get("accept", JSON_LINES)
        try:
            # In a thread, so that /ping answers while a large batch is predicted.
            content, media_type = await run_in_threadpool(_answer, predictor, body, content_type, accept)
        except BadRequestError as error:
            return PlainTextResponse(str(error), status_code=400)
        return Response(content, media_type=media_type)

    return Starlette(
        routes=[Route("/ping", ping, methods=["GET"]), Route("/invocations", invocations, methods=["POST"])]
    )


def _answer(predictor: Predictor, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
    rows = rows_of_body(body, content_type=content_type, columns=predictor.columns)
    try:
        return answer(predictor.predict(rows.frame), accept=accept)
    except RowError as error:
        raise rows.located(error) from error

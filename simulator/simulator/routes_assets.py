"""The second origin: outputs, uploads, and the PUT a ticket allows (protocol 4.1, 7). No request here may carry a key."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from simulator import clock
from simulator.artist import output_name
from simulator.faulty_answers import moment_of, spoiled, struck, wrong_answer
from simulator.program import Simulator
from simulator.uploads import Upload

_SPOILING = {"truncated", "corrupt", "untyped", "huge"}


def refused_for_key(request: Request) -> Response | None:
    """Return the 400 for a request that carries Authorization: the key must never leave the API's origin (protocol 9)."""
    if "authorization" not in request.headers:
        return None
    return PlainTextResponse("this origin takes no Authorization header", HTTPStatus.BAD_REQUEST)


async def output(request: Request, simulator: Simulator) -> Response:
    """`GET /predictions/{id}/{name}`: the picture, drawn now if nobody asked before."""
    prediction = simulator.state.find(request.path_params["prediction_id"])
    if prediction is None or not simulator.artist.addresses(prediction):
        return PlainTextResponse("not found", HTTPStatus.NOT_FOUND)
    if request.path_params["name"] != output_name(prediction):
        return PlainTextResponse("not found", HTTPStatus.NOT_FOUND)
    moment = moment_of(request, prediction.model, prediction.prompt, prediction.id, prediction.id)
    hit = simulator.state.faults.first("output", moment)
    media_type = "image/png" if output_name(prediction).endswith("png") else "image/jpeg"
    if hit is not None and hit.answer in _SPOILING:
        return spoiled(hit, await simulator.artist.output_bytes(prediction), media_type)
    if hit is not None:
        wrong = await wrong_answer(simulator, hit, "output", moment)
        if wrong is not None:
            return wrong
    return Response(await simulator.artist.output_bytes(prediction), media_type=media_type)


async def upload(request: Request, simulator: Simulator) -> Response:
    """`GET /media/…`: the bytes of an upload."""
    found = simulator.state.uploads.get(request.url.path)
    content = simulator.state.upload_bytes.find(request.url.path) if found is not None and found.is_stored else None
    if found is None or content is None or await struck(simulator, "media", moment_of(request)) is not None:
        return PlainTextResponse("not found", HTTPStatus.NOT_FOUND)
    return Response(content, media_type=found.content_type)


async def signed_put(request: Request, simulator: Simulator) -> Response:
    """`PUT /signed-upload?token=…`: takes exactly what the ticket declared, once (protocol 4.1)."""
    wrong = await struck(simulator, "upload_put", moment_of(request))
    if wrong is not None:
        return wrong
    ticket = simulator.state.tickets.get(request.query_params.get("token", ""))
    if ticket is None:
        return PlainTextResponse("SignatureDoesNotMatch", HTTPStatus.FORBIDDEN)
    reason = _refusal(request, ticket)
    if reason is not None:
        return PlainTextResponse(reason[1], reason[0])
    simulator.state.store_upload(ticket, await request.body())
    return Response(status_code=HTTPStatus.OK)


def _refusal(request: Request, ticket: Upload) -> tuple[HTTPStatus, str] | None:
    """Why storage refuses this PUT: late, other headers than the ticket's, a second time, or another size."""
    headers = request.headers
    if clock.now_ns() > ticket.expires_ns:
        return HTTPStatus.FORBIDDEN, "AccessDenied: request has expired"
    if headers.get("if-none-match") != "*" or headers.get("content-type") != ticket.content_type:
        return HTTPStatus.FORBIDDEN, "SignatureDoesNotMatch: send exactly the ticket's headers"
    if "content-length" not in headers:
        return HTTPStatus.LENGTH_REQUIRED, "MissingContentLength"
    if ticket.is_stored:
        return HTTPStatus.PRECONDITION_FAILED, "PreconditionFailed: the object exists"
    if headers["content-length"] != str(ticket.size):
        return HTTPStatus.BAD_REQUEST, f"EntitySize: {ticket.size} bytes were declared"
    return None

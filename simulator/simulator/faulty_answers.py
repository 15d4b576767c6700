"""The wrong answers the request faults give."""

import random
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse

from simulator.answers import (
    CONCURRENCY_LIMIT,
    GATEWAY_TIMEOUT_PAGE,
    INSUFFICIENT_CREDITS,
    INVALID_KEY,
    PREDICTION_NOT_FOUND,
    CutConnection,
    TruncatedBody,
    refusal,
    success,
    unknown_model,
)
from simulator.fault_book import Hit, Moment
from simulator.program import Simulator

MEGABYTE = b"\0" * (1024 * 1024)
INTACT_HEAD_BYTES = 64
_REFUSALS: dict[str, tuple[int, str]] = {
    "400": (HTTPStatus.BAD_REQUEST, ""),
    "401": (HTTPStatus.UNAUTHORIZED, INVALID_KEY),
    "403": (HTTPStatus.FORBIDDEN, ""),
    "404": (HTTPStatus.NOT_FOUND, ""),
    "500": (HTTPStatus.INTERNAL_SERVER_ERROR, ""),
    "503": (HTTPStatus.SERVICE_UNAVAILABLE, ""),
    "credits": (HTTPStatus.BAD_REQUEST, INSUFFICIENT_CREDITS),
}
_WORDS_FOR_429 = {"upload": "Upload quota exceeded"}


def moment_of(request: Request, model: str = "", prompt: str = "", prediction_id: str = "", key: str = "") -> Moment:
    """Return the moment a fault could strike this request."""
    return Moment(request.method, request.url.path, model, prompt, prediction_id, key)


async def struck(simulator: Simulator, stage: str, moment: Moment) -> Response | None:
    """Return the wrong answer of the first fault that strikes here, after its wait; None for an ordinary answer."""
    hit = simulator.state.faults.first(stage, moment)
    return None if hit is None else await wrong_answer(simulator, hit, stage, moment)


async def wrong_answer(simulator: Simulator, hit: Hit, stage: str, moment: Moment) -> Response | None:
    """Return the wrong answer of this fault after its wait; None when the ordinary answer follows."""
    await simulator.hold(float(hit.params.get("seconds", 0)))
    return None if hit.answer == "slow" else _answer(hit, stage, moment)


def _answer(hit: Hit, stage: str, moment: Moment) -> Response:
    if hit.answer == "cut":
        return CutConnection()
    if hit.answer in _REFUSALS:
        status, words = _REFUSALS[hit.answer]
        message = hit.params.get("message") or words or _not_found(stage, moment)
        code = hit.params.get("error_code")
        return refusal(status, message, extra={"error_code": code} if code else None)
    if hit.answer == "429":
        return _too_many(hit.params, stage)
    return _not_an_envelope(hit.answer, hit.params)


def _not_found(stage: str, moment: Moment) -> str:
    return unknown_model(moment.model).message if stage.startswith("submit") else PREDICTION_NOT_FOUND


def _too_many(params: dict[str, Any], stage: str) -> Response:
    seconds = params["retry_after"]
    headers = None if seconds is None else {"Retry-After": f"{seconds:g}"}
    words = params["message"] or _WORDS_FOR_429.get(stage, CONCURRENCY_LIMIT)
    return refusal(HTTPStatus.TOO_MANY_REQUESTS, words, headers=headers)


def _not_an_envelope(answer: str, params: dict[str, Any]) -> Response:
    match answer:
        case "502":
            return PlainTextResponse("error code: 502", HTTPStatus.BAD_GATEWAY)
        case "504":
            return HTMLResponse(GATEWAY_TIMEOUT_PAGE, HTTPStatus.GATEWAY_TIMEOUT)
        case "html":
            return HTMLResponse("<!doctype html><title>One moment</title><p>Checking your browser.</p>")
        case "garbage":
            return Response('{"code":200,"message":"success","data":{"id":"', media_type="application/json")
        case "null_data":
            return success(None)
        case "envelope_error":
            return JSONResponse({"code": params["code"], "message": params["message"]})
        case _:
            raise LookupError(f"no answer is written for the fault answer {answer}")


def spoiled(hit: Hit, picture: bytes, media_type: str) -> Response:
    """Return the picture damaged as the output fault says."""
    match hit.answer:
        case "truncated":
            return TruncatedBody(picture, media_type=media_type)
        case "corrupt":
            noise = random.Random(len(picture)).randbytes(len(picture) - INTACT_HEAD_BYTES)  # noqa: S311 - noise, no secret
            return Response(picture[:INTACT_HEAD_BYTES] + noise, media_type=media_type)
        case "untyped":
            return Response(picture, media_type="application/octet-stream")
        case "huge":
            return StreamingResponse(_zeros(int(hit.params["megabytes"])), media_type=media_type)
        case _:
            raise LookupError(f"no spoiling is written for the fault answer {hit.answer}")


async def _zeros(megabytes: int) -> AsyncIterator[bytes]:
    for _ in range(megabytes):
        yield MEGABYTE

"""Answers in the provider's envelope, its refusals, and answers that are not HTTP at all (protocol 1, 5.1)."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from simulator import strict_json

INVALID_KEY = "Invalid API key. Verify the key on your dashboard's API Keys page, or contact support@wavespeed.ai."
INSUFFICIENT_CREDITS = "Insufficient credits. Please top up your account to continue."
CONCURRENCY_LIMIT = "You have reached your concurrency limit"
RATE_LIMIT = "You have reached your rate limit"
PREDICTION_NOT_FOUND = "Prediction not found."
BASE64_WITH_WEBHOOK = "webhook callback does not support base64 output, please use the normal API to use base64 output"
GATEWAY_TIMEOUT_PAGE = (
    "<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n"
    "<body>\r\n<center><h1>504 Gateway Time-out</h1></center>\r\n</body>\r\n</html>\r\n"
)


class ApiError(Exception):
    """The request is refused: HTTP status and message of the envelope, and what else the answer carries."""

    def __init__(
        self, status: int, message: str, *, headers: Mapping[str, str] | None = None, extra: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers
        self.extra = extra

    @property
    def response(self) -> Response:
        """The refusal as an answer."""
        return refusal(self.status, self.message, headers=self.headers, extra=self.extra)


class ConnectionCut(Exception):  # noqa: N818 - it is an outcome, not a mistake of the caller
    """Leave the request without an answer and close its connection."""


def success(data: object) -> Response:
    """Return the success envelope around `data` (protocol 1)."""
    return JSONResponse({"code": 200, "message": "success", "data": data})


def refusal(
    status: int, message: str, *, headers: Mapping[str, str] | None = None, extra: dict[str, Any] | None = None
) -> Response:
    """Return the HTTP error envelope: code equals the status, no `data` (protocol 1)."""
    return JSONResponse({"code": status, "message": message} | (extra or {}), status, headers)


def unknown_model(model_id: str) -> ApiError:
    """Return the 404 for a model that is not in the catalogue, as recorded (protocol 5.1)."""
    return ApiError(404, f'Model "{model_id}" not found. Please check the model identifier.')


async def json_object(request: Request) -> dict[str, Any]:
    """Return the request's JSON object; an empty body is an empty object. Raises ApiError 400 for anything else."""
    raw = await request.body()
    if not raw:
        return {}
    try:
        body = strict_json.parse(raw)
    except ValueError as error:
        raise ApiError(400, "request body is not valid JSON; please send a JSON object") from error
    if not isinstance(body, dict):
        raise ApiError(400, "request body must be a JSON object")
    return body


class CutConnection(Response):
    """No answer: the TCP connection is closed under the request."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport: asyncio.Transport = scope["state"]["transport"]
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            continue


class TruncatedBody(Response):
    """Half of the promised body, then the connection is closed."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        body = bytes(self.body)
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        transport: asyncio.Transport = scope["state"]["transport"]
        transport.close()
        while (await receive())["type"] != "http.disconnect":
            continue

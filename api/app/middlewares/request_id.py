"""The request id: taken over when it is well formed, else made; on every answer and on every log line of the request.

Outermost of all: it counts and times each request, and is the last resort for what nobody caught. Also a 500 is a problem with a
request id, and shows nothing inside.
"""

import re

import uuid_utils
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core import clock
from app.core.exception_handlers import render_internal_error
from app.core.logging import bind, get_logger, log_request
from app.core.metrics import count_request

HEADER = b"x-request-id"
UNROUTED = "none"
_WELL_FORMED = re.compile(rb"[A-Za-z0-9._-]{1,128}")

_log = get_logger(__name__)


class RequestIdMiddleware:
    """Name each HTTP request, count it, log its end, and answer 500 for it when everything else failed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _name(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        started_s, status = clock.monotonic_s(), 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (HEADER, request_id.encode())]
            await send(message)

        with bind(request_id=request_id):
            try:
                await self.app(scope, receive, send_named)
            except Exception:
                _log.exception("request_failed", method=scope["method"], path=scope["path"])
                if status:
                    raise
                await render_internal_error(scope)(scope, receive, send_named)
            finally:
                took_s, method, path = clock.monotonic_s() - started_s, scope["method"], scope["path"]
                # What was refused in a flood has one line for many, written by who refused it.
                level = "debug" if "is_one_of_many" in scope["state"] else "info"
                log_request(__name__, level, request_id=request_id, method=method, path=path, status=status, took_ms=took_s * 1000)
                count_request(method, status or 500, _handler_of(scope), took_s)


def _name(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == HEADER and _WELL_FORMED.fullmatch(value):
            return str(value.decode())
    return uuid_utils.uuid4().hex


def _handler_of(scope: Scope) -> str:
    """The path of the route as it was declared, also for what was refused before it got there."""
    route = scope.get("route")
    if route is None and "app" in scope:
        route = next((one for one in scope["app"].routes if one.matches(scope)[0] is not Match.NONE), None)
    return getattr(route, "path", UNROUTED)

"""The request id: taken over when it is well formed, else made; on every answer and on every log line of the request.

Outermost of all, and the last resort for what nobody caught: also a 500 is a problem with a request id, and shows nothing inside.
"""

import re
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core import clock
from app.core.exception_handlers import render_internal_error
from app.core.logging import bind, get_logger

HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)

_log = get_logger(__name__)


class RequestIdMiddleware:
    """Name each HTTP request, log its end, and answer 500 for it when everything else failed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sent = Headers(scope=scope).get(HEADER, "")
        request_id = sent if _WELL_FORMED.fullmatch(sent) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started_s, status = clock.monotonic_s(), 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
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
                took_ms = round((clock.monotonic_s() - started_s) * 1000, 1)
                _log.info("request", method=scope["method"], path=scope["path"], status=status, took_ms=took_ms)

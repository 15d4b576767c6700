"""CORS by Starlette's rules, with one difference: a preflight that is refused is a problem, as every other error is."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Message, Receive, Scope, Send
from typing_extensions import override

from app.core.exception_handlers import render_error
from app.deps.errors import CorsRefusedError

REFUSED_FROM = 400


class CorsMiddleware(CORSMiddleware):
    """Answer preflights, and tell browsers which pages may read the other answers."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] == "http" and b"origin" not in dict(scope["headers"]):
            # Without any origins, no answer depends on who asks.
            await self.app(scope, receive, _vary(send) if self.allow_origins else send)
            return
        headers = Headers(scope=scope) if scope["type"] == "http" and scope["method"] == "OPTIONS" else Headers()
        if "origin" not in headers or "access-control-request-method" not in headers:
            await super().__call__(scope, receive, send)
            return
        answer = self.preflight_response(request_headers=headers)
        if answer.status_code >= REFUSED_FROM:
            kept = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
            answer = render_error(scope, CorsRefusedError(f"{bytes(answer.body).decode()}.", headers=kept))
        await answer(scope, receive, send)


def _vary(send: Send) -> Send:
    # What Starlette says to a client that is no browser, without looking at its headers again.
    async def send_varying(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"vary", b"Origin")]
        await send(message)

    return send_varying

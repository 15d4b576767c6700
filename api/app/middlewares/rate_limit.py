"""A rate and a burst per caller: counted before anything else is done, and told on every answer.

Who the caller is and what is counted under which name decides the `name_to_count` that it is given (docs/decisions/0007).
`RateLimit` and `RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers.
"""

from collections.abc import Awaitable, Callable, Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.exception_handlers import render_error
from app.db.rate_limit import RateLimiter
from app.deps.errors import RateLimitedError
from app.middlewares.paths import below

NameToCount = Callable[[Scope, RateLimiter, bytes], Awaitable[str | None]]


class RateLimitMiddleware:
    """Refuse what comes too often with 429; paths below `exempt` are not counted. The limiter is the lifespan's `limiter`."""

    def __init__(self, app: ASGIApp, *, name_to_count: NameToCount, exempt: Collection[str] = ()) -> None:
        self.app = app
        self.name_to_count = name_to_count
        self.is_exempt = below(exempt)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "http" or self.is_exempt(scope["path"]):
            await self.app(scope, receive, send)
            return
        limiter: RateLimiter = scope["state"]["limiter"]
        name = await self.name_to_count(scope, limiter, scope["state"].get("body", b""))
        if name is None:
            await self.app(scope, receive, send)
            return
        verdict = await limiter.count(name)
        told = (
            (b"ratelimit-policy", f'"default";q={limiter.burst};w={limiter.window_s}'.encode()),
            (b"ratelimit", f'"default";r={verdict.remaining};t={verdict.reset_s}'.encode()),
        )

        async def send_told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *told]
            await send(message)

        if verdict.is_limited:
            error = RateLimitedError(retry_after_s=verdict.retry_after_s)
            await render_error(scope, error)(scope, receive, send_told)
        else:
            await self.app(scope, receive, send_told)

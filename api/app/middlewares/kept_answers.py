"""Answers that are the same for everybody, sent again from memory: such a read costs little more than the server itself.

Outermost of ours, so nothing of the usual way is walked: an answer from memory is counted, but leaves no line in the log. Whoever
asks for more than the plain answer (a request id of their own, a comparison of entity tags, another origin) goes the usual way.
"""

import uuid
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core import clock
from app.core.metrics import KEPT_ANSWERS

KEEP_UNTIL = "keep_answer_until_s"
"""Set in `scope["state"]` by an endpoint whose answer may be sent to everybody until then (monotonic)."""
OK = 200
_ASKS_FOR_MORE = frozenset({b"x-request-id", b"if-none-match", b"origin", b"range"})
_OF_ONE_REQUEST = frozenset({b"x-request-id"})


@dataclass(frozen=True)
class _Kept:
    headers: list[tuple[bytes, bytes]]
    body: bytes
    until_s: float


class KeptAnswersMiddleware:
    """Keep what an endpoint lets us keep, and send it for the same path."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._kept: dict[str, _Kept] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "http" or scope["method"] != "GET" or not _ASKS_FOR_MORE.isdisjoint(dict(scope["headers"])):
            await self.app(scope, receive, send)
            return
        kept = self._kept.get(scope["path"])
        if kept is None or clock.monotonic_s() >= kept.until_s:
            await self.app(scope, receive, self._keeping(scope, send))
            return
        KEPT_ANSWERS.labels(path=scope["path"]).inc()
        headers = [*kept.headers, (b"x-request-id", uuid.uuid4().hex.encode())]
        await send({"type": "http.response.start", "status": OK, "headers": headers})
        await send({"type": "http.response.body", "body": kept.body})

    def _keeping(self, scope: Scope, send: Send) -> Send:
        """`send`, which also keeps the answer if the endpoint has said so."""
        start: Message = {}
        state = scope.setdefault("state", {})

        async def send_and_keep(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            elif message.get("more_body", False):
                start = {}  # comes in pieces: not to be kept
            elif KEEP_UNTIL in state and start.get("status") == OK:
                headers = [header for header in start["headers"] if header[0] not in _OF_ONE_REQUEST]
                self._kept[scope["path"]] = _Kept(headers, message["body"], state[KEEP_UNTIL])
            await send(message)

        return send_and_keep

"""What the provider API was asked and what it answered, for tests and for looking."""

from collections import deque
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator import clock, strict_json

VISIBLE_KEY_CHARS = 4
BODY_BYTES_MAX = 1024 * 1024


class RequestLog:
    """The last `entries_max` requests, oldest first. A request stands here from its arrival, answered or not."""

    def __init__(self, entries_max: int) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=entries_max)
        self._arrived = 0

    def open(self, scope: Scope) -> dict[str, Any]:
        """Write the arriving request down and return its entry, which the answer completes."""
        self._arrived += 1
        entry: dict[str, Any] = {
            "n": self._arrived,
            "time": clock.rfc3339(clock.now_ns()),
            "method": scope["method"],
            "path": scope["path"],
            "query": scope["query_string"].decode("latin-1"),
            "headers": _headers(scope["headers"]),
            "body": None,
            "status": None,
            "prediction_id": None,
        }
        self._entries.append(entry)
        return entry

    def entries(self, path: str = "", method: str = "") -> list[dict[str, Any]]:
        """Return the entries whose path contains `path` and whose method is `method`, oldest first."""
        return [entry for entry in self._entries if path in entry["path"] and method.upper() in {"", entry["method"]}]

    def clear(self) -> int:
        """Forget all entries; say how many there were."""
        gone = len(self._entries)
        self._entries.clear()
        return gone


def _headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
    if "authorization" in headers:
        scheme, _, key = headers["authorization"].partition(" ")
        headers["authorization"] = f"{scheme} ***{key[-VISIBLE_KEY_CHARS:]}"
    return headers


class RequestLogMiddleware:
    """Pure ASGI: writes every request under /api into the log, with its JSON body and the status it was answered."""

    def __init__(self, app: ASGIApp, log: RequestLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; `status` stays null where the connection was cut before an answer."""
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        entry = self._log.open(scope)
        body, size = bytearray(), 0
        state: MutableMapping[str, Any] = scope.setdefault("state", {})

        async def receive_and_keep() -> Message:
            nonlocal size
            message = await receive()
            if message["type"] == "http.request":
                chunk = message.get("body", b"")
                size += len(chunk)
                if size <= BODY_BYTES_MAX:
                    body.extend(chunk)
                if not message.get("more_body", False):
                    entry["body"] = _json_or_size(body, size)
            return message

        async def note_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
                entry["prediction_id"] = state.get("prediction_id")
            await send(message)

        try:
            await self._app(scope, receive_and_keep, note_and_send)
        finally:
            entry["prediction_id"] = state.get("prediction_id")


def _json_or_size(body: bytearray, size: int) -> object:
    """The body as JSON; what is no JSON, or too long to keep, is told by its size."""
    if not size:
        return None
    try:
        return strict_json.parse(bytes(body)) if len(body) == size else f"<{size} bytes>"
    except ValueError:
        return f"<{size} bytes>"

"""A client that costs next to nothing: one request's bytes, sent again and again on connections that stay open.

A server that answers ten thousand times a second would otherwise be waiting for its client, and every ratio would be flattered.
"""

import asyncio
import time
from typing import cast
from urllib.parse import urlsplit

from typing_extensions import override

from bench.load import Samples

ANSWER_TIMEOUT_S = 30.0
_LENGTH = b"content-length: "
_END_OF_HEAD = b"\r\n\r\n"


class WireError(Exception):
    """The server closed a connection or answered something other than 200 with a length."""


class _Connection(asyncio.Protocol):
    """One client: sends, waits for the whole answer, sends again."""

    def __init__(self, request: bytes, samples: Samples, began_s: float, ends_s: float) -> None:
        self._request = request
        self._samples = samples
        self._began_s = began_s
        self._ends_s = ends_s
        self._sent_s = 0.0
        self._answer = bytearray()
        self._transport: asyncio.Transport | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    @override
    def data_received(self, data: bytes) -> None:
        self._answer += data
        head = self._answer.find(_END_OF_HEAD)
        if head < 0:
            return
        length = self._answer.lower().find(_LENGTH, 0, head)
        if length < 0 or not self._answer.startswith(b"HTTP/1.1 200 "):
            self._end(WireError(bytes(self._answer[:200]).decode(errors="replace")))
            return
        body_bytes = int(self._answer[length + len(_LENGTH) : self._answer.index(b"\r\n", length)])
        if len(self._answer) < head + len(_END_OF_HEAD) + body_bytes:
            return
        now_s = time.monotonic()
        self._samples.took_s.append(now_s - self._sent_s)
        self._samples.at_s.append(self._sent_s - self._began_s)
        if now_s >= self._ends_s:
            self._end(None)
        else:
            self._send()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or WireError("the server closed the connection"))

    def _send(self) -> None:
        self._answer.clear()
        self._sent_s = time.monotonic()
        if self._transport is not None:
            self._transport.write(self._request)

    def _end(self, error: WireError | None) -> None:
        if not self.ended.done():
            if error is None:
                self.ended.set_result(None)
            else:
                self.ended.set_exception(error)
        if self._transport is not None:
            self._transport.close()


async def read_again_and_again(url: str, *, clients: int, seconds: float, headers: dict[str, str] | None = None) -> Samples:
    """GET `url` in a closed loop. Raises WireError when an answer is not 200, OSError when there is no server."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"GET {target} HTTP/1.1", f"Host: {parts.netloc}", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    request = "\r\n".join([*lines, "", ""]).encode()
    samples, began_s, loop = Samples(), time.monotonic(), asyncio.get_running_loop()
    host, port, connections = parts.hostname or "", parts.port or 80, []
    for _ in range(clients):
        _, connection = await loop.create_connection(lambda: _Connection(request, samples, began_s, began_s + seconds), host, port)
        connections.append(connection)
    async with asyncio.timeout(seconds + ANSWER_TIMEOUT_S):
        await asyncio.gather(*(connection.ended for connection in connections))
    samples.elapsed_s = time.monotonic() - began_s
    return samples

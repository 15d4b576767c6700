"""Bodies are capped before anything reads them: by their length, also when it is streamed or untrue, and by their nesting.

A small body is read to its end here and handed on in one piece, so no route holds a session while a slow client talks.
"""

import asyncio
import re
from collections.abc import Collection
from itertools import accumulate

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import RassomError
from app.core.exception_handlers import render_error
from app.deps.errors import BodyTimeoutError, NestingTooDeepError, PayloadTooLargeError
from app.middlewares.paths import below

NESTING_MAX = 64
READ_TIMEOUT_S = 20.0
# What is refused is read on for a moment: a client that is still sending would lose its connection before it sees why.
DRAIN_BYTES_MAX = 1024 * 1024
DRAIN_S = 1.0

_BODYLESS = frozenset({"GET", "HEAD"})
_ANNOUNCING = frozenset({b"content-length", b"transfer-encoding"})
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = {**dict.fromkeys(b"[{", 1), **dict.fromkeys(b"]}", -1)}


class BodyLimitMiddleware:
    """Read bodies of at most `bytes_max` and keep them as `scope["state"]["body"]`; paths below `exempt` have their own cap."""

    def __init__(self, app: ASGIApp, *, bytes_max: int, exempt: Collection[str] = ()) -> None:
        self.app = app
        self.bytes_max = bytes_max
        self.is_exempt = below(exempt)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "http" or self.is_exempt(scope["path"]) or _has_no_body(scope):
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                body = await self._read(scope, receive)
            if body is not None:
                _check_nesting(body)
        except TimeoutError:
            await render_error(scope, BodyTimeoutError())(scope, receive, send)
            return
        except RassomError as error:
            if isinstance(error, PayloadTooLargeError):
                await _drain(receive)
            await render_error(scope, error)(scope, receive, send)
            return
        if body is None:  # the client left in the middle
            return
        scope.setdefault("state", {})["body"] = body
        await self.app(scope, _replay(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self.bytes_max:
                raise PayloadTooLargeError(bytes_max=self.bytes_max)
        chunks, length = [], 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            chunk: bytes = message.get("body", b"")
            length += len(chunk)
            if length > self.bytes_max:
                raise PayloadTooLargeError(bytes_max=self.bytes_max)
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)


def _has_no_body(scope: Scope) -> bool:
    return scope["method"] in _BODYLESS and _ANNOUNCING.isdisjoint(dict(scope["headers"]))


def nesting_of(body: bytes) -> int:
    """How deep the JSON nests; never less than a parser would find in valid UTF-8."""
    brackets = _STRING.sub(b"", body).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def _check_nesting(body: bytes) -> None:
    # Counting is cheap, scanning is not: an everyday body has fewer brackets than the limit.
    if body.count(b"[") + body.count(b"{") <= NESTING_MAX:
        return
    # UTF-16 and UTF-32 would hide brackets from the scan; JSON between programs is UTF-8 (RFC 8259), which has no NUL here.
    if b"\x00" in body or nesting_of(body) > NESTING_MAX:
        raise NestingTooDeepError(levels_max=NESTING_MAX)


async def _drain(receive: Receive) -> None:
    length, is_more = 0, True
    try:
        async with asyncio.timeout(DRAIN_S):
            while is_more and length < DRAIN_BYTES_MAX:
                message = await receive()
                length += len(message.get("body", b""))
                is_more = message.get("more_body", False)
    except TimeoutError:
        return


def _replay(body: bytes, receive: Receive) -> Receive:
    is_first = True

    async def replay() -> Message:
        nonlocal is_first
        if is_first:
            is_first = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replay

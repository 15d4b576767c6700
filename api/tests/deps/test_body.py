"""A body as it arrives: whoever leaves in its middle is an expected refusal, and no error of ours."""

from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request
from starlette.types import Message

from app.deps.body import get_body
from app.deps.errors import ClientGoneError


async def body_of(*messages: Message) -> AsyncIterator[bytes]:
    pending = list(messages)

    async def receive() -> Message:
        return pending.pop(0)

    return await get_body(Request({"type": "http"}, receive))


class TestGetBody:
    async def test_gives_the_pieces(self) -> None:
        first = {"type": "http.request", "body": b"a", "more_body": True}
        body = await body_of(first, {"type": "http.request", "body": b"b", "more_body": False})
        assert b"".join([piece async for piece in body]) == b"ab"

    async def test_tells_that_the_client_left(self) -> None:
        body = await body_of({"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.disconnect"})
        assert await anext(body) == b"a"
        with pytest.raises(ClientGoneError):
            await anext(body)

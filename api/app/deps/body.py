"""The request's body as it arrives, for endpoints that must not have it all in memory; a client that dawdles is left."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from app.core import clock
from app.deps.errors import BodyTimeoutError, ClientGoneError

IDLE_TIMEOUT_S = 20.0
TOTAL_TIMEOUT_S = 120.0


async def get_body(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces, none of it read before it is asked for. Iterating raises ClientGoneError, BodyTimeoutError."""
    return _pieces(request.stream())


async def _pieces(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    ends_at_s = clock.monotonic_s() + TOTAL_TIMEOUT_S
    while True:
        try:
            async with asyncio.timeout(min(IDLE_TIMEOUT_S, ends_at_s - clock.monotonic_s())):
                piece = await anext(stream, None)
        except TimeoutError as error:
            raise BodyTimeoutError from error
        except ClientDisconnect as error:
            raise ClientGoneError from error
        if piece is None:
            return
        yield piece


BodyDep = Annotated[AsyncIterator[bytes], Depends(get_body)]

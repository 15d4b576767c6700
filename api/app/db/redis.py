"""Redis as a faster way to refuse: locks, none of them the truth of anything.

Every call ends within a second and never raises for a Redis that is gone: the database decides then, only later. While it is gone
one call a second asks for it and the others go on at once, so that a Redis that is silent does not make everybody wait. The first
failure is logged, and the first success after it.
"""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import redis.asyncio as redis_client
from redis.exceptions import RedisError

from app.core import clock
from app.core.logging import get_logger

CALL_TIMEOUT_S = 0.5
CONNECTIONS_MAX = 50
ASK_AGAIN_S = 1.0
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"

_log = get_logger(__name__)


class RedisGate:
    """Connections to Redis or Valkey, and what Rassom asks on them.

    The client library makes and greets a connection; its pool and its commands are not used: they cost more than an order's SQL.
    """

    def __init__(self, url: str) -> None:
        self._make: Callable[[], redis_client.Connection] = redis_client.ConnectionPool.from_url(
            url, socket_timeout=None, socket_connect_timeout=CALL_TIMEOUT_S, decode_responses=True
        ).make_connection
        self._idle: list[redis_client.Connection] = []
        self._free = asyncio.Semaphore(CONNECTIONS_MAX)
        self._is_down = False
        self._ask_again_at_s = 0.0

    async def close(self) -> None:
        """Close every connection that nobody uses."""
        while self._idle:
            await self._idle.pop().disconnect()

    async def ping(self) -> bool:
        """Whether Redis answers now."""
        return bool(await self._ask("PING"))

    @asynccontextmanager
    async def lock(self, name: str, *, ttl_s: float, wait_s: float) -> AsyncIterator[bool]:
        """Keep others out of the block for at most `ttl_s`, waiting for them at most `wait_s`; yields whether that worked.

        Without Redis, or after waiting in vain, the block runs all the same: what it guards has a constraint in the database.
        """
        key, token = f"rassom:lock:{name}", uuid.uuid4().hex
        is_mine = await self._take(key, token, ttl_s, clock.monotonic_s() + wait_s)
        try:
            yield is_mine
        finally:
            if is_mine:
                await self._ask("EVAL", _RELEASE, "1", key, token)

    @property
    def is_down(self) -> bool:
        """Whether Redis did not answer the last call."""
        return self._is_down

    async def wait_for_release(self, name: str, *, wait_s: float) -> None:
        """Wait until nobody holds the lock, without taking it; no longer than `wait_s`, and not for a Redis that is gone."""
        key, deadline_s = f"rassom:lock:{name}", clock.monotonic_s() + wait_s
        while True:
            if not await self._ask("EXISTS", key) or clock.monotonic_s() >= deadline_s:
                return
            await asyncio.sleep(random.uniform(0.005, 0.03))  # noqa: S311 - spreads waiters, guards nothing

    async def _take(self, key: str, token: str, ttl_s: float, deadline_s: float) -> bool:
        while True:
            if await self._ask("SET", key, token, "NX", "PX", str(int(ttl_s * 1000))):
                return True
            if self._is_down or clock.monotonic_s() >= deadline_s:
                return False
            await asyncio.sleep(random.uniform(0.005, 0.03))  # noqa: S311 - spreads waiters, guards nothing

    async def _ask(self, *words: str) -> Any:
        """Redis's answer to a command; None when it is gone."""
        if self._is_down:
            if clock.monotonic_s() < self._ask_again_at_s:
                return None
            self._ask_again_at_s = clock.monotonic_s() + ASK_AGAIN_S
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S), self._free:
                answer = await self._send(_pack(words))
        # RuntimeError is uvloop's word for a connection that was closed while the client greeted Redis on it.
        except (RedisError, OSError, TimeoutError, RuntimeError) as error:
            if not self._is_down:
                _log.warning("redis_gone", error=type(error).__name__, effect="the database alone decides until it is back")
                self._ask_again_at_s = clock.monotonic_s() + ASK_AGAIN_S
            self._is_down = True
            return None
        if self._is_down:
            _log.warning("redis_back")
        self._is_down = False
        return answer

    async def _send(self, command: bytes) -> Any:
        while self._idle:
            try:
                return await self._send_on(self._idle.pop(), command)
            except (RedisError, OSError):
                continue  # closed while nobody used it, by a Redis that is here again
        return await self._send_on(self._make(), command)

    async def _send_on(self, connection: redis_client.Connection, command: bytes) -> Any:
        try:
            await connection.send_packed_command(command, check_health=False)
            answer = await connection.read_response()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self._idle.append(connection)
        return answer


def _pack(words: tuple[str, ...]) -> bytes:
    sent = [word.encode() for word in words]
    return b"".join([b"*%d\r\n" % len(sent), *(b"$%d\r\n%b\r\n" % (len(word), word) for word in sent)])

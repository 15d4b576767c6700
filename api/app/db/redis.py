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
from typing import Any, TypeVar

import redis.asyncio as redis_client
from redis.exceptions import RedisError

from app.core import clock
from app.core.logging import get_logger

CALL_TIMEOUT_S = 0.5
ASK_AGAIN_S = 1.0
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"

_log = get_logger(__name__)
_T = TypeVar("_T")


class RedisGate:
    """A connection pool to Redis or Valkey, and what Rassom asks of it."""

    def __init__(self, url: str) -> None:
        self._pool = redis_client.BlockingConnectionPool.from_url(
            url,
            max_connections=50,
            timeout=CALL_TIMEOUT_S,
            socket_timeout=CALL_TIMEOUT_S,
            socket_connect_timeout=CALL_TIMEOUT_S,
            decode_responses=True,
        )
        self._redis = redis_client.Redis(connection_pool=self._pool)
        self._is_down = False
        self._ask_again_at_s = 0.0

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()
        await self._pool.aclose()

    async def ping(self) -> bool:
        """Whether Redis answers now."""
        return bool(await self._ask(self._redis.ping, default=False))

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
                await self._ask(lambda: self._redis.eval(_RELEASE, 1, key, token), default=0)

    @property
    def is_down(self) -> bool:
        """Whether Redis did not answer the last call."""
        return self._is_down

    async def wait_for_release(self, name: str, *, wait_s: float) -> None:
        """Wait until nobody holds the lock, without taking it; no longer than `wait_s`, and not for a Redis that is gone."""
        key, deadline_s = f"rassom:lock:{name}", clock.monotonic_s() + wait_s
        while True:
            is_held = await self._ask(lambda: self._redis.exists(key), default=False)
            if not is_held or clock.monotonic_s() >= deadline_s:
                return
            await asyncio.sleep(random.uniform(0.005, 0.03))  # noqa: S311 - spreads waiters, guards nothing

    async def _take(self, key: str, token: str, ttl_s: float, deadline_s: float) -> bool:
        while True:
            answer = await self._ask(lambda: self._redis.set(key, token, nx=True, px=int(ttl_s * 1000)), default=False)
            if answer:
                return True
            if self._is_down or clock.monotonic_s() >= deadline_s:
                return False
            await asyncio.sleep(random.uniform(0.005, 0.03))  # noqa: S311 - spreads waiters, guards nothing

    # redis-py types one method for its blocking and its async client, so what is awaited here has no usable type.
    async def _ask(self, call: Callable[[], Any], *, default: _T) -> _T:
        if self._is_down:
            if clock.monotonic_s() < self._ask_again_at_s:
                return default
            self._ask_again_at_s = clock.monotonic_s() + ASK_AGAIN_S
        try:
            answer: _T = await call()
        # RuntimeError is uvloop's word for a connection that was closed while the client greeted Redis on it.
        except (RedisError, OSError, TimeoutError, RuntimeError) as error:
            if not self._is_down:
                _log.warning("redis_gone", error=type(error).__name__, effect="the database alone decides until it is back")
                self._ask_again_at_s = clock.monotonic_s() + ASK_AGAIN_S
            self._is_down = True
            return default
        if self._is_down:
            _log.warning("redis_back")
        self._is_down = False
        return answer

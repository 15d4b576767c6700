"""How often a name may come: a rate and a burst (GCRA), counted in Redis for all processes together.

Redis gone, or its clock set back, means the same rate and burst counted in this process, never an error: N processes let through
N times as much then.
The first failure is logged, and the first success after it.
"""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from throttled.asyncio import MemoryStore, RateLimitState, RedisStore, Throttled, per_sec
from throttled.exceptions import StoreUnavailableError

from app.core import clock
from app.core.config import Settings
from app.core.logging import get_logger

CALL_TIMEOUT_S = 0.5
# Few connections: one event loop cannot keep more busy. A crowd that waits for one is no sign of a Redis that is gone.
CONNECTIONS_MAX = 8
POOL_WAIT_S = 2.0
# A Redis that hangs would cost every request its timeout: after a failure it is left alone for this long.
RETRY_AFTER_S = 1.0
CLOCK_SLACK_S = 1.0
NAMES_IN_PROCESS_MAX = 100_000

_PREFIX = "rassom:rate"
_STORE_OPTIONS = {
    "CONNECTION_POOL_CLASS": "redis.asyncio.BlockingConnectionPool",
    "CONNECTION_POOL_KWARGS": {"max_connections": CONNECTIONS_MAX, "timeout": POOL_WAIT_S},
    "SOCKET_TIMEOUT": CALL_TIMEOUT_S,
    "SOCKET_CONNECT_TIMEOUT": CALL_TIMEOUT_S,
}

# RuntimeError is uvloop's word for a connection that was closed while the client greeted Redis on it.
_GONE = (StoreUnavailableError, OSError, RuntimeError)

_log = get_logger(__name__)


@dataclass(frozen=True)
class Verdict:
    """What counting came to: whether to refuse, how many more may come now, when all may again, and when the next one may."""

    is_limited: bool
    remaining: int
    reset_s: int
    retry_after_s: int


@asynccontextmanager
async def open_limiter(settings: Settings) -> AsyncIterator["RateLimiter"]:
    """The limiter that the settings ask for."""
    redis_url = settings.redis_url.get_secret_value() if settings.redis_url is not None else None
    limiter = RateLimiter(redis_url, rate_per_s=settings.rate_limit_rps, burst=settings.rate_limit_burst)
    try:
        yield limiter
    finally:
        await limiter.close()


class _SharedStore(RedisStore):
    """throttled-py's store, which has no end of its own."""

    async def close(self) -> None:
        """Close every connection."""
        client = self._backend.get_client()
        await client.connection_pool.disconnect()  # type: ignore[attr-defined]  # the library's protocol names only commands


class RateLimiter:
    """Counts names against one rate and burst."""

    def __init__(self, redis_url: str | None, *, rate_per_s: int, burst: int) -> None:
        self.burst = burst
        self.window_s = math.ceil(burst / rate_per_s)
        quota = per_sec(rate_per_s, burst=burst)
        own_store = MemoryStore(options={"MAX_SIZE": NAMES_IN_PROCESS_MAX})
        self._own = Throttled(using="gcra", quota=quota, store=own_store, key_prefix=_PREFIX)
        self._store = _SharedStore(redis_url, options=_STORE_OPTIONS) if redis_url is not None else None
        self._shared = Throttled(using="gcra", quota=quota, store=self._store, key_prefix=_PREFIX) if self._store else None
        self._is_down = False
        self._ask_again_at_s = 0.0

    async def close(self) -> None:
        """Close every connection."""
        if self._store is not None:
            await self._store.close()

    async def count(self, name: str) -> Verdict:
        """Count one more; a refused one costs nothing."""
        shared = self._usable()
        if shared is not None:
            try:
                result = await shared.limit(name)
            except _GONE as error:
                self._note_failure(error)
                result = await self._own.limit(name)
            else:
                self._note_success()
                if not self._can_be(result.state):
                    result = await self._own.limit(name)
        else:
            result = await self._own.limit(name)
        state = result.state
        retry_after_s = max(1, math.ceil(state.retry_after)) if result.limited else 0
        return Verdict(result.limited, state.remaining, math.ceil(state.reset_after), retry_after_s)

    async def is_exhausted(self, name: str) -> bool:
        """Whether the next one would be refused; counts nothing."""
        shared = self._usable()
        if shared is not None:
            try:
                state = await shared.peek(name)
                if self._can_be(state):
                    return state.remaining < 1
            except _GONE as error:
                self._note_failure(error)
        return (await self._own.peek(name)).remaining < 1

    def _can_be(self, state: RateLimitState) -> bool:
        # GCRA never owes more than its window. More means that Redis's clock was set back since this name came last: by its count
        # the name would have to wait for as long as the clock jumped.
        return state.reset_after <= self.window_s + CLOCK_SLACK_S

    def _usable(self) -> Throttled | None:
        return None if self._is_down and clock.monotonic_s() < self._ask_again_at_s else self._shared

    def _note_failure(self, error: Exception) -> None:
        if not self._is_down:
            effect = "limits are counted per process until it is back"
            _log.warning("rate_limit_redis_gone", error=type(error.__cause__ or error).__name__, effect=effect)
        self._is_down = True
        self._ask_again_at_s = clock.monotonic_s() + RETRY_AFTER_S

    def _note_success(self) -> None:
        if self._is_down:
            _log.warning("rate_limit_redis_back")
        self._is_down = False

"""PgQueuer's driver over an asyncpg pool, made to survive a PostgreSQL that goes away and comes back.

The library's own pool driver lets the first lost connection end the whole run, and with it waits for every job in flight before
anything new is started. Here a statement waits for the database instead, and the LISTEN connection is opened again by itself.

Repeating is harmless for each of the queue's statements: a dequeue whose answer was lost leaves rows whose heartbeat goes stale,
and they are picked up again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver, Relay
from pgqueuer.ports.driver import NotifyCallback
from typing_extensions import override

from app.core.logging import get_logger

RETRY_DELAY_MIN_S = 0.2
RETRY_DELAY_MAX_S = 2.0
LISTENER_CHECK_S = 5.0
LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the pool resets a connection that was lost in the middle of a statement
    OSError,
    TimeoutError,
)

_log = get_logger(__name__)
_T = TypeVar("_T")


class SteadyDriver(AsyncpgPoolDriver):
    """Statements wait for a lost database until `stopping` is set; the listener is kept alive by `keep_listening`."""

    def __init__(self, pool: asyncpg.Pool, dsn: str, *, stopping: asyncio.Event) -> None:
        super().__init__(pool)
        self._dsn = dsn
        self.stopping = stopping
        self._listeners: list[tuple[str, NotifyCallback]] = []
        self._hears: Callable[[str], bool] = lambda _: False

    @override
    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return await self._wait_for_database(lambda: super(SteadyDriver, self).fetch(query, *args))

    @override
    async def execute(self, query: str, *args: object) -> str:
        return await self._wait_for_database(lambda: super(SteadyDriver, self).execute(query, *args))

    @override
    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        self._listeners.append((channel, callback))

    @override
    async def remove_listener(self, channel: str, callback: NotifyCallback) -> None:
        self._listeners.remove((channel, callback))

    def on_announcement(self, hear: Callable[[str], bool]) -> None:
        """Have `hear` told of every announcement first; those that it returns True for go no further."""
        self._hears = hear

    async def keep_listening(self) -> None:
        """Hold one connection that listens, opening a new one whenever it is lost. Runs until cancelled.

        Jobs queued in between are found by the queue's own poll every few seconds.
        """
        while True:
            try:
                connection = await asyncpg.connect(self._dsn, timeout=5)
            except LOST:
                await asyncio.sleep(RETRY_DELAY_MAX_S)
                continue
            try:
                await self._listen(connection)
            except LOST as error:
                _log.warning("listener_lost", error=type(error).__name__)
            finally:
                connection.terminate()

    async def _listen(self, connection: asyncpg.Connection) -> None:
        listening: list[tuple[str, NotifyCallback]] = []
        while True:
            for channel, callback in self._listeners:
                if (channel, callback) not in listening:
                    await connection.add_listener(channel, Relay(partial(self._pass_on, callback)))
                    listening.append((channel, callback))
            await connection.execute("SELECT 1")
            await asyncio.sleep(LISTENER_CHECK_S if listening else 0.05)

    def _pass_on(self, callback: NotifyCallback, payload: str | bytes | bytearray) -> None:
        if not self._hears(str(payload)):
            callback(payload)

    async def _wait_for_database(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        delay_s = RETRY_DELAY_MIN_S
        while True:
            try:
                return await ask()
            except LOST as error:
                if self.stopping.is_set():
                    raise
                if delay_s == RETRY_DELAY_MIN_S:
                    _log.warning("queue_waits_for_database", error=type(error).__name__)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, RETRY_DELAY_MAX_S)

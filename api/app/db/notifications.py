"""PostgreSQL's NOTIFY, fanned out inside this process: one LISTEN connection, any number of waiters.

A notification is only a hint to look: whoever waits looks again after a while without one, so a lost connection costs time only.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from app.core.logging import get_logger

RECONNECT_DELAY_S = 1.0
CHECK_S = 5.0
ANY = "*"
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)

_log = get_logger(__name__)


class Notifications:
    """Waiters by channel and payload; `ANY` waits for every payload of a channel."""

    def __init__(self, dsn: str, channels: tuple[str, ...]) -> None:
        self._dsn = dsn
        self._channels = channels
        self._waiters: defaultdict[tuple[str, str], set[asyncio.Event]] = defaultdict(set)
        self.closing = asyncio.Event()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen while the block runs."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._listen())
            try:
                yield
            finally:
                self.close()
                task.cancel()

    def close(self) -> None:
        """Wake everybody for the last time: the process is about to end."""
        self.closing.set()
        self._wake_all()

    @contextmanager
    def waiter(self, channel: str, payload: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever this payload is announced; the waiter clears it."""
        woken = asyncio.Event()
        key = (channel, payload)
        self._waiters[key].add(woken)
        if self.closing.is_set():
            woken.set()
        try:
            yield woken
        finally:
            self._waiters[key].discard(woken)
            if not self._waiters[key]:
                del self._waiters[key]

    async def _listen(self) -> None:
        while not self.closing.is_set():
            try:
                connection = await asyncpg.connect(self._dsn, timeout=5)
            except LOST:
                await asyncio.sleep(RECONNECT_DELAY_S)
                continue
            try:
                for channel in self._channels:
                    await connection.add_listener(channel, self._on_notification)
                # Whatever was announced while nobody listened.
                self._wake_all()
                while True:
                    await asyncio.sleep(CHECK_S)
                    await connection.execute("SELECT 1")
            except LOST as error:
                _log.warning("listener_lost", error=type(error).__name__)
            finally:
                connection.terminate()

    def _on_notification(self, _: object, __: object, channel: object, payload: object) -> None:
        for key in ((str(channel), str(payload)), (str(channel), ANY)):
            for woken in self._waiters.get(key, ()):
                woken.set()

    def _wake_all(self) -> None:
        for waiters in self._waiters.values():
            for woken in waiters:
                woken.set()


async def wait(woken: asyncio.Event, *, timeout_s: float) -> bool:
    """Wait for a hint, at most so long; whether there was one. Clears it."""
    try:
        await asyncio.wait_for(woken.wait(), timeout_s)
    except TimeoutError:
        return False
    woken.clear()
    return True

"""Whose turn it is for a connection: who has waited longest.

SQLAlchemy's queue lets a newcomer take what somebody who waits was woken for, and sends that one to the end of the line: under load
some wait for seconds beside others that do not wait at all.
"""

import asyncio
from collections import deque
from typing import Any

from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.util import await_only
from sqlalchemy.util.queue import AsyncAdaptedQueue, Empty
from typing_extensions import override


class _Line(AsyncAdaptedQueue[Any]):
    """The free connections; while somebody waits there is none, for it is handed to the first in line."""

    def __init__(self, maxsize: int = 0, use_lifo: bool = False) -> None:
        super().__init__(maxsize, use_lifo)
        self._waiting: deque[asyncio.Future[Any]] = deque()

    @override
    def put_nowait(self, item: Any) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():  # not one that gave up
                waiting.set_result(item)
                return
        super().put_nowait(item)

    @override
    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        try:
            return self.get_nowait()
        except Empty:
            if not block:
                raise
        return await_only(self._wait(timeout))

    async def _wait(self, timeout_s: float | None) -> Any:
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(timeout_s):
                return await waiting
        except BaseException as error:
            if waiting.done() and not waiting.cancelled():  # given to one that was just leaving: the next one's, then
                self.put_nowait(waiting.result())
            if isinstance(error, TimeoutError):
                raise Empty from error
            raise


class FairPool(AsyncAdaptedQueuePool):
    """A pool of connections that are had in the order in which they were asked for."""

    __module__ = AsyncAdaptedQueuePool.__module__  # names its logger, which is quiet like SQLAlchemy's others
    _queue_class = _Line

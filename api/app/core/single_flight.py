"""Many who want the same thing done at the same time: one does it, the others wait for that one."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class SingleFlight:
    """Turns of one process, by name."""

    def __init__(self) -> None:
        self._ends: dict[Hashable, asyncio.Event] = {}

    @asynccontextmanager
    async def turn(self, name: Hashable) -> AsyncIterator[bool]:
        """True for whoever comes first; the others get False when that one's block has ended, however it ended."""
        end = self._ends.get(name)
        if end is not None:
            await end.wait()
            yield False
            return
        end = self._ends[name] = asyncio.Event()
        try:
            yield True
        finally:
            del self._ends[name]
            end.set()

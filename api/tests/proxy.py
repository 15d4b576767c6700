"""A wire between two parts that can be disturbed: cut, slowed down, swallowed, half closed, or robbed of its answers.

Each disturbance says how often it took effect, so that one that met no traffic is not counted.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

CHUNK = 65_536
ROBBERY_S = 4.0
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: the close is a reset
_GONE = (ConnectionError, OSError, EOFError, RuntimeError)  # the last is uvloop's, of a transport that is closed


@dataclass(eq=False)
class _Wire:
    """One connection: towards the client, towards the server, and what the client asked since the last answer."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    asked: bytes = b""
    has_lost: bool = False

    def abort(self) -> None:
        for writer in (self.client, self.server):
            if (raw := writer.get_extra_info("socket")) is not None and raw.family != socket.AF_UNIX:
                with suppress(OSError, ValueError):  # uvloop has closed it already
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


@dataclass(eq=False)
class Link:
    """A listener on loopback that passes every connection on to `target` (a TCP port, or a Unix socket)."""

    name: str
    target: int | Path
    port: int = 0
    _wires: set[_Wire] = field(default_factory=set)
    _delay_s: float = 0.0
    _is_black: bool = False
    _robbed: bytes | None = None
    _robberies: int = 0
    _effects: int = 0

    async def cut(self) -> int:
        """Reset every connection there is; returns how many."""
        wires = [wire for wire in self._wires if not wire.client.is_closing()]
        for wire in wires:
            wire.abort()
        return len(wires)

    async def half_close(self, *, towards_server: bool) -> int:
        """Say to one side that the other one will say no more, on every connection; returns on how many."""
        closed = 0
        for wire in self._wires:
            writer = wire.server if towards_server else wire.client
            with suppress(*_GONE):
                writer.write_eof()
                closed += 1
        return closed

    async def slow_down(self, *, delay_s: float, for_s: float) -> int:
        """Let everything arrive later for a while; returns how many chunks did."""
        self._effects, self._delay_s = 0, delay_s
        await asyncio.sleep(for_s)
        self._delay_s = 0.0
        return self._effects

    async def black_hole(self, *, for_s: float) -> int:
        """Swallow everything for a while, then reset the connections that lost something; returns how many chunks were lost."""
        self._effects, self._is_black = 0, True
        await asyncio.sleep(for_s)
        self._is_black = False
        for wire in [wire for wire in self._wires if wire.has_lost]:
            wire.abort()
        return self._effects

    async def rob(self, asked: bytes, *, times: int = 1, within_s: float = ROBBERY_S) -> int:
        """Let the next `times` requests with `asked` in them through, and reset their connections in place of answers; how many."""
        self._effects, self._robbed, self._robberies = 0, asked, times
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._effects < times:
                    await asyncio.sleep(0.05)
        self._robbed = None
        return self._effects

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Link"]:
        """Listen inside the block."""
        server = await asyncio.start_server(self._connect, "127.0.0.1", self.port, limit=CHUNK)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await self.cut()
            with suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await server.wait_closed()

    async def _connect(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            answers, server = await self._reach()
        except _GONE:
            client.transport.abort()
            return
        wire = _Wire(client, server)
        self._wires.add(wire)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_requests(reader, wire))
                group.create_task(self._pass_answers(answers, wire))
        except* _GONE:
            wire.abort()
        finally:
            self._wires.discard(wire)
            client.close()
            server.close()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, Path):
            return await asyncio.open_unix_connection(str(self.target), limit=CHUNK)
        return await asyncio.open_connection("127.0.0.1", self.target, limit=CHUNK)

    async def _pass_requests(self, reader: asyncio.StreamReader, wire: _Wire) -> None:
        while data := await reader.read(CHUNK):
            wire.asked = (wire.asked + data)[-CHUNK:]
            await self._pass(data, wire, wire.server)
        await _end(wire.server)

    async def _pass_answers(self, reader: asyncio.StreamReader, wire: _Wire) -> None:
        while data := await reader.read(CHUNK):
            if self._robbed is not None and self._robbed in wire.asked and self._effects < self._robberies:
                self._effects += 1
                raise ConnectionAbortedError
            wire.asked = b""
            await self._pass(data, wire, wire.client)
        await _end(wire.client)

    async def _pass(self, data: bytes, wire: _Wire, writer: asyncio.StreamWriter) -> None:
        if self._is_black:
            wire.has_lost = True
            self._effects += 1
            return
        if self._delay_s:
            self._effects += 1
            await asyncio.sleep(self._delay_s)
        writer.write(data)
        await writer.drain()


async def _end(writer: asyncio.StreamWriter) -> None:
    # What a disturbance or the other direction has closed already is closed.
    with suppress(*_GONE):
        await writer.drain()
        writer.write_eof()

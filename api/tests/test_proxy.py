"""The wire that tests disturb does what it says, and says when it did nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from tests.proxy import Link

Ends = tuple[Link, asyncio.StreamReader, asyncio.StreamWriter]


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The server: answers each line in capitals."""
    with suppress(ConnectionError):
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
    writer.close()


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    """A wire, and the client's end of a connection that has been used."""
    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    async with Link("client>server", server.sockets[0].getsockname()[1]).open() as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        assert await ask(reader, writer, b"hello\n") == b"HELLO\n"
        yield link, reader, writer
        writer.close()
    server.close()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes) -> bytes:
    writer.write(line)
    async with asyncio.timeout(5):
        return await reader.readline()


class TestLink:
    async def test_resets_every_connection(self, ends: Ends) -> None:
        link, reader, writer = ends
        assert await link.cut() == 1
        with pytest.raises(ConnectionResetError):
            await ask(reader, writer, b"hello\n")
        assert await link.cut() == 0

    async def test_says_to_one_side_that_the_other_is_done(self, ends: Ends) -> None:
        link, reader, _ = ends
        assert await link.half_close(towards_server=False) == 1
        assert await reader.read() == b""

    async def test_lets_everything_arrive_later(self, ends: Ends) -> None:
        link, reader, writer = ends
        async with asyncio.TaskGroup() as group:
            slow = group.create_task(link.slow_down(delay_s=0.1, for_s=0.3))
            await asyncio.sleep(0)
            began_s = asyncio.get_running_loop().time()
            assert await ask(reader, writer, b"hello\n") == b"HELLO\n"
            assert asyncio.get_running_loop().time() - began_s >= 0.2
        assert slow.result() == 2

    async def test_swallows_what_is_sent_and_then_resets(self, ends: Ends) -> None:
        link, reader, writer = ends
        async with asyncio.TaskGroup() as group:
            hole = group.create_task(link.black_hole(for_s=0.1))
            await asyncio.sleep(0)
            with pytest.raises(ConnectionResetError):
                await ask(reader, writer, b"hello\n")
        assert hole.result() == 1

    async def test_loses_only_the_answer_that_was_meant(self, ends: Ends) -> None:
        link, reader, writer = ends
        async with asyncio.TaskGroup() as group:
            theft = group.create_task(link.rob(b"order"))
            await asyncio.sleep(0)
            assert await ask(reader, writer, b"hello\n") == b"HELLO\n"
            with pytest.raises(ConnectionResetError):
                await ask(reader, writer, b"my order\n")
        assert theft.result() == 1

    async def test_counts_nothing_where_nothing_passed(self, ends: Ends) -> None:
        link, _, _ = ends
        async with asyncio.TaskGroup() as group:
            hole = group.create_task(link.black_hole(for_s=0.05))
            theft = group.create_task(link.rob(b"order", within_s=0.05))
        assert (hole.result(), theft.result()) == (0, 0)

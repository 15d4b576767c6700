"""PostgreSQL is killed after it has committed an order and before the API has heard so: the repeat gets the answer (P2)."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.core.config import Settings
from app.db import migrations
from app.embedded import postgres
from simulator.server import RunningSimulator
from tests import running
from tests.factories import Shop, an_order, changed

PROMPT = "a door that was heard of once"
ORDERS: dict[str, tuple[dict[str, Any], bytes]] = {
    "an order stored at once": ({}, PROMPT.encode()),
    "an order stored in steps": ({"reference_urls": ["https://pictures.example/1.png"]}, b"COMMIT"),
}
"""What is asked for besides, and what is the last that PostgreSQL is told of it: the statement's values, or the commit."""

SOCKET = f".s.PGSQL.{postgres.PORT}"


class Detour:
    """A way to the database that loses the answer to the first order's last words, and all that follows it, until it is mended."""

    def __init__(self, target: Path, last_words: bytes) -> None:
        self._target = target
        self._last_words = last_words
        self.is_mended = False

    async def lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Be one connection's way until either side ends it."""
        try:
            back, there = await asyncio.open_unix_connection(str(self._target))
        except OSError:
            writer.close()
            return
        is_cut = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                ways = {
                    group.create_task(self._go(reader, there, is_cut)),
                    group.create_task(self._come_back(back, writer, is_cut)),
                }
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
        finally:
            there.close()
            writer.close()

    async def _go(self, reader: asyncio.StreamReader, there: asyncio.StreamWriter, is_cut: asyncio.Event) -> None:
        is_order = False
        with suppress(OSError):
            while data := await reader.read(65_536):
                is_order = is_order or b"INSERT INTO generation_requests" in data
                if is_order and self._last_words in data and not self.is_mended:
                    is_cut.set()
                there.write(data)
                await there.drain()

    async def _come_back(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter, is_cut: asyncio.Event) -> None:
        with suppress(OSError):
            while data := await back.read(65_536):
                if not is_cut.is_set():
                    writer.write(data)
                    await writer.drain()


@asynccontextmanager
async def a_detour(server: postgres.Postgres, folder: Path, last_words: bytes) -> AsyncIterator[tuple[Detour, str]]:
    """The detour, and the database's address that leads over it."""
    detour = Detour(server.socket_dir / SOCKET, last_words)
    async with await asyncio.start_unix_server(detour.lead, str(folder / SOCKET)):
        yield detour, f"postgresql://rassom@/rassom?host={folder}&port={postgres.PORT}"


async def until_stored(shop: Shop) -> str:
    """Wait for the order's commit; its public id."""
    async with asyncio.timeout(10):
        while (public_id := await shop.eyes.fetchval("SELECT public_id FROM generation_requests")) is None:
            await asyncio.sleep(0.01)
    return str(public_id)


async def until_ready(shop: Shop) -> None:
    async with asyncio.timeout(10):
        while (await shop.http.get("/ready")).status_code != 200:
            await asyncio.sleep(0.05)


class TestLostCommit:
    @pytest.mark.case(12)
    @pytest.mark.parametrize(("more", "last_words"), ORDERS.values(), ids=ORDERS)
    async def test_is_told_to_the_repeat_with_the_same_key(
        self, settings: Settings, simulator: RunningSimulator, tmp_path: Path, more: dict[str, Any], last_words: bytes
    ) -> None:
        headers, home = {"Idempotency-Key": uuid.uuid4().hex}, tmp_path / "pg"
        with postgres.start(home, durable=False) as killed:
            await asyncio.to_thread(migrations.migrate, killed.dsn())
            straight = changed(settings, database_url=killed.dsn())
            async with (
                a_detour(killed, tmp_path, last_words) as (detour, dsn),
                running.api(changed(straight, database_url=dsn)) as url,
            ):
                async with Shop.open(url, straight, simulator) as shop, asyncio.TaskGroup() as group:
                    somebody = await shop.rich_user(3)
                    order = an_order(somebody, prompt=PROMPT, **more)
                    tap = group.create_task(shop.http.post("/generations/submit", json=order, headers=headers))
                    public_id = await until_stored(shop)
                    assert not tap.done()
                    os.kill(killed.pid, signal.SIGKILL)
                    detour.is_mended = True
                with postgres.start(home, durable=False):
                    async with Shop.open(url, straight, simulator) as shop:
                        await until_ready(shop)
                        repeats = [await shop.http.post("/generations/submit", json=order, headers=headers) for _ in range(2)]

                        self._check_lost(tap.result())
                        assert {answer.status_code for answer in repeats} == {202}
                        assert {answer.headers["Idempotency-Replayed"] for answer in repeats} == {"true"}
                        assert {answer.json()["request"]["public_id"] for answer in repeats} == {public_id}
                        assert await shop.eyes.fetchval("SELECT count(*) FROM generation_requests") == 1
                        assert await shop.balance(somebody) == (2, 1)
                        await shop.check_books()

    def _check_lost(self, answer: httpx2.Response) -> None:
        """It says what to do, and does not say that nothing happened."""
        assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "service_unavailable", "1")
        assert "Idempotency-Key" in answer.json()["detail"]

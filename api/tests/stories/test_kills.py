"""kill -9 of any part of `rassom up`, while pictures are being made and ordered: everything accepted ends, once, by itself (P6)."""

import asyncio
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.factories import Shop, new_telegram_id
from tests.programs import Up, insist, processes_of, rassom_up

ORDERS = 12


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One `rassom up` for all of these: each kill must leave it sound for the next one."""
    with rassom_up(tmp_path_factory.mktemp("kills"), WAVESPEED_SYNC_MODE="true") as running:
        yield running


@pytest.fixture
async def shop(up: Up) -> AsyncIterator[Shop]:
    await up.fetch("SELECT 1")  # the test before may have left it in the middle of a restart
    async with up.shop() as shop:
        yield shop
    # What pytest shows when the test fails.
    for log in sorted((up.home / "log").glob("*.log")):
        errors = [entry for entry in re.split(r"\n(?=\d{4}-)", log.read_text()) if "[error" in entry]
        sys.stdout.write("\n".join([f"{len(errors)} errors in {log.name}", *errors[-3:]]) + "\n")


async def customers(shop: Shop, count: int) -> list[int]:
    """Half of them pay, half of them have their free picture."""
    return [await shop.rich_user(3) if number % 2 else new_telegram_id() for number in range(count)]


def a_prompt(marker: str) -> str:
    """One that nobody else uses."""
    return f"{uuid4()} {marker}"


@asynccontextmanager
async def orders_coming_in(shop: Shop, people: list[int], marker: str) -> AsyncIterator[None]:
    """Everybody orders one picture, spread over the block; at its end all are accepted."""

    async def order(position: int, telegram_id: int) -> None:
        await asyncio.sleep(position * 0.05)
        await insist(shop, telegram_id, a_prompt(marker))

    async with asyncio.TaskGroup() as group:
        for position, telegram_id in enumerate(people):
            group.create_task(order(position, telegram_id))
        yield


async def ends_of(up: Up, people: list[int]) -> Counter[str]:
    """How their generations ended; everybody has exactly one."""
    rows = await up.until_all_end()
    await up.check(rows)
    mine = [row for row in rows if row["telegram_id"] in people]
    assert Counter(row["telegram_id"] for row in mine) == dict.fromkeys(people, 1)
    return Counter(row["status"] for row in mine)


class TestKilledWorker:
    async def test_everything_it_worked_on_ends_without_a_second_task(self, up: Up, shop: Shop) -> None:
        people = await customers(shop, ORDERS)
        async with orders_coming_in(shop, people, "[sim:delay=1.5]"):
            await asyncio.sleep(0.4)
            pid = up.kill("worker")
        await up.wait_for_successor("worker", pid)

        assert (await ends_of(up, people))["cancelled"] == 0

    async def test_its_successor_follows_the_tasks_that_have_an_id(self, up: Up, shop: Shop) -> None:
        people = await customers(shop, ORDERS)
        async with orders_coming_in(shop, people, "[sim:sync_timeout_5004] [sim:delay=3]"):
            pass
        # However long the successor takes to start on a busy machine.
        await shop.eyes.execute("UPDATE generation_requests SET deadline_at = deadline_at + interval '1 minute'")
        await asyncio.sleep(0.3)
        up.kill("worker")

        assert await ends_of(up, people) == {"completed": ORDERS}


class TestKilledApi:
    async def test_each_accepted_order_ends_and_nobody_gets_two(self, up: Up, shop: Shop) -> None:
        people = await customers(shop, ORDERS)
        async with orders_coming_in(shop, people, "[sim:delay=3]"):
            await asyncio.sleep(0.3)
            pid = up.kill("api")
            await up.wait_for_successor("api", pid)

        assert await ends_of(up, people) == {"completed": ORDERS}


class TestKilledPostgres:
    async def test_nothing_is_lost_and_nothing_is_sent_twice(self, up: Up, shop: Shop) -> None:
        people = await customers(shop, ORDERS)
        async with orders_coming_in(shop, people, "[sim:delay=2]"):
            await asyncio.sleep(0.4)
            pid = up.kill("postgres")
            await up.wait_for_successor("postgres", pid)

        assert (await ends_of(up, people))["completed"] > 0


class TestKilledValkey:
    async def test_nobody_notices(self, up: Up, shop: Shop) -> None:
        people = await customers(shop, ORDERS)
        async with orders_coming_in(shop, people, "[sim:delay=0.5]"):
            await asyncio.sleep(0.2)
            pid = up.kill("valkey")
            await up.wait_for_successor("valkey", pid)

        assert await ends_of(up, people) == {"completed": ORDERS}


class TestKilledSupervisor:
    async def test_takes_everything_along_and_the_next_start_finishes_it(self, tmp_path: Path) -> None:
        with rassom_up(tmp_path / "home") as up:
            async with up.shop() as shop:
                people = await customers(shop, ORDERS)
                for telegram_id in people:
                    await insist(shop, telegram_id, a_prompt("[sim:delay=1.5]"))
            os.kill(up.process.pid, signal.SIGKILL)
            up.process.wait()
            async with asyncio.timeout(30):
                while processes_of(up.home):
                    await asyncio.sleep(0.05)

            with rassom_up(up.home) as again:
                await ends_of(again, people)

"""A thousand pictures in the making at once are a thousand sockets of one process, not a thousand threads."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from app.core.config import Settings
from simulator.server import RunningSimulator
from tests.factories import Shop, changed, new_telegram_id
from tests.programs import worker_process

ORDERS = 1000
CLIENTS = 20
MEMORY_MAX_MB = 400
THREADS_MAX = 12


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return changed(settings, wavespeed_max_concurrency=2 * ORDERS, worker_lease_seconds=10)


async def order_some(shop: Shop, count: int) -> None:
    for _ in range(count):
        await shop.order(new_telegram_id(), prompt="one of many")


async def until(is_so: Callable[[], bool], *, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not is_so():
            await asyncio.sleep(0.1)


class TestThousandAtOnce:
    async def test_are_held_and_completed_by_one_worker(self, shop: Shop, simulator: RunningSimulator, tmp_path: Path) -> None:
        tasks = simulator.state.predictions
        before = len(tasks)
        # The provider accepts everything and has no place for anything: all are in flight until it has.
        (await shop.control.put("/config", json={"concurrency_limit": 0})).raise_for_status()
        await asyncio.gather(*(order_some(shop, ORDERS // CLIENTS) for _ in range(CLIENTS)))

        with worker_process(shop.settings, tmp_path / "worker") as process:
            await until(lambda: len(tasks) == before + ORDERS, within_s=120)
            await asyncio.sleep(1)
            worker = psutil.Process(process.pid)
            memory_mb, threads = worker.memory_info().rss / 1e6, worker.num_threads()
            (await shop.control.put("/config", json={"concurrency_limit": None})).raise_for_status()
            async with asyncio.timeout(120):
                while await shop.eyes.fetchval("SELECT count(*) FROM generation_requests WHERE status <> 'completed'"):
                    await asyncio.sleep(0.2)

        assert threads <= THREADS_MAX
        assert memory_mb <= MEMORY_MAX_MB
        assert len(await shop.submits_seen()) == ORDERS
        await shop.check_books()

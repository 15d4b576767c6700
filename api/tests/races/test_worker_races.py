"""Several workers on one queue: each order is sent once, in its turn, and never more at a time than the provider allows."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from app.core.config import Settings
from simulator.server import RunningSimulator
from tests import running
from tests.factories import Shop, changed, new_telegram_id

SLOTS = 8


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Nobody may seem dead because this machine is busy: others would take over what is being sent."""
    return changed(settings, worker_lease_seconds=30)


def most_at_once(simulator: RunningSimulator) -> int:
    """How many of the provider's tasks were in flight at the same moment."""
    tasks = simulator.state.predictions.values()
    moments = [(task.created_ns, 1) for task in tasks] + [(task.finished_ns or 2**63, -1) for task in tasks]
    running_now, most = 0, 0
    for _, step in sorted(moments):
        running_now += step
        most = max(most, running_now)
    return most


async def order_many(shop: Shop, numbers: range) -> None:
    """For each number somebody orders a picture, one after the other."""
    for number in numbers:
        await shop.order(new_telegram_id(), prompt=f"number {number}")


async def until_all_completed(shop: Shop, *, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while await shop.eyes.fetchval("SELECT count(*) FROM generation_requests WHERE status <> 'completed'"):
            await asyncio.sleep(0.05)


async def prompts_sent(shop: Shop) -> list[int]:
    """The numbers of the prompts in the order in which the provider got them."""
    return [int(entry["body"]["prompt"].split()[1]) for entry in await shop.submits_seen()]


class TestTwoWorkers:
    async def test_send_each_of_two_hundred_orders_once(self, shop: Shop) -> None:
        await asyncio.gather(*(order_many(shop, range(first, 200, 10)) for first in range(10)))

        async with AsyncExitStack() as stack:
            for _ in range(2):
                await stack.enter_async_context(running.worker(shop.settings))
            await until_all_completed(shop, within_s=30)

        assert sorted(await prompts_sent(shop)) == list(range(200))
        assert await shop.eyes.fetchval("SELECT count(*) FROM generation_jobs") == 200
        await shop.check_books()


class TestSlots:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return changed(settings, wavespeed_max_concurrency=SLOTS)

    async def test_are_shared_by_all_workers_and_given_in_order(
        self, shop: Shop, simulator: RunningSimulator, settings: Settings
    ) -> None:
        simulator.state.predictions.clear()
        await order_many(shop, range(10 * SLOTS))

        async with AsyncExitStack() as stack:
            for _ in range(2):
                await stack.enter_async_context(running.worker(settings))
            await until_all_completed(shop, within_s=30)

        assert most_at_once(simulator) <= SLOTS
        sent = await prompts_sent(shop)
        assert sorted(sent) == list(range(10 * SLOTS))
        # Those that are started together may reach the provider in any order; nobody is overtaken by a later round.
        assert max(abs(place - number) for place, number in enumerate(sent)) < 2 * SLOTS
        await shop.check_books()

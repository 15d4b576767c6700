"""A clock jumps by ten minutes while pictures are made: each order still ends once, and is paid for only if there is a picture.

Two clocks decide anything. The database's says when a deadline has come, when a lease is over and when a job is due; its jump is
the same as all that it has written down lying ten minutes off. A program's own says how old a signature is. Durations are measured
by monotonic clocks, which do not jump.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from app.core import clock
from app.core.config import Settings
from simulator.server import RunningSimulator
from simulator.settings import DEFAULT_WEBHOOK_SECRET
from tests import running
from tests.factories import Shop, changed

JUMP_S = 600
_TIMES = """
    SELECT column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = $1 AND data_type LIKE 'timestamp%'
"""


@pytest.fixture
async def shop(settings: Settings, simulator: RunningSimulator) -> AsyncIterator[Shop]:
    """One that the provider can call back, with two workers: each may think that the other one's lease is over."""
    listener = running.a_listener()
    hooked = changed(
        settings,
        public_base_url=running.address_of(listener),
        wavespeed_webhook_secret=DEFAULT_WEBHOOK_SECRET,
        wavespeed_sync_mode=False,
    )
    async with AsyncExitStack() as stack:
        base_url = await stack.enter_async_context(running.api(hooked, listener))
        shop = await stack.enter_async_context(Shop.open(base_url, hooked, simulator))
        for _ in range(2):
            await stack.enter_async_context(running.worker(hooked))
        yield shop


async def jump(shop: Shop, seconds: int) -> None:
    """The database's clock jumps: whatever is written down of generations and of the queue is that much older, or younger."""
    for table in ("generation_requests", "generation_jobs", "pgqueuer", "pgqueuer_schedules", "idempotency_keys"):
        columns = await shop.eyes.fetch(_TIMES, table)
        moved = ", ".join(f"{row[0]} = {row[0]} - make_interval(secs => {seconds})" for row in columns)
        await shop.eyes.execute(f"UPDATE {table} SET {moved}")  # noqa: S608 - names of our own


async def an_order_at_work(shop: Shop, telegram_id: int, prompt: str) -> dict[str, object]:
    """An order that the provider works on."""
    generation = await shop.order(telegram_id, prompt=prompt)
    async with asyncio.timeout(10):
        while await shop.eyes.fetchval("SELECT max(state) FROM generation_jobs") != "submitted":
            await asyncio.sleep(0.02)
    return generation


async def answers_to_webhooks(shop: Shop, prompt: str) -> set[int]:
    """What the provider was answered when it called back."""
    tasks = (await shop.control.get("/predictions", params={"prompt": prompt})).json()["predictions"]
    return {delivery["status"] for task in tasks for delivery in task["deliveries"]}


@pytest.mark.case(23)
class TestClockOfTheDatabase:
    @pytest.mark.parametrize("seconds", [JUMP_S, -JUMP_S], ids=["forward", "back"])
    async def test_that_jumps_within_the_deadline_changes_nothing(self, shop: Shop, seconds: int) -> None:
        somebody = await shop.rich_user(3)
        generation = await an_order_at_work(shop, somebody, "timeless [sim:delay=1.5]")

        await jump(shop, seconds)
        seen = await shop.follow(generation, somebody)

        assert (seen["status"], await shop.balance(somebody)) == ("completed", (2, 0))
        next_one = await shop.follow(await shop.order(somebody, prompt="the next one"), somebody)
        assert (next_one["status"], await shop.balance(somebody)) == ("completed", (1, 0))
        assert len(await shop.submits_seen()) == 2
        await shop.check_books()

    async def test_that_jumps_over_the_deadline_gives_everything_back_and_orders_nothing_again(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)
        generation = await an_order_at_work(shop, somebody, "endless [sim:stuck]")

        await jump(shop, int(shop.settings.generation_deadline_seconds) + 1)
        seen = await shop.follow(generation, somebody, within_s=30)

        assert (seen["status"], seen["error_code"], await shop.balance(somebody)) == ("failed", "deadline_exceeded", (3, 0))
        assert len(await shop.submits_seen()) == 1
        await shop.check_books()


@pytest.mark.case(23)
class TestClockOfTheApi:
    @pytest.mark.parametrize("seconds", [JUMP_S, -JUMP_S], ids=["forward", "back"])
    async def test_that_jumps_refuses_webhooks_and_the_poll_ends_it(
        self, shop: Shop, seconds: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        somebody, utc_now = await shop.rich_user(3), clock.utc_now
        monkeypatch.setattr(clock, "utc_now", lambda: utc_now() + timedelta(seconds=seconds))
        prompt = f"distrusted, {seconds} s away [sim:delay=0.5]"
        generation = await an_order_at_work(shop, somebody, prompt)

        seen = await shop.follow(generation, somebody)
        async with asyncio.timeout(10):
            while not await answers_to_webhooks(shop, prompt):
                await asyncio.sleep(0.05)

        assert await answers_to_webhooks(shop, prompt) == {401}
        assert (seen["status"], await shop.balance(somebody)) == ("completed", (2, 0))
        assert len(await shop.submits_seen()) == 1
        await shop.check_books()

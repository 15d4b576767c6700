"""Slots over all workers, first come first served, and a line that has an end (P11).

That one user's backlog cannot stand before others is another test's: one running generation each (races/test_submit_races.py).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime
from itertools import accumulate
from typing import Any

import pytest

from app.core.config import Settings
from simulator.server import RunningSimulator, running_simulator
from simulator.settings import Behaviour, SimulatorSettings
from tests import running
from tests.conftest import SIMULATOR_KEY
from tests.factories import Shop, changed, open_shop

SLOTS = 3
_ACTIVE = "SELECT count(*) FROM generation_requests WHERE status IN ('queued', 'running')"


async def order_in_line(shop: Shop, count: int, *, marker: str = "") -> list[str]:
    """Orders of so many people, one after the other; their prompts."""
    prompts = [f"number {number} {marker}".strip() for number in range(count)]
    for prompt in prompts:
        await shop.order(await shop.rich_user(1), prompt=prompt)
    return prompts


async def until_ended(shop: Shop, *, within_s: float = 30) -> None:
    async with asyncio.timeout(within_s):
        while await shop.eyes.fetchval(_ACTIVE):
            await asyncio.sleep(0.05)


async def sent(shop: Shop) -> list[str]:
    """The prompts in the order in which they reached the provider."""
    return [entry["body"]["prompt"] for entry in await shop.submits_seen()]


def most_at_once(tasks: list[dict[str, Any]]) -> int:
    """How many tasks the provider had in flight at its busiest moment, by its own record of their beginnings and ends."""
    changes = [(datetime.fromisoformat(task["created_at"]), 1) for task in tasks]
    changes += [(datetime.fromisoformat(task["finished_at"]), -1) for task in tasks]
    return max(accumulate(change for _, change in sorted(changes)))


class TestSlots:
    @pytest.fixture
    async def strict(self) -> AsyncIterator[RunningSimulator]:
        """A provider of this test's own, so that no task of another one takes a place. One order more at once is refused."""
        behaviour = Behaviour(concurrency_limit=SLOTS, over_limit="429")
        async with running_simulator(SimulatorSettings(api_key=SIMULATOR_KEY, behaviour=behaviour)) as simulator:
            yield simulator

    async def test_are_the_most_that_two_workers_send_together(self, settings: Settings, strict: RunningSimulator) -> None:
        settings = changed(settings, wavespeed_max_concurrency=SLOTS, wavespeed_api_base_url=f"{strict.url}/api/v3")
        async with open_shop(settings, strict) as shop:
            prompts: list[str] = []
            workers: set[str] = set()
            async with running.worker(settings), running.worker(settings):
                # Who comes first takes what there is, and goes on taking: now and then one of them has it all.
                while len(workers) < 2 and len(prompts) < 150:
                    marker = f"{len(prompts)} {settings.database_dsn} [sim:delay=0.3]"
                    prompts += await order_in_line(shop, 15, marker=marker)
                    workers |= await self.until_ended(shop)

            assert len(workers) == 2
            assert sorted(await sent(shop)) == sorted(prompts)
            tasks = (await shop.control.get("/predictions")).json()["predictions"]
            assert most_at_once([task for task in tasks if task["input"]["prompt"] in prompts]) == SLOTS
            await shop.check_books()

    async def until_ended(self, shop: Shop) -> set[str]:
        """Wait for all; who took jobs meanwhile."""
        seen: set[str] = set()
        async with asyncio.timeout(60):
            while await shop.eyes.fetchval("SELECT count(*) FROM pgqueuer"):
                rows = await shop.eyes.fetch("SELECT DISTINCT queue_manager_id FROM pgqueuer WHERE status = 'picked'")
                seen |= {str(row["queue_manager_id"]) for row in rows}
                await asyncio.sleep(0.02)
        return seen


class TestLine:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return changed(settings, wavespeed_max_concurrency=1)

    async def test_is_first_come_first_served(self, shop: Shop) -> None:
        prompts = await order_in_line(shop, 12)

        async with AsyncExitStack() as stack:
            for _ in range(2):
                await stack.enter_async_context(running.worker(shop.settings))
            await until_ended(shop)

        assert await sent(shop) == prompts

    async def test_lets_others_pass_while_one_is_put_off_and_takes_it_first_when_it_is_due(self, shop: Shop) -> None:
        await shop.order(await shop.rich_user(1), prompt="put off [sim:submit_429 times=1]")
        prompts = await order_in_line(shop, 8, marker="[sim:delay=0.4]")

        async with running.worker(shop.settings):
            await until_ended(shop)

        order = await sent(shop)
        tries = [place for place, prompt in enumerate(order) if prompt.startswith("put off")]
        assert [prompt for prompt in order if not prompt.startswith("put off")] == prompts
        assert tries[0] == 0
        # Put off for a second, and a picture takes nearly half a one: not before that, nor behind those who came later.
        assert 2 <= tries[1] < len(order) - 3

    async def test_goes_on_when_the_provider_is_back(self, shop: Shop) -> None:
        await shop.fault("submit_401", times=1)
        first = await shop.rich_user(1)
        refused = await shop.order(first, prompt="refused")
        prompts = await order_in_line(shop, 6)

        async with running.worker(shop.settings):
            await shop.follow(refused, first)
            async with asyncio.timeout(10):
                while not await shop.eyes.fetchval("SELECT count(*) FROM provider_health"):
                    await asyncio.sleep(0.05)
            await shop.eyes.execute("UPDATE provider_health SET probe_at = now()")
            await shop.eyes.execute("UPDATE pgqueuer SET execute_after = now() WHERE execute_after > now()")
            await until_ended(shop)

        # Who asks first may be the probe, and the others follow it: what was put off keeps no order among itself.
        first_sent, *rest = await sent(shop)
        assert (first_sent, sorted(rest)) == ("refused", sorted(prompts))


class TestLineThatIsTooLong:
    async def refused(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)
        answer = await shop.submit(somebody)
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded"), answer.text
        assert int(answer.headers["Retry-After"]) >= 1
        assert await shop.balance(somebody) == (3, 0)

    async def test_is_refused_before_a_hold_and_open_again_when_it_is_shorter(
        self, settings: Settings, simulator: RunningSimulator
    ) -> None:
        async with open_shop(changed(settings, generation_queue_max=3), simulator) as shop:
            await order_in_line(shop, 3)
            await asyncio.sleep(0.5)
            await self.refused(shop)

            async with running.worker(shop.settings):
                await until_ended(shop)
            await asyncio.sleep(0.5)

            await shop.order(await shop.rich_user(1))
            await shop.check_books()

    async def test_is_one_that_could_not_be_made_before_its_deadline(self, settings: Settings, simulator: RunningSimulator) -> None:
        slow = changed(settings, wavespeed_max_concurrency=2, generation_deadline_seconds=2)
        async with open_shop(slow, simulator) as shop, running.worker(slow):
            somebody = await shop.rich_user(1)
            await shop.follow(await shop.order(somebody, prompt="[sim:delay=0.8]"), somebody)
        # An API that is started now knows that a picture takes 0.8 s: no more than one may wait for each of the two slots.
        async with open_shop(slow, simulator) as shop:
            await order_in_line(shop, 2)
            await asyncio.sleep(0.5)

            await self.refused(shop)

    async def test_has_no_end_without_a_limit(self, settings: Settings, simulator: RunningSimulator) -> None:
        async with open_shop(changed(settings, generation_queue_max=0, wavespeed_max_concurrency=1), simulator) as shop:
            await order_in_line(shop, 5)

"""The provider goes away and comes back: waiting orders wait, new ones are refused politely, and nobody pays for nothing (P11)."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest

from app.core.config import Settings
from app.domain.supply.service import FRESH_S
from app.embedded import ports
from simulator.server import RunningSimulator, running_simulator
from simulator.settings import Behaviour, SimulatorSettings
from tests import running
from tests.conftest import SIMULATOR_KEY
from tests.factories import changed, open_shop


@pytest.fixture
def provider(tmp_path: Path) -> SimulatorSettings:
    """A provider that can be stopped and started at the same address, and remembers."""
    port = ports.free_ports(1)[0]
    return SimulatorSettings(api_key=SIMULATOR_KEY, port=port, state_dir=tmp_path / "simulator", behaviour=Behaviour(delay_s=0.05))


@pytest.fixture
def settings(settings: Settings, provider: SimulatorSettings) -> Settings:
    return changed(settings, wavespeed_api_base_url=f"http://127.0.0.1:{provider.port}/api/v3")


async def until_known(eyes: asyncpg.Connection) -> None:
    async with asyncio.timeout(10):
        while not await eyes.fetchval("SELECT count(*) FROM provider_health WHERE reason = 'unreachable'"):
            await asyncio.sleep(0.02)
    await asyncio.sleep(FRESH_S)


class TestProviderAway:
    async def test_what_waits_is_made_when_it_is_back_and_new_orders_are_refused_meanwhile(
        self, settings: Settings, simulator: RunningSimulator, provider: SimulatorSettings
    ) -> None:
        async with AsyncExitStack() as stack:
            shop = await stack.enter_async_context(open_shop(settings, simulator))
            await stack.enter_async_context(running.worker(settings))
            first, second = await shop.rich_user(3), await shop.rich_user(3)
            generation, *others = [await shop.order(who) for who in (first, *[await shop.rich_user(1) for _ in range(4)])]
            await until_known(shop.eyes)

            waiting = (await shop.http.get("/generations/active", params={"telegram_id": first})).json()
            refused = await shop.submit(second)

            assert waiting["status"] in {"queued", "running"}
            assert (refused.status_code, refused.json()["code"]) == (503, "provider_unavailable")
            assert 1 <= int(refused.headers["Retry-After"]) <= 10
            assert await shop.balance(second) == (3, 0)
            await shop.check_books()
            provider_back = await stack.enter_async_context(running_simulator(provider))
            assert (await shop.follow(generation, first))["status"] == "completed"
            async with asyncio.timeout(10):
                while len(provider_back.state.predictions) < 1 + len(others):
                    await asyncio.sleep(0.05)
            assert await shop.balance(first) == (2, 0)
            await shop.check_books()

    async def test_a_task_goes_on_being_followed_when_it_is_back(
        self, settings: Settings, simulator: RunningSimulator, provider: SimulatorSettings
    ) -> None:
        settings = changed(settings, wavespeed_sync_mode=False)
        async with open_shop(settings, simulator) as shop, running.worker(settings):
            somebody = await shop.rich_user(3)
            async with running_simulator(provider) as before:
                generation = await shop.order(somebody, prompt="long [sim:delay=1]")
                async with asyncio.timeout(10):
                    while not before.state.predictions:
                        await asyncio.sleep(0.02)
                await asyncio.sleep(0.2)
            await asyncio.sleep(0.5)

            async with running_simulator(provider) as after:
                assert (await shop.follow(generation, somebody))["status"] == "completed"

                assert len(after.state.predictions) == 1
            assert await shop.balance(somebody) == (2, 0)
            await shop.check_books()

    async def test_an_order_that_nobody_takes_before_its_deadline_costs_nothing(
        self, settings: Settings, simulator: RunningSimulator
    ) -> None:
        settings = changed(settings, generation_deadline_seconds=2)
        async with open_shop(settings, simulator) as shop, running.worker(settings):
            somebody = await shop.rich_user(3)

            seen = await shop.follow(await shop.order(somebody), somebody)

            assert (seen["status"], seen["error_code"]) == ("failed", "deadline_exceeded")
            assert await shop.balance(somebody) == (3, 0)
            await shop.check_books()

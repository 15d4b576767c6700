"""Refresh: ask the provider now, once for however many ask, and never for what has ended."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.core.config import Settings
from simulator.server import RunningSimulator
from tests import running
from tests.factories import Shop, changed, new_telegram_id, open_shop, provider_log

LONG_S = 60


@pytest.fixture
async def patient_shop(settings: Settings, simulator: RunningSimulator) -> AsyncIterator[Shop]:
    """A shop whose worker sends orders and then looks at them so seldom that only a refresh learns of their end."""
    patient = changed(settings, wavespeed_sync_mode=False, wavespeed_poll_interval_seconds=LONG_S)
    async with open_shop(patient, simulator) as shop, running.worker(patient):
        yield shop


async def refreshed(shop: Shop, telegram_id: int, ref: object) -> Any:
    answer = await shop.http.post(f"/generations/{ref}/refresh", json={"telegram_id": telegram_id})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def sent(shop: Shop, telegram_id: int, **more: Any) -> dict[str, Any]:
    """An order that the provider has accepted and works on."""
    generation = await shop.order(telegram_id, **more)
    async with asyncio.timeout(10):
        while not await shop.eyes.fetchval(
            "SELECT count(*) FROM generation_jobs WHERE generation_id = $1 AND state = 'submitted'", generation["id"]
        ):
            await asyncio.sleep(0.01)
    return generation


async def until_ended(shop: Shop) -> None:
    """Wait until the provider has finished the newest task; nobody has asked it yet."""
    async with asyncio.timeout(10):
        while not (await shop.control.get("/predictions")).json()["predictions"][-1]["finished_at"]:
            await asyncio.sleep(0.01)


async def reads(shop: Shop) -> int:
    """How often the provider was asked for a task."""
    return len(await provider_log(shop.simulator, "GET"))


class TestRefresh:
    async def test_of_a_finished_one_costs_no_call(self, busy_shop: Shop) -> None:
        somebody = new_telegram_id()
        ended = await busy_shop.follow(await busy_shop.order(somebody), somebody)
        before = len(await provider_log(busy_shop.simulator, ""))

        assert await refreshed(busy_shop, somebody, ended["id"]) == ended
        assert len(await provider_log(busy_shop.simulator, "")) == before

    async def test_of_a_queued_one_costs_no_call(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        generation = await shop.order(somebody)

        assert await refreshed(shop, somebody, generation["public_id"]) == generation
        assert await provider_log(shop.simulator, "") == []

    async def test_learns_of_the_end_at_once(self, patient_shop: Shop) -> None:
        somebody = await patient_shop.rich_user(2)
        generation = await sent(patient_shop, somebody)
        await until_ended(patient_shop)

        seen = await refreshed(patient_shop, somebody, generation["id"])

        assert (seen["status"], await patient_shop.balance(somebody)) == ("completed", (1, 0))
        assert await reads(patient_shop) == 1
        await patient_shop.check_books()

    async def test_gives_back_what_failed(self, patient_shop: Shop) -> None:
        somebody = await patient_shop.rich_user(2)
        generation = await sent(patient_shop, somebody, prompt="[sim:fail=1200]")
        await until_ended(patient_shop)

        seen = await refreshed(patient_shop, somebody, generation["public_id"])

        assert (seen["status"], seen["error_code"]) == ("failed", "content_refused")
        assert await patient_shop.balance(somebody) == (2, 0)
        await patient_shop.check_books()

    async def test_shows_what_is_known_when_the_provider_does_not_answer(self, patient_shop: Shop) -> None:
        somebody = new_telegram_id()
        generation = await sent(patient_shop, somebody)
        await patient_shop.fault("poll_500")

        assert (await refreshed(patient_shop, somebody, generation["id"]))["status"] == "running"

    async def test_twenty_at_once_cost_one_call(self, patient_shop: Shop) -> None:
        somebody = new_telegram_id()
        generation = await sent(patient_shop, somebody, prompt="[sim:stuck]")
        await patient_shop.fault("poll_slow", seconds=0.5, times=None)

        seen = await asyncio.gather(*(refreshed(patient_shop, somebody, generation["id"]) for _ in range(20)))

        assert {one["status"] for one in seen} == {"running"}
        assert await reads(patient_shop) == 1

    async def test_twenty_at_once_end_it_once(self, patient_shop: Shop) -> None:
        somebody = await patient_shop.rich_user(2)
        generation = await sent(patient_shop, somebody, prompt="[sim:fail]")
        await until_ended(patient_shop)

        seen = await asyncio.gather(*(refreshed(patient_shop, somebody, generation["id"]) for _ in range(20)))

        assert {one["status"] for one in seen} == {"failed"}
        assert await patient_shop.eyes.fetchval("SELECT count(*) FROM ledger_transfers WHERE hold_id IS NOT NULL") == 1
        await patient_shop.check_books()


class TestRefreshWithoutRedis:
    async def test_asks_all_the_same(self, patient_shop: Shop) -> None:
        gone = changed(patient_shop.settings, redis_url="redis://127.0.0.1:9")
        async with open_shop(gone, patient_shop.simulator) as shop:
            somebody = new_telegram_id()
            generation = await sent(shop, somebody)
            await until_ended(patient_shop)

            assert (await refreshed(shop, somebody, generation["id"]))["status"] == "completed"

    async def test_asks_once_for_many_in_one_process(self, patient_shop: Shop) -> None:
        gone = changed(patient_shop.settings, redis_url="redis://127.0.0.1:9")
        async with open_shop(gone, patient_shop.simulator) as shop:
            somebody = await shop.rich_user(2)
            generation = await sent(shop, somebody)
            await until_ended(patient_shop)
            before = await reads(shop)
            first = await refreshed(shop, somebody, generation["id"])
            costs = await reads(shop) - before
            another = await sent(shop, somebody)
            await until_ended(patient_shop)
            before = await reads(shop)

            ends = await asyncio.gather(*(refreshed(shop, somebody, another["id"]) for _ in range(20)))

            assert {end["status"] for end in (first, *ends)} == {"completed"}
            assert await reads(shop) - before == costs

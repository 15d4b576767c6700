"""kill -9 of a worker around its one POST: what the provider has of it is found or given up; nobody sends it again (P3, P6)."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.config import Settings
from app.domain.generations import jobs
from simulator.server import RunningSimulator
from simulator.settings import DEFAULT_WEBHOOK_SECRET
from tests import running
from tests.cli.program import program
from tests.factories import Shop, changed
from tests.programs import START_TIMEOUT_S

UNHEARD = "accepted, and nobody heard [sim:delay=2]"
UNTOLD = "accepted, and nobody will say so [sim:delay=1.5] [sim:webhook_never]"
LATE = "late [sim:delay=2]"


@pytest.fixture
async def shop(settings: Settings, simulator: RunningSimulator) -> AsyncIterator[Shop]:
    """One that the provider can call back; without a worker."""
    listener = running.a_listener()
    hooked = changed(
        settings,
        public_base_url=running.address_of(listener),
        wavespeed_webhook_secret=DEFAULT_WEBHOOK_SECRET,
    )
    async with running.api(hooked, listener) as base_url, Shop.open(base_url, hooked, simulator) as shop:
        yield shop


@pytest.fixture
def silent_provider() -> Iterator[str]:
    """Takes connections and never says a word: before TLS is agreed on, no byte of an order can leave."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield f"https://127.0.0.1:{door.getsockname()[1]}/api/v3"


async def until_state(shop: Shop, state: str) -> None:
    """Wait for the one attempt."""
    async with asyncio.timeout(START_TIMEOUT_S):
        while await shop.eyes.fetchval("SELECT max(state) FROM generation_jobs") != state:
            await asyncio.sleep(0.02)


async def let_the_deadline_come(shop: Shop) -> None:
    """Now, and the sweep with it: a job that sleeps or polls would only look later."""
    await shop.eyes.execute("UPDATE generation_requests SET deadline_at = now()")
    await jobs.sweep(shop.resources)


async def tasks_of(shop: Shop, prompt: str) -> list[dict[str, Any]]:
    """What the provider has of an order."""
    tasks: list[dict[str, Any]] = (await shop.control.get("/predictions", params={"prompt": prompt})).json()["predictions"]
    return tasks


async def until_accepted(shop: Shop, prompt: str) -> None:
    """The provider works on it."""
    async with asyncio.timeout(START_TIMEOUT_S):
        while not await tasks_of(shop, prompt):
            await asyncio.sleep(0.02)


class TestKilledBeforeAByteLeft:
    @pytest.mark.case(8)
    async def test_ends_at_the_deadline_with_everything_given_back(self, shop: Shop, silent_provider: str, tmp_path: Path) -> None:
        somebody = await shop.rich_user(3)
        with program(changed(shop.settings, wavespeed_api_base_url=silent_provider), tmp_path) as killed:
            generation = await shop.order(somebody)
            await until_state(shop, "submitting")
            killed.kill()

        async with running.worker(shop.settings):
            await until_state(shop, "unknown")
            assert await shop.balance(somebody) == (2, 1)
            await let_the_deadline_come(shop)
            seen = await shop.follow(generation, somebody, within_s=40)

        assert (seen["status"], seen["error_code"]) == ("failed", "deadline_exceeded")
        assert await shop.balance(somebody) == (3, 0)
        assert await shop.submits_seen() == []
        assert await shop.eyes.fetchval("SELECT count(*) FROM generation_jobs") == 1
        await shop.check_books()


class TestKilledAfterAcceptance:
    @pytest.mark.case(9)
    async def test_is_found_again_by_its_webhook(self, shop: Shop, tmp_path: Path) -> None:
        somebody = await shop.rich_user(3)
        with program(shop.settings, tmp_path) as killed:
            generation = await shop.order(somebody, prompt=UNHEARD)
            await until_accepted(shop, UNHEARD)
            killed.kill()
        assert await shop.eyes.fetchval("SELECT provider_job_id FROM generation_jobs") is None

        async with running.worker(shop.settings):
            seen = await shop.follow(generation, somebody, within_s=40)

        assert seen["status"] == "completed"
        assert await shop.balance(somebody) == (2, 0)
        assert len(await shop.submits_seen()) == 1
        await shop.check_books()

    @pytest.mark.case(10)
    async def test_with_its_webhook_lost_is_found_in_the_history(self, shop: Shop, tmp_path: Path) -> None:
        somebody = await shop.rich_user(3)
        with program(shop.settings, tmp_path) as killed:
            generation = await shop.order(somebody, prompt=UNTOLD)
            await until_accepted(shop, UNTOLD)
            killed.kill()
        assert await shop.eyes.fetchval("SELECT provider_job_id FROM generation_jobs") is None

        async with running.worker(shop.settings):
            seen = await shop.follow(generation, somebody, within_s=40)

        assert seen["status"] == "completed"
        assert await shop.balance(somebody) == (2, 0)
        assert not any(delivery["is_sent"] for delivery in (await tasks_of(shop, UNTOLD))[0]["deliveries"])
        assert len(await shop.submits_seen()) == 1
        await shop.check_books()


class TestLateSuccess:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return changed(settings, wavespeed_sync_mode=False)

    @pytest.mark.case(14)
    async def test_after_the_release_is_neither_charged_nor_given_away(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)
        async with running.worker(shop.settings):
            late = await shop.order(somebody, prompt=LATE)
            await until_accepted(shop, LATE)
            await until_state(shop, "submitted")
            await let_the_deadline_come(shop)
            seen = await shop.follow(late, somebody)
            async with asyncio.timeout(15):
                while not (await tasks_of(shop, LATE))[0]["deliveries"]:
                    await asyncio.sleep(0.05)
            again = await shop.http.post(f"/generations/{late['id']}/refresh", json={"telegram_id": somebody})
            results = await shop.http.get(f"/generations/{late['id']}/results", params={"telegram_id": somebody})

            assert (await tasks_of(shop, LATE))[0]["status"] == "completed"
            assert (seen["status"], again.json()["status"], results.json()) == ("failed", "failed", [])
            assert await shop.balance(somebody) == (3, 0)
            next_one = await shop.follow(await shop.order(somebody, prompt="the next one"), somebody)
            async with asyncio.timeout(20):
                while not (noted := await shop.eyes.fetch("SELECT generation_id, status FROM generation_orphans")):
                    await asyncio.sleep(0.1)
        assert (next_one["status"], await shop.balance(somebody)) == ("completed", (2, 0))
        assert [tuple(row) for row in noted] == [(late["id"], "completed")]
        await shop.check_books()

"""Answers of the provider that never arrive: its history says what became of the order, and nothing is sent a second time."""

import asyncio
from pathlib import Path

import pytest

from app.core.config import Settings
from tests import running
from tests.cli.program import program
from tests.factories import Shop, changed

WITHIN_S = 20


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return changed(settings, wavespeed_sync_mode=False, generation_deadline_seconds=60)


class TestLostAnswer:
    @pytest.mark.parametrize("marker", ["submit_cut_after_accept", "submit_504_after_accept", "submit_garbage_after_accept"])
    async def test_is_found_in_the_history(self, busy_shop: Shop, marker: str) -> None:
        somebody = await busy_shop.rich_user(5)
        generation = await busy_shop.order(somebody, prompt=f"a lost door [sim:{marker}]")

        seen = await busy_shop.follow(generation, somebody, within_s=WITHIN_S)

        assert seen["status"] == "completed"
        assert await busy_shop.balance(somebody) == (4, 0)
        assert len(await busy_shop.submits_seen()) == 1
        await busy_shop.check_books()

    async def test_of_a_worker_that_was_killed_after_the_provider_took_it(self, shop: Shop, tmp_path: Path) -> None:
        settings = changed(shop.settings, wavespeed_sync_mode=True)
        somebody = await shop.rich_user(5)
        with program(settings, tmp_path / "killed") as killed:
            generation = await shop.order(somebody, prompt="a widowed door [sim:delay=1]")
            async with asyncio.timeout(WITHIN_S):
                while not await shop.submits_seen():
                    await asyncio.sleep(0.02)
            killed.kill()

        async with running.worker(settings):
            seen = await shop.follow(generation, somebody, within_s=WITHIN_S)

        assert seen["status"] == "completed"
        assert await shop.balance(somebody) == (4, 0)
        assert len(await shop.submits_seen()) == 1
        await shop.check_books()

    async def test_that_the_history_shows_late_is_found_at_a_later_look(self, busy_shop: Shop) -> None:
        somebody = await busy_shop.rich_user(5)
        generation = await busy_shop.order(somebody, prompt="a slow door [sim:submit_cut_after_accept] [sim:history_lag=6]")

        seen = await busy_shop.follow(generation, somebody, within_s=30)

        assert seen["status"] == "completed"
        assert len(await busy_shop.submits_seen()) == 1
        await busy_shop.check_books()


class TestEmptyAccount:
    """Our credits at the provider are used up: a definite refusal, and the order waits until there are some again."""

    @pytest.mark.parametrize("is_sync", [False, True])
    @pytest.mark.parametrize(("kind", "more"), [("insufficient_credits", {}), ("fail", {"code": 1407})])
    async def test_sends_it_again_later(self, shop: Shop, kind: str, more: dict[str, int], is_sync: bool) -> None:
        settings = changed(shop.settings, wavespeed_sync_mode=is_sync)
        await shop.fault(kind, times=1, **more)
        somebody = await shop.rich_user(5)
        async with running.worker(settings):
            generation = await shop.order(somebody, prompt="an unpaid door")
            seen = await shop.follow(generation, somebody, within_s=WITHIN_S)

        assert seen["status"] == "completed"
        states = [row["state"] for row in await shop.eyes.fetch("SELECT state FROM generation_jobs ORDER BY attempt_no")]
        assert states == ["refused", "completed"]
        assert len(await shop.submits_seen()) == 2
        assert await shop.balance(somebody) == (4, 0)
        await shop.check_books()

"""What the reaper does for generations that nobody works for any more, and what it cries about."""

import asyncio
from typing import Any

import pytest

from app.core.metrics import REAPED
from app.domain.generations import attempts
from app.domain.generations.reaper import sweep
from app.resources import Resources
from tests import running
from tests.factories import Shop, written_log


def found(what: str) -> float:
    """How often the reaper has found this."""
    value: float = REAPED.labels(found=what)._value.get()
    return value


async def claim(shop: Shop, generation: dict[str, Any]) -> None:
    async with shop.resources.transaction() as session:
        assert await attempts.claim(session, generation["id"], is_sync=False)


class TestOverdue:
    @pytest.mark.parametrize("is_claimed", [False, True])
    async def test_ends_and_gives_back(self, shop: Shop, is_claimed: bool) -> None:
        somebody = await shop.rich_user(3)
        generation = await shop.order(somebody)
        if is_claimed:
            await claim(shop, generation)
        await shop.eyes.execute("UPDATE generation_requests SET deadline_at = now()")
        await shop.eyes.execute("DELETE FROM pgqueuer")
        before = found("overdue")

        await sweep(shop.resources)

        seen = await shop.follow(generation, somebody)
        assert (seen["status"], seen["error_code"]) == ("failed", "deadline_exceeded")
        assert await shop.balance(somebody) == (3, 0)
        assert found("overdue") == before + 1
        assert await shop.submits_seen() == []
        await shop.check_books()


class TestLostJob:
    async def test_of_an_attempt_whose_worker_died_is_queued_again_and_sends_nothing(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)
        generation = await shop.order(somebody)
        await claim(shop, generation)
        await shop.eyes.execute("UPDATE generation_requests SET created_at = created_at - interval '2 minutes'")
        await shop.eyes.execute("DELETE FROM pgqueuer")

        await sweep(shop.resources)

        assert await shop.eyes.fetchval("SELECT dedupe_key FROM pgqueuer") == f"generate:{generation['id']}"
        async with running.worker(shop.settings):
            async with asyncio.timeout(10):
                while await shop.eyes.fetchval("SELECT state FROM generation_jobs") != "unknown":
                    await asyncio.sleep(0.05)
        assert await shop.submits_seen() == []

    async def test_is_found_behind_any_number_of_others(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("app.domain.generations.reaper.JOB_BATCH", 2)
        for _ in range(5):
            await shop.order(await shop.rich_user(1))
        await shop.eyes.execute("UPDATE generation_requests SET created_at = created_at - interval '2 minutes'")
        await shop.eyes.execute("DELETE FROM pgqueuer WHERE id = (SELECT max(id) FROM pgqueuer)")

        await sweep(shop.resources)

        assert await shop.eyes.fetchval("SELECT count(*) FROM pgqueuer") == 5


class TestUnsettled:
    async def test_is_counted_and_cried_about_and_not_touched(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)
        await shop.order(somebody)
        await shop.eyes.execute(
            "UPDATE generation_requests SET status = 'failed', error_code = 'no_image', error_message = '', completed_at = now()"
        )
        before = found("unsettled")

        with written_log() as log:
            await sweep(shop.resources)

        assert found("unsettled") == before + 1
        assert "generations_unsettled" in log.getvalue()
        assert await shop.balance(somebody) == (2, 1)

    async def test_is_nothing_that_ended_rightly(self, busy_shop: Shop) -> None:
        somebody = await busy_shop.rich_user(3)
        await busy_shop.follow(await busy_shop.order(somebody), somebody)
        await busy_shop.follow(await busy_shop.order(somebody, prompt="bad [sim:fail=1200]"), somebody)
        before = found("unsettled")

        with written_log() as log:
            await sweep(busy_shop.resources)

        assert found("unsettled") == before
        assert log.getvalue() == ""


class TestEvents:
    async def test_get_their_places_though_nobody_follows_the_feed(self, shop: Shop) -> None:
        await shop.order(await shop.rich_user(1))
        assert await shop.eyes.fetchval("SELECT count(*) FROM generation_events WHERE position IS NULL") == 1

        await sweep(shop.resources)

        assert await shop.eyes.fetchval("SELECT count(*) FROM generation_events WHERE position IS NULL") == 0

    async def test_without_a_place_for_long_are_cried_about(
        self, shop: Shop, resources: Resources, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def nobody(_: Resources) -> None:
            """A sequencer that is stuck."""

        monkeypatch.setattr("app.domain.generations.events.sequence_all", nobody)
        await shop.order(await shop.rich_user(1))
        await shop.eyes.execute("UPDATE generation_events SET created_at = created_at - interval '2 minutes'")

        with written_log() as log:
            await sweep(resources)

        assert "events_without_place" in log.getvalue()

"""What the worker forgets by the clock, and what it must not forget."""

import asyncio

import pytest

from app.domain.generations import retention
from app.domain.generations.events import sequence_all
from app.domain.idempotency import jobs as idempotency_jobs
from app.domain.idempotency import service as idempotency
from tests.factories import Shop, an_order, new_telegram_id

_AGE = "UPDATE {table} SET {column} = now() - interval '31 days'"


async def cancelled_order(shop: Shop) -> tuple[int, int]:
    """A generation that has ended, with two events; its id and its owner."""
    somebody = new_telegram_id()
    generation = await shop.order(somebody)
    await shop.http.post(f"/generations/{generation['id']}/cancel", json={"telegram_id": somebody})
    return generation["id"], somebody


async def events(shop: Shop) -> list[int | None]:
    return [row["position"] for row in await shop.eyes.fetch("SELECT position FROM generation_events ORDER BY position")]


class TestEvents:
    async def test_of_the_past_are_forgotten_but_the_last_place_is_not(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(retention, "BATCH", 2)
        for _ in range(3):
            await cancelled_order(shop)
        await sequence_all(shop.resources)
        await shop.eyes.execute(_AGE.format(table="generation_events", column="created_at"))

        await retention.forget(shop.resources)

        assert await events(shop) == [6]
        await cancelled_order(shop)
        await sequence_all(shop.resources)
        assert await events(shop) == [6, 7, 8]

    async def test_that_nobody_could_be_told_yet_stay(self, shop: Shop) -> None:
        await cancelled_order(shop)
        await shop.eyes.execute(_AGE.format(table="generation_events", column="created_at"))

        await retention.forget(shop.resources)

        assert await events(shop) == [None, None]

    async def test_that_are_gone_leave_the_generation_to_be_followed(self, shop: Shop) -> None:
        (generation_id, somebody), path = await cancelled_order(shop), "/generations/{}/events"
        await shop.eyes.execute("DELETE FROM generation_events")

        seen = await shop.http.get(path.format(generation_id), params={"telegram_id": somebody})
        again = await shop.http.get(path.format(generation_id), params={"telegram_id": somebody}, headers={"Last-Event-ID": "0"})

        assert '"status":"cancelled"' in seen.text
        assert again.status_code == 204


class TestQueueLog:
    async def test_of_the_past_is_forgotten(self, busy_shop: Shop) -> None:
        somebody = new_telegram_id()
        await busy_shop.follow(await busy_shop.order(somebody), somebody)
        rows = "SELECT count(*) FROM pgqueuer_log"
        async with asyncio.timeout(5):
            while await busy_shop.eyes.fetchval("SELECT count(*) FROM pgqueuer"):  # that it has ended is written after its picture
                await asyncio.sleep(0.01)
        assert await busy_shop.eyes.fetchval(rows) > 0
        await retention.forget(busy_shop.resources)
        assert await busy_shop.eyes.fetchval(rows) > 0

        await busy_shop.eyes.execute(_AGE.format(table="pgqueuer_log", column="created"))
        await retention.forget(busy_shop.resources)

        assert await busy_shop.eyes.fetchval(rows) == 0


class TestIdempotencyKeys:
    async def test_of_the_past_are_forgotten_in_batches(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(idempotency, "FORGET_BATCH", 2)
        for key in range(5):
            await shop.http.post("/generations/submit", json=an_order(new_telegram_id()), headers={"Idempotency-Key": f"key-{key}"})
        await shop.eyes.execute(_AGE.format(table="idempotency_keys", column="created_at") + " WHERE key <> 'key-3'")

        await idempotency_jobs.forget(shop.resources)

        assert [row["key"] for row in await shop.eyes.fetch("SELECT key FROM idempotency_keys")] == ["key-3"]

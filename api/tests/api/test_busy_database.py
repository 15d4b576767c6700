"""A database in its own way: every refusal is a 503 that says so, and nothing is lost or held by it (P6)."""

import asyncio

import asyncpg
import pytest

from app.core.config import Settings
from app.db import session as sessions
from tests.factories import Shop, as_superuser, changed


class TestFullPool:
    @pytest.fixture
    def settings(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
        # Who has the one connection shall wait longer for its lock than the others wait for the connection.
        monkeypatch.setattr(sessions, "LOCK_TIMEOUT_MS", 20_000)
        return changed(settings, database_pool_size=1)

    @pytest.mark.case(24)
    async def test_is_503_for_who_waits_and_the_one_inside_goes_through(self, shop: Shop) -> None:
        inside, outside = await shop.rich_user(3), await shop.rich_user(3)
        other = await asyncpg.connect(shop.settings.database_dsn)
        try:
            async with asyncio.TaskGroup() as group, other.transaction():
                await other.execute("LOCK TABLE generation_requests IN ACCESS EXCLUSIVE MODE")
                accepted = group.create_task(shop.submit(inside))
                await until_waiting(shop)
                refused = await shop.submit(outside)
        finally:
            await other.close()

        assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (503, "service_unavailable", "1")
        assert accepted.result().status_code == 202
        assert (await shop.submit(outside)).status_code == 202
        assert [await shop.balance(person) for person in (inside, outside)] == [(2, 1), (2, 1)]
        await shop.check_books()


class TestDeadlock:
    @pytest.mark.case(24)
    async def test_is_503_and_the_same_order_again_is_taken(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)
        other = await asyncpg.connect(as_superuser(shop.settings.database_dsn or ""))
        try:
            # Whoever looks for a deadlock first is its victim: that is to be the order, which holds its wallet when it comes to the
            # queue, its last step. With a picture it goes there in steps; without, it would give way before it is a victim.
            await other.execute("SET deadlock_timeout = '1min'")
            async with asyncio.TaskGroup() as group, other.transaction():
                await other.execute("LOCK TABLE pgqueuer IN ACCESS EXCLUSIVE MODE")
                order = group.create_task(shop.submit(somebody, reference_urls=["https://pictures.example/1.png"]))
                await until_waiting(shop)
                await other.execute(
                    "SELECT FROM ledger_accounts JOIN users ON users.id = user_id WHERE telegram_id = $1 FOR UPDATE", somebody
                )
        finally:
            await other.close()

        assert (order.result().status_code, order.result().json()["code"]) == (503, "service_unavailable")
        assert await shop.balance(somebody) == (3, 0)
        assert (await shop.submit(somebody)).status_code == 202
        await shop.check_books()


async def until_waiting(shop: Shop) -> None:
    """Wait until an order waits for a lock."""
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(5):
        while not await shop.eyes.fetchval(waits):
            await asyncio.sleep(0.01)

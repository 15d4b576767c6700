"""However many generations run, a look at one's own and an order read as few rows as when none does."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.generations import order_queries, ordering, queries
from app.domain.generations.schemas import GenerationSubmit
from tests.factories import Shop, an_order, as_superuser

CROWD, PICTURES_EACH = 2000, 10
FEW = 30
_INSERT = """
    INSERT INTO generation_requests (public_id, user_id, model_id, prompt, status, input_params, references_count, cost,
                                     trial_use_id, request_id, deadline_at, completed_at)
    SELECT gen_random_uuid(), id, 1, 'a door', $1, '{}', 0, 0, $2 + id, 'test', now(), CASE $1 WHEN 'completed' THEN now() END
    FROM users WHERE telegram_id > 700000000
"""


@pytest.fixture
async def crowded(shop: Shop) -> AsyncIterator[Shop]:
    admin = await asyncpg.connect(as_superuser(shop.settings.database_dsn or ""))
    try:
        await admin.execute("ALTER TABLE generation_requests SET (autovacuum_enabled = off)")
        await admin.execute("SET session_replication_role = replica")
        await admin.execute("INSERT INTO users (telegram_id) SELECT 700000000 + n FROM generate_series(1, $1::int) n", CROWD)
        for number in range(PICTURES_EACH):
            await admin.execute(_INSERT, "completed", number * 1_000_000)
        # PostgreSQL looks when none runs: from then on an index of those that run seems the shortest way to anything.
        await admin.execute("VACUUM (ANALYZE)")
        await admin.execute(_INSERT, "running", 900_000_000)
        yield shop
    finally:
        await admin.close()


async def rows_read(shop: Shop, ask: Callable[[AsyncSession], Awaitable[object]]) -> int:
    """How many generations a statement looks at."""
    async with shop.resources.transaction() as session:
        before = await _count(session)
        await ask(session)
        return await _count(session) - before


async def _count(session: AsyncSession) -> int:
    statement = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'generation_requests'"
    return int(await session.scalar(text(statement)) or 0)


class TestACrowdThatRuns:
    async def test_is_not_read_for_a_look_at_ones_own(self, crowded: Shop) -> None:
        somebody = await crowded.rich_user(5)
        await crowded.order(somebody)
        await crowded.eyes.execute("UPDATE generation_requests SET status = 'running' WHERE status = 'queued'")

        assert await rows_read(crowded, lambda session: queries.find_active_read(session, somebody)) < FEW
        assert (await crowded.http.get("/generations/active", params={"telegram_id": somebody})).json()["has_active"]

    async def test_is_not_read_for_the_lock_of_a_person(self, crowded: Shop) -> None:
        somebody = await crowded.rich_user(5)
        user_id = await crowded.eyes.fetchval("SELECT id FROM users WHERE telegram_id = $1", somebody)

        assert await rows_read(crowded, lambda session: queries.lock_user(session, user_id)) < FEW

    async def test_is_not_read_for_an_order(self, crowded: Shop) -> None:
        somebody = await crowded.rich_user(5)
        values = ordering._values(GenerationSubmit(**an_order(somebody))) | {"public_id": uuid4(), "request_id": "a-test"}

        async def order(session: AsyncSession) -> None:
            stored = await order_queries.insert_order_at_once(
                session,
                values,
                telegram_id=somebody,
                price=1,
                slot_limit=1,
                ticket=None,
                model_key="m",
                deadline_s=60,
                token=uuid4(),
            )
            assert stored is not None

        assert await rows_read(crowded, order) < FEW

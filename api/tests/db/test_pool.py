"""The pool's line: in turn, and nothing is lost by who leaves it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.config import Settings
from app.db.session import Session, open_engine, plain_reads

SHORT_S = 2.0


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """One with a single connection."""
    engine = open_engine(settings.database_dsn or "", pool_size=1, program="tests", isolation_level="AUTOCOMMIT")
    yield engine
    await engine.dispose()


@pytest.fixture
async def holder(engine: AsyncEngine) -> Session:
    """Who has that connection."""
    session = Session(engine, is_unit=False)
    await session.open()
    return session


class TestLine:
    async def test_is_served_in_turn_and_before_a_newcomer(self, engine: AsyncEngine, holder: Session) -> None:
        served: list[int] = []

        async def use(number: int) -> None:
            async with plain_reads(engine) as session:
                await session.open()
                served.append(number)

        async with asyncio.timeout(SHORT_S), asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(use(number))
            await asyncio.sleep(0.02)
            await holder.close()
            await use(3)

        assert served == [0, 1, 2, 3]

    async def test_loses_no_connection_to_one_that_leaves_as_its_turn_comes(self, engine: AsyncEngine, holder: Session) -> None:
        leaving = asyncio.create_task(Session(engine, is_unit=False).open())
        await asyncio.sleep(0.02)
        await holder.close()
        leaving.cancel()

        async with asyncio.timeout(SHORT_S), plain_reads(engine) as session:
            await session.open()
        assert leaving.cancelled()

    async def test_forgets_who_left_it(self, engine: AsyncEngine, holder: Session) -> None:
        leaving = asyncio.create_task(Session(engine, is_unit=False).open())
        await asyncio.sleep(0.02)
        leaving.cancel()
        await asyncio.wait({leaving})
        await holder.close()

        async with asyncio.timeout(SHORT_S), plain_reads(engine) as session:
            await session.open()

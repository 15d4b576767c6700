"""All invariants are checked of one moment, whatever is written meanwhile."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.domain.audit import queries
from app.resources import Resources

_COUNT = text("SELECT count(*) FROM ledger_transfers")
_WRITE = text("INSERT INTO ledger_transfers (entry_type) VALUES ('adjustment')")


class TestSnapshot:
    async def test_stays_while_others_write(self, resources: Resources) -> None:
        async with resources.transaction() as session:
            await queries.begin_snapshot(session)
            before = await session.scalar(_COUNT)
            async with resources.transaction() as other:
                await other.execute(_WRITE)
            assert await session.scalar(_COUNT) == before

    async def test_cannot_write(self, resources: Resources) -> None:
        async def write() -> None:
            async with resources.transaction() as session:
                await queries.begin_snapshot(session)
                await session.execute(_WRITE)

        with pytest.raises(DBAPIError, match="read-only"):
            await write()

"""A book to move credits in, below the API."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from app.domain.audit import queries as audit_queries
from app.domain.ledger import service as ledger
from app.domain.ledger.schemas import Memo
from app.domain.users import service as users
from app.resources import Resources
from tests.factories import new_telegram_id

MEMO = Memo("reference", "a reason")


@dataclass
class Book:
    """The verbs of the ledger, each in a transaction of its own, and a second pair of eyes."""

    resources: Resources
    eyes: asyncpg.Connection

    async def wallet(self, amount: int) -> tuple[int, int]:
        """Somebody with so many credits: telegram id and user id."""
        telegram_id = new_telegram_id()
        await self.grant(telegram_id, amount)
        async with self.resources.reading() as session:
            return telegram_id, await users.require_id(session, telegram_id)

    async def grant(self, telegram_id: int, amount: int) -> int:
        async with self.resources.transaction() as session:
            return (await ledger.grant(session, telegram_id=telegram_id, amount=amount, memo=MEMO)).balance

    async def hold(self, user_id: int, amount: int) -> int:
        async with self.resources.transaction() as session:
            return await ledger.hold(session, user_id=user_id, amount=amount, memo=MEMO)

    async def capture(self, hold_id: int) -> None:
        async with self.resources.transaction() as session:
            await ledger.capture(session, hold_id=hold_id, memo=MEMO)

    async def release(self, hold_id: int) -> None:
        async with self.resources.transaction() as session:
            await ledger.release(session, hold_id=hold_id, memo=MEMO)

    async def balance(self, telegram_id: int) -> tuple[int, int]:
        async with self.resources.reading() as session:
            found = await ledger.balance(session, telegram_id)
        return found.balance, found.held

    async def legs(self, entry_type: str) -> list[tuple[str, int]]:
        """Who got how much by transfers of this type."""
        rows = await self.eyes.fetch(
            "SELECT account_kind, amount FROM ledger_entries WHERE entry_type = $1 ORDER BY account_kind DESC, id", entry_type
        )
        return [(row["account_kind"], row["amount"]) for row in rows]

    async def broken(self) -> set[str]:
        """The invariants of the book alone that do not hold (I4 and I5 are about generations, of which there are none here)."""
        found = set()
        async with self.resources.transaction() as session:
            for invariant in audit_queries.INVARIANTS:
                if invariant.id in {"I1", "I2", "I3", "I10"} and await audit_queries.find_violations(session, invariant):
                    found.add(invariant.id)
        return found


@pytest.fixture
async def book(resources: Resources) -> AsyncIterator[Book]:
    eyes = await asyncpg.connect(resources.settings.database_dsn)
    try:
        yield Book(resources, eyes)
    finally:
        await eyes.close()

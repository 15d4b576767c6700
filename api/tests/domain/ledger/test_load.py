"""The book under many writers, and with a long history."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.generations import order_queries, ordering
from app.domain.generations.schemas import GenerationSubmit
from app.domain.ledger import queries
from app.domain.ledger import service as ledger
from app.domain.ledger.errors import HoldEndedError, InsufficientCreditsError
from tests.domain.ledger.conftest import Book
from tests.factories import an_order, as_superuser

WRITERS = 16
PICTURE = "https://pictures.example/1.png"


class TestSixteenWriters:
    async def test_end_a_hold_once(self, book: Book) -> None:
        telegram_id, user_id = await book.wallet(10)
        hold_id = await book.hold(user_id, 4)

        ends = [book.capture(hold_id) if n % 2 else book.release(hold_id) for n in range(WRITERS)]
        outcomes = await asyncio.gather(*ends, return_exceptions=True)

        assert sum(isinstance(one, HoldEndedError) for one in outcomes) == WRITERS - 1
        assert outcomes.count(None) == 1
        assert await book.balance(telegram_id) in {(10, 0), (6, 0)}
        assert await book.broken() == set()

    async def test_spend_the_last_credit_once(self, book: Book) -> None:
        telegram_id, user_id = await book.wallet(1)

        outcomes = await asyncio.gather(*(book.hold(user_id, 1) for _ in range(WRITERS)), return_exceptions=True)

        assert sum(isinstance(one, InsufficientCreditsError) for one in outcomes) == WRITERS - 1
        assert await book.balance(telegram_id) == (0, 1)

    async def test_wait_for_each_other_and_are_all_written(self, book: Book) -> None:
        telegram_id, _ = await book.wallet(1)

        await asyncio.gather(*(book.grant(telegram_id, 1) for _ in range(WRITERS)))

        assert await book.balance(telegram_id) == (1 + WRITERS, 0)
        assert await book.broken() == set()


class TestALongHistory:
    @pytest.mark.case(25)
    async def test_is_not_read_for_a_balance(self, book: Book) -> None:
        telegram_id, user_id = await book.wallet(5)
        await book.hold(user_id, 2)
        await plant_history(book, user_id, 20_000)

        plan = await plan_of(book, queries._BALANCE.words.replace("$1", str(user_id)))

        assert ("Seq Scan", "ledger_entries") not in [(node["Node Type"], node.get("Relation Name")) for node in nodes(plan)]
        assert sum(node.get("Actual Rows", 0) * node["Actual Loops"] for node in nodes(plan)) < 50
        assert (await book.balance(telegram_id))[0] == 3

    @pytest.mark.case(25)
    async def test_costs_a_balance_a_statement_and_an_order_no_row_more(self, book: Book) -> None:
        short, long = [await a_wallet_of(book, entries) for entries in (20, 20_000)]

        assert await rows_read(book, long) == await rows_read(book, short)


async def a_wallet_of(book: Book, entries: int) -> int:
    """Somebody with that many old entries, no free generation left, and credits; the telegram id."""
    telegram_id, user_id = await book.wallet(5)
    await plant_history(book, user_id, entries)
    await book.eyes.execute(
        "INSERT INTO trial_uses (user_id, slot, slot_limit, state, settled_at) VALUES ($1, 1, 1, 'used', now())", user_id
    )
    return telegram_id


async def rows_read(book: Book, telegram_id: int) -> dict[str, dict[str, int]]:
    """How many rows of each table of the book a balance, a page of the statement and orders of both kinds look at."""
    asked = {
        "balance": lambda session: ledger.balance(session, telegram_id),
        "statement": lambda session: ledger.statement(session, telegram_id, cursor=None, limit=10),
        "order at once": lambda session: order_at_once_and_undone(session, telegram_id),
        "order in steps": lambda session: ordering.submit(
            session, book.resources, GenerationSubmit(**an_order(telegram_id, reference_urls=[PICTURE])), request_id="a-test"
        ),
    }
    read = {}
    for name, ask in asked.items():
        async with book.resources.transaction() as session:
            before = await _rows(session)
            await ask(session)
            read[name] = {table: count - before.get(table, 0) for table, count in (await _rows(session)).items()}
    return read


async def order_at_once_and_undone(session: AsyncSession, telegram_id: int) -> None:
    """The one statement of an everyday order, in this transaction."""
    values = ordering._values(GenerationSubmit(**an_order(telegram_id))) | {"public_id": uuid4(), "request_id": "a-test"}
    await session.execute(text("SAVEPOINT before"))
    stored = await order_queries.insert_order_at_once(
        session, values, telegram_id=telegram_id, price=1, slot_limit=1, ticket=None, model_key="m", deadline_s=60, token=uuid4()
    )
    assert stored is not None
    await session.execute(text("ROLLBACK TO before"))


async def _rows(session: AsyncSession) -> dict[str, int]:
    # What this connection has counted and not yet reported: so the transaction before may be in it.
    rows = await session.execute(text("SELECT relname, seq_tup_read + idx_tup_fetch AS total FROM pg_stat_xact_user_tables"))
    return {row.relname: row.total for row in rows if row.relname.startswith("ledger_")}


async def plant_history(book: Book, user_id: int, entries: int) -> None:
    """Old entries under the newest ones: the fast way, past the guards, as only a superuser can."""
    admin = await asyncpg.connect(as_superuser(book.resources.settings.database_dsn or ""))
    try:
        await admin.execute("SET session_replication_role = replica")
        await admin.execute(
            "INSERT INTO ledger_transfers (entry_type) SELECT 'adjustment' FROM generate_series(1, $1::int)", entries
        )
        await admin.execute(
            "INSERT INTO ledger_entries (transfer_id, account_id, account_kind, seq, amount, balance_after, entry_type, created_at,"
            " prev_hash, hash)"
            " SELECT transfer.id, account.id, 'wallet', -row_number() OVER (), 1, 7, 'generation_hold', now(), '', ''"
            " FROM ledger_transfers transfer, ledger_accounts account WHERE account.user_id = $1 AND entry_type = 'adjustment'",
            user_id,
        )
        await admin.execute("ANALYZE ledger_entries, ledger_transfers, ledger_accounts")
    finally:
        await admin.close()


async def plan_of(book: Book, statement: str) -> dict[str, Any]:
    answer = await book.eyes.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
    plan: dict[str, Any] = json.loads(answer)[0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in nodes(child))]

"""The hash of an entry covers all that it says, and not even the owner of the database rewrites it in passing."""

import asyncpg
import pytest

from tests.domain.ledger.conftest import Book
from tests.factories import as_superuser

ARGUMENTS = {
    "prev_hash": "'\\x00'::bytea",
    "account_id": "account_id + 1",
    "seq": "seq + 1",
    "transfer_id": "transfer_id + 1",
    "amount": "amount + 1",
    "balance_after": "balance_after + 1",
    "entry_type": "entry_type || 'x'",
    "reference_id": "NULL",
    "description": "''",
    "created_at": "created_at + interval '1 microsecond'",
}


class TestHash:
    async def test_of_an_entry_as_it_stands_is_the_stored_one(self, book: Book) -> None:
        await book.wallet(5)
        assert await book.eyes.fetchval(f"SELECT bool_and({hashed()} = hash) FROM ledger_entries")  # noqa: S608 - our names

    @pytest.mark.parametrize("changed", ARGUMENTS)
    async def test_is_another_when_anything_is(self, book: Book, changed: str) -> None:
        await book.wallet(5)
        assert await book.eyes.fetchval(f"SELECT bool_and({hashed(changed)} <> hash) FROM ledger_entries")  # noqa: S608 - our names


class TestOwner:
    @pytest.mark.parametrize("table", ["ledger_entries", "ledger_transfers", "ledger_accounts"])
    @pytest.mark.parametrize("attack", ["UPDATE {} SET id = DEFAULT", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
    async def test_is_stopped_by_the_guard_alone(self, book: Book, table: str, attack: str) -> None:
        await book.wallet(5)
        owner = await asyncpg.connect(as_superuser(book.resources.settings.database_dsn or ""))
        try:
            with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="never updated or deleted"):
                await owner.execute(attack.format(table))
        finally:
            await owner.close()


def hashed(changed: str = "") -> str:
    """The hash's SQL, with one of its arguments changed."""
    return f"ledger_entry_hash({', '.join(ARGUMENTS[name] if name == changed else name for name in ARGUMENTS)})"

"""What the database itself refuses, whoever writes: each attack is made as the role that the programs work as."""

import asyncpg
import pytest

from tests.domain.ledger.conftest import Book

CHANGES = [
    "UPDATE ledger_entries SET amount = amount + 1",
    "UPDATE ledger_entries SET description = 'nothing to see'",
    "UPDATE ledger_entries SET amount = 1 WHERE false",
    "DELETE FROM ledger_entries",
    "DELETE FROM ledger_entries WHERE false",
    "TRUNCATE ledger_entries",
    "TRUNCATE ledger_entries, ledger_transfers, generation_requests CASCADE",
    "UPDATE ledger_transfers SET entry_type = 'refund'",
    "UPDATE ledger_transfers SET hold_id = NULL",
    "UPDATE ledger_transfers SET id = DEFAULT",
    "DELETE FROM ledger_transfers",
    "TRUNCATE ledger_transfers CASCADE",
    "DELETE FROM ledger_accounts",
    "DELETE FROM users",
    "UPDATE ledger_accounts SET kind = 'wallet'",
    "MERGE INTO ledger_entries USING (VALUES (1)) one (id) ON true WHEN MATCHED THEN DELETE",
]


async def ids_of(book: Book) -> tuple[int, int, int]:
    """A wallet with 5 credits, an account of the house, and a fresh transfer without entries."""
    _, user_id = await book.wallet(5)
    wallet = await book.eyes.fetchval("SELECT id FROM ledger_accounts WHERE user_id = $1", user_id)
    house = await book.eyes.fetchval("SELECT id FROM ledger_accounts WHERE kind = 'revenue' AND stripe = 0")
    transfer = await book.eyes.fetchval("INSERT INTO ledger_transfers (entry_type) VALUES ('adjustment') RETURNING id")
    return wallet, house, transfer


class TestRows:
    @pytest.mark.parametrize("attack", CHANGES)
    async def test_are_never_changed(self, book: Book, attack: str) -> None:
        _, user_id = await book.wallet(5)
        await book.hold(user_id, 2)
        before = await book.eyes.fetch("SELECT * FROM ledger_entries ORDER BY id")

        with pytest.raises((asyncpg.IntegrityConstraintViolationError, asyncpg.InsufficientPrivilegeError)):
            await book.eyes.execute(attack)

        assert await book.eyes.fetch("SELECT * FROM ledger_entries ORDER BY id") == before

    async def test_are_not_written_by_a_superuser_in_disguise(self, book: Book) -> None:
        assert await book.eyes.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await book.eyes.execute("SET session_replication_role = replica")


class TestInsert:
    async def insert(self, book: Book, *legs: tuple[int, int, int]) -> None:
        values = ", ".join(f"({transfer}, {account}, {amount}, 'adjustment')" for transfer, account, amount in legs)
        await book.eyes.execute(f"INSERT INTO ledger_entries (transfer_id, account_id, amount, entry_type) VALUES {values}")  # noqa: S608

    async def test_of_one_side_is_refused(self, book: Book) -> None:
        wallet, _, transfer = await ids_of(book)

        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="sum to zero"):
            await self.insert(book, (transfer, wallet, 100))

    async def test_of_sides_that_do_not_sum_to_zero_is_refused(self, book: Book) -> None:
        wallet, house, transfer = await ids_of(book)

        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="sum to zero"):
            await self.insert(book, (transfer, wallet, 100), (transfer, house, -99))

    async def test_of_sides_one_after_the_other_is_refused(self, book: Book) -> None:
        wallet, house, transfer = await ids_of(book)

        async def one_after_the_other() -> None:
            async with book.eyes.transaction():
                await self.insert(book, (transfer, wallet, 100))
                await self.insert(book, (transfer, house, -100))

        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="sum to zero"):
            await one_after_the_other()

    async def test_of_two_transfers_that_only_together_sum_to_zero_is_refused(self, book: Book) -> None:
        wallet, house, transfer = await ids_of(book)
        other = await book.eyes.fetchval("INSERT INTO ledger_transfers (entry_type) VALUES ('adjustment') RETURNING id")

        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="sum to zero"):
            await self.insert(book, (transfer, wallet, 100), (other, house, -100))

    async def test_of_nothing_is_refused(self, book: Book) -> None:
        wallet, house, transfer = await ids_of(book)

        with pytest.raises(asyncpg.CheckViolationError, match="amount_not_zero"):
            await self.insert(book, (transfer, wallet, 0), (transfer, house, 0))

    async def test_that_takes_a_wallet_below_zero_is_refused(self, book: Book) -> None:
        wallet, house, transfer = await ids_of(book)

        with pytest.raises(asyncpg.CheckViolationError, match="balance_not_negative"):
            await self.insert(book, (transfer, wallet, -6), (transfer, house, 6))

    async def test_that_takes_the_holds_below_zero_is_refused(self, book: Book) -> None:
        wallet, _, transfer = await ids_of(book)
        holds = await book.eyes.fetchval("SELECT id FROM ledger_accounts WHERE kind = 'holds' AND stripe = 0")

        with pytest.raises(asyncpg.CheckViolationError, match="balance_not_negative"):
            await self.insert(book, (transfer, wallet, 1), (transfer, holds, -1))

    async def test_into_the_same_account_twice_is_refused(self, book: Book) -> None:
        _, house, transfer = await ids_of(book)

        with pytest.raises(asyncpg.UniqueViolationError):
            await self.insert(book, (transfer, house, 1), (transfer, house, -1))

    async def test_of_an_unknown_account_or_transfer_is_refused(self, book: Book) -> None:
        wallet, house, transfer = await ids_of(book)

        with pytest.raises(asyncpg.PostgresError):
            await self.insert(book, (transfer, 10**9, 1), (transfer, house, -1))
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await self.insert(book, (10**9, wallet, 1), (10**9, house, -1))

    async def test_overwrites_what_is_not_the_writers_to_say(self, book: Book) -> None:
        wallet, house, transfer = await ids_of(book)

        await book.eyes.execute(
            "INSERT INTO ledger_entries (transfer_id, account_id, account_kind, seq, amount, balance_after, entry_type, created_at,"
            " prev_hash, hash) VALUES ($1, $2, 'revenue', 99, 4, 1000000, 'adjustment', '2020-01-01', 'x', 'y'),"
            " ($1, $3, 'wallet', 98, -4, 2000000, 'adjustment', '2020-01-01', 'x', 'y')",
            transfer,
            wallet,
            house,
        )

        rows = await book.eyes.fetch(
            "SELECT account_kind, seq, balance_after, created_at > now() - interval '1 minute' AS is_now, length(hash) AS hashed"
            " FROM ledger_entries WHERE transfer_id = $1 ORDER BY amount DESC",
            transfer,
        )
        assert [tuple(row) for row in rows] == [("wallet", 2, 9, True, 32), ("revenue", 1, -4, True, 32)]
        assert await book.broken() == set()


class TestTransfer:
    async def test_that_ends_a_hold_a_second_time_is_refused(self, book: Book) -> None:
        _, user_id = await book.wallet(5)
        hold_id = await book.hold(user_id, 2)
        await book.release(hold_id)

        for entry_type in ("generation_capture", "generation_release"):
            with pytest.raises(asyncpg.UniqueViolationError):
                await book.eyes.execute("INSERT INTO ledger_transfers (entry_type, hold_id) VALUES ($1, $2)", entry_type, hold_id)

    async def test_that_ends_no_hold_is_refused(self, book: Book) -> None:
        with pytest.raises(asyncpg.CheckViolationError, match="ends_have_hold"):
            await book.eyes.execute("INSERT INTO ledger_transfers (entry_type) VALUES ('generation_release')")

    async def test_of_an_unknown_type_is_refused(self, book: Book) -> None:
        with pytest.raises(asyncpg.CheckViolationError, match="entry_type_known"):
            await book.eyes.execute("INSERT INTO ledger_transfers (entry_type) VALUES ('gift')")


class TestAccount:
    async def test_of_a_user_is_one(self, book: Book) -> None:
        _, user_id = await book.wallet(5)

        with pytest.raises(asyncpg.UniqueViolationError):
            await book.eyes.execute("INSERT INTO ledger_accounts (kind, user_id) VALUES ('wallet', $1)", user_id)

    async def test_of_the_house_has_32_stripes_of_each_kind(self, book: Book) -> None:
        rows = await book.eyes.fetch("SELECT kind, count(DISTINCT stripe) FROM ledger_accounts WHERE user_id IS NULL GROUP BY kind")

        assert dict(map(tuple, rows)) == dict.fromkeys(("holds", "revenue", "grants", "stars", "provider_loss"), 32)

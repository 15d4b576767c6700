"""A frozen wallet: nothing new begins in it, what runs ends, and an operator lets it go."""

import asyncio

import asyncpg
import pytest

from app.domain.ledger import service as ledger
from app.domain.ledger.errors import AccountFrozenError, AccountNotFrozenError
from app.domain.ledger.schemas import Violation
from tests.domain.ledger.conftest import MEMO, Book


async def account_of(book: Book, user_id: int) -> int:
    account: int = await book.eyes.fetchval("SELECT id FROM ledger_accounts WHERE user_id = $1", user_id)
    return account


async def freeze(book: Book, *accounts: int, invariant: str = "I2", evidence: str = "what was found") -> list[int]:
    async with book.resources.transaction() as session:
        return await ledger.freeze(session, invariant, [Violation(account, "at seq 1", evidence) for account in accounts])


async def lift(book: Book, account: int) -> None:
    async with book.resources.transaction() as session:
        await ledger.lift(session, account, reason="looked at it")


async def a_frozen_wallet(book: Book, amount: int) -> tuple[int, int, int]:
    telegram_id, user_id = await book.wallet(amount)
    account = await account_of(book, user_id)
    assert await freeze(book, account) == [account]
    return telegram_id, user_id, account


class TestAFrozenWallet:
    async def test_takes_no_hold_grant_or_adjustment(self, book: Book) -> None:
        telegram_id, user_id, _ = await a_frozen_wallet(book, 10)

        with pytest.raises(AccountFrozenError) as refused:
            await book.hold(user_id, 1)
        for amount in (1, -1):
            with pytest.raises(AccountFrozenError):
                await book.grant(telegram_id, amount)

        assert (refused.value.status, refused.value.code) == (423, "account_frozen")
        assert await book.balance(telegram_id) == (10, 0)

    async def test_is_refused_by_the_database_whoever_writes(self, book: Book) -> None:
        _, _, account = await a_frozen_wallet(book, 10)
        house = await book.eyes.fetchval("SELECT id FROM ledger_accounts WHERE kind = 'holds' AND stripe = 0")

        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="is frozen"):
            await book.eyes.execute(
                "WITH moved AS (INSERT INTO ledger_transfers (entry_type) VALUES ('generation_hold') RETURNING id)"
                " INSERT INTO ledger_entries (transfer_id, account_id, amount, entry_type)"
                " SELECT id, account, amount, 'generation_hold'"
                " FROM moved, (VALUES ($1::bigint, -1), ($2, 1)) leg (account, amount)",
                account,
                house,
            )

    @pytest.mark.parametrize(("end", "left"), [("capture", (6, 0)), ("release", (10, 0))])
    async def test_lets_what_runs_end(self, book: Book, end: str, left: tuple[int, int]) -> None:
        telegram_id, user_id = await book.wallet(10)
        hold_id = await book.hold(user_id, 4)
        await freeze(book, await account_of(book, user_id))

        await getattr(book, end)(hold_id)

        assert await book.balance(telegram_id) == left

    async def test_leaves_every_other_wallet_alone(self, book: Book) -> None:
        await a_frozen_wallet(book, 10)
        telegram_id, user_id = await book.wallet(5)

        await book.hold(user_id, 5)

        assert await book.balance(telegram_id) == (0, 5)

    async def test_is_used_again_after_the_lift(self, book: Book) -> None:
        telegram_id, user_id, account = await a_frozen_wallet(book, 10)

        await lift(book, account)

        await book.hold(user_id, 1)
        assert await book.balance(telegram_id) == (9, 1)
        with pytest.raises(AccountNotFrozenError):
            await lift(book, account)


class TestAFreeze:
    async def test_is_one_however_often_the_same_is_found(self, book: Book) -> None:
        _, _, account = await a_frozen_wallet(book, 10)

        assert await freeze(book, account) == []
        async with book.resources.reading() as session:
            assert [(row.account_id, row.invariant, row.violation) for row in await ledger.frozen(session)] == [
                (account, "I2", "at seq 1")
            ]

    async def test_of_what_was_lifted_does_not_come_back(self, book: Book) -> None:
        _, user_id, account = await a_frozen_wallet(book, 10)
        await lift(book, account)

        assert await freeze(book, account) == []
        await book.hold(user_id, 1)

    async def test_of_something_new_comes_after_the_lift(self, book: Book) -> None:
        _, user_id, account = await a_frozen_wallet(book, 10)
        await lift(book, account)

        assert await freeze(book, account, evidence="another thing") == [account]
        with pytest.raises(AccountFrozenError):
            await book.hold(user_id, 1)

    async def test_never_stops_the_house(self, book: Book) -> None:
        house = [row["id"] for row in await book.eyes.fetch("SELECT id FROM ledger_accounts WHERE kind <> 'wallet'")]
        telegram_id, user_id = await book.wallet(5)

        assert await freeze(book, *house) == []

        await book.capture(await book.hold(user_id, 5))
        assert await book.balance(telegram_id) == (0, 0)

    async def test_that_comes_first_refuses_the_hold_that_waits_for_it(self, book: Book) -> None:
        telegram_id, user_id = await book.wallet(10)
        account = await account_of(book, user_id)

        async with book.resources.transaction() as session:
            await ledger.freeze(session, "I2", [Violation(account, "at seq 1", "what was found")])
            waiting = asyncio.ensure_future(book.hold(user_id, 1))
            await until_somebody_waits(book)

        with pytest.raises(AccountFrozenError):
            await waiting
        assert await book.balance(telegram_id) == (10, 0)

    async def test_that_comes_second_waits_for_the_hold(self, book: Book) -> None:
        telegram_id, user_id = await book.wallet(10)
        account = await account_of(book, user_id)

        async with book.resources.transaction() as session:
            await ledger.hold(session, user_id=user_id, amount=1, memo=MEMO)
            waiting = asyncio.ensure_future(freeze(book, account))
            await until_somebody_waits(book)

        assert await waiting == [account]
        assert await book.balance(telegram_id) == (9, 1)


async def until_somebody_waits(book: Book) -> None:
    async with asyncio.timeout(5):
        while not await book.eyes.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
            await asyncio.sleep(0.01)

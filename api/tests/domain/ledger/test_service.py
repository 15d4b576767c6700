"""The verbs of money: what moves where, and what is refused."""

import pytest

from app.domain.ledger.errors import HoldEndedError, InsufficientCreditsError
from app.domain.ledger.rules import stripe_of
from app.domain.users.errors import UserNotFoundError
from tests.domain.ledger.conftest import Book
from tests.factories import new_telegram_id


class TestGrant:
    async def test_moves_credits_from_the_house_into_the_wallet(self, book: Book) -> None:
        telegram_id, _ = await book.wallet(7)

        assert await book.balance(telegram_id) == (7, 0)
        assert await book.legs("grant") == [("wallet", 7), ("grants", -7)]

    async def test_creates_somebody_unknown(self, book: Book) -> None:
        telegram_id = new_telegram_id()

        assert await book.grant(telegram_id, 3) == 3
        assert await book.eyes.fetchval("SELECT count(*) FROM users WHERE telegram_id = $1", telegram_id) == 1

    async def test_takes_back_as_an_adjustment(self, book: Book) -> None:
        telegram_id, _ = await book.wallet(7)

        assert await book.grant(telegram_id, -7) == 0
        assert await book.legs("adjustment") == [("wallet", -7), ("grants", 7)]

    async def test_never_takes_more_than_there_is(self, book: Book) -> None:
        telegram_id, _ = await book.wallet(7)

        with pytest.raises(InsufficientCreditsError) as refused:
            await book.grant(telegram_id, -8)

        assert refused.value.members == {"balance": 7, "required": 8}
        assert await book.balance(telegram_id) == (7, 0)

    async def test_never_takes_what_is_held(self, book: Book) -> None:
        telegram_id, user_id = await book.wallet(7)
        await book.hold(user_id, 5)

        with pytest.raises(InsufficientCreditsError):
            await book.grant(telegram_id, -3)

    async def test_writes_the_reason_on_the_statement(self, book: Book) -> None:
        await book.wallet(7)

        rows = await book.eyes.fetch("SELECT reference_id, description FROM ledger_entries")
        assert {tuple(row) for row in rows} == {("reference", "a reason")}


class TestHold:
    async def test_moves_credits_into_the_houses_holds(self, book: Book) -> None:
        telegram_id, user_id = await book.wallet(7)
        await book.hold(user_id, 3)

        assert await book.balance(telegram_id) == (4, 3)
        assert await book.legs("generation_hold") == [("wallet", -3), ("holds", 3)]

    async def test_takes_the_last_credit(self, book: Book) -> None:
        telegram_id, user_id = await book.wallet(1)
        await book.hold(user_id, 1)

        assert await book.balance(telegram_id) == (0, 1)

    async def test_refuses_when_balance_is_short(self, book: Book) -> None:
        telegram_id, user_id = await book.wallet(2)

        with pytest.raises(InsufficientCreditsError) as refused:
            await book.hold(user_id, 3)

        assert (refused.value.status, refused.value.code) == (402, "insufficient_credits")
        assert refused.value.members == {"balance": 2, "required": 3}
        assert await book.balance(telegram_id) == (2, 0)

    async def test_refuses_a_user_without_a_wallet(self, book: Book) -> None:
        user_id = await book.eyes.fetchval("INSERT INTO users (telegram_id) VALUES (7) RETURNING id")

        with pytest.raises(InsufficientCreditsError) as refused:
            await book.hold(user_id, 1)

        assert refused.value.members == {"balance": 0, "required": 1}

    async def test_goes_to_the_stripe_of_the_user(self, book: Book) -> None:
        _, user_id = await book.wallet(1)
        await book.hold(user_id, 1)

        stripe = await book.eyes.fetchval(
            "SELECT stripe FROM ledger_accounts account JOIN ledger_entries entry ON entry.account_id = account.id"
            " WHERE entry.account_kind = 'holds'"
        )
        assert stripe == stripe_of(user_id)


class TestCapture:
    async def test_moves_what_was_held_into_revenue(self, book: Book) -> None:
        telegram_id, user_id = await book.wallet(7)
        await book.capture(await book.hold(user_id, 3))

        assert await book.balance(telegram_id) == (4, 0)
        assert await book.legs("generation_capture") == [("revenue", 3), ("holds", -3)]

    async def test_ends_a_hold_once(self, book: Book) -> None:
        telegram_id, user_id = await book.wallet(7)
        hold_id = await book.hold(user_id, 3)
        await book.capture(hold_id)

        with pytest.raises(HoldEndedError):
            await book.capture(hold_id)

        assert await book.balance(telegram_id) == (4, 0)

    async def test_refuses_what_is_no_hold(self, book: Book) -> None:
        await book.wallet(7)
        grant_id = await book.eyes.fetchval("SELECT id FROM ledger_transfers")

        for wrong in (grant_id, grant_id + 1000, -1):
            with pytest.raises(HoldEndedError):
                await book.capture(wrong)


class TestRelease:
    async def test_gives_back_what_was_held(self, book: Book) -> None:
        telegram_id, user_id = await book.wallet(7)
        await book.release(await book.hold(user_id, 3))

        assert await book.balance(telegram_id) == (7, 0)
        assert await book.legs("generation_release") == [("wallet", 3), ("holds", -3)]

    async def test_after_a_capture_is_refused(self, book: Book) -> None:
        telegram_id, user_id = await book.wallet(7)
        hold_id = await book.hold(user_id, 3)
        await book.capture(hold_id)

        with pytest.raises(HoldEndedError):
            await book.release(hold_id)

        assert await book.balance(telegram_id) == (4, 0)

    async def test_before_a_capture_makes_the_capture_fail(self, book: Book) -> None:
        telegram_id, user_id = await book.wallet(7)
        hold_id = await book.hold(user_id, 3)
        await book.release(hold_id)

        with pytest.raises(HoldEndedError):
            await book.capture(hold_id)

        assert await book.balance(telegram_id) == (7, 0)


class TestBalance:
    async def test_of_somebody_unknown_is_refused(self, book: Book) -> None:
        with pytest.raises(UserNotFoundError):
            await book.balance(new_telegram_id())

    async def test_is_what_the_entries_add_up_to(self, book: Book) -> None:
        telegram_id, user_id = await book.wallet(10)
        await book.release(await book.hold(user_id, 4))
        await book.capture(await book.hold(user_id, 2))
        await book.hold(user_id, 3)

        rows = await book.eyes.fetch(
            "SELECT account_kind, sum(amount)::int FROM ledger_entries GROUP BY account_kind ORDER BY account_kind"
        )
        assert dict(map(tuple, rows)) == {"grants": -10, "holds": 3, "revenue": 2, "wallet": 5}
        assert await book.balance(telegram_id) == (5, 3)
        assert await book.broken() == set()

    async def test_counts_every_open_hold_and_no_ended_one(self, book: Book) -> None:
        telegram_id, user_id = await book.wallet(100)
        for _ in range(5):
            await book.release(await book.hold(user_id, 7))
        await book.hold(user_id, 1)
        await book.hold(user_id, 2)

        assert await book.balance(telegram_id) == (97, 3)

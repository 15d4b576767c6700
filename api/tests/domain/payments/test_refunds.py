"""Giving Stars back: credits first, then Telegram, and whatever happens in between they go back once or not at all."""

from typing import Any

import pytest

from app.core.errors import RassomError
from app.domain.ledger.errors import InsufficientCreditsError
from app.domain.payments import jobs, service
from app.domain.payments.errors import (
    ChargeNotFoundError,
    RefundInFlightError,
    RefundRefusedError,
    RefundUnknownError,
    TelegramNotConfiguredError,
)
from app.resources import open_resources
from tests.factories import Shop, changed
from tests.payments import an_order_of_credits, moves, pay, tell_of_refund
from tests.telegram_side import TelegramSide

ASIDE = [("topup", 10), ("refund", -10)]
RETURNED = [*ASIDE, ("refund", 10)]


async def a_payment(shop: Shop, telegram: TelegramSide) -> tuple[dict[str, Any], str]:
    """A paid order of 10 credits and its charge id, which Telegram knows as well."""
    order = await an_order_of_credits(shop)
    charge_id = await telegram.take(order)
    assert (await pay(shop, order, charge_id)).status_code == 200
    return order, charge_id


async def refund(shop: Shop, charge_id: str) -> bool:
    return await jobs.refund(shop.resources, charge_id, actor="cli", reason="asked for it")


async def refused(shop: Shop, charge_id: str, error: type[RassomError]) -> None:
    with pytest.raises(error):
        await refund(shop, charge_id)


async def status(shop: Shop, order: dict[str, Any]) -> str:
    found = await shop.http.get(f"/payments/orders/{order['id']}", params={"telegram_id": order["telegram_id"]})
    return str(found.json()["status"])


async def begin(shop: Shop, charge_id: str) -> Any:
    """Set aside and claim, as somebody does who dies before Telegram's answer."""
    async with shop.resources.transaction() as session:
        return await service.begin_refund(session, charge_id, actor="cli", reason="asked for it")


async def let_the_lease_end(shop: Shop) -> None:
    await shop.eyes.execute("UPDATE payment_refunds SET lease_until = now()")


class TestRefund:
    async def test_takes_the_credits_and_gives_the_stars_once(self, shop: Shop, telegram: TelegramSide) -> None:
        order, charge_id = await a_payment(shop, telegram)

        assert [await refund(shop, charge_id) for _ in range(2)] == [True, False]

        assert await moves(shop, order["telegram_id"]) == ASIDE
        assert (await status(shop, order), telegram.refunds(), telegram.asked("refundStarPayment")) == ("refunded", [charge_id], 1)
        await shop.check_books()

    async def test_of_credits_that_are_spent_is_refused_before_telegram_is_asked(self, shop: Shop, telegram: TelegramSide) -> None:
        order, charge_id = await a_payment(shop, telegram)
        await shop.grant(order["telegram_id"], -1)

        await refused(shop, charge_id, InsufficientCreditsError)

        assert (await shop.balance(order["telegram_id"]), await status(shop, order)) == ((9, 0), "paid")
        assert telegram.asked("refundStarPayment") == 0

    async def test_of_a_payment_nobody_knows_is_refused(self, shop: Shop) -> None:
        await refused(shop, "stx-nobody", ChargeNotFoundError)

    async def test_that_telegram_refuses_gives_the_credits_back_and_may_be_tried_again(
        self, shop: Shop, telegram: TelegramSide
    ) -> None:
        order, charge_id = await a_payment(shop, telegram)
        await telegram.fault("403")

        await refused(shop, charge_id, RefundRefusedError)
        assert (await moves(shop, order["telegram_id"]), await status(shop, order)) == (RETURNED, "paid")
        await shop.check_books()

        assert await refund(shop, charge_id)
        assert (await moves(shop, order["telegram_id"]), await status(shop, order)) == ([*RETURNED, ("refund", -10)], "refunded")
        await shop.check_books()

    async def test_of_stars_that_had_gone_back_counts_as_done(self, shop: Shop, telegram: TelegramSide) -> None:
        order, charge_id = await a_payment(shop, telegram)
        await telegram.give_back(charge_id)

        assert await refund(shop, charge_id)

        assert (await status(shop, order), telegram.refunds()) == ("refunded", [charge_id])

    async def test_needs_a_bot(self, shop: Shop) -> None:
        async with open_resources(changed(shop.settings, bot_token=None), program="tests") as resources:
            with pytest.raises(TelegramNotConfiguredError):
                await jobs.refund(resources, "stx-1", actor="cli", reason="asked for it")


class TestARefundInDoubt:
    @pytest.mark.parametrize("kind", ["cut_after", "500", "502", "429"])
    async def test_keeps_the_credits_aside_until_it_is_known(self, shop: Shop, telegram: TelegramSide, kind: str) -> None:
        order, charge_id = await a_payment(shop, telegram)
        await telegram.fault(kind)

        await refused(shop, charge_id, RefundUnknownError)
        assert (await moves(shop, order["telegram_id"]), await status(shop, order)) == (ASIDE, "refunding")
        await shop.check_books()

        report = await jobs.reconcile(shop.resources)
        # A refund that was carried out stands in the list of transactions, and nobody needs to be asked.
        assert (report.ended, report.refunded) == ((0, 1) if kind == "cut_after" else (1, 0))
        assert (await moves(shop, order["telegram_id"]), await status(shop, order)) == (ASIDE, "refunded")
        assert telegram.refunds() == [charge_id]
        await shop.check_books()

    async def test_is_not_returned_for_a_refusal_that_tells_nothing_of_it(self, shop: Shop, telegram: TelegramSide) -> None:
        order, charge_id = await a_payment(shop, telegram)
        for kind in ("500_after", "403"):
            await telegram.fault(kind)
            await refused(shop, charge_id, RefundUnknownError)

        assert (await moves(shop, order["telegram_id"]), await status(shop, order)) == (ASIDE, "refunding")
        assert await refund(shop, charge_id)
        assert (await status(shop, order), telegram.refunds()) == ("refunded", [charge_id])

    async def test_of_somebody_who_died_is_ended_when_the_lease_is_over(self, shop: Shop, telegram: TelegramSide) -> None:
        order, charge_id = await a_payment(shop, telegram)
        await begin(shop, charge_id)

        await refused(shop, charge_id, RefundInFlightError)
        assert (await jobs.reconcile(shop.resources)).ended == 0
        await let_the_lease_end(shop)
        assert (await jobs.reconcile(shop.resources)).ended == 1

        assert (await moves(shop, order["telegram_id"]), await status(shop, order)) == (ASIDE, "refunded")
        assert telegram.refunds() == [charge_id]

    async def test_is_out_of_the_hands_of_whoever_lost_the_claim(self, shop: Shop, telegram: TelegramSide) -> None:
        order, charge_id = await a_payment(shop, telegram)
        stale = await begin(shop, charge_id)
        await let_the_lease_end(shop)
        await begin(shop, charge_id)
        before = await shop.eyes.fetchrow("SELECT * FROM payment_refunds")

        async with shop.resources.transaction() as session:
            assert not await service.end_refund(session, stale)
            assert not await service.return_refund(session, stale, error="a test")
            await service.doubt_refund(session, stale, error="a test")

        assert await shop.eyes.fetchrow("SELECT * FROM payment_refunds") == before
        assert await moves(shop, order["telegram_id"]) == ASIDE

    async def test_ends_with_the_bots_notice(self, shop: Shop, telegram: TelegramSide) -> None:
        order, charge_id = await a_payment(shop, telegram)
        late = await begin(shop, charge_id)

        assert (await tell_of_refund(shop, order, charge_id)).json()["order"]["status"] == "refunded"

        async with shop.resources.transaction() as session:
            assert not await service.return_refund(session, late, error="a test")
        assert await moves(shop, order["telegram_id"]) == ASIDE
        await shop.check_books()

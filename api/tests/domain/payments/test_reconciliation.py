"""Telegram's list of transactions against what was credited: nothing that was paid stays unseen, and nothing counts twice."""

import pytest

from app.domain.payments import jobs
from app.domain.payments.errors import TelegramUnavailableError
from app.resources import open_resources
from app.telegram.stars import PAGE_SIZE
from tests.factories import Shop, changed, new_telegram_id, written_log
from tests.payments import an_order_of_credits, moves, pay
from tests.telegram_side import TelegramSide

NOBODYS = "019e5d2a-6b1c-7c52-9d39-1f6f2a3b4c5d"
STRANGER = {"id": "", "telegram_id": 77, "price_stars": 1}
"""An order of somebody whom this shop does not know: not bought with one of its invoices."""


async def position(shop: Shop) -> int | None:
    found: int | None = await shop.eyes.fetchval("SELECT position FROM payment_positions")
    return found


class TestReconcile:
    async def test_credits_what_an_update_lost_once(self, shop: Shop, telegram: TelegramSide) -> None:
        lost, told = [await an_order_of_credits(shop) for _ in range(2)]
        charge_id = await telegram.take(lost)
        await pay(shop, told, await telegram.take(told))

        reports = [await jobs.reconcile(shop.resources) for _ in range(2)]

        assert [(each.seen, each.credited, each.strays) for each in reports] == [(2, 1, []), (2, 0, [])]
        assert [await moves(shop, each["telegram_id"]) for each in (lost, told)] == [[("topup", 10)]] * 2
        assert (await pay(shop, lost, charge_id)).json()["is_new"] is False
        assert await shop.eyes.fetch("SELECT source FROM payment_charges ORDER BY id") == [("update",), ("reconcile",)]
        await shop.check_books()

    async def test_notes_a_refund_that_was_made_elsewhere(self, shop: Shop, telegram: TelegramSide) -> None:
        order = await an_order_of_credits(shop)
        await telegram.give_back(await telegram.take(order))

        reports = [await jobs.reconcile(shop.resources) for _ in range(2)]

        assert [(each.credited, each.refunded) for each in reports] == [(1, 1), (0, 0)]
        assert await moves(shop, order["telegram_id"]) == [("topup", 10), ("refund", -10)]
        await shop.check_books()

    async def test_tells_of_money_that_fits_no_order(self, shop: Shop, telegram: TelegramSide) -> None:
        order = await an_order_of_credits(shop)
        wrong = {
            "order_not_found": await telegram.take(order, payload=NOBODYS),
            "wrong_amount": await telegram.take(order, stars=49),
            "wrong_user": await telegram.take(order, telegram_id=new_telegram_id()),
        }

        with written_log() as log:
            report = await jobs.reconcile(shop.resources)

        assert {stray.reason: stray.charge_id for stray in report.strays} == wrong
        assert log.getvalue().count("payment_stray") == len(wrong)
        assert await moves(shop, order["telegram_id"]) == []

    async def test_goes_on_where_it_ended(self, shop: Shop, telegram: TelegramSide) -> None:
        somebody = await an_order_of_credits(shop)
        for _ in range(2 * PAGE_SIZE + 7):
            await telegram.take(somebody, payload="")
        await jobs.reconcile(shop.resources)
        late = await an_order_of_credits(shop)
        await telegram.take(late)

        before = telegram.asked("getStarTransactions")
        report = await jobs.reconcile(shop.resources)

        assert (await position(shop), report.seen, report.credited) == (2 * PAGE_SIZE + 8, PAGE_SIZE + 1, 1)
        assert telegram.asked("getStarTransactions") == before + 2
        assert (await jobs.reconcile(shop.resources, from_start=True)).seen == 2 * PAGE_SIZE + 8

    async def test_begins_anew_with_a_telegram_that_did(self, shop: Shop, telegram: TelegramSide) -> None:
        for _ in range(PAGE_SIZE + 9):
            await telegram.take(STRANGER)
        await jobs.reconcile(shop.resources)
        telegram.running.telegram.reset()
        await telegram.take(await an_order_of_credits(shop))

        assert (await jobs.reconcile(shop.resources)).credited == 1
        assert await position(shop) == 1

    async def test_moves_nothing_while_telegram_cannot_be_asked(self, shop: Shop, telegram: TelegramSide) -> None:
        await telegram.take(await an_order_of_credits(shop))
        await telegram.fault("502", "getStarTransactions", times=2)

        with pytest.raises(TelegramUnavailableError):
            await jobs.reconcile(shop.resources)
        with written_log() as log:
            await jobs.reconcile_hourly(shop.resources)
        assert ("payments_not_reconciled" in log.getvalue(), await position(shop)) == (True, None)

        await jobs.reconcile_hourly(shop.resources)
        assert await position(shop) == 1


class TestSchedule:
    async def test_is_every_hour_and_only_with_a_bot(self, shop: Shop) -> None:
        (schedule,) = jobs.wire_jobs(shop.resources)
        await schedule.work()

        assert (schedule.name, schedule.cron) == ("reconcile_payments", "23 * * * *")
        assert await position(shop) == 0
        async with open_resources(changed(shop.settings, bot_token=None), program="tests") as without:
            assert jobs.wire_jobs(without) == []

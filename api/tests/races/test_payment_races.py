"""Money that many tell of at once, with real commits: credited once, given back once, and never below zero."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from app.core.config import Settings
from app.domain.ledger.errors import InsufficientCreditsError
from app.domain.payments import jobs
from app.domain.payments.errors import RefundInFlightError
from app.embedded import ports
from simulator.server import RunningSimulator
from tests.cli.program import program
from tests.credentials import BOT_TOKEN
from tests.factories import Shop, changed, open_shop
from tests.payments import TEN, an_order_of_credits, moves, new_charge_id, pay, tell_of_refund
from tests.races.test_two_processes import until_it_answers
from tests.telegram_side import TelegramSide

AT_ONCE = 50
TWENTY = 20
BUYERS = 8


@pytest.fixture
def settings(settings: Settings, telegram: TelegramSide) -> Settings:
    return changed(settings, bot_token=BOT_TOKEN, telegram_api_base_url=telegram.url, database_pool_size=TWENTY)


@pytest.fixture
async def shops(settings: Settings, simulator: RunningSimulator, tmp_path: Path) -> AsyncIterator[list[Shop]]:
    """The same shop through an API here and through an API in another process."""
    there = changed(settings, port=ports.free_ports(1)[0])
    async with AsyncExitStack() as stack:
        stack.enter_context(program(there, tmp_path / "api", "api"))
        url = f"http://{there.host}:{there.port}"
        await until_it_answers(url)
        here = await stack.enter_async_context(open_shop(settings, simulator))
        yield [here, await stack.enter_async_context(Shop.open(url, there, simulator))]


async def a_payment(shop: Shop, telegram: TelegramSide) -> tuple[dict[str, Any], str]:
    order = await an_order_of_credits(shop)
    charge_id = await telegram.take(order)
    assert (await pay(shop, order, charge_id)).status_code == 200
    return order, charge_id


async def refund(shop: Shop, charge_id: str) -> str:
    """What came of it, in a word."""
    try:
        is_new = await jobs.refund(shop.resources, charge_id, actor="cli", reason="asked for it")
    except (RefundInFlightError, InsufficientCreditsError) as error:
        return error.code
    return "refunded" if is_new else "was refunded"


class TestCharge:
    async def test_of_fifty_tellings_in_two_processes_one_credits(self, shops: list[Shop]) -> None:
        order, charge_id = await an_order_of_credits(shops[0]), new_charge_id()

        answers = await asyncio.gather(*(pay(shops[number % 2], order, charge_id) for number in range(AT_ONCE)))

        assert Counter((answer.status_code, answer.json()["is_new"]) for answer in answers) == {
            (200, True): 1,
            (200, False): AT_ONCE - 1,
        }
        assert {answer.json()["balance"] for answer in answers} == {10}
        assert await moves(shops[0], order["telegram_id"]) == [("topup", 10)]
        await shops[0].check_books()

    async def test_of_twenty_tellings_in_one_process_one_credits(self, shop: Shop) -> None:
        order, charge_id = await an_order_of_credits(shop), new_charge_id()

        answers = await asyncio.gather(*(pay(shop, order, charge_id) for _ in range(TWENTY)))

        assert {answer.status_code for answer in answers} == {200}
        assert sum(answer.json()["is_new"] for answer in answers) == 1
        await shop.check_books()

    async def test_told_for_two_orders_at_once_credits_one(self, shop: Shop) -> None:
        first = await an_order_of_credits(shop)
        orders, charge_id = [first, await an_order_of_credits(shop, first["telegram_id"])], new_charge_id()

        answers = await asyncio.gather(*(pay(shop, orders[number % 2], charge_id) for number in range(TWENTY)))

        assert sum(answer.status_code == 200 and answer.json()["is_new"] for answer in answers) == 1
        assert {answer.json()["reason"] for answer in answers if answer.status_code != 200} == {"another_order"}
        assert await moves(shop, first["telegram_id"]) == [("topup", 10)]
        await shop.check_books()

    async def test_and_the_reconciliation_credit_it_once_together(self, shop: Shop, telegram: TelegramSide) -> None:
        orders = [await an_order_of_credits(shop) for _ in range(BUYERS)]
        charge_ids = [await telegram.take(order) for order in orders]

        paid = (pay(shop, *payment) for payment in zip(orders, charge_ids, strict=True))
        told, *reports = await asyncio.gather(asyncio.gather(*paid), *(jobs.reconcile(shop.resources) for _ in range(4)))

        news = sum(answer.json()["is_new"] for answer in told) + sum(report.credited for report in reports)
        assert (news, {answer.status_code for answer in told}) == (BUYERS, {200})
        assert [await moves(shop, order["telegram_id"]) for order in orders] == [[("topup", 10)]] * BUYERS
        await shop.check_books()


class TestRefund:
    async def test_of_twenty_one_takes_the_credits_and_one_asks_telegram(self, shop: Shop, telegram: TelegramSide) -> None:
        order, charge_id = await a_payment(shop, telegram)

        outcomes = Counter(await asyncio.gather(*(refund(shop, charge_id) for _ in range(TWENTY))))

        assert (outcomes["refunded"], outcomes.total()) == (1, TWENTY)
        assert outcomes.keys() <= {"refunded", "was refunded", "refund_in_flight"}
        assert (telegram.asked("refundStarPayment"), telegram.refunds()) == (1, [charge_id])
        assert await moves(shop, order["telegram_id"]) == [("topup", 10), ("refund", -10)]
        await shop.check_books()

    async def test_and_an_order_that_spends_its_credits_are_one_of_both(self, shop: Shop, telegram: TelegramSide) -> None:
        await shop.eyes.execute("UPDATE payment_packages SET credits = 1 WHERE id = $1", TEN)
        payments = [await a_payment(shop, telegram) for _ in range(BUYERS)]
        await shop.eyes.execute(
            "INSERT INTO trial_uses (user_id, slot, slot_limit, state, settled_at) SELECT id, 1, 1, 'used', now() FROM users"
        )

        submits = [shop.submit(order["telegram_id"]) for order, _ in payments]
        refunds = [refund(shop, charge_id) for _, charge_id in payments]
        ordered, given_back = await asyncio.gather(asyncio.gather(*submits), asyncio.gather(*refunds))

        ends = {(answer.status_code, outcome) for answer, outcome in zip(ordered, given_back, strict=True)}
        assert ends <= {(202, "insufficient_credits"), (402, "refunded")}
        assert {(await shop.balance(order["telegram_id"]))[0] for order, _ in payments} == {0}
        await shop.check_books()

    async def test_that_everybody_tells_of_at_once_is_one(self, shop: Shop, telegram: TelegramSide) -> None:
        order, charge_id = await a_payment(shop, telegram)
        await telegram.give_back(charge_id)

        await asyncio.gather(
            *(tell_of_refund(shop, order, charge_id) for _ in range(5)),
            *(refund(shop, charge_id) for _ in range(5)),
            *(jobs.reconcile(shop.resources) for _ in range(3)),
        )

        assert await moves(shop, order["telegram_id"]) == [("topup", 10), ("refund", -10)]
        await shop.check_books()

    async def test_made_elsewhere_waits_for_nobody_crosswise(self, shop: Shop, telegram: TelegramSide) -> None:
        paid, charge_id = await a_payment(shop, telegram)
        more = [await an_order_of_credits(shop, paid["telegram_id"]) for _ in range(BUYERS)]
        await shop.grant(paid["telegram_id"], -4)

        answers = await asyncio.gather(tell_of_refund(shop, paid, charge_id), *(pay(shop, order) for order in more))

        assert {answer.status_code for answer in answers} == {200}
        taken = -(await shop.eyes.fetchval("SELECT 10 - shortfall FROM payment_refunds"))
        assert (await shop.balance(paid["telegram_id"]))[0] == 6 + 10 * BUYERS + taken
        await shop.check_books()

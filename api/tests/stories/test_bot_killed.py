"""kill -9 of the bot while it has four things in hand; the next one goes on with all of them."""

import asyncio
from dataclasses import dataclass

import pytest

from tests.seen import Message, has, is_file, is_picture, says
from tests.telegram_shop import LEASE_S, Phone, TelegramShop, broadcast

NEWS = "Скидка <50%> & подарки"
AUDIENCE = 24
BATCH = 10


@dataclass
class Killed:
    """What was in hand when the bot was killed."""

    shop: TelegramShop
    waiting: Phone
    waiting_menu: Message
    sending: Phone
    paying: Phone
    audience: list[Phone]
    writing: Phone


async def a_payment(shop: TelegramShop) -> Phone:
    """Somebody who has paid, and is being told so."""
    phone = await shop.phone()
    await phone.writes("/buy")
    till = await phone.waits_for(has("buy:"))
    await phone.taps(till, "buy:2")
    invoice = await phone.waits_for(lambda message: message["invoice"])
    sent = len(await shop.calls("sendMessage", phone.id))
    await shop.fault("sendMessage", "timeout", seconds=30, chat_id=phone.id)
    await phone.pays(invoice)
    await shop.until_called("sendMessage", phone.id, sent + 1)
    return phone


async def an_audience(shop: TelegramShop) -> list[Phone]:
    """People of a language who have all written to the bot before."""

    async def one() -> Phone:
        phone = await shop.phone("ru")
        await phone.writes("/start")
        await phone.waits_for(has("open:generate"))
        return phone

    return list(await asyncio.gather(*(one() for _ in range(AUDIENCE))))


async def a_sending(shop: TelegramShop) -> Phone:
    """Somebody who sees the preview, and whose file is on its way."""
    phone = await shop.customer(5)
    await shop.fault("sendDocument", "timeout", seconds=30, chat_id=phone.id)
    await phone.orders()
    await shop.until_called("sendDocument", phone.id, 1)
    return phone


@pytest.fixture(scope="module")
async def killed(shared_telegram_shop: TelegramShop) -> Killed:
    shop = shared_telegram_shop
    await shop.calm_provider()
    operator, audience, writing = await shop.operator(), await an_audience(shop), await shop.phone()
    sure = await broadcast(operator, "ru", NEWS)
    sending, paying, waiting = await a_sending(shop), await a_payment(shop), await shop.customer(5)
    await shop.slow_provider(2)
    menu = await waiting.orders("the one that waits")
    await operator.taps(sure, "desk|broadcast-sure")
    await audience[BATCH + 1].waits_for(says(NEWS))
    shop.bot.kill()
    (await shop.telegram.delete("/faults")).raise_for_status()
    await writing.writes("/terms")
    (generation,) = await shop.generations(waiting)
    await shop.api.follow(generation, waiting.id)
    await asyncio.sleep(LEASE_S)
    await shop.bot.start()
    state = Killed(shop, waiting, menu, sending, paying, audience, writing)
    for phone in (waiting, sending):
        await phone.waits_for(is_file)
    return state


class TestKilledBot:
    async def test_between_picture_and_delivery_loses_nothing(self, killed: Killed) -> None:
        seen = await killed.waiting.sees()
        assert [is_picture(each) for each in seen].count(True) == 1
        assert [is_file(each) for each in seen].count(True) == 1
        status = await killed.waiting.waits_for(says("Ready in"))
        assert status["message_id"] == killed.waiting_menu["message_id"]

    async def test_in_the_middle_of_sending_repeats_once(self, killed: Killed) -> None:
        seen = await killed.sending.sees()
        assert [is_picture(each) for each in seen].count(True) == 2
        assert [is_file(each) for each in seen].count(True) == 1

    async def test_takes_over_what_was_written_meanwhile(self, killed: Killed) -> None:
        await killed.writing.waits_for(says("Terms"))

    async def test_credits_a_payment_once_that_it_had_not_answered(self, killed: Killed) -> None:
        await killed.paying.waits_for(says("50 credits were added", "Balance: 50"))
        assert await killed.shop.api.balance(killed.paying.id) == (50, 0)

    async def test_tells_nobody_a_broadcast_twice_and_goes_on_with_it(self, killed: Killed) -> None:
        # Those of the batch that died are not told, whoever they are: at most once is worth more than everybody.
        told: list[int] = []
        async with asyncio.timeout(30):
            while sum(told) < AUDIENCE - BATCH:
                await asyncio.sleep(0.2)
                told = [len([each for each in await phone.sees() if says(NEWS)(each)]) for phone in killed.audience]
        assert set(told) <= {0, 1}

    async def test_leaves_the_books_right(self, killed: Killed) -> None:
        await killed.shop.api.check_books()

"""A picture that is ready gets to its user: through the bad days of Telegram, and at most twice; or nobody is there any more."""

import asyncio

from tests.seen import is_file, is_picture
from tests.telegram_shop import Phone, TelegramShop


async def a_ready_picture(shop: TelegramShop) -> tuple[Phone, int]:
    """Somebody who has ordered, and the id of the generation; its end is awaited, its delivery is not."""
    phone = await shop.customer(5)
    await phone.orders()
    (generation,) = await shop.generations(phone)
    await shop.api.follow(generation, phone.id)
    return phone, int(generation["id"])


async def until_delivery_is(shop: TelegramShop, generation_id: int, state: str, *, within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while await shop.delivery(generation_id) != state:
            await asyncio.sleep(0.05)


class TestTelegramsBadDays:
    async def test_are_waited_for(self, telegram_shop: TelegramShop) -> None:
        await telegram_shop.fault("sendPhoto", "429", times=1, retry_after=1)
        await telegram_shop.fault("sendDocument", "500", times=1)
        phone, generation_id = await a_ready_picture(telegram_shop)
        await phone.waits_for(is_file)
        await until_delivery_is(telegram_shop, generation_id, "delivered")
        assert [is_picture(each) for each in await phone.sees()].count(True) == 1
        assert [is_file(each) for each in await phone.sees()].count(True) == 1

    async def test_with_cut_answers_end_in_one_repeat(self, telegram_shop: TelegramShop) -> None:
        await telegram_shop.fault("sendPhoto", "cut_after", times=5)
        phone, generation_id = await a_ready_picture(telegram_shop)
        await until_delivery_is(telegram_shop, generation_id, "given_up")
        assert [is_picture(each) for each in await phone.sees()].count(True) == 2


class TestLostWords:
    async def test_of_every_start_there_may_be_send_it_once_all_the_same(self, telegram_shop: TelegramShop) -> None:
        async with asyncio.TaskGroup() as group:
            losing = group.create_task(telegram_shop.wire.rob(b"/start HTTP", times=3, within_s=40))
            phone, generation_id = await a_ready_picture(telegram_shop)
        assert losing.result() == 3
        await until_delivery_is(telegram_shop, generation_id, "delivered")
        assert [is_picture(each) for each in await phone.sees()].count(True) == 1

    async def test_of_the_end_are_said_again_and_nothing_is_sent_twice(self, telegram_shop: TelegramShop) -> None:
        await telegram_shop.fault("sendDocument", "429", times=1, retry_after=1)
        phone, generation_id = await a_ready_picture(telegram_shop)
        await telegram_shop.until_called("sendDocument", phone.id, 1)
        assert await telegram_shop.wire.black_hole(for_s=2) > 0
        assert [is_file(each) for each in await phone.sees()].count(True) == 1
        await until_delivery_is(telegram_shop, generation_id, "delivered")
        assert [is_picture(each) for each in await phone.sees()].count(True) == 1


class TestBlockedBot:
    async def test_ends_the_delivery_quietly(self, telegram_shop: TelegramShop) -> None:
        await telegram_shop.slow_provider(1)
        phone = await telegram_shop.customer(5)
        await phone.orders()
        await phone.blocks()
        (generation,) = await telegram_shop.generations(phone)
        await until_delivery_is(telegram_shop, generation["id"], "blocked")
        assert len(await telegram_shop.calls("sendPhoto", phone.id)) == 1
        assert await telegram_shop.api.balance(phone.id) == (4, 0)

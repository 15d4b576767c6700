"""A short while of what `make chaos` does to the shop: its people and its judge, a killed bot, a Telegram that misbehaves."""

import asyncio
import random
import time

from tests import facts, shop_checker, shop_facts
from tests.chaos.shoppers import Shoppers
from tests.telegram_shop import TelegramShop

FAULTS = (("sendPhoto", "429"), ("sendPhoto", "cut_after"), ("sendMessage", "500"), ("editMessageText", "cut_after"))
TOLD_WITHIN_S = 25.0


async def trouble(shop: TelegramShop, shoppers: Shoppers) -> float:
    """Faults, and a kill between a picture and its delivery; when it was killed."""
    for method, kind in FAULTS:
        await shop.fault(method, kind, times=1)
        await asyncio.sleep(0.7)
    shop.bot.kill()
    killed_at = time.time()
    await shop.bot.start()
    await asyncio.sleep(1.5)
    shoppers.closing.set()
    return killed_at


async def until_told(shoppers: Shoppers) -> None:
    async with asyncio.timeout(TOLD_WITHIN_S):
        while await shoppers.untold():
            await asyncio.sleep(0.2)


class TestShopInTrouble:
    async def test_tells_every_end_and_credits_every_payment_once(self, telegram_shop: TelegramShop) -> None:
        dice = random.Random(5)  # noqa: S311 - a seed to repeat it by
        shoppers = Shoppers(telegram_shop.telegram, dice, "a short while", pause_s=0.6)
        await shoppers.arrive(6, telegram_shop.grant)
        async with asyncio.TaskGroup() as group:
            group.create_task(shoppers.live())
            killing = group.create_task(trouble(telegram_shop, shoppers))
        await until_told(shoppers)
        await telegram_shop.reconcile()
        await asyncio.sleep(0.3)

        granted = dict.fromkeys(shoppers.people, 0)
        found = await facts.collect(
            telegram_shop.api.http, telegram_shop.api.control, shoppers.orders, granted, marker=shoppers.run
        )
        seen = await shop_facts.collect(telegram_shop.api.http, telegram_shop.telegram, found, shoppers.people, set())
        seen.blocks, seen.blows = shoppers.blocks, [killing.result()]
        verdict = shop_checker.judge(found, seen)
        assert verdict.violations == []
        assert verdict.counts["told"] > 0
        assert verdict.counts["transactions"] > 0

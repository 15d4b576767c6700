"""The operators' desk: totals, somebody's account, gifts and bans; and a broadcast that a kill does not repeat."""

import asyncio

from tests.seen import has, says
from tests.telegram_shop import OPERATOR, Phone, TelegramShop, broadcast


async def found(operator: Phone, whom: Phone) -> dict[str, object]:
    """The operator looks somebody up; the card."""
    await operator.writes("/admin")
    desk = await operator.waits_for(has("desk|find"))
    await operator.taps(desk, "desk|find")
    written = await operator.writes(str(whom.id))
    return await operator.waits_for(has("desk|grant"), after=written["message_id"])


class TestDesk:
    async def test_is_not_there_for_others(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.phone()
        await phone.writes("/admin")
        await phone.waits_for(says("I did not understand that"))

    async def test_shows_the_totals_of_the_day(self, telegram_shop: TelegramShop) -> None:
        operator = await telegram_shop.operator()
        await operator.writes("/admin")
        desk = await operator.waits_for(has("desk|totals"))
        await operator.taps(desk, "desk|totals")
        assert says("New people:", "Completed:", "⭐")(await operator.message(desk))

    async def test_gives_credits_once_and_writes_down_who_did(self, telegram_shop: TelegramShop) -> None:
        operator, phone = await telegram_shop.operator(), await telegram_shop.customer(1)
        card = await found(operator, phone)
        await operator.taps(card, "desk|grant")
        await operator.writes("25")
        asked = await operator.waits_for(says("Write the reason"))
        await operator.writes("a gift <3")
        sure = await operator.waits_for(has("desk|grant-sure"), after=asked["message_id"])
        await operator.taps_together(sure, "desk|grant-sure", times=3)
        async with asyncio.timeout(5):
            while await telegram_shop.api.balance(phone.id) != (26, 0):
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        assert await telegram_shop.api.balance(phone.id) == (26, 0)

    async def test_bans_and_lifts_a_ban(self, telegram_shop: TelegramShop) -> None:
        operator, phone = await telegram_shop.operator(), await telegram_shop.customer(1)
        card = await found(operator, phone)
        await operator.taps(card, "desk|ban")
        await operator.writes("spam")
        banned = await operator.waits_for(says("Banned since", "spam"))
        assert (await telegram_shop.api.submit(phone.id)).json()["code"] == "banned"
        await operator.taps(banned, "desk|unban")
        await operator.waits_for(has("desk|ban"), after=banned["message_id"] - 1)
        assert (await telegram_shop.api.submit(phone.id)).status_code == 202
        actor = "SELECT actor FROM operator_actions ORDER BY id DESC LIMIT 1"
        assert await telegram_shop.api.eyes.fetchval(actor) == f"telegram:{OPERATOR}"


class TestBroadcast:
    async def test_reaches_those_of_a_language_and_tells_how_far_it_is(self, telegram_shop: TelegramShop) -> None:
        operator = await telegram_shop.operator()
        phones = [await telegram_shop.phone("en") for _ in range(3)]
        other = await telegram_shop.phone("uz")
        for phone in [*phones, other]:
            await phone.writes("/start")
            await phone.waits_for(has("open:generate"))
        await phones[0].blocks()
        sure = await broadcast(operator, "en", "50% <off> & more")
        await operator.taps(sure, "desk|broadcast-sure")
        await phones[-1].waits_for(says("50% <off> & more"))
        done = await operator.waits_for(says("✅ Sent:"), after=sure["message_id"] - 1)
        assert not says("blocked 0")(done)
        assert not [each for each in await other.sees() if says("50%")(each)]

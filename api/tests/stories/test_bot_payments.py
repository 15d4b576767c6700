"""Credits for Stars, through bot, API and Telegram: each payment is credited once, whatever is lost on the way."""

import asyncio

from tests.seen import Message, has, is_picture, labels, says
from tests.telegram_shop import Phone, TelegramShop


async def an_invoice(shop: TelegramShop, phone: Phone, credits_wanted: int = 50) -> Message:
    """Somebody opens the till and taps a package; its invoice."""
    written = await phone.writes("/buy")
    till = await phone.waits_for(has("buy:"), after=written["message_id"])
    packages = (await shop.api.http.get("/payments/packages")).json()
    wanted = next(each for each in packages if each["credits"] == credits_wanted)
    await phone.taps(till, f"buy:{wanted['id']}")
    return await phone.waits_for(lambda message: message["invoice"], after=till["message_id"])


class TestBuying:
    async def test_fifty_credits_and_drawing_with_them(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.customer(1)
        await telegram_shop.grant(phone.id, -1)
        invoice = await an_invoice(telegram_shop, phone)
        assert invoice["invoice"]["currency"] == "XTR"

        assert (await phone.pays(invoice))["paid"]

        await phone.waits_for(says("50 credits were added", "Balance: 50"))
        menu = await phone.asks("a red door")
        assert "✨ Draw · 1 credit" in labels(menu)
        await phone.taps(menu, "menu|go")
        await phone.waits_for(is_picture)
        assert await telegram_shop.api.balance(phone.id) == (49, 0)

    async def test_from_an_old_invoice_is_refused_before_money_moves(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.phone("ru")
        invoice = await an_invoice(telegram_shop, phone)
        await telegram_shop.api.eyes.execute(
            "UPDATE payment_orders SET expires_at = now() - interval '1 minute' WHERE status = 'pending'"
        )
        refused = await phone.pays(invoice)
        assert (refused["paid"], refused["error"]) == (False, "refused")
        assert "Срок счёта истёк" in refused["error_message"]
        assert await telegram_shop.api.balance(phone.id) == (0, 0)


class TestLostUpdate:
    async def test_is_credited_by_the_comparison_with_telegram(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.phone()
        invoice = await an_invoice(telegram_shop, phone)
        assert (await phone.pays(invoice, drop_update=True))["paid"]
        assert await telegram_shop.api.balance(phone.id) == (0, 0)

        await asyncio.gather(telegram_shop.reconcile(), telegram_shop.reconcile())

        assert await telegram_shop.api.balance(phone.id) == (50, 0)


class TestPaysupport:
    async def test_passes_a_complaint_to_the_operators(self, telegram_shop: TelegramShop) -> None:
        operator = await telegram_shop.operator()
        phone = await telegram_shop.phone()
        await phone.writes("/paysupport I paid <twice>")
        await phone.waits_for(says("An operator has it now"))
        told = await operator.waits_for(says("I paid <twice>"))
        assert str(phone.id) in told["text"]

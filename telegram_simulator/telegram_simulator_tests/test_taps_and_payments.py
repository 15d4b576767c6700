"""Taps and their answers; invoices, payments and refunds in Stars."""

import asyncio
from typing import Any

import httpx2
import pytest

from telegram_simulator_tests.conftest import Bot, Person

INVOICE = {
    "title": "50 credits",
    "description": "Fifty pictures",
    "payload": "order-1",
    "currency": "XTR",
    "prices": [{"label": "50 credits", "amount": 75}],
}
KEYS = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}, {"text": "Site", "url": "https://a.uz"}]]}


class TestTap:
    async def test_gives_the_bots_answer(self, bot: Bot, person: Person) -> None:
        sent = await bot.call("sendMessage", chat_id=person.id, text="Ready?", reply_markup=KEYS)
        tapping = asyncio.gather(person.do("tap", message_id=sent["message_id"], text="Go"))
        query = await bot.next("callback_query")
        assert (query["data"], query["from"]["id"], query["message"]["text"]) == ("go", person.id, "Ready?")
        await bot.call("answerCallbackQuery", callback_query_id=query["id"], text="Off we go", show_alert=True)
        ((answer,),) = (await tapping,)
        assert (answer["answered"], answer["text"], answer["show_alert"]) == (True, "Off we go", True)
        too_old = "Bad Request: query is too old and response timeout expired or query ID is invalid"
        assert await bot.refused("answerCallbackQuery", callback_query_id=query["id"]) == too_old

    async def test_is_too_old_after_a_while(self, bot: Bot, person: Person) -> None:
        sent = await bot.call("sendMessage", chat_id=person.id, text="Ready?", reply_markup=KEYS)
        answer = await person.do("tap", message_id=sent["message_id"], data="go", wait_s=0.6)
        assert answer["answered"] is False
        query = await bot.next("callback_query")
        assert "query is too old" in await bot.refused("answerCallbackQuery", callback_query_id=query["id"])

    async def test_needs_a_button_that_is_there(self, bot: Bot, person: Person, control: httpx2.AsyncClient) -> None:
        sent = await bot.call("sendMessage", chat_id=person.id, text="Ready?", reply_markup=KEYS)
        target = {"message_id": sent["message_id"]}
        assert (await control.post(f"/users/{person.id}/tap", json=target | {"data": "x"})).status_code == 404
        assert (await person.do("tap", text="Site", **target))["url"] == "https://a.uz"
        assert (await person.do("tap", data="x", stale=True, wait_s=0, **target))["answered"] is False
        assert (await bot.next("callback_query"))["data"] == "x"


class TestInvoice:
    @pytest.mark.parametrize(
        ("change", "description"),
        [
            ({"provider_token": "x"}, "STARS_INVOICE_INVALID"),
            ({"prices": INVOICE["prices"] * 2}, "STARS_INVOICE_INVALID"),  # type: ignore[operator]
            ({"prices": []}, "there must be at least one price"),
            ({"prices": [{"label": "x", "amount": 0}]}, "CURRENCY_TOTAL_AMOUNT_INVALID"),
            ({"currency": "USD"}, "PAYMENT_PROVIDER_INVALID"),
            ({"title": "x" * 33}, "INVOICE_TITLE_INVALID"),
            ({"payload": "ё" * 65}, "INVOICE_PAYLOAD_INVALID"),
            ({"reply_markup": KEYS}, "REPLY_MARKUP_BUY_EMPTY"),
        ],
    )
    async def test_is_refused(self, bot: Bot, person: Person, change: dict[str, Any], description: str) -> None:
        assert await bot.refused("sendInvoice", **{"chat_id": person.id} | INVOICE | change) == f"Bad Request: {description}"

    async def test_has_a_pay_button_of_its_own(self, bot: Bot, person: Person) -> None:
        sent = await bot.call("sendInvoice", chat_id=person.id, provider_token="", **INVOICE)
        assert sent["invoice"]["total_amount"] == 75
        assert sent["reply_markup"]["inline_keyboard"][0][0]["pay"] is True


async def approve(bot: Bot, **answer: Any) -> dict[str, Any]:
    query = await bot.next("pre_checkout_query")
    await bot.call("answerPreCheckoutQuery", pre_checkout_query_id=query["id"], **answer)
    return query


class TestPay:
    async def test_asks_takes_and_tells(self, bot: Bot, person: Person, control: httpx2.AsyncClient) -> None:
        sent = await bot.call("sendInvoice", chat_id=person.id, **INVOICE)
        paying = asyncio.gather(person.do("pay", message_id=sent["message_id"]))
        query = await approve(bot, ok=True)
        assert (query["currency"], query["total_amount"], query["invoice_payload"]) == ("XTR", 75, "order-1")
        (paid,) = await paying
        told = (await bot.next("message"))["successful_payment"]
        assert told["telegram_payment_charge_id"] == paid["telegram_payment_charge_id"]
        (transaction,) = (await bot.call("getStarTransactions"))["transactions"]
        assert (transaction["id"], transaction["amount"]) == (told["telegram_payment_charge_id"], 75)
        assert transaction["source"]["invoice_payload"] == "order-1"
        assert (await bot.call("getMyStarBalance"))["amount"] == 75
        again = await control.post(f"/users/{person.id}/pay", json={"message_id": sent["message_id"]})
        assert again.status_code == 409

    async def test_takes_nothing_when_the_bot_refuses_or_is_silent(self, bot: Bot, person: Person) -> None:
        sent = await bot.call("sendInvoice", chat_id=person.id, **INVOICE)
        paying = asyncio.gather(person.do("pay", message_id=sent["message_id"]))
        await approve(bot, ok=False, error_message="Sold out")
        assert (await paying)[0] == {"paid": False, "error": "refused", "error_message": "Sold out"}
        assert (await person.do("pay", message_id=sent["message_id"]))["error"] == "timeout"
        late = await bot.next("pre_checkout_query")
        assert "query is too old" in await bot.refused("answerPreCheckoutQuery", pre_checkout_query_id=late["id"], ok=True)
        assert (await bot.call("getStarTransactions"))["transactions"] == []

    async def test_can_lose_the_update_but_not_the_money(self, bot: Bot, person: Person) -> None:
        sent = await bot.call("sendInvoice", chat_id=person.id, **INVOICE)
        paying = asyncio.gather(person.do("pay", message_id=sent["message_id"], drop_update=True))
        await approve(bot, ok=True)
        assert (await paying)[0]["paid"] is True
        assert await bot.updates(wait_s=0) == []
        assert len((await bot.call("getStarTransactions"))["transactions"]) == 1

    async def test_takes_one_payment_of_two_phones(self, bot: Bot, person: Person) -> None:
        sent = await bot.call("sendInvoice", chat_id=person.id, **INVOICE)
        both = asyncio.gather(*(person.do("pay", message_id=sent["message_id"]) for _ in range(2)))
        asked = [await bot.next("pre_checkout_query") for _ in range(2)]
        for query in asked:
            await bot.call("answerPreCheckoutQuery", pre_checkout_query_id=query["id"], ok=True)
        assert sorted(str(paid["error"]) for paid in await both) == ["None", "paid already"]
        assert len((await bot.call("getStarTransactions"))["transactions"]) == 1

    async def test_pays_a_link_as_often_as_one_likes(self, bot: Bot, person: Person) -> None:
        link = await bot.call("createInvoiceLink", **INVOICE)
        for count in (1, 2):
            paying = asyncio.gather(person.do("pay", link=link))
            await approve(bot, ok=True)
            assert (await paying)[0]["paid"] is True
            assert len((await bot.call("getStarTransactions"))["transactions"]) == count


class TestRefund:
    async def paid(self, bot: Bot, person: Person) -> str:
        sent = await bot.call("sendInvoice", chat_id=person.id, **INVOICE)
        paying = asyncio.gather(person.do("pay", message_id=sent["message_id"]))
        await approve(bot, ok=True)
        charge_id: str = (await paying)[0]["telegram_payment_charge_id"]
        await bot.updates()
        return charge_id

    async def test_gives_back_once(self, bot: Bot, person: Person) -> None:
        charge = {"user_id": person.id, "telegram_payment_charge_id": await self.paid(bot, person)}
        assert await bot.call("refundStarPayment", **charge) is True
        assert (await bot.next("message"))["refunded_payment"]["invoice_payload"] == "order-1"
        assert await bot.refused("refundStarPayment", **charge) == "Bad Request: CHARGE_ALREADY_REFUNDED"
        incoming, outgoing = (await bot.call("getStarTransactions"))["transactions"]
        assert incoming["id"] == outgoing["id"] == charge["telegram_payment_charge_id"]
        assert outgoing["receiver"]["user"]["id"] == person.id
        assert "source" not in outgoing
        assert (await bot.call("getMyStarBalance"))["amount"] == 0

    async def test_needs_the_payment_of_that_person(self, bot: Bot, person: Person, control: httpx2.AsyncClient) -> None:
        charge_id = await self.paid(bot, person)
        other = (await control.post("/users", json={"first_name": "Bob"})).json()["id"]
        for user, charge in ((other, charge_id), (person.id, "stx")):
            description = await bot.refused("refundStarPayment", user_id=user, telegram_payment_charge_id=charge)
            assert description == "Bad Request: CHARGE_NOT_FOUND"

    async def test_can_happen_elsewhere(self, bot: Bot, person: Person, control: httpx2.AsyncClient) -> None:
        charge_id = await self.paid(bot, person)
        assert (await control.post(f"/star-transactions/{charge_id}/refund")).status_code == 200
        assert (await bot.next("message"))["refunded_payment"]["telegram_payment_charge_id"] == charge_id

    async def test_transactions_come_in_pages(self, bot: Bot, person: Person) -> None:
        first, second = await self.paid(bot, person), await self.paid(bot, person)
        pages = [(await bot.call("getStarTransactions", offset=offset, limit=1))["transactions"] for offset in range(3)]
        assert [[entry["id"] for entry in page] for page in pages] == [[first], [second], []]

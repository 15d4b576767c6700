"""Methods around money, and the answers to queries."""

from typing import Any

from telegram_simulator.errors import bad_request
from telegram_simulator.markup import read_inline
from telegram_simulator.params import Params
from telegram_simulator.people import note_refund
from telegram_simulator.program import Telegram
from telegram_simulator.sending import send

STARS = "XTR"
TITLE_MAX = 32
DESCRIPTION_MAX = 255
PAYLOAD_BYTES_MAX = 128
LABEL_MAX = 64
STARS_MAX = 25_000
PAGE_MAX = 100
ALERT_MAX = 200


def _read_invoice(params: Params) -> dict[str, Any]:
    """Return the invoice; raises TelegramError for one that nobody could pay with Stars."""
    for name, length_max in (("title", TITLE_MAX), ("description", DESCRIPTION_MAX)):
        if not 0 < len(params.text(name)) <= length_max:
            raise bad_request(f"INVOICE_{name.upper()}_INVALID")
    if not 0 < len(params.text("payload").encode()) <= PAYLOAD_BYTES_MAX:
        raise bad_request("INVOICE_PAYLOAD_INVALID")
    if params.text("currency") != STARS:
        # Every other currency needs a payment provider, and this bot has none.
        raise bad_request("PAYMENT_PROVIDER_INVALID")
    if params.has("provider_token") or params.integer("max_tip_amount") or params.tree("suggested_tip_amounts"):
        raise bad_request("STARS_INVOICE_INVALID")
    return {
        "title": params.text("title"),
        "description": params.text("description"),
        "payload": params.text("payload"),
        "total_amount": _read_price(params.tree("prices", "prices")),
        "photo_url": params.text("photo_url"),
    }


def _read_price(prices: object) -> int:
    if not isinstance(prices, list) or not prices:
        raise bad_request("there must be at least one price")
    for price in prices:
        if not isinstance(price, dict) or not isinstance(price.get("label"), str) or type(price.get("amount")) is not int:
            raise bad_request("can't parse labeled price: expected label and amount")
        if not 0 < len(price["label"]) <= LABEL_MAX:
            raise bad_request("CURRENCY_LABEL_INVALID")
    if len(prices) != 1:
        raise bad_request("STARS_INVOICE_INVALID")
    amount: int = prices[0]["amount"]
    if not 0 < amount <= STARS_MAX:
        raise bad_request("CURRENCY_TOTAL_AMOUNT_INVALID")
    return amount


async def send_invoice(telegram: Telegram, params: Params) -> object:
    """`sendInvoice`; without a keyboard Telegram puts a pay button under it."""
    invoice = _read_invoice(params)
    markup = read_inline(params, is_invoice=True)
    chat = telegram.chats.writable(params.text("chat_id"))
    shown = {
        "title": invoice["title"],
        "description": invoice["description"],
        "start_parameter": params.text("start_parameter"),
        "currency": STARS,
        "total_amount": invoice["total_amount"],
    }
    markup = markup or {"inline_keyboard": [[{"text": f"Pay ⭐️{invoice['total_amount']}", "pay": True}]]}
    return telegram.chats.wire(send(telegram, chat, {"invoice": shown}, params, markup, invoice=invoice))


async def create_invoice_link(telegram: Telegram, params: Params) -> object:
    """`createInvoiceLink`."""
    return telegram.stars.add_link(_read_invoice(params))


async def answer_pre_checkout_query(telegram: Telegram, params: Params) -> object:
    """`answerPreCheckoutQuery`: within ten seconds, else Telegram has given up."""
    is_ok, reason = params.boolean("ok"), params.text("error_message")
    if not is_ok and not reason:
        raise bad_request("error_message must be non-empty when ok is False")
    telegram.checkouts.answer(params.text("pre_checkout_query_id"), {"ok": is_ok, "error_message": reason})
    return True


async def answer_callback_query(telegram: Telegram, params: Params) -> object:
    """`answerCallbackQuery`: once, and while the phone still waits."""
    text = params.text("text")
    if len(text) > ALERT_MAX:
        raise bad_request("MESSAGE_TOO_LONG")
    answer = {"text": text or None, "show_alert": params.boolean("show_alert"), "url": params.text("url") or None}
    telegram.taps.answer(params.text("callback_query_id"), answer)
    return True


async def get_star_transactions(telegram: Telegram, params: Params) -> object:
    """`getStarTransactions`, the oldest first."""
    offset, limit = params.integer("offset"), params.integer("limit", PAGE_MAX)
    if offset < 0 or not 1 <= limit <= PAGE_MAX:
        raise bad_request("invalid offset or limit specified")
    return {"transactions": [entry.wire() for entry in telegram.stars.transactions[offset : offset + limit]]}


async def get_my_star_balance(telegram: Telegram, _: Params) -> object:
    """`getMyStarBalance`."""
    return {"amount": telegram.stars.balance}


async def refund_star_payment(telegram: Telegram, params: Params) -> object:
    """`refundStarPayment`."""
    user_id = params.integer("user_id")
    if user_id not in telegram.chats.users:
        raise bad_request("USER_ID_INVALID" if user_id else "invalid user_id specified")
    note_refund(telegram, telegram.stars.refund(user_id, params.text("telegram_payment_charge_id")))
    return True

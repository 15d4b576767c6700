"""What people do at their phones: write, send pictures, tap buttons, pay, block the bot."""

import json
import secrets
from typing import Any

from telegram_simulator import clock
from telegram_simulator.chats import Chat, Message, User
from telegram_simulator.entities import TEXT_MAX, with_found
from telegram_simulator.files import document_wire, photo_wire
from telegram_simulator.program import Telegram
from telegram_simulator.stars import Transaction

TAP_WAIT_S = 5.0


class PlayError(Exception):
    """Somebody was asked to do what no phone would let them do; the status is the control API's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def _may_write(telegram: Telegram, chat: Chat) -> None:
    if chat.is_blocked:
        raise PlayError(409, "this person has blocked the bot; POST /sim/users/{id}/unblock first")
    if not chat.is_started:
        chat.is_started = True
        telegram.chats.save(chat)


def write(telegram: Telegram, user: User, chat: Chat, text: str, reply_to: int | None = None) -> Message:
    """Send a text to the bot."""
    if not text.strip() or len(text) > TEXT_MAX:
        raise PlayError(400, f"a text has 1 to {TEXT_MAX} characters")
    _may_write(telegram, chat)
    entities = with_found(text, [])
    body: dict[str, Any] = {"text": text} | ({"entities": entities} if entities else {})
    message = telegram.chats.add(chat, user.id, body, reply_to=reply_to)
    telegram.tell_message(message)
    return message


def send_pictures(
    telegram: Telegram, user: User, chat: Chat, pictures: list[tuple[str, bytes]], caption: str, *, as_files: bool
) -> list[Message]:
    """Send one picture, or several as an album: one update for each, with a common `media_group_id`; the first has the caption."""
    _may_write(telegram, chat)
    group = {"media_group_id": str(secrets.randbits(53))} if len(pictures) > 1 else {}
    bodies: list[dict[str, Any]] = []
    for name, content in pictures:
        if as_files:
            bodies.append(group | {"document": document_wire(telegram.files.add_document(name, content))})
        else:
            bodies.append(group | {"photo": photo_wire(telegram.files.add_photo(content))})
    if caption:
        bodies[0] |= {"caption": caption}
        if entities := with_found(caption, []):
            bodies[0] |= {"caption_entities": entities}
    sent = [telegram.chats.add(chat, user.id, body) for body in bodies]
    for message in sent:
        telegram.tell_message(message)
    return sent


def button_of(message: Message, *, data: str | None, text: str | None) -> dict[str, Any]:
    """Return the button of the message's keyboard with this data or this text; raises PlayError when there is none."""
    buttons = [button for row in (message.markup or {}).get("inline_keyboard", []) for button in row]
    for button in buttons:
        if (data is not None and button.get("callback_data") == data) or (text is not None and button["text"] == text):
            found: dict[str, Any] = button
            return found
    raise PlayError(404, f"no such button; there are {json.dumps(buttons, ensure_ascii=False)}")


async def tap(telegram: Telegram, user: User, message: Message, data: str, wait_s: float) -> dict[str, Any]:
    """Tap a button and wait for the bot's answer, as the phone does with its little clock."""
    chat = telegram.chats.chats[message.chat_id]
    _may_write(telegram, chat)
    query = telegram.taps.open()
    payload = {
        "id": query.id,
        "from": user.wire(),
        "message": telegram.chats.wire(message),
        "chat_instance": str(abs(hash((chat.id, telegram.bot.id)))),
        "data": data,
    }
    telegram.tell("callback_query", payload, chat)
    telegram.store.commit()
    answer = await telegram.taps.wait(query, wait_s)
    return {"id": query.id, "answered": answer is not None} | (answer or {"text": None, "show_alert": False, "url": None})


async def pay(
    telegram: Telegram, user: User, chat: Chat, invoice: dict[str, Any], message: Message | None, *, drops_update: bool
) -> dict[str, Any]:
    """Pay an invoice: the bot is asked first, then the Stars are taken, then the bot is told, unless that update is dropped."""
    _may_write(telegram, chat)
    amount = {"currency": "XTR", "total_amount": invoice["total_amount"], "invoice_payload": invoice["payload"]}
    query = telegram.checkouts.open()
    telegram.tell("pre_checkout_query", {"id": query.id, "from": user.wire()} | amount, chat)
    telegram.store.commit()
    answer = await telegram.checkouts.wait(query, telegram.settings.pre_checkout_ttl_s)
    if answer is None:
        return {"paid": False, "error": "timeout", "error_message": None}
    if not answer["ok"]:
        return {"paid": False, "error": "refused", "error_message": answer["error_message"]}
    if message is not None and message.invoice is not None:
        # Two phones may have asked at the same time: an invoice's message is paid once.
        if "paid_by" in message.invoice:
            return {"paid": False, "error": "paid already", "error_message": None}
        message.invoice = message.invoice | {"paid_by": user.id}
        message.markup = {"inline_keyboard": [[{"text": "Receipt", "pay": True}]]}
        telegram.chats.changed(message)
    taken = telegram.stars.pay(user.wire(), invoice["total_amount"], invoice["payload"])
    charge = {"telegram_payment_charge_id": taken.id, "provider_payment_charge_id": f"{user.id}_0"}
    receipt = telegram.chats.add(chat, user.id, {"successful_payment": amount | charge}, is_service=True)
    if not drops_update:
        telegram.tell_message(receipt)
    return {"paid": True, "error": None, "error_message": None, "message_id": receipt.message_id} | amount | charge


def note_refund(telegram: Telegram, refund: Transaction, *, drops_update: bool = False) -> None:
    """Tell the chat, and the bot, that a payment was given back."""
    chat = telegram.chats.chats[refund.user["id"]]
    told = {
        "currency": "XTR",
        "total_amount": refund.amount,
        "invoice_payload": refund.invoice_payload,
        "telegram_payment_charge_id": refund.id,
    }
    message = telegram.chats.add(chat, telegram.bot.id, {"refunded_payment": told}, is_service=True)
    if not drops_update:
        telegram.tell_message(message)


def set_blocked(telegram: Telegram, user: User, *, is_blocked: bool) -> None:
    """Block the bot or take that back; the bot hears of it as of any change of its membership."""
    chat = telegram.chats.chats[user.id]
    if chat.is_blocked == is_blocked:
        return
    chat.is_blocked = is_blocked
    telegram.chats.save(chat)
    bot = telegram.bot.wire() | {"is_bot": True}
    member, kicked = {"status": "member", "user": bot}, {"status": "kicked", "user": bot, "until_date": 0}
    change = (member, kicked) if is_blocked else (kicked, member)
    payload = {
        "chat": telegram.chats.chat_wire(chat),
        "from": user.wire(),
        "date": clock.unix_s(),
        "old_chat_member": change[0],
        "new_chat_member": change[1],
    }
    telegram.tell("my_chat_member", payload, chat)

"""What is let in: no chatter of groups, and not more of one person than a person can mean.

Payments are always let in.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import BaseMiddleware
from aiogram.enums import ChatType
from aiogram.types import Message, TelegramObject, Update, User
from typing_extensions import override

from bot.shop import Shop
from bot.translation import nearest_language, translator

WINDOW_S = 10
UPDATES_MAX = 20

_Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


class Doors(BaseMiddleware):
    """Drops updates before anything is asked of anybody."""

    @override
    async def __call__(self, handler: _Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        if not isinstance(event, Update) or _is_payment(event):
            return await handler(event, data)
        if _is_group_chatter(event) or await _is_too_much(event, data["shop"]):
            return None
        return await handler(event, data)


def _is_payment(update: Update) -> bool:
    message = update.message
    return bool(update.pre_checkout_query or (message and (message.successful_payment or message.refunded_payment)))


def _is_group_chatter(update: Update) -> bool:
    message = update.message
    if message is None or message.chat.type == ChatType.PRIVATE:
        return False
    return not (message.text or "").startswith("/")


async def _is_too_much(update: Update, shop: Shop) -> bool:
    """Counted per person over all processes; told once per window, and not at all after that."""
    event = update.message or update.callback_query
    user = event.from_user if event else None
    if user is None or user.id in shop.settings.admin_ids:
        return False
    album = update.message.media_group_id if update.message else None
    # An album is one thing that somebody did.
    if album and await shop.notes.count(f"album:{album}", window_s=WINDOW_S) != 1:
        return False
    counted = await shop.notes.count(f"updates:{user.id}", window_s=WINDOW_S)
    if counted == UPDATES_MAX + 1:
        await _say_slowly(update, _language(user, shop))
    elif counted > UPDATES_MAX and update.callback_query:
        await update.callback_query.answer()
    return counted > UPDATES_MAX


def _language(user: User, shop: Shop) -> str:
    kept = shop.people.recall_language(user.id)
    return kept or nearest_language(user.language_code)


async def _say_slowly(update: Update, language: str) -> None:
    text = translator(language).plain("too-fast")
    if update.callback_query:
        await update.callback_query.answer(text, show_alert=True)
    elif isinstance(update.message, Message):
        await update.message.answer(text)

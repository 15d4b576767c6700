"""An order from a conversation: once however often it is tapped, and every refusal told."""

from dataclasses import dataclass
from typing import Any

from aiogram.types import InlineKeyboardMarkup, Message

from bot.api import pictures
from bot.api.errors import ApiError, ApiRefusalError
from bot.api.wire import Generation
from bot.buttons import Picture, back_keyboard, button, opening
from bot.drafts import Draft
from bot.logs import get_logger
from bot.people import Person
from bot.shop import Shop
from bot.translation import Translator
from bot.wording import refusal, status

_log = get_logger(__name__)


@dataclass(frozen=True)
class Refused:
    """Why an order was not accepted, in words, with its code and members."""

    code: str
    text: str
    members: dict[str, Any]


async def order(
    shop: Shop, person: Person, draft: Draft, *, status_message: Message, key: str, request_id: str
) -> Generation | Refused:
    """Submit it. From here on `status_message` is the generation's: whoever follows the feed writes into it."""
    context: dict[str, Any] = {
        "chat_id": status_message.chat.id,
        "message_id": status_message.message_id,
        "language": person.language,
    }
    if draft.prompt_message_id is not None:
        context["prompt_message_id"] = draft.prompt_message_id
    came_from = await shop.notes.find(f"start:{person.telegram_id}")
    if came_from is not None:
        context["start"] = came_from
    try:
        accepted = await pictures.submit(shop.api, draft.as_order(person.telegram_id, context), key=key)
    except ApiError as error:
        _log.info("order_refused", code=error.code, telegram_id=person.telegram_id)
        members = dict(error.members) if isinstance(error, ApiRefusalError) else {}
        if error.code in {"price_changed", "model_not_found", "unsupported_parameter"}:
            shop.catalogue.forget()
        return Refused(error.code, refusal(person.t, error, request_id), members)
    return accepted.request


async def tell_refusal(shop: Shop, person: Person, refused: Refused, message: Message) -> None:
    """What an alert is too short for: the running generation, or the way to credits."""
    if refused.code == "insufficient_credits":
        keyboard = InlineKeyboardMarkup(inline_keyboard=[[opening(person.t, "buy")]])
        await message.answer(person.t("no-credits"), reply_markup=keyboard)
    elif refused.code == "active_generation":
        running = await pictures.get(shop.api, person.telegram_id, int(refused.members["active_request_id"]))
        place = running.context_id("message_id") if running.chat_id == message.chat.id else None
        await message.answer(
            status(person.t, running),
            reply_to_message_id=place,
            allow_sending_without_reply=True,
            reply_markup=status_keyboard(person.t, running),
        )


def status_keyboard(t: Translator, generation: Generation) -> InlineKeyboardMarkup | None:
    """What can be done about a generation in this state, at the message that tells it."""
    if generation.status == "queued":
        return InlineKeyboardMarkup(
            inline_keyboard=[[button(t.plain("button-take-back"), Picture(action="cancel", id=generation.id))]]
        )
    if generation.status in {"failed", "cancelled"}:
        return back_keyboard(t)
    return None

"""The messages that tell the end of a generation: preview and original of each picture, or why there is none."""

from dataclasses import dataclass, field
from typing import Any

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import BufferedInputFile, InlineKeyboardMarkup, Message

from bot.api.wire import FileIds, Generation
from bot.buttons import Picture, back_keyboard, button
from bot.delivery.previews import preview
from bot.logs import get_logger
from bot.telegram import is_gone
from bot.translation import Translator
from bot.wording import caption, failure

_log = get_logger(__name__)


@dataclass(frozen=True)
class Original:
    """A picture as the provider made it."""

    content: bytes
    filename: str


@dataclass
class Told:
    """What has been sent so far, as Telegram knows it."""

    message_ids: list[int] = field(default_factory=list)
    file_ids: list[FileIds] = field(default_factory=list)
    # The preview of the next picture, when it is there and its file is not.
    photo: Message | None = None


async def send_pictures(
    bot: Bot, t: Translator, generation: Generation, originals: list[Original], *, price: int | None, told: Told
) -> None:
    """Send each picture that is not in `told` yet, and note it there. Raises TelegramAPIError."""
    for original in originals[len(told.file_ids) :]:
        shown = await preview(original.content) if told.photo is None else None
        if shown:
            told.photo = await _send_photo(bot, t, generation, shown, price)
            told.message_ids += [told.photo.message_id] if told.photo else []
        more = _under(generation) if told.photo else _captioned(t, generation, price)
        file = BufferedInputFile(original.content, original.filename)
        document = await bot.send_document(generation.chat_id or 0, file, disable_content_type_detection=True, **more)
        told.message_ids.append(document.message_id)
        told.file_ids.append(
            FileIds(photo=_photo_id(told.photo), document=document.document.file_id if document.document else None)
        )
        told.photo = None


async def _send_photo(bot: Bot, t: Translator, generation: Generation, shown: bytes, price: int | None) -> Message | None:
    try:
        file = BufferedInputFile(shown, "preview.jpg")
        return await bot.send_photo(generation.chat_id or 0, file, **_captioned(t, generation, price))
    except TelegramBadRequest as error:
        if is_gone(error):
            raise
        # Telegram does not like it as a photo (its sides, say): the file alone will do.
        _log.info("preview_refused", generation_id=generation.id)
        return None


async def send_kept(
    bot: Bot, chat_id: int, t: Translator, generation: Generation, kept: list[FileIds], *, price: int | None
) -> None:
    """Send pictures once more that Telegram has. Raises TelegramAPIError."""
    more: dict[str, Any] = {"caption": caption(t, generation), "reply_markup": picture_keyboard(t, generation, price)}
    for each in kept:
        if each.photo:
            await bot.send_photo(chat_id, each.photo, **more)
        if each.document:
            await bot.send_document(chat_id, each.document, **({} if each.photo else more))


async def send_failure(bot: Bot, t: Translator, generation: Generation, *, price: int | None, told: Told) -> None:
    """Say why there is no picture, and that nothing was charged. Raises TelegramAPIError."""
    rows = [[_again(t, generation, price)]] if price is not None else []
    sent = await bot.send_message(
        generation.chat_id or 0, failure(t, generation), reply_markup=back_keyboard(t, *rows), **_under(generation)
    )
    told.message_ids.append(sent.message_id)


def picture_keyboard(t: Translator, generation: Generation, price: int | None) -> InlineKeyboardMarkup:
    """What can be done with a picture."""
    edit = button(t.plain("button-edit"), Picture(action="edit", id=generation.id))
    reference = button(t.plain("button-reference"), Picture(action="reference", id=generation.id))
    rows = [[_again(t, generation, price)]] if price is not None else []
    return InlineKeyboardMarkup(inline_keyboard=[*rows, [edit, reference]])


def _again(t: Translator, generation: Generation, price: int | None) -> Any:
    return button(t.plain("button-again", price=price or 0), Picture(action="again", id=generation.id, price=price or 0))


def _captioned(t: Translator, generation: Generation, price: int | None) -> dict[str, Any]:
    return {"caption": caption(t, generation), "reply_markup": picture_keyboard(t, generation, price), **_under(generation)}


def _under(generation: Generation) -> dict[str, Any]:
    """Under the words that asked for it, if they are still there."""
    return {"reply_to_message_id": generation.context_id("prompt_message_id"), "allow_sending_without_reply": True}


def _photo_id(message: Message | None) -> str | None:
    return message.photo[-1].file_id if message and message.photo else None

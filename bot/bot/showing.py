"""A screen is shown in place when a button opened it, and as a new message when a command did."""

from typing import Any

from aiogram.exceptions import TelegramBadRequest
from aiogram.types import CallbackQuery, InlineKeyboardMarkup, Message

from bot.buttons import tapped
from bot.telegram import is_as_it_was


async def show(event: Message | CallbackQuery, text: str, keyboard: InlineKeyboardMarkup | None = None, **more: Any) -> Message:
    """Show it; the message that it is in now."""
    if isinstance(event, Message):
        return await event.answer(text, reply_markup=keyboard, **more)
    message = tapped(event)
    if message.text is None:
        # Under a picture a screen has no place: it is a message of its own.
        message = await message.answer(text, reply_markup=keyboard, **more)
    else:
        await redraw(message, text, keyboard)
    await event.answer()
    return message


async def redraw(message: Message, text: str, keyboard: InlineKeyboardMarkup | None) -> None:
    """Change a message of ours that may look like this already."""
    try:
        await message.edit_text(text, reply_markup=keyboard)
    except TelegramBadRequest as error:
        if not is_as_it_was(error):
            raise

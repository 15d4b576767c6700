"""What a button of several screens carries; Telegram takes at most 64 bytes of it."""

from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message

from bot.api.admin_wire import Broadcast
from bot.translation import Translator

SCREENS = ("generate", "history", "profile", "buy", "settings", "help")


class Open(CallbackData, prefix="open"):
    """Opens a screen."""

    screen: str


class Picture(CallbackData, prefix="pic"):
    """Does something with a generation; `price` is what the button says."""

    action: str
    id: int
    price: int = 0


class Desk(CallbackData, prefix="desk", sep="|"):
    """Does something an operator may do; `value` is a day, a Telegram id, a language or a broadcast's id."""

    action: str
    value: str = ""


def button(text: str, data: CallbackData) -> InlineKeyboardButton:
    """A button that brings this back."""
    return InlineKeyboardButton(text=text, callback_data=data.pack())


def opening(t: Translator, screen: str) -> InlineKeyboardButton:
    """The button that opens a screen."""
    return button(t.plain(f"button-{screen}"), Open(screen=screen))


def home_keyboard(t: Translator) -> InlineKeyboardMarkup:
    """The ways from home."""
    pairs = [SCREENS[at : at + 2] for at in range(0, len(SCREENS), 2)]
    return InlineKeyboardMarkup(inline_keyboard=[[opening(t, screen) for screen in pair] for pair in pairs])


def back_keyboard(t: Translator, *rows: list[InlineKeyboardButton]) -> InlineKeyboardMarkup:
    """These rows, and the way home under them."""
    return InlineKeyboardMarkup(inline_keyboard=[*rows, [opening(t, "home")]])


def tapped(query: CallbackQuery) -> Message:
    """The message that the button is on. Raises GoneError when it is too old for Telegram to show it to a bot."""
    if not isinstance(query.message, Message):
        raise GoneError
    return query.message


class GoneError(Exception):
    """The message of a tapped button is not there any more."""


def progress_keyboard(t: Translator, broadcast: Broadcast) -> InlineKeyboardMarkup | None:
    """The way to stop a broadcast that runs."""
    if broadcast.state != "running":
        return None
    return InlineKeyboardMarkup(inline_keyboard=[[button(t.plain("desk-stop"), Desk(action="stop", value=str(broadcast.id)))]])

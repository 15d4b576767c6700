"""Buttons of the operators."""

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from bot.api.admin_wire import AdminUser
from bot.buttons import Desk, button
from bot.translation import LANGUAGES, Translator, translator

ALL = "all"


def _rows(*rows: list[InlineKeyboardButton]) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(inline_keyboard=list(rows))


def back(t: Translator) -> list[InlineKeyboardButton]:
    """The way to the desk."""
    return [button(t.plain("desk-back"), Desk(action="open"))]


def desk_keyboard(t: Translator) -> InlineKeyboardMarkup:
    """What an operator can do."""
    actions = ("totals", "find", "broadcast")
    return _rows(*([button(t.plain(f"desk-{action}"), Desk(action=action))] for action in actions))


def totals_keyboard(t: Translator, day_before: str) -> InlineKeyboardMarkup:
    """The day before, and back."""
    return _rows([button(t.plain("desk-day-before"), Desk(action="totals", value=day_before))], back(t))


def user_keyboard(t: Translator, user: AdminUser) -> InlineKeyboardMarkup:
    """What can be done for or against somebody."""
    turn = "unban" if user.banned_at else "ban"
    who = str(user.telegram_id)
    return _rows(
        [
            button(t.plain("desk-grant"), Desk(action="grant", value=who)),
            button(t.plain(f"desk-{turn}"), Desk(action=turn, value=who)),
        ],
        back(t),
    )


def audience_keyboard(t: Translator) -> InlineKeyboardMarkup:
    """Everybody, or those of one language."""
    languages = [button(translator(code).plain("language-name"), Desk(action="audience", value=code)) for code in LANGUAGES]
    return _rows([button(t.plain("desk-audience-all"), Desk(action="audience", value=ALL))], languages, back(t))


def confirm_keyboard(t: Translator, action: str) -> InlineKeyboardMarkup:
    """Do it, or not."""
    return _rows([button(t.plain("desk-confirm"), Desk(action=action))], back(t))


def only_back(t: Translator) -> InlineKeyboardMarkup:
    """Nothing but the way back."""
    return _rows(back(t))

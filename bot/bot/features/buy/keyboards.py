"""Buttons of the till."""

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardMarkup

from bot.api.wire import Package
from bot.buttons import back_keyboard, button
from bot.translation import Translator


class Buy(CallbackData, prefix="buy"):
    """Orders a package."""

    package_id: int


def packages_keyboard(t: Translator, packages: list[Package]) -> InlineKeyboardMarkup:
    """Each package with its price."""
    rows = [
        [button(t.plain("button-package", credits=each.credits, stars=each.price_stars), Buy(package_id=each.id))]
        for each in packages
    ]
    return back_keyboard(t, *rows)

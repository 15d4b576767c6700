"""Buttons of the settings."""

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardMarkup

from bot.api.wire import CatalogueItem, Preferences
from bot.buttons import back_keyboard, button
from bot.drafts import PARAMETERS, choices
from bot.translation import LANGUAGES, Translator, translator

IN_A_ROW = 3
ANY = "-"


class Choose(CallbackData, prefix="set", sep="|"):
    """Chooses something for good: `what` is language, model, or a parameter; without a value it asks for one."""

    what: str
    value: str = ""


def settings_keyboard(t: Translator, preferred: Preferences, items: list[CatalogueItem]) -> InlineKeyboardMarkup:
    """Languages, the model, and the parameters that it has."""
    languages = [button(_language(t, code), Choose(what="language", value=code)) for code in LANGUAGES]
    rows = [languages, [button(t.plain("settings-model", model=_model_name(t, preferred, items)), Choose(what="model"))]]
    for name in PARAMETERS:
        chosen = next((item for item in items if item.model.id == preferred.model_id), items[0])
        if choices(chosen.model.options, name):
            value = getattr(preferred, name) or t.plain("option-any")
            rows.append(
                [button(t.plain("menu-option", option=t.plain(f"option-{name.replace('_', '-')}"), value=value), Choose(what=name))]
            )
    return back_keyboard(t, *rows)


def choice_keyboard(t: Translator, what: str, values: list[tuple[str, str]]) -> InlineKeyboardMarkup:
    """Values of one thing (shown, kept), and none of them."""
    buttons = [button(shown, Choose(what=what, value=value)) for shown, value in values]
    rows = [buttons[at : at + IN_A_ROW] for at in range(0, len(buttons), IN_A_ROW)]
    return back_keyboard(t, [button(t.plain("option-any"), Choose(what=what, value=ANY))], *rows)


def _model_name(t: Translator, preferred: Preferences, items: list[CatalogueItem]) -> str:
    return next((item.model.name for item in items if item.model.id == preferred.model_id), t.plain("option-any"))


def _language(t: Translator, code: str) -> str:
    name = translator(code).plain("language-name")
    return t.plain("settings-chosen", what=name) if code == t.language else name

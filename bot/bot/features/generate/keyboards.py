"""The menu of an order."""

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardMarkup

from bot.api.wire import CatalogueItem
from bot.buttons import back_keyboard, button
from bot.drafts import PARAMETERS, Draft, choices
from bot.translation import Translator

IN_A_ROW = 3
ANY = "-"


class Menu(CallbackData, prefix="menu", sep="|"):
    """A tap in the menu: `go`, `drop`, `back`, or `model` and the parameters, which without a value ask for one."""

    what: str
    value: str = ""


def menu_keyboard(t: Translator, draft: Draft, item: CatalogueItem, *, is_free: bool) -> InlineKeyboardMarkup:
    """Model and options as they are chosen, and the price on the button that orders."""
    options = [
        button(
            t.plain(
                "menu-option",
                option=t.plain(f"option-{name.replace('_', '-')}"),
                value=getattr(draft, name) or t.plain("option-any"),
            ),
            Menu(what=name),
        )
        for name in PARAMETERS
        if choices(item.model.options, name)
    ]
    go = t.plain("button-draw-free") if is_free else t.plain("button-draw", price=draft.price or 0)
    rows = [
        [button(t.plain("menu-model", model=item.model.name), Menu(what="model"))],
        options,
        [button(go, Menu(what="go"))],
        [button(t.plain("button-drop"), Menu(what="drop"))],
    ]
    return InlineKeyboardMarkup(inline_keyboard=[row for row in rows if row])


def values_keyboard(t: Translator, what: str, values: list[tuple[str, str]]) -> InlineKeyboardMarkup:
    """Values of one thing (shown, sent); a parameter may be left to the model."""
    buttons = [button(shown, Menu(what=what, value=value)) for shown, value in values]
    rows = [buttons[at : at + IN_A_ROW] for at in range(0, len(buttons), IN_A_ROW)]
    left = [] if what == "model" else [[button(t.plain("option-any"), Menu(what=what, value=ANY))]]
    return InlineKeyboardMarkup(inline_keyboard=[*left, *rows, [button(t.plain("button-back"), Menu(what="back"))]])


def collecting_keyboard(t: Translator) -> InlineKeyboardMarkup:
    """The way out while words are awaited."""
    return back_keyboard(t)

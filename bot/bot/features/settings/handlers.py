"""Language, and what an order begins with."""

from aiogram import F, Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message

from bot.api.wire import CatalogueItem
from bot.buttons import Open
from bot.drafts import PARAMETERS, choices
from bot.features.settings.keyboards import ANY, Choose, choice_keyboard, settings_keyboard
from bot.people import Person
from bot.shop import Shop
from bot.showing import show
from bot.translation import LANGUAGES

router = Router(name=__name__)


@router.message(Command("settings", "language"))
@router.callback_query(Open.filter(F.screen == "settings"))
async def settings_screen(event: Message | CallbackQuery, person: Person, shop: Shop) -> None:
    """What is chosen now."""
    items = await shop.catalogue.items()
    await show(event, person.t("settings"), settings_keyboard(person.t, person.preferences, items))


@router.callback_query(Choose.filter(F.value == ""))
async def ask(query: CallbackQuery, callback_data: Choose, person: Person, shop: Shop) -> None:
    """Which one it shall be."""
    items = await shop.catalogue.items()
    if callback_data.what == "model":
        values = [(item.model.name, str(item.model.id)) for item in items]
    else:
        values = [(value, value) for value in choices(_model(person, items).model.options, callback_data.what)]
    await show(query, person.t("settings-choose"), choice_keyboard(person.t, callback_data.what, values))


@router.callback_query(Choose.filter())
async def choose(query: CallbackQuery, callback_data: Choose, person: Person, shop: Shop) -> None:
    """Keep it. Another model keeps only those options that it has too."""
    items = await shop.catalogue.items()
    value = None if callback_data.value == ANY else callback_data.value
    if callback_data.what == "language" and value in LANGUAGES:
        person = await shop.people.prefer(person, language=value)
    elif callback_data.what == "model":
        chosen = next((item for item in items if str(item.model.id) == value), None)
        options = (chosen or items[0]).model.options
        kept = {name: _if_offered(getattr(person.preferences, name), choices(options, name)) for name in PARAMETERS}
        person = await shop.people.prefer(person, model_id=chosen.model.id if chosen else None, **kept)
    elif callback_data.what in PARAMETERS:
        offered = choices(_model(person, items).model.options, callback_data.what)
        person = await shop.people.prefer(person, **{callback_data.what: _if_offered(value, offered)})
    await show(query, person.t("settings"), settings_keyboard(person.t, person.preferences, items))


def _model(person: Person, items: list[CatalogueItem]) -> CatalogueItem:
    return next((item for item in items if item.model.id == person.preferences.model_id), items[0])


def _if_offered(value: str | None, offered: list[str]) -> str | None:
    return value if value in offered else None

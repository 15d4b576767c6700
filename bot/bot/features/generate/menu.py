"""The menu of an order: one message that shows what is chosen, until it becomes the order's status."""

from aiogram.fsm.context import FSMContext
from aiogram.types import InlineKeyboardMarkup, Message

from bot.api import people as calls
from bot.buttons import back_keyboard
from bot.drafts import Draft, Reference
from bot.features.generate.keyboards import menu_keyboard
from bot.features.generate.states import Making
from bot.people import Person
from bot.shop import Shop
from bot.showing import redraw
from bot.wording import PROMPT_SHOWN_MAX, shortened


async def open_menu(message: Message, person: Person, shop: Shop, state: FSMContext, draft: Draft) -> None:
    """Answer somebody's words with a menu."""
    trial = await calls.trial(shop.api, person.telegram_id)
    fitted = draft.fitted(await shop.catalogue.items()).model_copy(update={"is_free": trial.trial_available})
    text, keyboard = await _drawn(person, shop, fitted)
    sent = await message.answer(
        text, reply_markup=keyboard, reply_to_message_id=draft.prompt_message_id, allow_sending_without_reply=True
    )
    await state.set_state(None)
    await fitted.model_copy(update={"menu_message_id": sent.message_id}).save(state)


async def redraw_menu(
    message: Message, person: Person, shop: Shop, state: FSMContext, draft: Draft, *, price: int | None = None
) -> None:
    """Show the menu as it is chosen now; the price that it shows is kept with it. `price` is a newer one than the catalogue's."""
    fitted = draft.fitted(await shop.catalogue.items())
    if price is not None:
        fitted = fitted.model_copy(update={"price": price})
    await fitted.save(state)
    text, keyboard = await _drawn(person, shop, fitted)
    await redraw(message, text, keyboard)


async def _drawn(person: Person, shop: Shop, draft: Draft) -> tuple[str, InlineKeyboardMarkup]:
    item = await shop.catalogue.find(draft.model_id)
    if item is None:
        raise LookupError("a fitted draft has a model that is on sale")
    text = person.t("menu", prompt=shortened(draft.prompt or "", PROMPT_SHOWN_MAX), pictures=len(draft.references))
    return text, menu_keyboard(person.t, draft, item, is_free=draft.is_free)


async def ask_for_words(
    message: Message, person: Person, state: FSMContext, references: list[Reference], *, text: str = "ask-words"
) -> None:
    """Pictures are there: what shall be made of them?"""
    await state.set_state(Making.collecting)
    await Draft(references=references).save(state)
    await message.answer(person.t(text, pictures=len(references)), reply_markup=back_keyboard(person.t))

"""A message to many: whom, what, sure, and how far it is."""

from aiogram import F, Router
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from bot.api import admin
from bot.broadcasting import keep_progress
from bot.buttons import Desk, progress_keyboard, tapped
from bot.features.operators.handlers import IsOperator
from bot.features.operators.keyboards import ALL, audience_keyboard, confirm_keyboard, only_back
from bot.features.operators.states import Asked
from bot.people import Person
from bot.shop import Shop
from bot.showing import redraw, show
from bot.wording import progress

router = Router(name=__name__)
router.message.filter(IsOperator())
router.callback_query.filter(IsOperator())


@router.callback_query(Desk.filter(F.action == "broadcast"))
async def ask_audience(query: CallbackQuery, person: Person) -> None:
    """To whom?"""
    await show(query, person.t("desk-ask-audience"), audience_keyboard(person.t))


@router.callback_query(Desk.filter(F.action == "audience"))
async def ask_text(query: CallbackQuery, callback_data: Desk, person: Person, state: FSMContext) -> None:
    """What?"""
    await state.set_state(Asked.broadcast_text)
    await state.set_data({"audience": callback_data.value})
    await show(query, person.t("desk-ask-text"), only_back(person.t))


@router.message(Asked.broadcast_text, F.text)
async def confirm(message: Message, person: Person, state: FSMContext) -> None:
    """Sure? It is shown as it will be sent."""
    await state.update_data(text=message.text)
    await state.set_state(None)
    await message.answer(message.text or "", parse_mode=None)
    await message.answer(person.t("desk-confirm-broadcast"), reply_markup=confirm_keyboard(person.t, "broadcast-sure"))


@router.callback_query(Desk.filter(F.action == "broadcast-sure"))
async def begin(query: CallbackQuery, person: Person, shop: Shop, state: FSMContext) -> None:
    """Begin, once per confirmation; this message tells how far it is from now on."""
    data = await state.get_data()
    message = tapped(query)
    if "text" not in data:
        await query.answer(person.t.plain("menu-old"), show_alert=True)
        return
    language = None if data["audience"] == ALL else data["audience"]
    key = f"tg-broadcast-{message.chat.id}-{message.message_id}"
    broadcast = await admin.broadcast(shop.api, person.telegram_id, data["text"], language, key=key)
    await keep_progress(shop.notes, broadcast.id, message.chat.id, message.message_id, person.language)
    await state.clear()
    await query.answer()
    await redraw(message, progress(person.t, broadcast), progress_keyboard(person.t, broadcast))
    shop.broadcasts.set()


@router.callback_query(Desk.filter(F.action == "stop"))
async def stop(query: CallbackQuery, callback_data: Desk, person: Person, shop: Shop) -> None:
    """To nobody more."""
    broadcast = await admin.stop_broadcast(shop.api, callback_data.value)
    await query.answer()
    await redraw(tapped(query), progress(person.t, broadcast), progress_keyboard(person.t, broadcast))

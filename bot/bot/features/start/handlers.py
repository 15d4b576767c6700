"""Welcome and home."""

import re

from aiogram import F, Router
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from bot.api import people as calls
from bot.buttons import Open, home_keyboard
from bot.logs import get_logger
from bot.people import Person
from bot.shop import Shop
from bot.showing import show

router = Router(name=__name__)

_log = get_logger(__name__)


@router.message(CommandStart())
async def start(message: Message, command: CommandObject, person: Person, shop: Shop, state: FSMContext) -> None:
    """A new conversation. Where somebody came from (the payload of a deep link) goes with their orders."""
    await state.clear()
    payload = command.args or ""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", payload):
        if await shop.notes.find(f"start:{person.telegram_id}") is None:
            await shop.notes.keep(f"start:{person.telegram_id}", payload)
        _log.info("started", telegram_id=person.telegram_id, payload=payload)
    name = message.from_user.first_name if message.from_user else ""
    trial = await calls.trial(shop.api, person.telegram_id)
    offer = person.t("welcome-trial") if trial.trial_available else ""
    await message.answer("\n\n".join(filter(None, [person.t("welcome", name=name), offer])), reply_markup=home_keyboard(person.t))


@router.message(Command("cancel", "menu"))
async def cancel(message: Message, person: Person, state: FSMContext) -> None:
    """Leave whatever was begun."""
    await state.clear()
    await message.answer(person.t("home"), reply_markup=home_keyboard(person.t))


@router.callback_query(Open.filter(F.screen == "home"))
async def home(query: CallbackQuery, person: Person, state: FSMContext) -> None:
    """Back to the beginning."""
    await state.clear()
    await show(query, person.t("home"), home_keyboard(person.t))

"""The desk of the operators: the day's totals, somebody's account, gifts, bans. Who is not one of them is not told that it exists.

The API does it and writes down who did.
"""

from datetime import date, timedelta
from typing import Any

from aiogram import F, Router
from aiogram.filters import BaseFilter, Command, StateFilter
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message, TelegramObject
from typing_extensions import override

from bot.api import admin
from bot.api.admin_wire import AdminUser
from bot.api.errors import ApiRefusalError
from bot.buttons import Desk
from bot.features.operators.keyboards import confirm_keyboard, desk_keyboard, only_back, totals_keyboard, user_keyboard
from bot.features.operators.states import Asked
from bot.people import Person
from bot.shop import Shop
from bot.showing import show

REASON_MAX = 200
AMOUNT_MAX = 1_000_000
NONE = "\N{EN DASH}"


class IsOperator(BaseFilter):
    """Whether this is one of ADMIN_IDS."""

    @override
    async def __call__(self, event: TelegramObject, shop: Shop, person: Person) -> bool:
        return person.telegram_id in shop.settings.admin_ids


router = Router(name=__name__)
router.message.filter(IsOperator())
router.callback_query.filter(IsOperator())


@router.message(Command("admin"))
@router.callback_query(Desk.filter(F.action == "open"))
async def desk(event: Message | CallbackQuery, person: Person, state: FSMContext) -> None:
    """What can be done."""
    await state.clear()
    await show(event, person.t("desk"), desk_keyboard(person.t))


@router.callback_query(Desk.filter(F.action == "totals"))
async def totals(query: CallbackQuery, callback_data: Desk, person: Person, shop: Shop) -> None:
    """A day of the shop."""
    found = await admin.totals(shop.api, callback_data.value or None)
    day_before = (date.fromisoformat(found.day) - timedelta(days=1)).isoformat()
    await show(query, person.t("desk-totals-text", **found.model_dump()), totals_keyboard(person.t, day_before))


@router.callback_query(Desk.filter(F.action == "find"))
async def ask_who(query: CallbackQuery, person: Person, state: FSMContext) -> None:
    """Whose account?"""
    await state.set_state(Asked.who)
    await show(query, person.t("desk-ask-who"), only_back(person.t))


@router.message(Asked.who, F.text)
async def find(message: Message, person: Person, shop: Shop, state: FSMContext) -> None:
    """Somebody by id or name."""
    words = (message.text or "").strip()
    try:
        user = await (admin.user(shop.api, int(words)) if words.isdecimal() else admin.user_named(shop.api, words.lstrip("@")))
    except ApiRefusalError as error:
        if error.code not in {"user_not_found", "validation_error"}:
            raise
        await message.answer(person.t("desk-nobody"), reply_markup=only_back(person.t))
        return
    await state.clear()
    await _show_user(message, person, user)


async def _show_user(event: Message | CallbackQuery, person: Person, user: AdminUser) -> None:
    text = person.t(
        "desk-user",
        id=str(user.telegram_id),
        name=" ".join(filter(None, [user.first_name, user.last_name])) or NONE,
        username=f"@{user.username}" if user.username else NONE,
        language=user.language_code or NONE,
        since=user.created_at.strftime("%d.%m.%Y"),
        balance=user.balance,
        held=user.held,
        pictures=user.generations_total,
        trial=person.t.plain("yes" if user.trial_used else "no"),
    )
    if user.banned_at:
        text += "\n\n" + person.t("desk-user-banned", since=user.banned_at.strftime("%d.%m.%Y"), reason=user.ban_reason or NONE)
    await show(event, text, user_keyboard(person.t, user))


@router.callback_query(Desk.filter(F.action == "grant"))
async def ask_amount(query: CallbackQuery, callback_data: Desk, person: Person, state: FSMContext) -> None:
    """How many credits?"""
    await state.set_state(Asked.amount)
    await state.set_data({"who": int(callback_data.value)})
    await show(query, person.t("desk-ask-amount"), only_back(person.t))


@router.message(Asked.amount, F.text)
async def ask_grant_reason(message: Message, person: Person, state: FSMContext) -> None:
    """And why?"""
    words = (message.text or "").strip().replace("\N{MINUS SIGN}", "-")
    amount = int(words) if words.lstrip("+-").isdecimal() and len(words) <= len(str(AMOUNT_MAX)) + 1 else 0
    if amount == 0 or abs(amount) > AMOUNT_MAX:
        await message.answer(person.t("desk-bad-amount"), reply_markup=only_back(person.t))
        return
    await state.update_data(amount=amount)
    await state.set_state(Asked.grant_reason)
    await message.answer(person.t("desk-ask-reason"), reply_markup=only_back(person.t))


@router.message(Asked.grant_reason, F.text)
async def confirm_grant(message: Message, person: Person, state: FSMContext) -> None:
    """Sure? The confirmation is the message whose number makes the gift's key."""
    data = await state.update_data(reason=(message.text or "")[:REASON_MAX])
    await state.set_state(None)
    text = person.t("desk-confirm-grant", amount=data["amount"], id=str(data["who"]), reason=data["reason"])
    await message.answer(text, reply_markup=confirm_keyboard(person.t, "grant-sure"))


@router.callback_query(Desk.filter(F.action == "grant-sure"))
async def grant(query: CallbackQuery, person: Person, shop: Shop, state: FSMContext) -> None:
    """Give them, once per confirmation."""
    data = await state.get_data()
    if "reason" not in data or query.message is None:
        await query.answer(person.t.plain("menu-old"), show_alert=True)
        return
    key = f"tg-grant-{query.message.chat.id}-{query.message.message_id}"
    given = await admin.grant(shop.api, person.telegram_id, data["who"], data["amount"], data["reason"], key=key)
    await state.clear()
    text = person.t("desk-granted", amount=data["amount"], id=str(data["who"]), balance=given.balance)
    await show(query, text, only_back(person.t))


@router.callback_query(Desk.filter(F.action == "ban"))
async def ask_ban_reason(query: CallbackQuery, callback_data: Desk, person: Person, state: FSMContext) -> None:
    """Why?"""
    await state.set_state(Asked.ban_reason)
    await state.set_data({"who": int(callback_data.value)})
    await show(query, person.t("desk-ask-reason"), only_back(person.t))


@router.message(Asked.ban_reason, F.text)
async def ban(message: Message, person: Person, shop: Shop, state: FSMContext) -> None:
    """Refuse somebody everywhere."""
    data: dict[str, Any] = await state.get_data()
    user = await admin.ban(shop.api, person.telegram_id, data["who"], (message.text or "")[:REASON_MAX])
    await state.clear()
    shop.people.forget(user.telegram_id)
    await _show_user(message, person, user)


@router.callback_query(Desk.filter(F.action == "unban"))
async def unban(query: CallbackQuery, callback_data: Desk, person: Person, shop: Shop) -> None:
    """Let somebody in again."""
    await _show_user(query, person, await admin.unban(shop.api, person.telegram_id, int(callback_data.value)))


@router.message(StateFilter(Asked), ~F.text)
async def only_words(message: Message, person: Person) -> None:
    """A picture is no answer here."""
    await message.answer(person.t("desk-only-words"), reply_markup=only_back(person.t))

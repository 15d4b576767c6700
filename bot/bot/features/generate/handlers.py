"""From words and pictures to an order."""

from aiogram import Bot, F, Router
from aiogram.filters import Command, StateFilter
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from bot.api import people as calls
from bot.buttons import Open, back_keyboard, home_keyboard, tapped
from bot.drafts import PARAMETERS, PROMPT_MAX, REFERENCES_MAX, Draft, can_draw, choices
from bot.features.generate.keyboards import ANY, Menu, values_keyboard
from bot.features.generate.menu import ask_for_words, open_menu, redraw_menu
from bot.features.generate.states import Making
from bot.ordering import Refused, order, tell_refusal
from bot.people import Person
from bot.references import collect, store
from bot.shop import Shop
from bot.showing import redraw, show
from bot.wording import ALERT_MAX, shortened, telegram_length

router = Router(name=__name__)


@router.message(Command("new"))
@router.callback_query(Open.filter(F.screen == "generate"))
async def invite(event: Message | CallbackQuery, person: Person, state: FSMContext) -> None:
    """How to begin."""
    await state.clear()
    await show(event, person.t("invite"), back_keyboard(person.t))


@router.message(F.photo | F.document, StateFilter(None, Making.collecting))
async def pictures(message: Message, person: Person, shop: Shop, state: FSMContext, bot: Bot) -> None:
    """Pictures to draw from, with the words as their caption, or before the words."""
    sent = await collect(message, shop.notes)
    if sent is None:
        return
    before = await Draft.load(state) if await state.get_state() == Making.collecting.state else None
    already = before.references if before else []
    room = REFERENCES_MAX - len(already)
    stored, unfit = await store(bot, shop, person.telegram_id, sent.file_ids[:room])
    if sent.unfit + unfit:
        await message.answer(person.t("pictures-unfit", pictures=sent.unfit + unfit))
    if len(sent.file_ids) > room:
        await message.answer(person.t("pictures-too-many", most=REFERENCES_MAX))
    references = [*already, *stored]
    if not references:
        return
    if sent.caption is None:
        await ask_for_words(message, person, state, references)
        return
    await _open(message, person, shop, state, Draft(prompt=sent.caption, prompt_message_id=sent.message_id, references=references))


@router.message(F.text, ~F.text.startswith("/"), StateFilter(None, Making.collecting))
async def words(message: Message, person: Person, shop: Shop, state: FSMContext) -> None:
    """What shall be drawn."""
    before = await Draft.load(state) if await state.get_state() == Making.collecting.state else None
    references = before.references if before else []
    await _open(
        message, person, shop, state, Draft(prompt=message.text, prompt_message_id=message.message_id, references=references)
    )


async def _open(message: Message, person: Person, shop: Shop, state: FSMContext, draft: Draft) -> None:
    if telegram_length(draft.prompt or "") > PROMPT_MAX:
        await message.answer(person.t("prompt-too-long", most=PROMPT_MAX))
        return
    await open_menu(message, person, shop, state, draft.starting_from(person.preferences))


@router.callback_query(Menu.filter(F.what == "drop"))
async def drop(query: CallbackQuery, person: Person, state: FSMContext) -> None:
    """Forget the order that was begun."""
    draft = await Draft.load(state)
    if draft and draft.menu_message_id == tapped(query).message_id:
        await state.clear()
    await show(query, person.t("home"), home_keyboard(person.t))


@router.callback_query(Menu.filter(F.what == "go"))
async def go(query: CallbackQuery, person: Person, shop: Shop, state: FSMContext, request_id: str) -> None:
    """Order it. The key is the menu's: another tap, or this one again, is the same order."""
    message = tapped(query)
    if await shop.notes.find(_ordered(message)):
        await query.answer(person.t.plain("order-accepted"))
        return
    draft = await _draft_of(query, person, state)
    if draft is None:
        return
    if draft.is_free and not (await calls.trial(shop.api, person.telegram_id)).trial_available:
        # Another order has used it since: nobody pays for a button that says free.
        await redraw_menu(message, person, shop, state, draft.model_copy(update={"is_free": False}))
        await query.answer(person.t.plain("not-free-any-more"), show_alert=True)
        return
    key = f"tg-menu-{message.chat.id}-{message.message_id}"
    outcome = await order(shop, person, draft, status_message=message, key=key, request_id=request_id)
    if not isinstance(outcome, Refused) or outcome.code == "idempotency_mismatch":
        # From now on the message is written by who follows the feed: not here, or an older state would overwrite a newer one.
        await shop.notes.keep(_ordered(message), "yes")
        await Draft.drop(state)
        await query.answer(person.t.plain("order-accepted"))
        return
    if outcome.code in {"price_changed", "model_not_found", "unsupported_parameter"}:
        # The refusal knows the price sooner than the catalogue, which is remembered on the way here.
        await redraw_menu(message, person, shop, state, draft, price=outcome.members.get("price"))
    await query.answer(shortened(outcome.text, ALERT_MAX), show_alert=True)
    await tell_refusal(shop, person, outcome, message)


def _ordered(menu: Message) -> str:
    return f"ordered:{menu.chat.id}:{menu.message_id}"


@router.callback_query(Menu.filter(F.what == "back"))
async def back(query: CallbackQuery, person: Person, shop: Shop, state: FSMContext) -> None:
    """From a list of values to the menu."""
    draft = await _draft_of(query, person, state)
    if draft is not None:
        await redraw_menu(tapped(query), person, shop, state, draft)
        await query.answer()


@router.callback_query(Menu.filter(F.value == ""))
async def ask(query: CallbackQuery, callback_data: Menu, person: Person, shop: Shop, state: FSMContext) -> None:
    """Which value it shall be, of exactly those that the model has."""
    draft = await _draft_of(query, person, state)
    if draft is None:
        return
    if callback_data.what == "model":
        items = [item for item in await shop.catalogue.items() if can_draw(item, len(draft.references))]
        values = [(item.model.name, str(item.model.id)) for item in items]
    else:
        chosen = await shop.catalogue.find(draft.model_id)
        values = [(value, value) for value in choices(chosen.model.options, callback_data.what)] if chosen else []
    await redraw(tapped(query), person.t("menu-choose"), values_keyboard(person.t, callback_data.what, values))
    await query.answer()


@router.callback_query(Menu.filter())
async def choose(query: CallbackQuery, callback_data: Menu, person: Person, shop: Shop, state: FSMContext) -> None:
    """Take a value; what the model does not have falls away."""
    draft = await _draft_of(query, person, state)
    if draft is None:
        return
    if callback_data.what == "model" and callback_data.value.isdecimal():
        draft.model_id = int(callback_data.value)
    elif callback_data.what in PARAMETERS:
        setattr(draft, callback_data.what, None if callback_data.value == ANY else callback_data.value)
    await redraw_menu(tapped(query), person, shop, state, draft)
    await query.answer()


async def _draft_of(query: CallbackQuery, person: Person, state: FSMContext) -> Draft | None:
    """The draft of the menu that was tapped; says so when that one was ordered, or is an older one."""
    draft = await Draft.load(state)
    if draft and draft.prompt and draft.menu_message_id == tapped(query).message_id:
        return draft
    await query.answer(person.t.plain("menu-old"), show_alert=True)
    return None

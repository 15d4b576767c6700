"""What can be done with a picture that is there: again, change it, draw from it, send it again; and taking back an order."""

from datetime import timedelta

from aiogram import Bot, F, Router
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery

from bot.api import pictures
from bot.api.errors import ApiRefusalError
from bot.api.wire import Generation
from bot.buttons import Picture, tapped
from bot.clock import now
from bot.delivery.sending import send_kept
from bot.drafts import REFERENCES_MAX, Draft, references_of
from bot.features.generate.menu import ask_for_words
from bot.features.generate.states import Making
from bot.ordering import Refused, order, status_keyboard, tell_refusal
from bot.people import Person
from bot.references import store
from bot.shop import Shop
from bot.showing import redraw
from bot.wording import status

router = Router(name=__name__)

# The provider keeps what was uploaded for seven days.
UPLOADS_LAST = timedelta(days=6)
TWO_TAPS_S = 3


@router.callback_query(Picture.filter(F.action == "cancel"))
async def take_back(query: CallbackQuery, callback_data: Picture, person: Person, shop: Shop) -> None:
    """Take an order back that was not sent yet."""
    try:
        generation = await pictures.cancel(shop.api, person.telegram_id, callback_data.id)
    except ApiRefusalError as error:
        if error.code != "already_sent":
            raise
        await query.answer(person.t.plain("error-already-sent"), show_alert=True)
        return
    await query.answer()
    await redraw(tapped(query), status(person.t, generation), status_keyboard(person.t, generation))


@router.callback_query(Picture.filter(F.action == "again"))
async def again(query: CallbackQuery, callback_data: Picture, *, person: Person, shop: Shop, bot: Bot, request_id: str) -> None:
    """The same order once more, with one tap. The key is the tap's: when its update comes again, it is the same order."""
    message = tapped(query)
    if await shop.notes.count(f"again:{message.chat.id}:{message.message_id}:{callback_data.id}", window_s=TWO_TAPS_S) > 1:
        await query.answer(person.t.plain("order-accepted"))
        return
    earlier = await pictures.get(shop.api, person.telegram_id, callback_data.id)
    draft = await _same(bot, shop, person, earlier)
    draft.price = callback_data.price
    place = await shop.notes.find(f"place:{query.id}")
    if place is None:
        sent = await message.answer(person.t("status-sending"))
        await shop.notes.keep(f"place:{query.id}", str(sent.message_id))
    else:
        sent = message.model_copy(update={"message_id": int(place)}).as_(bot)
    outcome = await order(shop, person, draft, status_message=sent, key=f"tg-tap-{query.id}", request_id=request_id)
    await query.answer()
    if isinstance(outcome, Refused) and outcome.code != "idempotency_mismatch":
        await redraw(sent, outcome.text, None)
        await tell_refusal(shop, person, outcome, message)


async def _same(bot: Bot, shop: Shop, person: Person, earlier: Generation) -> Draft:
    references = references_of(earlier)
    if references and now() - earlier.created_at > UPLOADS_LAST:
        references, _ = await store(bot, shop, person.telegram_id, [reference.file_id for reference in references])
    return Draft(
        prompt=earlier.prompt,
        prompt_message_id=earlier.context_id("prompt_message_id"),
        references=references,
        model_id=earlier.model_id,
        size=earlier.size,
        aspect_ratio=earlier.aspect_ratio,
        resolution=earlier.resolution,
    )


@router.callback_query(Picture.filter(F.action.in_({"edit", "reference"})))
async def draw_from(
    query: CallbackQuery, callback_data: Picture, *, person: Person, shop: Shop, bot: Bot, state: FSMContext
) -> None:
    """Change this picture, or take it along as one of several to draw from."""
    kept = (await pictures.files(shop.api, person.telegram_id, callback_data.id)).file_ids
    before = await Draft.load(state) if await state.get_state() == Making.collecting.state else None
    already = before.references if before and callback_data.action == "reference" else []
    file_ids = [found for each in kept[:1] if (found := each.document or each.photo)]
    stored, _ = await store(bot, shop, person.telegram_id, file_ids[: REFERENCES_MAX - len(already)])
    await query.answer()
    if not stored:
        await tapped(query).answer(person.t("pictures-unfit", pictures=1))
        return
    text = "ask-change" if callback_data.action == "edit" else "ask-words"
    await ask_for_words(tapped(query), person, state, [*already, *stored], text=text)


@router.callback_query(Picture.filter(F.action == "send"))
async def send_again(query: CallbackQuery, callback_data: Picture, person: Person, shop: Shop, bot: Bot) -> None:
    """The same picture once more, for nothing: Telegram has it."""
    generation = await pictures.get(shop.api, person.telegram_id, callback_data.id)
    kept = (await pictures.files(shop.api, person.telegram_id, callback_data.id)).file_ids
    if not kept:
        await query.answer(person.t.plain("picture-not-kept"), show_alert=True)
        return
    await query.answer()
    price = await shop.catalogue.price(generation.model_id)
    await send_kept(bot, tapped(query).chat.id, person.t, generation, kept, price=price)

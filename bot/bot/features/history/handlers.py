"""The last pictures."""

from aiogram import F, Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, InlineKeyboardButton, Message

from bot.api import pictures
from bot.api.wire import Generation
from bot.buttons import Open, Picture, back_keyboard, button, opening
from bot.people import Person
from bot.shop import Shop
from bot.showing import show
from bot.wording import hashtag, shortened

router = Router(name=__name__)

SHOWN = 6
PROMPT_LINE_MAX = 120


@router.message(Command("history"))
@router.callback_query(Open.filter(F.screen == "history"))
async def history(event: Message | CallbackQuery, person: Person, shop: Shop) -> None:
    """Each with its state; those with a picture can be sent again, and all ordered again."""
    generations = await pictures.history(shop.api, person.telegram_id, limit=SHOWN)
    if not generations:
        await show(event, person.t("history-empty"), back_keyboard(person.t, [opening(person.t, "generate")]))
        return
    lines = [person.t("history-title"), *(_line(person, number, each) for number, each in enumerate(generations, 1))]
    rows = [await _buttons(person, shop, number, each) for number, each in enumerate(generations, 1)]
    await show(event, "\n\n".join(lines), back_keyboard(person.t, *rows))


def _line(person: Person, number: int, generation: Generation) -> str:
    return person.t(
        "history-line",
        number=number,
        state=person.t.plain(f"state-{generation.status}"),
        date=generation.created_at.strftime("%d.%m %H:%M"),
        hashtag=hashtag(generation.model_key),
        prompt=shortened(generation.prompt, PROMPT_LINE_MAX),
    )


async def _buttons(person: Person, shop: Shop, number: int, generation: Generation) -> list[InlineKeyboardButton]:
    price = await shop.catalogue.price(generation.model_id)
    buttons = []
    if generation.status == "completed":
        buttons.append(button(person.t.plain("button-send-again", number=number), Picture(action="send", id=generation.id)))
    if price is not None:
        again = person.t.plain("button-again-numbered", number=number, price=price)
        buttons.append(button(again, Picture(action="again", id=generation.id, price=price)))
    return buttons

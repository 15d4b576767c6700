"""Who somebody is here and what they have."""

from aiogram import F, Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message

from bot.api import people as calls
from bot.api.wire import Entry
from bot.buttons import Open, back_keyboard, opening
from bot.people import Person
from bot.shop import Shop
from bot.showing import show

router = Router(name=__name__)

ENTRIES_SHOWN = 10


@router.message(Command("profile"))
@router.callback_query(Open.filter(F.screen == "profile"))
async def profile(event: Message | CallbackQuery, person: Person, shop: Shop) -> None:
    """Name, id, credits, free pictures, and the last movements."""
    balance = await calls.balance(shop.api, person.telegram_id)
    trial = await calls.trial(shop.api, person.telegram_id)
    statement = await calls.statement(shop.api, person.telegram_id, limit=ENTRIES_SHOWN)
    user = event.from_user
    lines = [
        person.t("profile-name", name=user.full_name if user else ""),
        person.t("profile-username", username=user.username) if user and user.username else "",
        person.t("profile-id", id=str(person.telegram_id)),
        "",
        person.t("profile-balance", balance=balance.balance),
        person.t("profile-held", held=balance.held) if balance.held else "",
        person.t("profile-trial", left=max(0, trial.limit - trial.used_count)) if trial.trial_available else "",
    ]
    if statement.items:
        lines += ["", person.t("statement-title"), *(_movement(person, entry) for entry in statement.items)]
    text = "\n".join(line for before, line in zip(["x", *lines], lines, strict=False) if line or before)
    await show(event, text, back_keyboard(person.t, [opening(person.t, "buy"), opening(person.t, "history")]))


def _movement(person: Person, entry: Entry) -> str:
    name = f"entry-{entry.entry_type.replace('_', '-')}"
    return person.t(
        "statement-line",
        date=entry.created_at.strftime("%d.%m"),
        amount=f"{entry.amount:+d}",
        what=person.t.plain(name if person.t.has(name) else "entry-other"),
        balance=str(entry.balance_after),
    )

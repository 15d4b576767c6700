"""Help, terms, and help with payments."""

from aiogram import Bot, F, Router
from aiogram.exceptions import TelegramAPIError
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, Message

from bot.buttons import Open, back_keyboard
from bot.logs import get_logger
from bot.people import Person
from bot.shop import Shop
from bot.showing import show
from bot.translation import translator
from bot.wording import shortened

router = Router(name=__name__)

COMPLAINT_MAX = 3000
_log = get_logger(__name__)


@router.message(Command("help"))
@router.callback_query(Open.filter(F.screen == "help"))
async def help_screen(event: Message | CallbackQuery, person: Person) -> None:
    """How it works."""
    await show(event, person.t("help"), back_keyboard(person.t))


@router.message(Command("terms"))
async def terms(message: Message, person: Person, shop: Shop) -> None:
    """What is bought and sold here, as Telegram wants every shop to say."""
    await message.answer(person.t("terms") + _contact(person, shop), reply_markup=back_keyboard(person.t))


@router.message(Command("paysupport"))
async def paysupport(message: Message, command: CommandObject, person: Person, shop: Shop, bot: Bot) -> None:
    """Help with a payment; what stands behind the command goes to the operators."""
    if command.args and shop.settings.admin_ids:
        told = [await _tell(bot, operator, message, person, command.args) for operator in sorted(shop.settings.admin_ids)]
        if any(told):
            await message.answer(person.t("paysupport-sent"))
            return
    text = person.t("paysupport-write" if shop.settings.admin_ids else "paysupport")
    await message.answer(text + _contact(person, shop), reply_markup=back_keyboard(person.t))


def _contact(person: Person, shop: Shop) -> str:
    contact = shop.settings.support_contact
    return "\n\n" + person.t("support-contact", contact=contact) if contact else ""


async def _tell(bot: Bot, operator: int, message: Message, person: Person, complaint: str) -> bool:
    name = message.from_user.full_name if message.from_user else ""
    text = translator("en")(
        "operator-complaint", id=str(person.telegram_id), name=name, complaint=shortened(complaint, COMPLAINT_MAX)
    )
    try:
        await bot.send_message(operator, text)
    except TelegramAPIError as error:
        _log.warning("operator_not_told", operator=operator, reason=type(error).__name__)
        return False
    return True

"""All screens as one dispatcher: what comes in, in which order it is asked after, and what is said when something fails."""

from typing import Any

from aiogram import Bot, Dispatcher, F, Router
from aiogram.enums import ChatType
from aiogram.exceptions import TelegramAPIError
from aiogram.filters import ExceptionTypeFilter
from aiogram.fsm.storage.base import BaseStorage
from aiogram.types import BotCommand, CallbackQuery, ErrorEvent, Message

from bot.api.errors import ApiError
from bot.buttons import GoneError
from bot.features.buy import handlers as buy
from bot.features.generate import handlers as generate
from bot.features.help import handlers as help_
from bot.features.history import handlers as history
from bot.features.operators import broadcasts
from bot.features.operators import handlers as operators
from bot.features.profile import handlers as profile
from bot.features.results import handlers as results
from bot.features.settings import handlers as settings
from bot.features.start import handlers as start
from bot.logs import get_logger
from bot.middlewares.doors import Doors
from bot.middlewares.people import WhoIsIt
from bot.middlewares.request_id import RequestId, request_id_of
from bot.people import Person
from bot.shop import Shop
from bot.telegram import is_gone
from bot.translation import LANGUAGES, nearest_language, translator
from bot.wording import ALERT_MAX, refusal, shortened

COMMANDS = ("start", "new", "history", "profile", "buy", "settings", "help", "paysupport", "terms")

_log = get_logger(__name__)


def make_dispatcher(shop: Shop, storage: BaseStorage) -> Dispatcher:
    """Everything that an update can lead to."""
    dispatcher = Dispatcher(storage=storage, shop=shop)
    dispatcher.update.outer_middleware(RequestId())
    dispatcher.update.outer_middleware(Doors())
    private = Router(name="private")
    private.message.filter(F.chat.type == ChatType.PRIVATE)
    for observer in (private.message, private.callback_query, private.pre_checkout_query):
        observer.outer_middleware(WhoIsIt())
    # Operators first: what they are asked for is no prompt. Commands before words.
    private.include_routers(
        *(screen.router for screen in (operators, broadcasts, start, help_, profile, settings, history, buy, results, generate)),
        _rest_router(),
    )
    dispatcher.include_routers(_groups_router(), private)
    dispatcher.errors.register(_gone, ExceptionTypeFilter(GoneError))
    dispatcher.errors.register(_failed)
    return dispatcher


async def introduce(bot: Bot) -> None:
    """The menu of commands, in each language; English for everybody else."""
    for language in (*LANGUAGES, None):
        t = translator(language or "en")
        commands = [BotCommand(command=name, description=t.plain(f"command-{name}")) for name in COMMANDS]
        await bot.set_my_commands(commands, language_code=language)


def _groups_router() -> Router:
    """In a group only commands come here; the shop is a private matter."""
    router = Router(name="groups")
    router.message.filter(F.chat.type != ChatType.PRIVATE)

    @router.message()
    async def invite(message: Message, bot: Bot) -> None:
        me = await bot.me()
        _, _, named = (message.text or "").split()[0].partition("@")
        if named and named.lower() != (me.username or "").lower():
            return
        language = nearest_language(message.from_user.language_code if message.from_user else None)
        await message.reply(translator(language)("group", username=me.username or ""))

    return router


def _rest_router() -> Router:
    """What no screen takes: an unknown command, a sticker, a button of another time."""
    router = Router(name="rest")

    @router.message()
    async def unknown(message: Message, person: Person) -> None:
        # What Telegram says of itself (a pinned message, a changed photo) is no question.
        if message.content_type in _WAYS_TO_ASK:
            await message.answer(person.t("unknown"))

    @router.callback_query()
    async def old(query: CallbackQuery, person: Person) -> None:
        await query.answer(person.t.plain("menu-old"), show_alert=True)

    return router


_WAYS_TO_ASK = frozenset({"text", "photo", "document", "video", "audio", "voice", "sticker", "animation", "video_note", "location"})


async def _gone(event: ErrorEvent) -> None:
    query = event.update.callback_query
    if query:
        language = nearest_language(query.from_user.language_code)
        await query.answer(translator(language).plain("menu-old"), show_alert=True)


async def _failed(event: ErrorEvent, shop: Shop) -> None:
    """Whatever went wrong: logged, and told to whom it happened to, in their language, with the request id."""
    error, request_id = event.exception, request_id_of(event.update)
    if isinstance(error, TelegramAPIError) and is_gone(error):
        _log.info("person_gone")
        return
    if isinstance(error, ApiError):
        _log.warning("update_refused", code=error.code, reason=str(error))
    else:
        _log.error("update_failed", exc_info=error)
    told = event.update.callback_query or event.update.message
    if told is None or told.from_user is None:
        return
    t = shop.people.stranger(told.from_user).t
    text = refusal(t, error, request_id) if isinstance(error, ApiError) else t.plain("error-unknown", request_id=request_id)
    try:
        if isinstance(told, CallbackQuery):
            await told.answer(shortened(text, ALERT_MAX), show_alert=True)
        else:
            await told.answer(text, parse_mode=None)
    except TelegramAPIError as unable:
        _log.warning("failure_not_told", reason=type(unable).__name__)


def kinds_of_updates(dispatcher: Dispatcher) -> list[str]:
    """What Telegram is to send."""
    kinds: Any = dispatcher.resolve_used_update_types()
    return list(kinds)

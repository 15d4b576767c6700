"""Telegram as the bot calls it: a bot at the configured address that waits when it is told to, and what its refusals mean."""

import asyncio
from typing import Any, cast

from aiogram import Bot
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.session.middlewares.base import BaseRequestMiddleware, NextRequestMiddlewareType
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ParseMode
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramForbiddenError, TelegramRetryAfter, TelegramServerError
from aiogram.methods import AnswerCallbackQuery, GetUpdates, TelegramMethod
from aiogram.methods.base import Response, TelegramType
from typing_extensions import override

from bot.logs import get_logger
from bot.settings import Settings

# A person waits this long for an answer; deliveries and broadcasts wait for themselves, longer.
WAIT_MAX_S = 20
SERVER_TRIES = 3

_log = get_logger(__name__)


class Patience(BaseRequestMiddleware):
    """Waits out a 429 and repeats a 5xx, both of which did nothing. What was cut off is not repeated: it may have been done."""

    @override
    async def __call__(
        self, make_request: NextRequestMiddlewareType[TelegramType], bot: Bot, method: TelegramMethod[TelegramType]
    ) -> Response[TelegramType]:
        waited_s, failures = 0, 0
        while True:
            try:
                return await make_request(bot, method)
            except TelegramRetryAfter as error:
                waited_s += error.retry_after
                if waited_s > WAIT_MAX_S:
                    raise
                _log.info("telegram_asks_to_wait", method=method.__api_method__, retry_after_s=error.retry_after)
                await asyncio.sleep(error.retry_after)
            except TelegramBadRequest as error:
                # A tap that waited while we were away: its little clock has stopped long ago, what it asked for is done.
                if isinstance(method, AnswerCallbackQuery) and "query is too old" in error.message:
                    return cast("Response[TelegramType]", True)
                raise
            except TelegramServerError:
                failures += 1
                if isinstance(method, GetUpdates) or failures >= SERVER_TRIES:
                    raise
                await asyncio.sleep(0.5 * failures)


def make_bot(settings: Settings) -> Bot:
    """The bot; `bot.session.close()` is the caller's."""
    session = AiohttpSession(api=TelegramAPIServer.from_base(settings.telegram_api_base_url), limit=100)
    session.middleware(Patience())
    defaults = DefaultBotProperties(parse_mode=ParseMode.HTML, link_preview_is_disabled=True)
    return Bot(settings.bot_token.get_secret_value(), session=session, default=defaults)


def is_gone(error: TelegramAPIError) -> bool:
    """Whether this chat cannot be written to any more: blocked, deleted, never begun."""
    if isinstance(error, TelegramForbiddenError):
        return True
    said = error.message.lower()
    return isinstance(error, TelegramBadRequest) and any(
        words in said for words in ("chat not found", "user is deactivated", "peer_id_invalid", "bot was blocked")
    )


def is_as_it_was(error: TelegramBadRequest) -> bool:
    """Whether an edit was refused because there is nothing to change, or nothing to edit any more."""
    said = error.message.lower()
    return "message is not modified" in said or "message to edit not found" in said or "message can't be edited" in said


async def edit_quietly(bot: Bot, chat_id: int, message_id: int, text: str, **more: Any) -> bool:
    """Edit a message that may be gone, or look like that already; whether it looks like that now."""
    try:
        await bot.edit_message_text(text, chat_id=chat_id, message_id=message_id, **more)
    except TelegramBadRequest as error:
        if not is_as_it_was(error):
            raise
        return "not modified" in error.message.lower()
    return True

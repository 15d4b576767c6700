"""The bot put together: what it opens, what runs beside each other in it, and how it ends."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramNetworkError, TelegramServerError, TelegramUnauthorizedError
from redis.asyncio import Redis

from bot import webhook
from bot.api.client import ApiClient
from bot.broadcasting import Broadcaster
from bot.catalogue import Catalogue
from bot.delivery.deliveries import Deliverer
from bot.delivery.feed import StatusWriter
from bot.logs import get_logger
from bot.people import People
from bot.polling import Poller
from bot.screens import introduce, kinds_of_updates, make_dispatcher
from bot.settings import Settings, SettingsError
from bot.shop import Shop
from bot.storage import ForgetfulStorage, Notes
from bot.telegram import make_bot

TRY_AGAIN_S = 2.0
REDIS_TIMEOUT_S = 2.0
# Shorter than the API keeps an idle connection (5 s): a call must not meet one that is just being closed.
IDLE_MAX_S = 3.0

_log = get_logger(__name__)


async def run(settings: Settings) -> None:
    """Serve the shop until SIGINT or SIGTERM. Raises SettingsError when Telegram does not know the token."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopping.set)
    async with _opened(settings) as (bot, shop, storage, session):
        if not await _reach_telegram(bot, stopping):
            return
        dispatcher = make_dispatcher(shop, storage)
        kinds = kinds_of_updates(dispatcher)
        async with asyncio.TaskGroup() as group:
            group.create_task(Deliverer(shop, bot, session).run(stopping))
            group.create_task(StatusWriter(shop, bot).run(stopping))
            group.create_task(Broadcaster(shop, bot).run(stopping))
            if settings.webhook_url:
                group.create_task(webhook.serve(bot, dispatcher, settings, kinds, stopping))
            else:
                # Without dropping what waits: a payment may be among it.
                await bot.delete_webhook(drop_pending_updates=False)
                group.create_task(Poller(bot, dispatcher, kinds).run(stopping))
            _log.info("ready", username=(await bot.me()).username, mode="webhook" if settings.webhook_url else "polling")
            await stopping.wait()
            _log.info("stopping")
            shop.news.set()
            shop.broadcasts.set()


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Bot, Shop, ForgetfulStorage, aiohttp.ClientSession]]:
    bot = make_bot(settings)
    redis = Redis.from_url(
        settings.redis_url.get_secret_value(), socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
    )
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=IDLE_MAX_S)) as session:
            api = ApiClient(session, settings.api_base_url, settings.api_key.get_secret_value())
            shop = Shop(settings, api, People(api), Catalogue(api), Notes(redis))
            yield bot, shop, ForgetfulStorage(redis), session
    finally:
        await redis.aclose()
        await bot.session.close()


async def _reach_telegram(bot: Bot, stopping: asyncio.Event) -> bool:
    """Wait until Telegram answers; False when it is time to stop first."""
    while not stopping.is_set():
        try:
            await bot.me()
            await introduce(bot)
        except TelegramUnauthorizedError as error:
            raise SettingsError("BOT_TOKEN: Telegram does not know it") from error
        except (TelegramNetworkError, TelegramServerError) as error:
            _log.warning("telegram_not_reached", reason=type(error).__name__)
            await _pause(stopping)
        except TelegramAPIError as error:
            # The menu of commands is an ornament.
            _log.warning("commands_not_set", reason=type(error).__name__)
            return True
        else:
            return True
    return False


async def _pause(stopping: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(TRY_AGAIN_S):
            await stopping.wait()
    except TimeoutError:
        return

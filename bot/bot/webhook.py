"""Updates as Telegram sends them to an address of ours: answered when they were handled, so that a killed bot gets them again.

Only who knows the secret is let in. Any number of processes may stand behind the address.
"""

import asyncio
import hmac

from aiogram import Bot, Dispatcher
from aiogram.types import Update
from aiohttp import web
from pydantic import ValidationError

from bot.logs import get_logger
from bot.settings import WEBHOOK_PATH, Settings

BODY_MAX_BYTES = 1024 * 1024
STOP_MAX_S = 10.0
CONNECTIONS = 40

_log = get_logger(__name__)


async def serve(bot: Bot, dispatcher: Dispatcher, settings: Settings, kinds: list[str], stopping: asyncio.Event) -> None:
    """Tell Telegram the address and serve it until `stopping`. The address stays: what comes meanwhile waits at Telegram."""
    secret = settings.bot_webhook_secret.get_secret_value() if settings.bot_webhook_secret else ""

    async def take(request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get("X-Telegram-Bot-Api-Secret-Token", "").encode(), secret.encode()):
            return web.Response(status=401)
        try:
            update = Update.model_validate_json(await request.read(), context={"bot": bot})
        except ValidationError:
            _log.warning("update_not_read")
            return web.Response(status=400)
        if update.message and update.message.media_group_id:
            # Telegram may send the next part of an album only after this answer, and each part waits for the rest.
            group.create_task(handle(update))
        else:
            await handle(update)
        return web.Response()

    async def handle(update: Update) -> None:
        try:
            await dispatcher.feed_update(bot, update)
        except Exception:  # noqa: BLE001 - logged with its traceback
            # Answered and logged by the dispatcher as a rule; sent again for ever it would not get better.
            _log.exception("update_not_handled")

    app = web.Application(client_max_size=BODY_MAX_BYTES)
    app.router.add_post(WEBHOOK_PATH, take)
    runner = web.AppRunner(app, shutdown_timeout=STOP_MAX_S, access_log=None)
    async with asyncio.TaskGroup() as group:
        await runner.setup()
        try:
            await web.TCPSite(runner, settings.host, settings.bot_port).start()
            await bot.set_webhook(
                settings.webhook_url or "",
                secret_token=secret,
                allowed_updates=kinds,
                max_connections=CONNECTIONS,
                drop_pending_updates=False,
            )
            _log.info("webhook_set", port=settings.bot_port)
            await stopping.wait()
        finally:
            await runner.cleanup()

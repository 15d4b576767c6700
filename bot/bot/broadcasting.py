"""Sending broadcasts: each recipient at most once ever, as fast as Telegram allows, on after a restart.

A recipient is marked at the API before the message leaves. What a killed bot had marked and not sent is not sent by the next one:
at most once is worth more than everybody.
"""

import asyncio
import json
import time
from typing import Any
from uuid import UUID

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramRetryAfter, TelegramServerError

from bot.api import admin
from bot.api.admin_wire import Broadcast
from bot.api.errors import ApiError, ApiRefusalError
from bot.buttons import progress_keyboard
from bot.logs import get_logger
from bot.shop import Shop
from bot.storage import Notes
from bot.telegram import edit_quietly, is_gone
from bot.translation import translator
from bot.wording import progress

LOOK_EVERY_S = 15.0
# What dies is not sent again, so few at a time are marked.
BATCH = 10
# Telegram allows a bot some 30 messages a second to different chats; the shop has to say other things meanwhile.
EACH_S = 0.05
SHOWN_EVERY_S = 3.0

_log = get_logger(__name__)


async def keep_progress(notes: Notes, broadcast_id: UUID, chat_id: int, message_id: int, language: str) -> None:
    """Where the progress of a broadcast is told."""
    await notes.keep(f"progress:{broadcast_id}", json.dumps([chat_id, message_id, language]))


class Broadcaster:
    """Takes running broadcasts from the API and sends them."""

    def __init__(self, shop: Shop, bot: Bot) -> None:
        self._shop = shop
        self._bot = bot
        self._shown_at_s = 0.0
        self._running: set[UUID] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Send until `stopping`; a batch that was begun is ended and reported."""
        if not self._shop.settings.admin_ids:
            return
        while not stopping.is_set():
            self._shop.broadcasts.clear()
            try:
                await self._go_on(stopping)
            except ApiRefusalError as error:
                _log.warning("broadcasts_refused", code=error.code)
            except ApiError as error:
                _log.warning("broadcasts_interrupted", code=error.code)
            except Exception:  # noqa: BLE001 - one bad broadcast does not end the shop; the traceback is logged
                _log.exception("broadcasts_broken")
            await self._rest(stopping)

    async def _go_on(self, stopping: asyncio.Event) -> None:
        running = await admin.running_broadcasts(self._shop.api)
        # One ends without us when it was stopped, or when the last that a killed bot had marked are given up.
        for ended in self._running - {broadcast.id for broadcast in running}:
            await self._show(ended)
        self._running = {broadcast.id for broadcast in running}
        for broadcast in running:
            await self._send_all(broadcast, stopping)

    async def _rest(self, stopping: asyncio.Event) -> None:
        if stopping.is_set():
            return
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._shop.broadcasts.wait()
        except TimeoutError:
            return

    async def _send_all(self, broadcast: Broadcast, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            claimed = await admin.claim_recipients(self._shop.api, broadcast.id, limit=BATCH)
            if not claimed.items:
                break
            reports = [await self._send(telegram_id, broadcast) for telegram_id in claimed.items]
            await admin.report_recipients(self._shop.api, broadcast.id, claimed.claim, reports)
            if time.monotonic() - self._shown_at_s > SHOWN_EVERY_S:
                await self._show(broadcast.id)
        await self._show(broadcast.id)

    async def _send(self, telegram_id: int, broadcast: Broadcast) -> dict[str, Any]:
        state = "sent"
        try:
            await self._bot.send_message(telegram_id, broadcast.text, parse_mode=None)
        except (TelegramRetryAfter, TelegramServerError):
            # Surely not sent: due again, and the rest of the batch waits a moment with it.
            state = "returned"
            await asyncio.sleep(1)
        except TelegramBadRequest as error:
            state = "blocked" if is_gone(error) else "failed"
        except TelegramAPIError as error:
            # What was cut off may have been sent: it is not sent again.
            state = "blocked" if is_gone(error) else "failed"
        await asyncio.sleep(EACH_S)
        return {"telegram_id": telegram_id, "state": state}

    async def _show(self, broadcast_id: UUID) -> None:
        """Tell the operator how far it is."""
        self._shown_at_s = time.monotonic()
        place = await self._shop.notes.find(f"progress:{broadcast_id}")
        if place is None:
            return
        chat_id, message_id, language = json.loads(place)
        broadcast = await admin.get_broadcast(self._shop.api, broadcast_id)
        t = translator(language)
        keyboard = progress_keyboard(t, broadcast)
        try:
            await edit_quietly(self._bot, chat_id, message_id, progress(t, broadcast), reply_markup=keyboard)
        except TelegramAPIError as error:
            _log.info("progress_not_shown", reason=type(error).__name__)
        if broadcast.state != "running":
            await self._shop.notes.drop(f"progress:{broadcast_id}")

"""The one message of each generation, written as the feed tells: in line, in work, done. Pushed; nothing is polled.

How far the feed was read is kept at the API, so that a restart goes on there. The messages of one generation are written one after
the other, and only its newest state is: what was overtaken meanwhile is left out.
"""

import asyncio
from secrets import token_hex

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError

from bot.api import deliveries as calls
from bot.api.errors import ApiError
from bot.api.feed import Change, follow
from bot.api.wire import FINAL, FedGeneration
from bot.logs import get_logger
from bot.ordering import status_keyboard
from bot.shop import Shop
from bot.telegram import edit_quietly
from bot.wording import status

WRITERS = 8
BEHIND_MAX = 2000
COME_BACK_S = 1.0
LEAD_MS = 15_000

_log = get_logger(__name__)


class StatusWriter:
    """Follows the feed, in one process of the bot at a time, and writes."""

    def __init__(self, shop: Shop, bot: Bot) -> None:
        self._shop = shop
        self._bot = bot
        self._me = token_hex(8)
        self._waiting: list[dict[int, FedGeneration]] = [{} for _ in range(WRITERS)]
        self._wake = [asyncio.Event() for _ in range(WRITERS)]
        self._is_leading = False
        self._read = 0
        self._kept = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Follow until `stopping`."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._write(place)) for place in range(WRITERS)]
            tasks += [group.create_task(self._follow()), group.create_task(self._keep_place())]
            await stopping.wait()
            for task in tasks:
                task.cancel()
        await self._keep()
        await self._shop.notes.resign("feed", self._me)

    async def _follow(self) -> None:
        while True:
            try:
                self._is_leading = await self._shop.notes.lead("feed", self._me, lease_ms=LEAD_MS)
                if self._is_leading:
                    await self._read_on()
            except ApiError as error:
                _log.warning("feed_not_read", code=error.code)
            self._is_leading = False
            await asyncio.sleep(COME_BACK_S)

    async def _read_on(self) -> None:
        # A shop that never had this bot is read from its beginning: an order could be older than the first look.
        after = await calls.cursor(self._shop.api) or 0
        self._read = self._kept = after
        async for change in follow(self._shop.api, after=after):
            self._take(change)
            while sum(map(len, self._waiting)) > BEHIND_MAX:  # noqa: ASYNC110 - many writers make room; a look now and then will do
                await asyncio.sleep(0.1)

    def _take(self, change: Change) -> None:
        generation = change.generation
        if generation.chat_id is not None:
            place = generation.id % WRITERS
            self._waiting[place][generation.id] = generation
            self._wake[place].set()
            if generation.status in FINAL:
                self._shop.news.set()
        self._read = change.id

    async def _write(self, place: int) -> None:
        """Write for the generations of this place, one after the other."""
        while True:
            await self._wake[place].wait()
            self._wake[place].clear()
            while self._waiting[place]:
                generation_id = next(iter(self._waiting[place]))
                generation = self._waiting[place][generation_id]
                await self._show(generation)
                # What came meanwhile is newer and is written next; else it is done.
                if self._waiting[place][generation_id] is generation:
                    del self._waiting[place][generation_id]

    async def _show(self, generation: FedGeneration) -> None:
        message_id = generation.context_id("message_id")
        if generation.chat_id is None or message_id is None:
            return
        try:
            language = (generation.client_context or {}).get("language")
            person = await self._shop.people.find(generation.telegram_id, language if isinstance(language, str) else None)
            keyboard = status_keyboard(person.t, generation)
            await edit_quietly(self._bot, generation.chat_id, message_id, status(person.t, generation), reply_markup=keyboard)
        except (TelegramAPIError, ApiError) as error:
            # A picture does not depend on it: its delivery is another step.
            _log.info("status_not_written", generation_id=generation.id, reason=type(error).__name__)
        except Exception:  # noqa: BLE001 - one bad message does not end the shop; the traceback is logged
            _log.exception("status_broken", generation_id=generation.id)

    async def _keep_place(self) -> None:
        while True:
            await asyncio.sleep(1)
            await self._keep()
            if self._is_leading:
                await self._shop.notes.lead("feed", self._me, lease_ms=LEAD_MS)

    async def _keep(self) -> None:
        """Remember how far was read and written; a repeat only writes the same again."""
        if self._read == self._kept or any(self._waiting):
            return
        read = self._read
        try:
            await calls.move_cursor(self._shop.api, read)
            self._kept = read
        except ApiError as error:
            _log.warning("place_in_feed_not_kept", code=error.code)

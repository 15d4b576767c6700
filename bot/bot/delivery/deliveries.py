"""Telling people the end of their generations: a step of its own, claimed from the API, at most one repeat ever.

Everything that takes long and shows nothing (fetching pictures) happens before `start`; from there on a death may cost a repeat.
What surely sent nothing (429, 5xx, no answer to the start) gives the start back; what was cut off may have been sent, and starts
again in the open.
"""

import asyncio
import mimetypes
import time
from typing import Any

import aiohttp
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramNetworkError, TelegramRetryAfter, TelegramServerError

from bot.api import deliveries as calls
from bot.api.errors import ApiError, ApiRefusalError
from bot.api.wire import Delivery
from bot.delivery.sending import Original, Told, send_failure, send_pictures
from bot.logs import get_logger
from bot.shop import Shop
from bot.telegram import is_gone
from bot.translation import nearest_language, translator

AT_ONCE = 8
LOOK_EVERY_S = 5.0
PICTURE_MAX_BYTES = 49 * 1024 * 1024
FETCH_TIMEOUT_S = 60.0
POSTPONE_S = 20
SAY_AGAIN_S = 0.5
# Once a part of it was shown, it is waited for here: to begin again would show that part twice.
WAIT_IN_THE_MIDDLE_S = 60

_log = get_logger(__name__)


class Deliverer:
    """Takes what is due and sends it, several at once."""

    def __init__(self, shop: Shop, bot: Bot, session: aiohttp.ClientSession) -> None:
        self._shop = shop
        self._bot = bot
        self._session = session
        # The newest claim of what is being sent here: one that outlives its lease is claimed again, by us as by anybody.
        self._in_hand: dict[int, Delivery] = {}

    async def run(self, stopping: asyncio.Event) -> None:
        """Deliver until `stopping`; what is being sent then is finished."""
        slots = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            # Whoever stops us wakes us too.
            while not stopping.is_set():
                self._shop.news.clear()
                if not await self._take(slots, group):
                    await self._rest()

    async def _take(self, slots: asyncio.Semaphore, group: asyncio.TaskGroup) -> bool:
        """Claim for one free hand; whether there was something."""
        await slots.acquire()
        try:
            claimed = await calls.claim(self._shop.api, limit=1, lease_s=self._shop.settings.bot_delivery_lease_seconds)
        except ApiError as error:
            _log.warning("deliveries_not_claimed", code=error.code)
            claimed = []
        if not claimed:
            slots.release()
            return False
        group.create_task(self._deliver(claimed[0], slots))
        return True

    async def _rest(self) -> None:
        """Until there are news, or it is time to look anyway."""
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._shop.news.wait()
        except TimeoutError:
            return

    async def _deliver(self, delivery: Delivery, slots: asyncio.Semaphore) -> None:
        generation_id = delivery.generation.id
        log = _log.bind(generation_id=generation_id, attempt=delivery.attempt)
        is_in_hand = generation_id in self._in_hand
        self._in_hand[generation_id] = delivery
        if is_in_hand:
            # It is being sent this moment, and ended under this claim.
            slots.release()
            return
        try:
            log.info("delivery_ended", status=delivery.generation.status, state=await self._tell(delivery))
        except ApiRefusalError as error:
            # stale_epoch: its lease was over. Somebody else has it, or will: perhaps we.
            log.warning("delivery_left", code=error.code)
            self._shop.news.set()
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            # Nothing is sent after this; it is claimed again when the lease is over.
            log.warning("delivery_interrupted", reason=type(error).__name__)
        except Exception:
            log.exception("delivery_broken")
        finally:
            del self._in_hand[generation_id]
            slots.release()

    async def _tell(self, delivery: Delivery) -> str:
        """Tell it; how it ended."""
        generation = delivery.generation
        if generation.status == "cancelled" or generation.chat_id is None:
            # Its user took it back and saw so.
            await self._finish(generation.id, state="delivered")
            return "delivered"
        originals = [await self._fetch(url, generation.id, place) for place, url in enumerate(delivery.results, 1)]
        price = await self._shop.catalogue.price(generation.model_id)
        told = Told()
        while await self._may_send(generation.id):
            outcome = await self._try(delivery, originals, price, told)
            if outcome is not None:
                await self._finish(generation.id, **outcome)
                return str(outcome["state"])
        return "given_up"

    async def _may_send(self, generation_id: int) -> bool:
        """Start it. A start whose answer is lost may be counted, and surely nothing was sent: it is taken back.

        Raises ApiError.
        """
        try:
            return await calls.start(self._shop.api, self._in_hand[generation_id])
        except ApiError as error:
            if error.is_in_doubt:
                await self._finish(generation_id, state="postponed")
                self._shop.news.set()
            raise

    async def _finish(self, generation_id: int, **outcome: Any) -> None:
        """Say how it ended, again while no answer comes, for as long as a lease: said twice it is said once. Raises ApiError."""
        gives_up_at_s = time.monotonic() + self._shop.settings.bot_delivery_lease_seconds
        while True:
            try:
                await calls.finish(self._shop.api, self._in_hand[generation_id], **outcome)
            except ApiError as error:
                if not error.is_in_doubt or time.monotonic() > gives_up_at_s:
                    raise
                await asyncio.sleep(SAY_AGAIN_S)
            else:
                return

    async def _try(self, delivery: Delivery, originals: list[Original], price: int | None, told: Told) -> dict[str, Any] | None:
        """Send it; how to finish, or None when it was cut off and has to be started once more."""
        t = translator(nearest_language(delivery.language_code))
        while True:
            try:
                if delivery.generation.status == "completed":
                    await send_pictures(self._bot, t, delivery.generation, originals, price=price, told=told)
                else:
                    await send_failure(self._bot, t, delivery.generation, price=price, told=told)
            except TelegramNetworkError:
                _log.warning("sending_cut_off", generation_id=delivery.generation.id)
                await asyncio.sleep(1)
                return None
            except (TelegramRetryAfter, TelegramServerError) as error:
                wait_s = error.retry_after if isinstance(error, TelegramRetryAfter) else POSTPONE_S
                if not told.message_ids:
                    return {"state": "postponed", "retry_after_s": wait_s}
                await asyncio.sleep(min(wait_s, WAIT_IN_THE_MIDDLE_S))
            except TelegramAPIError as error:
                if not is_gone(error):
                    raise
                return {"state": "blocked"}
            else:
                file_ids = [each.model_dump() for each in told.file_ids]
                return {"state": "delivered", "message_ids": told.message_ids, "file_ids": file_ids}

    async def _fetch(self, url: str, generation_id: int, place: int) -> Original:
        timeout = aiohttp.ClientTimeout(total=FETCH_TIMEOUT_S)
        async with self._session.get(url, timeout=timeout, raise_for_status=True) as answer:
            content = await answer.content.read(PICTURE_MAX_BYTES + 1)
            while len(content) <= PICTURE_MAX_BYTES and (more := await answer.content.readany()):
                content += more
            kind = mimetypes.guess_extension(answer.content_type) or ".png"
        return Original(content, f"rassom-{generation_id}-{place}{kind}")

"""Long polling in which an update is confirmed to Telegram only after it was handled: what a killed bot had in hand comes again.

aiogram's own loop confirms first. Handlers may therefore see an update twice and are written for it: orders carry a key made of
the update, payments are taken over once per charge. Somebody who is slow holds up nobody else: while one update is in hand, newer
ones are fetched beside it.
"""

import asyncio
import time
from dataclasses import dataclass, field

from aiogram import Bot, Dispatcher
from aiogram.exceptions import TelegramAPIError, TelegramConflictError, TelegramRetryAfter
from aiogram.types import Update

from bot.logs import get_logger

POLL_S = 25
# With something in hand Telegram answers at once, with what it has told before: then it is asked now and then.
ASK_AGAIN_S = 0.2
# Who takes longer than this is confirmed all the same.
CONFIRM_AFTER_S = 60.0
STOP_MAX_S = 10.0
BACKOFF_MAX_S = 10.0

_log = get_logger(__name__)


@dataclass
class _Step:
    """Updates of one person that are handled together: one, or the parts of an album, each of which waits for the rest."""

    album: str | None
    after: list[asyncio.Task[None]]
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class Poller:
    """Fetches updates and has them handled: one person's one after the other, different people's side by side."""

    def __init__(self, bot: Bot, dispatcher: Dispatcher, kinds: list[str]) -> None:
        self._bot = bot
        self._dispatcher = dispatcher
        self._kinds = kinds
        self._in_hand: dict[int, tuple[float, asyncio.Task[None]]] = {}
        self._steps: dict[int, _Step] = {}
        self._last: int | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Poll until `stopping`; what is in hand then is finished, for a few seconds at most."""
        backoff_s = 0.5
        async with asyncio.TaskGroup() as group:
            stop = group.create_task(stopping.wait())
            while not stopping.is_set():
                # What is in hand now is told again, whether or not it has ended by the time of the answer.
                known = self._last if self._in_hand else None
                fetching = group.create_task(self._fetch())
                await asyncio.wait({stop, fetching}, return_when=asyncio.FIRST_COMPLETED)
                if not fetching.done():
                    fetching.cancel()
                    break
                updates = fetching.result()
                if updates is None:
                    await asyncio.wait({stop}, timeout=backoff_s)
                    backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
                    continue
                backoff_s = 0.5
                self._begin([each for each in updates if known is None or each.update_id > known], group)
                if self._in_hand:
                    tasks = {task for _, task in self._in_hand.values()}
                    await asyncio.wait({stop, *tasks}, timeout=ASK_AGAIN_S, return_when=asyncio.FIRST_COMPLETED)
            await self._end()

    def _begin(self, updates: list[Update], group: asyncio.TaskGroup) -> None:
        for update in updates:
            step = self._step_of(update)
            task = group.create_task(self._handle(update, step))
            step.tasks.append(task)
            self._in_hand[update.update_id] = time.monotonic(), task
            self._last = update.update_id

    def _step_of(self, update: Update) -> _Step:
        person = _whose(update)
        album = update.message.media_group_id if update.message else None
        before = self._steps.get(person)
        if before is not None and album is not None and before.album == album:
            return before
        self._steps[person] = step = _Step(album, before.tasks if before else [])
        return step

    async def _handle(self, update: Update, step: _Step) -> None:
        try:
            if step.after:
                await asyncio.wait(step.after)
            await self._dispatcher.feed_update(self._bot, update)
        except Exception:  # noqa: BLE001 - errors are answered by the dispatcher; what is left is a broken program, logged as such
            _log.exception("update_not_handled")
        finally:
            del self._in_hand[update.update_id]
            step.tasks.remove(asyncio.current_task())  # type: ignore[arg-type]  # it is one of them
            person = _whose(update)
            if not step.tasks and self._steps.get(person) is step:
                del self._steps[person]

    def _offset(self) -> int | None:
        """What is below this is confirmed by asking for it."""
        oldest_s = time.monotonic() - CONFIRM_AFTER_S
        open_ids = [update_id for update_id, (since_s, _) in self._in_hand.items() if since_s > oldest_s]
        if open_ids:
            return min(open_ids)
        return None if self._last is None else self._last + 1

    async def _fetch(self) -> list[Update] | None:
        wait_s = 0 if self._in_hand else POLL_S
        try:
            return await self._bot.get_updates(
                offset=self._offset(), timeout=wait_s, allowed_updates=self._kinds, request_timeout=wait_s + 10
            )
        except TelegramConflictError:
            _log.warning("another_bot_polls")
        except TelegramRetryAfter as error:
            await asyncio.sleep(error.retry_after)
        except TelegramAPIError as error:
            _log.warning("telegram_not_reached", reason=type(error).__name__)
        return None

    async def _end(self) -> None:
        tasks = {task for _, task in self._in_hand.values()}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_MAX_S)
            for task in late:
                task.cancel()
        if self._last is None:
            return
        try:
            # Confirms what was handled, so that the next start does not see it again.
            await self._bot.get_updates(offset=self._offset(), limit=1, timeout=0, request_timeout=3)
        except TelegramAPIError as error:
            _log.warning("last_updates_not_confirmed", reason=type(error).__name__)


def _whose(update: Update) -> int:
    event = update.message or update.callback_query or update.pre_checkout_query
    user = event.from_user if event else None
    return user.id if user else -update.update_id

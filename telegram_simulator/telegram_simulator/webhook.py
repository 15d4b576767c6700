"""Delivering updates to the bot's webhook: again and again until it takes them, each chat's in their order."""

import asyncio
import json
from contextlib import suppress

import aiohttp

from telegram_simulator import clock
from telegram_simulator.errors import ConnectionCut, TelegramError
from telegram_simulator.faults import WEBHOOK
from telegram_simulator.methods import answer as answer_call
from telegram_simulator.params import read_params
from telegram_simulator.program import Telegram
from telegram_simulator.updates import Subscription, Update

RETRY_S_MAX = 60.0
DOUBLINGS_MAX = 10


class WebhookSender:
    """Delivers while a webhook is set. An update is confirmed by a 2xx answer, which may carry one method call."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram
        self._busy: dict[int, Update] = {}

    async def run(self) -> None:
        """Deliver until cancelled."""
        updates = self._telegram.updates
        async with asyncio.TaskGroup() as group:
            while True:
                changed = updates.changed
                for update in self._due():
                    self._busy[update.chat_id] = update
                    group.create_task(self._deliver(update))
                await changed.wait()

    def _due(self) -> list[Update]:
        """The oldest update of every chat with which nothing is under way, as many as connections are left."""
        subscription = self._telegram.updates.subscription
        free = subscription.max_connections - len(self._busy)
        due: dict[int, Update] = {}
        if subscription.url and free > 0:
            for update in self._telegram.updates.pending.values():
                if update.chat_id not in self._busy:
                    due.setdefault(update.chat_id, update)
                if len(due) >= free:
                    break
        return list(due.values())

    async def _deliver(self, update: Update) -> None:
        updates, attempt = self._telegram.updates, 0
        while update.update_id in updates.pending and updates.subscription.url:
            subscription = updates.subscription
            if await self._is_taken(update, subscription):
                updates.confirm(update)
                self._telegram.store.commit()
                break
            pause_s = self._telegram.settings.webhook_retry_s * 2 ** min(attempt, DOUBLINGS_MAX)
            await self._rest(min(pause_s, RETRY_S_MAX), subscription)
            attempt += 1
        del self._busy[update.chat_id]
        updates.stir()

    async def _rest(self, seconds: float, subscription: Subscription) -> None:
        """Wait before the next attempt, at most until the bot sets another webhook, or takes this one away."""
        updates = self._telegram.updates
        try:
            async with asyncio.timeout(seconds):
                while updates.subscription is subscription:
                    await updates.changed.wait()
        except TimeoutError:
            return

    async def _is_taken(self, update: Update, subscription: Subscription) -> bool:
        fault = self._telegram.faults.find(WEBHOOK)
        if fault is not None and not fault.is_after:
            self._note(subscription, f"Fault {fault.kind}")
            return False
        # Whoever is told of something must find it after a kill.
        self._telegram.store.commit()
        headers = {"X-Telegram-Bot-Api-Secret-Token": subscription.secret_token} if subscription.secret_token else {}
        timeout = aiohttp.ClientTimeout(total=self._telegram.settings.webhook_timeout_s)
        body = json.dumps(update.wire(), ensure_ascii=False).encode()
        try:
            async with self._telegram.session.post(
                subscription.url,
                data=body,
                headers=headers | {"Content-Type": "application/json"},
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                content = await answer.read()
                kind = answer.headers.get("Content-Type", "")
                status, reason = answer.status, answer.reason
        except (aiohttp.ClientError, OSError, ValueError) as error:
            self._note(subscription, "Connection timed out" if isinstance(error, TimeoutError) else f"Connection failed: {error}")
            return False
        if not 200 <= status < 300:  # noqa: PLR2004 - HTTP's successes
            self._note(subscription, f"Wrong response from the webhook: {status} {reason}")
            return False
        if fault is not None:
            return False
        await self._carry_out(kind, content)
        return True

    def _note(self, subscription: Subscription, message: str) -> None:
        subscription.last_error_date, subscription.last_error_message = clock.unix_s(), message

    async def _carry_out(self, kind: str, content: bytes) -> None:
        """Carry out the method an answer carries; how it went, nobody is told, but the log."""
        with suppress(TelegramError, ConnectionCut):
            params = await read_params(kind, content)
            if params.has("method"):
                await answer_call(self._telegram, params.text("method"), params)
                self._telegram.store.commit()
